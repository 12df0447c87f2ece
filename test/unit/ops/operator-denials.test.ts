import assert from 'node:assert/strict';
import { OperatorDenials } from '../../../lib/ops/operator-denials.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('refused operators in the audit', () => {
  let clock: FakeClock;
  let lines: { event: string; at: number; source: string; reason: string; attempts: number }[];
  let denials: OperatorDenials;
  beforeEach(() => {
    clock = new FakeClock();
    lines = [];
    denials = new OperatorDenials({ info: (fields: object | string) => void lines.push(fields as never) }, clock);
  });
  const attempts = () => lines.map((line) => line.attempts);

  it('have a line each', () => {
    const at = clock.now();
    denials.add({ source: '127.0.0.1', reason: 'wrong' });
    assert.deepEqual(lines, [{ event: 'operator-denied', at, source: '127.0.0.1', reason: 'wrong', attempts: 1 }]);
  });

  it('have ten lines of a minute, and one for all the others when it is over', async () => {
    for (let i = 0; i < 1000; i++) denials.add({ source: `127.0.0.${i % 200}`, reason: i < 10 ? 'wrong' : 'limited' });
    assert.deepEqual(attempts(), Array(10).fill(1));
    await clock.advance(60_000);
    assert.deepEqual(attempts(), [...Array(10).fill(1), 990]);
    assert.deepEqual([lines.at(-1)?.reason, lines.at(-1)?.source], ['limited', '127.0.0.199']);
    denials.add({ source: '::1', reason: 'wrong' });
    await clock.advance(60_000);
    assert.equal(lines.length, 12);
  });

  it('are all counted when the gateway stops within the minute', async () => {
    for (let i = 0; i < 15; i++) denials.add({ source: '::1', reason: 'wrong' });
    denials.end();
    assert.deepEqual(attempts(), [...Array(10).fill(1), 5]);
    denials.end();
    await clock.advance(60_000);
    assert.equal(lines.length, 11);
  });
});

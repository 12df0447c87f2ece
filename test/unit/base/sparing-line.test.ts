import assert from 'node:assert/strict';
import { SparingLine } from '../../../lib/base/sparing-line.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('a sparing line', () => {
  it('is written so often in a minute, and tells in a later one how often it was not', () => {
    const clock = new FakeClock();
    const lines: object[] = [];
    const line = new SparingLine(clock, 2);
    const burst = (count: number): void => {
      for (let n = 0; n < count; n++) line.say((unsaid) => lines.push(unsaid));
    };
    burst(5);
    assert.deepEqual(lines.splice(0), [{}, {}]);
    clock.tick(59_999);
    burst(1);
    assert.deepEqual(lines.splice(0), []);
    clock.tick(1);
    burst(3);
    assert.deepEqual(lines.splice(0), [{ unsaid: 4 }, {}]);
    clock.tick(60_000);
    burst(1);
    clock.tick(60_000);
    burst(1);
    assert.deepEqual(lines, [{ unsaid: 1 }, {}]);
  });
});

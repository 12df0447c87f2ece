import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { BearerResult } from '../../../lib/model/delivery.ts';
import { DELIVERED, EngineBench, OFFLINE } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { submission } from '../../support/model.ts';

const REFUSED: BearerResult = {
  kind: 'failed',
  state: 'aborted',
  code: 5235,
  cause: 'sip 403',
  said: 'not for sip:bob@ims.test',
};

describe('the log of the engine, as docs/operations.md has it', () => {
  const lines: Record<string, unknown>[] = [];
  const take = (fields: object | string): void => void lines.push(typeof fields === 'string' ? {} : { ...fields });
  let bench: EngineBench;

  beforeEach(async () => {
    lines.length = 0;
    bench = new EngineBench({ log: { ...silentLogger, info: take, warn: take, error: take } });
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  it('says nothing at info of a push that is accepted and delivered', async () => {
    bench.bearer.answer = () => DELIVERED;
    await bench.engine.submit(submission());
    await settle();
    assert.deepEqual(lines, []);
  });

  it('has a line for each attempt that did not deliver and for each end: whose, which, what and why, and nobody named', async () => {
    const answers = [OFFLINE, REFUSED];
    bench.bearer.answer = () => answers.shift() ?? DELIVERED;
    bench.post = () => ({ ok: false, cause: 'http 500' });
    await bench.engine.submit(submission({ notifyUrl: 'http://pi.test/notify' }));
    await settle();
    await bench.clock.advance(24 * 60 * 60_000);
    await settle();
    const [waits, ended, told] = lines;
    const push = bench.states[0]?.push;
    assert.ok(push !== undefined);
    const of = { pushId: '1@pi.test', initiator: 'mmsc', push };
    assert.deepEqual(waits, { ...of, state: 'pending', code: 4001, attempt: 1, cause: 'sip 480' });
    assert.deepEqual(ended, { ...of, state: 'aborted', code: 5235, attempt: 2, cause: 'sip 403' });
    assert.deepEqual(told, { ...of, tries: 1, cause: 'http 500' });
    for (const line of lines) assert.equal(line['push'], push);
    assert.ok(
      bench.states.every(({ cause }) => !cause.includes('bob')),
      'nor is anybody named in events',
    );
    assert.doesNotMatch(JSON.stringify(lines), /sip:|WAPPUSH|@ims|notify/);
  });
});

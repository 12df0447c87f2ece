import assert from 'node:assert/strict';
import { createPpg, type EngineEvents, type Ppg } from '../../../lib/index.ts';

const ALICE = 'alice@ims.test';
const BOB = 'sip:bob@ims.test';

describe('an app that cancels and replaces its own pushes', () => {
  let ppg: Ppg;
  const states: EngineEvents['state'][] = [];

  beforeEach(async () => {
    // Without any way out every push waits.
    ppg = createPpg({ domain: 'ims.test', store: 'memory' });
    ppg.on('state', (state) => states.push(state));
    await ppg.start();
    states.length = 0;
  });
  afterEach(() => ppg.stop());

  const submit = (more: object = {}): Promise<{ code: number; pushId: string }> =>
    ppg.submit({ to: [ALICE, BOB], type: 'text/plain', body: 'hello', ...more });

  it('for all, for one, and for one that the push does not have', async () => {
    const { pushId } = await submit();
    assert.deepEqual(await ppg.cancel(pushId, 'app', BOB), {
      results: [{ addresses: [BOB], code: 1000, desc: 'OK' }],
    });
    assert.deepEqual(await ppg.cancel(pushId, 'app', ['carol@ims.test']), {
      results: [{ addresses: ['carol@ims.test'], code: 2003, desc: 'Address not found' }],
    });
    assert.deepEqual(
      (await ppg.cancel(pushId))?.results.map(({ code, addresses }) => [code, addresses]),
      [
        [1000, [ALICE]],
        [3003, [BOB]],
      ],
    );
    assert.deepEqual(
      states.map(({ index, state, code }) => [index, state, code]),
      [
        [1, 'cancelled', 1000],
        [0, 'cancelled', 1000],
      ],
    );
    assert.deepEqual((await ppg.counts()).pending, 0);
  });

  it('of its own name space only', async () => {
    const { pushId } = await submit();
    assert.equal(await ppg.cancel(pushId, 'somebody'), undefined);
    assert.equal(await ppg.cancel('unknown'), undefined);
    await assert.rejects(ppg.cancel(pushId, 'app', 'WAPPUSH=x/TYPE=FAX@ppg'), { code: 'PPG_E_ADDRESS' });
    assert.equal((await ppg.counts()).pending, 2);
  });

  it('by another push that takes the place of the first', async () => {
    const { pushId } = await submit();
    const second = await submit({ to: BOB, replaces: pushId, pendingOnly: true });
    assert.equal(second.code, 1001);
    const old = await ppg.status(pushId);
    assert.deepEqual(
      old?.recipients.map(({ state }) => state),
      ['pending', 'cancelled'],
    );
    assert.equal((await submit({ replaces: 'unknown', pendingOnly: true })).code, 2004);
    await assert.rejects(submit({ replaces: '' }), { code: 'PPG_E_PUSH_REFUSED' });
  });
});

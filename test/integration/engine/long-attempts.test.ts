import assert from 'node:assert/strict';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import type { Store } from '../../../lib/store/store.ts';
import { DELIVERED, deferred, EngineBench, SILENT } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, submission } from '../../support/model.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Renewals of a store as they were asked for; `answer` takes the place of the store's. */
class Renewals {
  readonly store: Store = createMemoryStore();
  readonly calls: string[][] = [];
  answer: ((count: number) => boolean[]) | undefined;

  constructor() {
    const renew = this.store.renew.bind(this.store);
    this.store.renew = async (claims, until) => {
      this.calls.push(claims.map(({ push, attempt }) => `${push} ${attempt}`));
      return this.answer?.(claims.length) ?? renew(claims, until);
    };
  }
}

describe('an attempt that takes longer than a lease', () => {
  let renewals: Renewals;
  let bench: EngineBench;
  let open: { pushId: string; answer: (result: DeliveryResult) => void; abandoned: AbortSignal | undefined }[];

  beforeEach(async () => {
    renewals = new Renewals();
    bench = new EngineBench({ store: renewals.store });
    open = [];
    bench.bearer.answer = ({ push: { pushId }, abandoned }) => {
      const { promise, resolve } = deferred<DeliveryResult>();
      open.push({ pushId, answer: resolve, abandoned: abandoned?.() });
      return promise;
    };
    await bench.engine.start();
  });

  afterEach(async () => {
    for (const { answer } of open) answer(DELIVERED);
    await bench.engine.stop();
    assert.equal(bench.clock.pending, 0);
  });

  const push = async (user: string): Promise<void> => {
    await bench.engine.submit(submission({ pushId: user, recipients: [address(user)] }));
    await settle();
  };

  const stateOf = async (user: string): Promise<unknown> => {
    const recipient = (await bench.engine.find('mmsc', user))?.recipients[0];
    return [recipient?.state, recipient?.attempt];
  };

  it('keeps it, and ends as it ends', async () => {
    await push('alice');
    await bench.clock.advance(30 * MINUTE);
    assert.deepEqual(bench.bearer.sent, ['alice']);
    open[0]?.answer(DELIVERED);
    await settle();
    assert.deepEqual(await stateOf('alice'), ['delivered', 1]);
    assert.equal(open[0]?.abandoned?.aborted, false);
  });

  it('costs the store nothing in its first half', async () => {
    await push('alice');
    await bench.clock.advance(59 * SECOND);
    open[0]?.answer(DELIVERED);
    await bench.clock.advance(10 * MINUTE);
    assert.deepEqual(renewals.calls, []);
    await push('bob');
    await bench.clock.advance(61 * SECOND);
    assert.equal(renewals.calls.length, 1);
  });

  it('is renewed with the others, in one call', async () => {
    for (const user of ['alice', 'bob', 'carol']) {
      await push(user);
      await bench.clock.advance(5 * SECOND);
    }
    open[1]?.answer(DELIVERED);
    await bench.clock.advance(50 * SECOND);
    assert.deepEqual(
      renewals.calls.map((claims) => claims.length),
      [2],
    );
    await bench.clock.advance(10 * MINUTE);
    assert.equal(renewals.calls.length, 11);
    assert.deepEqual(bench.bearer.sent, ['alice', 'bob', 'carol']);
  });

  it('lets the next push of the same user wait, which then has a lease of its own', async () => {
    await push('alice');
    await bench.engine.submit(submission({ pushId: 'next', recipients: [address('alice')] }));
    await bench.clock.advance(5 * MINUTE);
    assert.deepEqual(bench.bearer.sent, ['alice']);
    open[0]?.answer(DELIVERED);
    await bench.clock.advance(5 * MINUTE);
    assert.deepEqual(bench.bearer.sent, ['alice', 'next']);
    open[1]?.answer(DELIVERED);
    await settle();
    assert.deepEqual(await stateOf('next'), ['delivered', 1]);
  });

  it('survives a store that fails for a while', async () => {
    await push('alice');
    renewals.answer = () => {
      throw new Error('the disk is busy');
    };
    await bench.clock.advance(90 * SECOND);
    assert.ok(renewals.calls.length > 3 && renewals.calls.length < 10, `${renewals.calls.length} calls`);
    renewals.answer = undefined;
    await bench.clock.advance(10 * MINUTE);
    assert.deepEqual(bench.bearer.sent, ['alice']);
  });

  it('is given up when another has taken over, and changes nothing any more', async () => {
    await push('alice');
    renewals.answer = (count) => Array.from({ length: count }, () => false);
    await bench.clock.advance(61 * SECOND);
    assert.equal(open[0]?.abandoned?.aborted, true);
    renewals.answer = undefined;
    await bench.clock.advance(2 * MINUTE);
    assert.deepEqual(bench.bearer.sent, ['alice', 'alice']);
    open[0]?.answer(SILENT);
    await settle();
    assert.deepEqual(await stateOf('alice'), ['sending', 2]);
    open[1]?.answer(DELIVERED);
    await settle();
    assert.deepEqual(await stateOf('alice'), ['delivered', 2]);
  });
});

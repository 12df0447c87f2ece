import assert from 'node:assert/strict';
import { PpgError } from '../../../lib/base/errors.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import type { Settlement, Store } from '../../../lib/store/store.ts';
import { DELIVERED, deferred, EngineBench, OFFLINE } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { qos, submission } from '../../support/model.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

describe('a store that fails', () => {
  let bench: EngineBench;
  let store: Store;
  /** Settlements that are refused as by a full disk. */
  let failures: number;
  let settled: Settlement[];

  beforeEach(async () => {
    store = createMemoryStore();
    failures = 0;
    settled = [];
    const real = store.settle.bind(store);
    store.settle = async (settlement) => {
      settled.push(settlement);
      if (failures-- > 0) throw new PpgError('PPG_E_STORE', 'database or disk is full');
      return real(settlement);
    };
    bench = new EngineBench({ store });
    await bench.engine.start();
    await settle();
  });

  afterEach(() => bench.engine.stop());

  const push = async (pushId = '1@pi.test'): Promise<void> => {
    await bench.engine.submit(submission({ ...NOTIFY, pushId, qos: qos('confirmed') }));
    await settle();
  };
  const state = async (pushId = '1@pi.test'): Promise<string> => {
    const found = await bench.engine.find('mmsc', pushId);
    return found?.recipients.map((one) => `${one.state} ${one.code} ${one.attempt}`).join(', ') ?? 'not found';
  };

  it('for a moment when an attempt ends is given the outcome again: what a device has is not sent to it twice', async () => {
    failures = 3;
    await push();
    assert.equal(await state(), 'sending 1001 1');
    await bench.clock.advance(10 * SECOND);
    assert.equal(await state(), 'delivered 1000 1');
    assert.equal(bench.bearer.attempts.length, 1);
    assert.deepEqual(
      bench.posted.map((one) => one.state),
      ['delivered'],
    );
  });

  it('lets whoever waits behind the attempt go once it has the outcome', async () => {
    const first = deferred<typeof DELIVERED>();
    bench.bearer.answer = () => first.promise;
    await push();
    await push('2@pi.test');
    failures = 1;
    first.resolve(DELIVERED);
    await bench.clock.advance(2 * SECOND);
    assert.equal(await state(), 'delivered 1000 1');
    assert.equal(await state('2@pi.test'), 'delivered 1000 1');
  });

  it('for as long as the lease has the push tried again when it is over, though nothing else happens', async () => {
    failures = Number.POSITIVE_INFINITY;
    await push();
    await bench.clock.advance(2 * MINUTE);
    failures = 0;
    await bench.clock.advance(2 * MINUTE);
    assert.equal(await state(), 'delivered 1000 2');
  });

  it('does not hold up a stop', async () => {
    failures = Number.POSITIVE_INFINITY;
    await push();
    await bench.clock.advance(4 * SECOND);
    const before = bench.clock.now();
    const stopped = bench.engine.stop();
    await settle();
    await stopped;
    assert.equal(bench.clock.now(), before);
  });

  it('and is closed is not asked again', async () => {
    store.settle = async (settlement) => {
      settled.push(settlement);
      throw new PpgError('PPG_E_STORE_CLOSED', 'The store is closed.');
    };
    bench.bearer.answer = () => OFFLINE;
    await push();
    await bench.clock.advance(MINUTE);
    assert.equal(settled.length, 1);
  });
});

describe('a stop while the store is being opened', () => {
  it('waits for it, closes it, and starts nothing', async () => {
    const store = createMemoryStore();
    const { promise, resolve } = deferred<undefined>();
    const open = store.open.bind(store);
    store.open = async (now) => {
      await promise;
      return open(now);
    };
    let closed = 0;
    const close = store.close.bind(store);
    store.close = async () => {
      closed++;
      return close();
    };
    const bench = new EngineBench({ store });
    const starting = bench.engine.start();
    const refused = assert.rejects(starting, { code: 'PPG_E_STATE' });
    const stopping = bench.engine.stop();
    resolve(undefined);
    await refused;
    await stopping;
    assert.equal(closed, 1);
    assert.equal(bench.engine.running, false);
    assert.equal(bench.clock.pending, 0);
  });
});

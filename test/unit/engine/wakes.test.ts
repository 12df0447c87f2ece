import assert from 'node:assert/strict';
import { WakeQueue } from '../../../lib/engine/wake-queue.ts';
import type { Priority } from '../../../lib/model/push.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { createMemoryData } from '../../../lib/store/memory-rows.ts';
import { DELIVERED, EngineBench, OFFLINE } from '../../support/engine.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { address, qos, registration, submission } from '../../support/model.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `user${String(n).padStart(5, '0')}`);
const aorOf = (user: string): string => address(user).aor;

describe('waking of registered users', () => {
  let bench: EngineBench;
  afterEach(() => bench.engine.stop());

  const start = async (wakeRate: number): Promise<void> => {
    bench = new EngineBench({ limits: { wakeRate } });
    await bench.engine.start();
  };
  /** A push each that found its user absent. */
  const park = async (users: readonly string[], priority: Priority = 'medium'): Promise<void> => {
    bench.bearer.answer = () => OFFLINE;
    for (const user of users) {
      const wanted = { ...qos('confirmed'), priority };
      await bench.engine.submit(submission({ pushId: user, recipients: [address(user)], qos: wanted }));
    }
    await settle();
    bench.bearer.attempts.length = 0;
    bench.bearer.answer = () => DELIVERED;
  };

  it('is at once for a lone one', async () => {
    await start(100);
    await park(['alice']);
    bench.engine.wake(aorOf('alice'));
    await settle();
    assert.deepEqual(bench.bearer.sent, ['alice']);
  });

  it('keeps its rate in a storm, in the order of registration, and loses nobody', async () => {
    await start(100);
    const users = names(300);
    await park(users);
    for (const user of users) bench.engine.wake(aorOf(user));
    await settle();
    assert.ok(bench.bearer.sent.length <= 5, `${bench.bearer.sent.length} at once`);
    assert.equal(bench.engine.wakesWaiting, 300 - bench.bearer.sent.length);
    let before = bench.bearer.sent.length;
    for (let second = 0; second < 2; second++) {
      await bench.clock.advance(1000);
      const sent = bench.bearer.sent.length - before;
      assert.ok(sent >= 90 && sent <= 101, `${sent} in a second`);
      before += sent;
    }
    await bench.clock.advance(2000);
    assert.deepEqual(bench.bearer.sent, users);
    assert.equal(bench.engine.wakesWaiting, 0);
  });

  it('lets pushes of higher priority go first when it storms', async () => {
    await start(20);
    const users = names(30);
    await park(users.slice(0, 10), 'low');
    await park(users.slice(10, 20), 'medium');
    await park(users.slice(20), 'high');
    for (const user of users) bench.engine.wake(aorOf(user));
    await bench.clock.advance(3000);
    const [first, ...rest] = bench.bearer.sent;
    assert.equal(first, users[0], 'who came when nobody waited');
    assert.deepEqual(rest, [...users.slice(20), ...users.slice(10, 20), ...users.slice(1, 10)]);
  });

  it('spends nothing on registrations for which nothing waits', async () => {
    await start(20);
    await park(['alice']);
    for (const user of names(1000)) bench.engine.wake(aorOf(user));
    bench.engine.wake(aorOf('alice'));
    await bench.clock.advance(100);
    assert.deepEqual(bench.bearer.sent, ['alice']);
    assert.equal(bench.engine.wakesWaiting, 0);
  });

  it('wakes a user once, however often he registers', async () => {
    await start(10);
    await park(['alice', 'bob']);
    for (let i = 0; i < 50; i++) for (const user of ['alice', 'bob']) bench.engine.wake(aorOf(user));
    await bench.clock.advance(1000);
    assert.deepEqual(bench.bearer.sent, ['alice', 'bob']);
  });

  it('goes on after the process died with users still waiting', async () => {
    const data = createMemoryData();
    const store = createMemoryStore(data);
    bench = new EngineBench({ store, limits: { wakeRate: 10 } });
    await bench.engine.start();
    const users = names(20);
    await park(users);
    const at = bench.clock.now();
    for (const user of users) {
      const aor = aorOf(user);
      await store.saveRegistration(registration([], { aor, registered: user !== users[19], updatedAt: at }));
      bench.engine.wake(aor);
    }
    await settle();
    const told = bench.bearer.sent.length;
    assert.ok(told < 20);

    // The first life is over without a stop; nothing of it is left but the store.
    bench.gate.set(false);
    const after = new EngineBench({
      store: createMemoryStore(data),
      limits: { wakeRate: 10 },
      clock: new FakeClock(at),
    });
    for (const user of users) {
      const aor = aorOf(user);
      after.registrations.set(aor, registration([], { aor, registered: user !== users[19] }));
    }
    await after.engine.start();
    await after.clock.advance(5000);
    assert.deepEqual([...new Set([...bench.bearer.sent, ...after.bearer.sent])].sort(), users.slice(0, 19));
    await after.engine.stop();
  });

  it('is not held up by a store that cannot say who has priority', async () => {
    const store = createMemoryStore();
    store.waitingRanks = () => Promise.reject(new Error('busy'));
    bench = new EngineBench({ store, limits: { wakeRate: 20 } });
    await bench.engine.start();
    const users = names(20);
    await park(users);
    for (const user of users) bench.engine.wake(aorOf(user));
    await bench.clock.advance(2000);
    assert.deepEqual(bench.bearer.sent, users);
  });
});

describe('queue of wakes', () => {
  it('lets everybody go at once where there is no rate', () => {
    const queue = new WakeQueue({ clock: new FakeClock(), rate: 0, onReady: () => undefined });
    for (const user of names(100)) queue.add(user);
    assert.deepEqual(
      names(100).map(() => queue.take()),
      names(100),
    );
    assert.equal(queue.take(), undefined);
  });

  it('is neither filled nor emptied by a clock that is set back', () => {
    const clock = new FakeClock();
    let now = clock.now();
    const queue = new WakeQueue({
      clock: { now: () => now, setTimeout: (call, ms) => clock.setTimeout(call, ms), clearTimeout: () => undefined },
      rate: 20,
      onReady: () => undefined,
    });
    for (const user of names(9)) queue.add(user);
    assert.equal(queue.take(), 'user00000');
    now -= 3_600_000;
    assert.equal(queue.take(), undefined);
    now += 50;
    assert.equal(queue.take(), 'user00001');
    assert.equal(queue.take(), undefined);
  });
});

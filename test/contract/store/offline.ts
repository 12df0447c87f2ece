import assert from 'node:assert/strict';
import {
  awaiting,
  delivered,
  dueKeys,
  HOUR,
  lease,
  offlineUntil,
  recipientOf,
  retryAt,
  type StoreRules,
  settle,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

const ALICE = 'sip:alice@example.com';
const wakeAt = (now: number) => ({ aor: ALICE, now, ...lease(now + 60_000) });

export const offlineRules: StoreRules = (use) => {
  describe('offline', () => {
    it('waits for its slow retry and counts the tries in a row', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await settle(store, claim, offlineUntil(T0 + HOUR));
      assert.equal((await recipientOf(store, 'k1')).offlineTries, 1);
      assert.deepEqual(await dueKeys(store, T0 + HOUR - 1), []);
      const [again] = await store.claimDue({ now: T0 + HOUR, limit: 1, ...lease(T0 + 2 * HOUR) });
      assert.equal(again?.offlineTries, 1);
      assert.ok(again);
      await settle(store, again, offlineUntil(T0 + 3 * HOUR), { at: T0 + HOUR });
      const woken = await store.wake(wakeAt(T0 + 2 * HOUR));
      assert.equal(woken?.offlineTries, 2);
      assert.ok(woken);
      await settle(store, woken, retryAt(T0 + 3 * HOUR), { at: T0 + 2 * HOUR });
      assert.equal((await recipientOf(store, 'k1')).offlineTries, 0);
    });

    it('a registration makes all that waits due and claims the first', async () => {
      const { store } = use();
      let claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2', { priority: 'low' });
      await submit(store, 'k3');
      await submit(store, 'k4', { priority: 'high' });
      await settle(store, claim, offlineUntil(T0 + HOUR), { next: lease() });
      const order: (string | undefined)[] = [];
      for (let next = await store.wake(wakeAt(T0 + 5)); next !== undefined; ) {
        order.push(next.push);
        claim = next;
        next = (await settle(store, claim, delivered, { at: T0 + 5, next: lease() })).next;
      }
      assert.deepEqual(order, ['k4', 'k1', 'k3', 'k2']);
    });

    it('says for whom something waits for a registration, and with which priority', async () => {
      const { store } = use();
      assert.ok(store.waitingRanks && store.waitingUsers);
      for (const [key, user, priority] of [
        ['k1', 'alice', 'low'],
        ['k2', 'bob', 'high'],
        ['k3', 'carol', 'medium'],
      ] as const) {
        const claim = await submitAndClaim(store, key, { users: [user], priority });
        await settle(store, claim, user === 'carol' ? retryAt(T0 + HOUR) : offlineUntil(T0 + HOUR));
      }
      await submit(store, 'k4', { priority: 'medium' });
      const users = ['alice', 'bob', 'carol', 'dave'].map((user) => `sip:${user}@example.com`);
      const [alice, bob, ...others] = users as [string, string, ...string[]];
      assert.deepEqual(await store.waitingRanks(users), [2, 0, undefined, undefined]);
      assert.deepEqual(await store.waitingUsers({ after: '', limit: 9 }), { aors: [], last: undefined });
      for (const aor of [alice, bob, ...others]) {
        await store.saveRegistration({ aor, registered: true, devices: [], updatedAt: T0, expiresAt: T0 + HOUR });
      }
      assert.deepEqual(await store.waitingUsers({ after: '', limit: 1 }), { aors: [alice], last: alice });
      const rest = await store.waitingUsers({ after: alice, limit: 9 });
      assert.deepEqual(rest, { aors: [bob], last: others.at(-1) });
      assert.ok(await store.wake({ aor: alice, now: T0 + 5, ...lease() }));
      assert.deepEqual(await store.waitingRanks([alice]), [undefined]);
    });

    it('one that finds the user absent parks the whole line: no probe for each push', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      for (const key of ['k2', 'k3', 'k4']) await submit(store, key);
      const { next } = await settle(store, claim, offlineUntil(T0 + HOUR), { next: lease() });
      assert.equal(next, undefined);
      assert.equal((await store.nextDue()).claims, T0 + HOUR);
      assert.deepEqual(await dueKeys(store, T0 + HOUR - 1), []);
      assert.deepEqual(await dueKeys(store, T0 + HOUR), ['k1']);
    });

    it('the parked ones are not counted as tried', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2');
      await settle(store, claim, offlineUntil(T0 + HOUR));
      const { offlineTries, attempted, attempt, state } = await recipientOf(store, 'k2');
      assert.deepEqual(
        { offlineTries, attempted, attempt, state },
        { offlineTries: 0, attempted: 'no', attempt: 0, state: 'pending' },
      );
    });

    it('one with a later retry keeps it, one with an earlier is parked, too', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + 2 * HOUR));
      await settle(store, await submitAndClaim(store, 'k2'), retryAt(T0 + 100));
      await settle(store, await submitAndClaim(store, 'k3'), offlineUntil(T0 + HOUR));
      assert.deepEqual(await dueKeys(store, T0 + HOUR - 1), []);
      const first = await store.claimDue({ now: T0 + HOUR, limit: 9, ...lease(T0 + 9 * HOUR) });
      assert.deepEqual(
        first.map((claim) => claim.push),
        ['k2'],
      );
    });

    it('a registration does not hurry an ordinary retry', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + HOUR));
      assert.equal(await store.wake(wakeAt(T0 + 5)), undefined);
      assert.equal((await store.nextDue()).claims, T0 + HOUR);
    });

    it('a registration does not send before deliver-after', async () => {
      const { store } = use();
      await submit(store, 'k1', { due: T0 + 1000 });
      await settle(store, await submitAndClaim(store, 'k2'), offlineUntil(T0 + HOUR));
      const woken = await store.wake(wakeAt(T0 + 5));
      assert.equal(woken?.push, 'k2');
      assert.ok(woken);
      await settle(store, woken, delivered, { at: T0 + 5 });
      assert.equal((await store.nextDue()).claims, T0 + 1000);
      assert.deepEqual(await dueKeys(store, T0 + 999), []);
      assert.deepEqual(await dueKeys(store, T0 + 1000), ['k1']);
    });

    it('a registration while one is in flight claims nothing: the chain goes on with the rest', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), offlineUntil(T0 + HOUR));
      const probe = await submitAndClaim(store, 'k2');
      assert.equal(await store.wake(wakeAt(T0 + 5)), undefined);
      const { next } = await settle(store, probe, delivered, { at: T0 + 6, next: lease() });
      assert.equal(next?.push, 'k1');
    });

    it('what is accepted after parking is tried once, as a probe', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), offlineUntil(T0 + HOUR));
      const probe = await submitAndClaim(store, 'k2');
      assert.equal(probe.push, 'k2');
      await settle(store, probe, offlineUntil(T0 + 2 * HOUR));
      assert.deepEqual(await dueKeys(store, T0 + 2 * HOUR - 1), []);
      assert.equal((await store.nextDue()).claims, T0 + 2 * HOUR);
    });

    it('others are not woken', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1', { users: ['bob'] }), offlineUntil(T0 + HOUR));
      assert.equal(await store.wake(wakeAt(T0 + 5)), undefined);
      assert.deepEqual(await dueKeys(store, T0 + 5), []);
    });

    it('a registration of somebody with nothing waiting is nothing', async () => {
      const { store } = use();
      assert.equal(await store.wake(wakeAt(T0)), undefined);
      await settle(store, await submitAndClaim(store, 'k1'), awaiting(T0 + HOUR));
      assert.equal(await store.wake(wakeAt(T0)), undefined);
    });

    it('a registration also claims what was due and not yet seen to', async () => {
      const { store } = use();
      await submit(store, 'k1');
      assert.equal((await store.wake(wakeAt(T0)))?.push, 'k1');
    });
  });
};

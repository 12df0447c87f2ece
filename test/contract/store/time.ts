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

export const timeRules: StoreRules = (use) => {
  describe('running out of time', () => {
    it('pending ends as expired, when its time is over and not before', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1', { expiresAt: T0 + HOUR }), offlineUntil(T0 + 9 * HOUR));
      assert.equal((await store.nextDue()).expiry, T0 + HOUR);
      assert.deepEqual(await store.expire({ now: T0 + HOUR - 1, limit: 9 }), []);
      assert.deepEqual(await store.expire({ now: T0 + HOUR, limit: 9 }), [
        { push: 'k1', index: 0, initiator: 'pi', pushId: 'k1@pi.example.com', state: 'expired', code: 4001 },
      ]);
      const { state, code, eventTime, desc } = await recipientOf(store, 'k1');
      assert.deepEqual(
        { state, code, eventTime, desc },
        { state: 'expired', code: 4001, eventTime: T0 + HOUR, desc: 'Service unavailable' },
      );
      assert.deepEqual(await store.expire({ now: T0 + HOUR, limit: 9 }), []);
      assert.equal((await store.nextDue()).expiry, undefined);
      assert.deepEqual(await dueKeys(store, T0 + 10 * HOUR), []);
    });

    it('a confirmed push that a device may have ends as timeout', async () => {
      const { store } = use();
      const methods = ['confirmed', 'preferconfirmed', 'unconfirmed', 'notspecified'] as const;
      for (const method of methods) {
        const claim = await submitAndClaim(store, method, { method, expiresAt: T0 + HOUR });
        await settle(store, claim, retryAt(T0 + 9 * HOUR, { attempted: 'unknown' }));
      }
      await settle(
        store,
        await submitAndClaim(store, 'x', { method: 'confirmed', expiresAt: T0 + HOUR }),
        retryAt(T0 + 9 * HOUR),
      );
      const ended = await store.expire({ now: T0 + HOUR, limit: 9 });
      assert.deepEqual(
        ended.map(({ push, state, code }) => [push, state, code]),
        [
          ['confirmed', 'timeout', 4000],
          ['notspecified', 'expired', 4001],
          ['preferconfirmed', 'timeout', 4000],
          ['unconfirmed', 'expired', 4001],
          ['x', 'expired', 4001],
        ],
      );
    });

    it('waiting for confirmation ends as timeout at its deadline', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), awaiting(T0 + 100));
      assert.equal((await store.nextDue()).expiry, T0 + 100);
      assert.deepEqual(await store.expire({ now: T0 + 99, limit: 9 }), []);
      const [ended] = await store.expire({ now: T0 + 100, limit: 9 });
      assert.equal(ended?.state, 'timeout');
      assert.equal(ended?.code, 4000);
      const late = { push: 'k1', index: 0, at: T0 + 101, state: 'delivered', code: 1000, desc: 'OK' } as const;
      assert.equal(await store.confirm(late), undefined);
      assert.equal((await recipientOf(store, 'k1')).state, 'timeout');
    });

    it('an outcome may bring the end forward, never back', async () => {
      const { store } = use();
      const sooner = await submitAndClaim(store, 'k1', { expiresAt: T0 + HOUR });
      await settle(store, sooner, retryAt(T0 + 9 * HOUR, { deadline: T0 + 50 }));
      assert.equal((await store.nextDue()).expiry, T0 + 50);
      const later = await submitAndClaim(store, 'k2', { users: ['bob'], expiresAt: T0 + 40 });
      await settle(store, later, retryAt(T0 + 9 * HOUR, { deadline: T0 + 999 }));
      assert.equal((await store.nextDue()).expiry, T0 + 40);
    });

    it('an outcome without a deadline, or with a later one, leaves the one before', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { expiresAt: T0 + HOUR });
      const { next } = await settle(store, claim, retryAt(T0, { deadline: T0 + 50 }), { next: lease() });
      assert.ok(next);
      const { next: third } = await settle(store, next, retryAt(T0), { next: lease() });
      assert.equal(third?.attempt, 3);
      await settle(store, third, retryAt(T0 + 10, { deadline: T0 + 60 }));
      assert.equal((await store.nextDue()).expiry, T0 + 50);
    });

    it('nothing is claimed whose time is over', async () => {
      const { store } = use();
      const over = await submit(store, 'k1', { at: T0, expiresAt: T0, lease: lease() });
      assert.deepEqual(over, { accepted: true, claims: [] });
      await submit(store, 'k2', { users: ['bob'], expiresAt: T0 + 50 });
      assert.deepEqual(await dueKeys(store, T0 + 50), []);
      assert.equal((await store.nextDue()).claims, undefined);
      await submit(store, 'k3', { users: ['bob'], at: T0 + 51 });
      assert.deepEqual(await dueKeys(store, T0 + 51), ['k3']);
      const ended = await store.expire({ now: T0 + 51, limit: 9 });
      assert.deepEqual(
        ended.map(({ push, state }) => [push, state]),
        [
          ['k1', 'expired'],
          ['k2', 'expired'],
        ],
      );
    });

    it('one in flight is left to its owner', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { expiresAt: T0 + 10 });
      assert.deepEqual(await store.expire({ now: T0 + 20, limit: 9 }), []);
      assert.equal((await settle(store, claim, delivered, { at: T0 + 21 })).applied, true);
    });

    it('when the one that was to be next expires, the one behind it is due', async () => {
      const { store } = use();
      await submit(store, 'k1', { expiresAt: T0 + 10 });
      await submit(store, 'k2');
      await submit(store, 'k3');
      await store.expire({ now: T0 + 10, limit: 1 });
      assert.equal((await store.nextDue()).claims, T0 + 10);
      assert.deepEqual(await dueKeys(store, T0 + 10), ['k2']);
    });

    it('next passes over those whose time is over', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2', { expiresAt: T0 + 10 });
      await submit(store, 'k3', { expiresAt: T0 + 10 });
      await submit(store, 'k4');
      const { next } = await settle(store, claim, delivered, { at: T0 + 10, next: lease() });
      assert.equal(next?.push, 'k4');
    });

    it('at most the limit, the longest over first', async () => {
      const { store } = use();
      for (let i = 0; i < 5; i++) await submit(store, `k${i}`, { users: [`u${i}`], expiresAt: T0 + 10 - i });
      const ended = async (limit: number): Promise<string[]> =>
        (await store.expire({ now: T0 + 10, limit })).map(({ push }) => push);
      assert.deepEqual(await ended(2), ['k4', 'k3']);
      assert.deepEqual(await ended(2), ['k2', 'k1']);
      assert.deepEqual(await ended(2), ['k0']);
    });

    it('expiry and its notification are one', async () => {
      const { store } = use();
      await submit(store, 'k1', { method: 'confirmed', expiresAt: T0 + 10 });
      await store.expire({ now: T0 + 12, limit: 9 });
      const [owed] = await store.claimNotifications({ now: T0 + 12, limit: 9, ...lease() });
      assert.equal(owed?.state, 'expired');
      assert.equal(owed?.code, 4001);
      assert.equal(owed?.eventTime, T0 + 12);
    });
  });
};

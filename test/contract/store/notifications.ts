import assert from 'node:assert/strict';
import type { NotificationSettlement } from '../../../lib/store/store.ts';
import {
  address,
  delivered,
  lease,
  type StoreRules,
  settle,
  submit,
  submitAndClaim,
  T0,
  undeliverable,
} from './harness.ts';

const done = (push: string, more: Partial<NotificationSettlement> = {}): NotificationSettlement => ({
  push,
  index: 0,
  result: 'done',
  tries: 0,
  ...more,
});

export const notificationRules: StoreRules = (use) => {
  const claimAt = (now: number, limit = 9, leaseUntil = now + 1000) =>
    use().store.claimNotifications({ now, limit, ...lease(leaseUntil) });

  describe('notifications', () => {
    it('a final state owes one, with all that its document needs', async () => {
      const { store } = use();
      const wishes = { priority: 'high', method: 'confirmed', at: T0 - 5 } as const;
      const claim = await submitAndClaim(store, 'k1', wishes);
      assert.deepEqual(await settle(store, claim, delivered, { at: T0 + 7 }), { applied: true });
      assert.equal((await store.nextDue()).notifications, T0 + 7);
      assert.equal((await store.counts()).notifications, 1);
      assert.deepEqual(await claimAt(T0 + 6), []);
      assert.deepEqual(await claimAt(T0 + 7), [
        {
          push: 'k1',
          index: 0,
          initiator: 'pi',
          pushId: 'k1@pi.example.com',
          notifyUrl: 'https://pi.example.com/notify',
          papVersion: '2.0',
          address: address('alice'),
          state: 'delivered',
          code: 1000,
          desc: 'OK',
          qos: { priority: 'high', deliveryMethod: 'confirmed', networkRequired: false, bearerRequired: false },
          deliveredBy: 'confirmed',
          receivedTime: T0 - 5,
          eventTime: T0 + 7,
          tries: 0,
        },
      ]);
    });

    it('with a lease the settlement hands it out at once', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const { notification } = await settle(store, claim, undeliverable, { notifyLease: lease(T0 + 100) });
      assert.equal(notification?.state, 'undeliverable');
      assert.equal(notification?.tries, 0);
      assert.equal('qos' in (notification ?? {}), false);
      assert.deepEqual(await claimAt(T0 + 99), []);
      await store.settleNotification(done('k1'));
      assert.deepEqual(await claimAt(T0 + 100), []);
      assert.equal((await store.counts()).notifications, 0);
    });

    it('no notify URL, no notification', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { notifyUrl: undefined });
      assert.deepEqual(await settle(store, claim, delivered, { notifyLease: lease() }), { applied: true });
      assert.equal((await store.nextDue()).notifications, undefined);
      assert.deepEqual(await claimAt(T0), []);
    });

    it('one for each recipient', async () => {
      const { store } = use();
      const result = await submit(store, 'k1', { users: ['alice', 'bob'], lease: lease() });
      assert.ok(result.accepted);
      for (const claim of result.claims) await settle(store, claim, delivered);
      const owed = await claimAt(T0);
      assert.deepEqual(
        owed.map(({ index, address: { aor } }) => [index, aor]),
        [
          [0, 'sip:alice@example.com'],
          [1, 'sip:bob@example.com'],
        ],
      );
    });

    it('a lease that ran out makes it due again, and the old fence changes nothing', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), delivered, { notifyLease: lease(T0 + 100) });
      const [again] = await claimAt(T0 + 100);
      assert.equal(again?.tries, 1);
      await store.settleNotification(done('k1', { tries: 0 }));
      assert.equal((await store.counts()).notifications, 1);
      await store.settleNotification(done('k1', { tries: 1 }));
      assert.equal((await store.counts()).notifications, 0);
    });

    it('a retry is due at its time with another number', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), delivered, { notifyLease: lease() });
      await store.settleNotification(done('k1', { result: 'retry', due: T0 + 500 }));
      assert.equal((await store.nextDue()).notifications, T0 + 500);
      await store.settleNotification(done('k1'));
      assert.equal((await store.counts()).notifications, 1, 'what was handed back is no longer the old claimant’s');
      assert.deepEqual(await claimAt(T0 + 499), []);
      assert.equal((await claimAt(T0 + 500))[0]?.tries, 1);
    });

    it('a dead one is never handed out again and counted apart', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), delivered, { notifyLease: lease(T0 + 5) });
      await store.settleNotification(done('k1', { result: 'dead' }));
      assert.deepEqual(await claimAt(T0 + 999_999), []);
      const { notifications, deadNotifications } = await store.counts();
      assert.deepEqual({ notifications, deadNotifications }, { notifications: 0, deadNotifications: 1 });
    });

    it('the longest due first, at most the limit', async () => {
      const { store } = use();
      for (const [i, at] of [30, 10, 20].entries()) {
        await settle(store, await submitAndClaim(store, `k${i}`), delivered, { at: T0 + at });
      }
      assert.deepEqual(
        (await claimAt(T0 + 30, 2)).map(({ push }) => push),
        ['k1', 'k2'],
      );
      assert.deepEqual(
        (await claimAt(T0 + 30, 2)).map(({ push }) => push),
        ['k0'],
      );
    });

    it('settling what is not owed is nothing', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1');
      await store.settleNotification(done('k1'));
      await store.settleNotification(done('k9'));
      await store.settleNotification(done('k1', { index: 7, result: 'dead' }));
      const { notifications, deadNotifications, sending } = await store.counts();
      assert.deepEqual(
        { notifications, deadNotifications, sending },
        { notifications: 0, deadNotifications: 0, sending: 1 },
      );
    });
  });
};

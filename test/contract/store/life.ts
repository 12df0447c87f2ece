import assert from 'node:assert/strict';
import type { RecipientRef } from '../../../lib/model/push.ts';
import {
  awaiting,
  delivered,
  dueKeys,
  HOUR,
  lease,
  pushOf,
  recipientOf,
  record,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

const closed = { code: 'PPG_E_STORE_CLOSED' };

export const lifeRules: StoreRules = (use) => {
  describe('closing and reopening', () => {
    it('every call after close rejects, and closing again does not', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await store.close();
      await store.close();
      const calls = [
        () => submit(store, 'k2'),
        () => dueKeys(store, T0),
        () => store.wake({ aor: 'sip:alice@example.com', now: T0, ...lease() }),
        () => store.nextDue(),
        () => settle(store, claim, delivered),
        () => store.renew([claim], T0),
        () => store.confirm({ push: 'k1', index: 0, at: T0, state: 'delivered', code: 1000, desc: 'OK' }),
        () => store.expire({ now: T0, limit: 1 }),
        () => store.status('pi', 'k1'),
        () => store.content({ push: 'k1', index: 0 }),
        () => store.claimNotifications({ now: T0, limit: 1, ...lease() }),
        () => store.settleNotification({ push: 'k1', index: 0, result: 'done', tries: 0 }),
        () => store.purge({ before: T0, limit: 1 }),
        () => store.registration('sip:alice@example.com'),
        () =>
          store.saveRegistration({ aor: 'sip:a@b.c', registered: false, devices: [], updatedAt: T0, expiresAt: T0 }),
        () => store.counts(),
      ];
      for (const call of calls) await assert.rejects(call, closed, call.toString());
    });

    for (const how of ['closed', 'killed'] as const) {
      it(`a ${how} process leaves no lease behind, though it was renewed`, async () => {
        const { store, reopen } = use();
        const claim = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
        await store.renew([claim], T0 + HOUR);
        const again = await reopen(how, T0 + 10);
        const [next] = await again.claimDue({ now: T0 + 10, limit: 1, ...lease() });
        assert.deepEqual([next?.push, next?.attempt, next?.attempted], ['k1', 2, 'unknown']);
        assert.deepEqual(await again.renew([claim], T0 + HOUR), [false]);
      });
    }

    it('content is there for a recipient until that recipient is final', async () => {
      const { store, reopen } = use();
      const content = { type: 'a/b', headers: [{ name: 'Expires', value: 'never' }], body: Buffer.from([0, 255, 0]) };
      const [alice, bob] = [0, 1].map((index) => ({ push: 'k1', index })) as [RecipientRef, RecipientRef];
      const claim = await submitAndClaim(store, 'k1', { users: ['alice', 'bob'], extra: { content } });
      await submit(store, 'k2');
      assert.deepEqual(await store.content(alice), content);
      assert.equal(await store.content({ push: 'k1', index: 2 }), undefined);
      assert.equal(await store.content({ push: 'k3', index: 0 }), undefined);
      await settle(store, claim, awaiting(T0 + HOUR));
      const again = await reopen('closed', T0 + 1);
      assert.deepEqual(await again.content(alice), content);
      await again.confirm({ ...alice, at: T0 + 2, state: 'delivered', code: 1000, desc: 'OK' });
      assert.equal(await again.content(alice), undefined);
      assert.deepEqual(await again.content(bob), content, 'bob still waits');
      const claims = await again.claimDue({ now: T0 + 2, limit: 9, ...lease(T0 + HOUR) });
      const bobs = claims.find(({ push }) => push === 'k1');
      assert.ok(bobs);
      await settle(again, bobs, delivered, { at: T0 + 3 });
      assert.equal(await again.content(bob), undefined);
      assert.equal((await again.content({ push: 'k2', index: 0 }))?.body.toString(), 'hello');
    });

    it('what was asked before close is done', async () => {
      const { store, reopen } = use();
      const accepted = Promise.all(['k1', 'k2', 'k3'].map((key) => submit(store, key)));
      await store.close();
      assert.deepEqual(
        (await accepted).map((result) => result.accepted),
        [true, true, true],
      );
      assert.equal((await (await reopen('closed', T0)).counts()).pending, 3);
    });

    for (const how of ['closed', 'killed'] as const) {
      it(`everything is there again (${how})`, async () => {
        const { store, reopen } = use();
        await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + HOUR, { attempted: 'unknown' }), {
          attempts: [record(1)],
        });
        await settle(store, await submitAndClaim(store, 'k2'), awaiting(T0 + 50));
        await settle(store, await submitAndClaim(store, 'k3', { notifyUrl: undefined }), delivered);
        await submit(store, 'k4', { due: T0 + 77, users: ['bob'] });
        const registration = { aor: 'sip:a@b.c', registered: true, devices: [], updatedAt: T0, expiresAt: T0 + 9 };
        await store.saveRegistration(registration);
        const before = await Promise.all(['k1', 'k2', 'k3', 'k4'].map((key) => statusOf(store, key)));
        const counts = await store.counts();
        const nextDue = await store.nextDue();

        const again = await reopen(how, T0 + 1);
        assert.deepEqual(await Promise.all(['k1', 'k2', 'k3', 'k4'].map((key) => statusOf(again, key))), before);
        assert.deepEqual(await again.counts(), counts);
        assert.deepEqual(await again.nextDue(), nextDue);
        assert.deepEqual(await again.registration('sip:a@b.c'), registration);
        assert.equal((await submit(again, 'k5', { pushId: 'k3@pi.example.com' })).accepted, false);
      });

      it(`claims of a process that is gone are due at once, as perhaps delivered (${how})`, async () => {
        const { store, reopen } = use();
        const claim = await submitAndClaim(store, 'k1', { lease: lease(T0 + HOUR) });
        await submit(store, 'k2', { lease: lease() });
        const again = await reopen(how, T0 + 10);
        const { state, attempted, attempt, eventTime } = await recipientOf(again, 'k1');
        assert.deepEqual(
          { state, attempted, attempt, eventTime },
          { state: 'pending', attempted: 'unknown', attempt: 1, eventTime: T0 + 10 },
        );
        assert.equal((await again.nextDue()).claims, T0 + 10);
        assert.deepEqual(await settle(again, claim, delivered), { applied: false });
        const [reclaimed] = await again.claimDue({ now: T0 + 10, limit: 9, ...lease(T0 + HOUR) });
        assert.equal(reclaimed?.push, 'k1');
        assert.equal(reclaimed?.attempt, 2);
        assert.ok(reclaimed);
        assert.deepEqual(reclaimed.pushData, pushOf('k1'));
        const { next } = await settle(again, reclaimed, delivered, { at: T0 + 11, next: lease() });
        assert.equal(next?.push, 'k2');
      });

      it(`notifications that were under way are due at once (${how})`, async () => {
        const { store, reopen } = use();
        await settle(store, await submitAndClaim(store, 'k1'), delivered, { notifyLease: lease(T0 + HOUR) });
        await settle(store, await submitAndClaim(store, 'k2'), delivered, { notifyLease: lease(T0 + HOUR) });
        await store.settleNotification({ push: 'k2', index: 0, result: 'retry', due: T0 + 2 * HOUR, tries: 0 });
        const again = await reopen(how, T0 + 10);
        assert.equal((await again.nextDue()).notifications, T0 + 10);
        const owed = await again.claimNotifications({ now: T0 + 10, limit: 9, ...lease() });
        assert.deepEqual(
          owed.map(({ push, tries }) => [push, tries]),
          [['k1', 1]],
        );
        assert.equal((await again.nextDue()).notifications, T0 + 60_000);
      });
    }
  });
};

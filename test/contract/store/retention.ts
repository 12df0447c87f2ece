import assert from 'node:assert/strict';
import type { Registration } from '../../../lib/model/device.ts';
import {
  awaiting,
  delivered,
  HOUR,
  lease,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

export const retentionRules: StoreRules = (use) => {
  describe('retention', () => {
    it('content goes with the last final recipient, whatever ends it; the status stays', async () => {
      const { store } = use();
      const result = await submit(store, 'k1', {
        users: ['alice', 'bob', 'carol'],
        lease: lease(),
        body: Buffer.from('x'),
      });
      assert.ok(result.accepted);
      const [alice, bob, carol] = result.claims;
      assert.ok(alice && bob && carol);
      await settle(store, alice, delivered);
      await settle(store, bob, awaiting(T0 + 100));
      await settle(store, carol, retryAt(T0 + HOUR, { deadline: T0 + 50 }));
      await store.expire({ now: T0 + 50, limit: 9 });
      assert.equal((await statusOf(store, 'k1')).push.content?.body.toString(), 'x');
      await store.confirm({ push: 'k1', index: 1, at: T0 + 60, state: 'delivered', code: 1000, desc: 'OK' });
      const { push, recipients } = await statusOf(store, 'k1');
      assert.equal('content' in push, false);
      assert.equal(push.applicationId, 'wml.ua');
      assert.deepEqual(
        recipients.map(({ state }) => state),
        ['delivered', 'delivered', 'expired'],
      );
    });

    it('pushes go that have long been final and owe nothing; others stay', async () => {
      const { store } = use();
      const quiet = { notifyUrl: undefined };
      await settle(store, await submitAndClaim(store, 'k1', quiet), delivered, { at: T0 + 10 });
      await settle(store, await submitAndClaim(store, 'k2', quiet), delivered, { at: T0 + 20 });
      await submit(store, 'k3', { ...quiet, due: T0 + HOUR });
      await settle(store, await submitAndClaim(store, 'k4'), delivered, { at: T0 + 5 });
      assert.equal(await store.purge({ before: T0 + 10, limit: 9 }), 0);
      assert.equal(await store.purge({ before: T0 + 11, limit: 9 }), 1);
      assert.equal(await store.status('pi', 'k1@pi.example.com'), undefined);
      for (const key of ['k2', 'k3', 'k4']) await statusOf(store, key);
      const [owed] = await store.claimNotifications({ now: T0 + 5, limit: 1, ...lease() });
      assert.ok(owed);
      await store.settleNotification({ ...owed, result: 'done' });
      assert.equal(await store.purge({ before: T0 + 11, limit: 9 }), 1);
      assert.equal(await store.status('pi', 'k4@pi.example.com'), undefined);
    });

    it('a push with one recipient that is not final stays', async () => {
      const { store } = use();
      const result = await submit(store, 'k1', { users: ['alice', 'bob'], lease: lease(), notifyUrl: undefined });
      assert.ok(result.accepted);
      const [alice, bob] = result.claims;
      assert.ok(alice && bob);
      await settle(store, alice, delivered);
      assert.equal(await store.purge({ before: T0 + HOUR, limit: 9 }), 0);
      await settle(store, bob, delivered, { at: T0 + 30 });
      assert.equal(await store.purge({ before: T0 + 30, limit: 9 }), 0);
      assert.equal(await store.purge({ before: T0 + 31, limit: 9 }), 1);
    });

    it('a dead notification is kept for the time of retention and then goes', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), delivered, { notifyLease: lease() });
      await store.settleNotification({ push: 'k1', index: 0, result: 'dead', tries: 0 });
      assert.equal(await store.purge({ before: T0, limit: 9 }), 0);
      assert.equal(await store.purge({ before: T0 + 1, limit: 9 }), 1);
      assert.equal((await store.counts()).deadNotifications, 0);
    });

    it('in batches, the oldest first', async () => {
      const { store } = use();
      for (let i = 0; i < 5; i++) {
        await settle(store, await submitAndClaim(store, `k${i}`, { notifyUrl: undefined }), delivered, {
          at: T0 + 9 - i,
        });
      }
      assert.equal(await store.purge({ before: T0 + HOUR, limit: 2 }), 2);
      assert.equal(await store.status('pi', 'k4@pi.example.com'), undefined);
      assert.equal(await store.status('pi', 'k3@pi.example.com'), undefined);
      assert.equal(await store.purge({ before: T0 + HOUR, limit: 9 }), 3);
      assert.equal(await store.purge({ before: T0 + HOUR, limit: 9 }), 0);
    });

    it('a purged push-id may be used again', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1', { notifyUrl: undefined }), delivered);
      await store.purge({ before: T0 + 1, limit: 9 });
      const again = await submit(store, 'k2', { pushId: 'k1@pi.example.com' });
      assert.equal(again.accepted, true);
    });

    it('counts tell how many are where', async () => {
      const { store } = use();
      const none = { pending: 0, sending: 0, awaitingConfirmation: 0, notifications: 0, deadNotifications: 0 };
      assert.deepEqual(await store.counts(), none);
      await submit(store, 'k1', { users: ['a', 'b', 'c'] });
      const claims = await store.claimDue({ now: T0, limit: 2, ...lease() });
      assert.deepEqual(await store.counts(), { ...none, pending: 1, sending: 2 });
      const [a, b] = claims;
      assert.ok(a && b);
      await settle(store, a, awaiting(T0 + 5));
      await settle(store, b, delivered);
      assert.deepEqual(await store.counts(), { ...none, pending: 1, awaitingConfirmation: 1, notifications: 1 });
      await store.expire({ now: T0 + 5, limit: 9 });
      assert.deepEqual(await store.counts(), { ...none, pending: 1, notifications: 2 });
    });

    it('registrations come back as they were saved; the newest holds', async () => {
      const { store } = use();
      const aor = 'sip:alice@example.com';
      assert.equal(await store.registration(aor), undefined);
      const registration: Registration = {
        aor,
        registered: true,
        devices: [
          {
            id: 'urn:uuid:1',
            contact: 'sip:alice@192.0.2.1:5060;transport=tcp',
            instance: 'urn:uuid:1',
            gruu: 'sip:alice@example.com;gr=1',
            applications: ['wml.ua', 'mms.ua'],
            features: { 'sip.extensions': '"gruu"', audio: '' },
            expiresAt: T0 + HOUR,
          },
          { id: 'sip:alice@192.0.2.2', contact: 'sip:alice@192.0.2.2', features: {}, expiresAt: T0 + HOUR },
        ],
        updatedAt: T0,
        expiresAt: T0 + HOUR,
        servedBy: 'sip:scscf.example.com:6060',
      };
      await store.saveRegistration(registration);
      assert.deepEqual(await store.registration(aor), registration);
      const gone = { ...registration, registered: false, devices: [], updatedAt: T0 + 5 };
      await store.saveRegistration(gone);
      assert.deepEqual(await store.registration(aor), gone);
    });
  });
};

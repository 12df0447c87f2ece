import assert from 'node:assert/strict';
import type { OperatorStore } from '../../../lib/store/operator.ts';
import { NOBODY } from '../../../lib/store/operator.ts';
import {
  address,
  awaiting,
  delivered,
  dueKeys,
  lease,
  recipientOf,
  record,
  type StoreRules,
  settle,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

const aor = address('alice').aor;

export const operatorRules: StoreRules = (use) => {
  const operator = (): OperatorStore => {
    const found = use().store.operator;
    assert.ok(found);
    return found;
  };

  /** A push whose notification was given up. */
  const dead = async (key: string, wishes: Parameters<typeof submitAndClaim>[2] = {}): Promise<void> => {
    const { store } = use();
    await settle(store, await submitAndClaim(store, key, wishes), delivered, { notifyLease: lease() });
    await store.settleNotification({ push: key, index: 0, result: 'dead', tries: 0 });
  };

  describe('what an operator asks', () => {
    it('how many recipients are open, by initiator', async () => {
      const { store } = use();
      assert.deepEqual(await operator().openByInitiator(), new Map());
      await submit(store, 'k1', { users: ['alice', 'bob'] });
      await settle(
        store,
        await submitAndClaim(store, 'k2', { users: ['carol'], initiator: 'other' }),
        awaiting(T0 + 9),
      );
      await settle(store, await submitAndClaim(store, 'k3', { users: ['dave'], initiator: 'third' }), delivered);
      await submitAndClaim(store, 'k4', { users: ['eve'] });
      assert.deepEqual([...(await operator().openByInitiator())].sort(), [
        ['other', 1],
        ['pi', 3],
      ]);
    });

    it('which notifications were given up', async () => {
      await dead('k1');
      await dead('k2', { initiator: 'other' });
      const keys = async (query: object) =>
        (await operator().deadNotifications({ limit: 9, ...query })).map(({ push }) => push);
      assert.deepEqual(await keys({}), ['k1', 'k2']);
      assert.deepEqual(await keys({ limit: 1 }), ['k1']);
      assert.deepEqual(await keys({ initiator: 'other' }), ['k2']);
      assert.deepEqual(await keys({ pushId: 'k1@pi.example.com' }), ['k1']);
      assert.deepEqual(await keys({ pushId: 'k1@pi.example.com', initiator: 'other' }), []);
      const [first] = await operator().deadNotifications({ limit: 1 });
      assert.deepEqual(
        [first?.state, first?.tries, first?.address.aor, first?.notifyUrl],
        ['delivered', 1, aor, 'https://pi.example.com/notify'],
      );
    });

    it('to send them again: they are owed as before, with a higher fence', async () => {
      const { store } = use();
      await dead('k1');
      await dead('k2', { users: ['bob'] });
      assert.equal(await operator().replayNotifications({ pushId: 'k2@pi.example.com', now: T0 + 5, limit: 9 }), 1);
      const counts = await store.counts();
      assert.deepEqual([counts.notifications, counts.deadNotifications], [1, 1]);
      assert.equal((await store.nextDue()).notifications, T0 + 5);
      const [again] = await store.claimNotifications({ now: T0 + 5, limit: 9, ...lease(T0 + 900) });
      assert.deepEqual([again?.push, again?.tries], ['k2', 1]);
      assert.equal(await operator().replayNotifications({ pushId: 'k2@pi.example.com', now: T0, limit: 9 }), 0);
    });
  });

  describe('keeping the pushes of one initiator for less time', () => {
    it('deletes what is over and owes nothing, of that initiator only', async () => {
      const { store } = use();
      const quiet = { notifyUrl: undefined };
      const end = async (key: string, wishes: object, at: number): Promise<void> => {
        await settle(store, await submitAndClaim(store, key, { ...quiet, ...wishes }), delivered, { at });
      };
      await end('k1', {}, T0 + 1);
      await end('k2', { initiator: 'other' }, T0 + 1);
      await end('k3', {}, T0 + 5);
      await end('k4', { notifyUrl: 'https://pi.example.com/' }, T0 + 1);
      await submit(store, 'k5', { ...quiet, due: T0 + 99 });
      const purge = async (before: number, limit: number): Promise<void> => {
        while (await operator().purgeOf({ initiator: 'pi', before, limit }));
      };
      const left = async (): Promise<string[]> => {
        const found = await Promise.all(
          ['k1', 'k2', 'k3', 'k4', 'k5'].map((key) =>
            store.status(key === 'k2' ? 'other' : 'pi', `${key}@pi.example.com`),
          ),
        );
        return found.flatMap((status) => (status === undefined ? [] : [status.push.key]));
      };
      await purge(T0 + 1, 1);
      assert.deepEqual(await left(), ['k1', 'k2', 'k3', 'k4', 'k5']);
      await purge(T0 + 5, 1);
      assert.deepEqual(await left(), ['k2', 'k3', 'k4', 'k5']);
      await purge(T0 + 6, 2);
      assert.deepEqual(await left(), ['k2', 'k4', 'k5']);
    });
  });

  describe('erasing a subscriber', () => {
    it('ends what waits, for that subscriber only', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice', 'bob'], notifyUrl: undefined });
      await settle(
        store,
        await submitAndClaim(store, 'k2', { users: ['carol'], notifyUrl: undefined }),
        awaiting(T0 + 9),
      );
      const erasure = await operator().erase({ aor, at: T0 + 1 });
      assert.deepEqual(erasure, {
        ended: [{ push: 'k1', index: 0, initiator: 'pi', pushId: 'k1@pi.example.com', state: 'cancelled', code: 2001 }],
        erased: 1,
        remaining: 0,
      });
      const counts = await store.counts();
      assert.deepEqual([counts.pending, counts.awaitingConfirmation], [1, 1]);
      assert.deepEqual(await dueKeys(store, T0 + 2), ['k1']);
      assert.equal((await operator().erase({ aor: address('carol').aor, at: T0 + 1 })).ended.length, 1);
      assert.equal((await store.counts()).awaitingConfirmation, 0);
    });

    it('takes address and attempts out of what is over, and the registration', async () => {
      const { store } = use();
      await store.saveRegistration({ aor, registered: true, devices: [], updatedAt: T0, expiresAt: T0 + 9 });
      const claim = await submitAndClaim(store, 'k1', { notifyUrl: undefined });
      await settle(store, claim, delivered, { attempts: [record(1)] });
      await operator().erase({ aor, at: T0 + 1 });
      const { address: nobody, attempts, state } = await recipientOf(store, 'k1');
      assert.deepEqual([nobody, attempts, state], [NOBODY, [], 'delivered']);
      assert.equal(await store.registration(aor), undefined);
    });

    it('leaves what is in flight and what the initiator is still to be told, and says so', async () => {
      const { store } = use();
      await submit(store, 'k1', { due: T0 + 50 });
      const flying = await submitAndClaim(store, 'k2');
      const first = await operator().erase({ aor, at: T0 + 1 });
      assert.deepEqual([first.ended.length, first.erased, first.remaining], [1, 0, 2]);
      const { applied } = await settle(store, flying, delivered, { notifyLease: lease() });
      assert.ok(applied);
      const [owed] = await store.claimNotifications({ now: T0 + 1, limit: 9, ...lease() });
      assert.deepEqual([owed?.push, owed?.address.aor, owed?.state, owed?.code], ['k1', aor, 'cancelled', 2001]);
      for (const push of ['k1', 'k2']) await store.settleNotification({ push, index: 0, result: 'done', tries: 0 });
      assert.deepEqual(await operator().erase({ aor, at: T0 + 2 }), { ended: [], erased: 2, remaining: 0 });
    });

    it('gives up notifications that were given up before', async () => {
      await dead('k1');
      assert.equal((await operator().erase({ aor, at: T0 })).erased, 1);
      assert.equal((await use().store.counts()).deadNotifications, 0);
      assert.deepEqual(await operator().deadNotifications({ limit: 9 }), []);
    });

    it('is on the disk', async () => {
      const { store } = use();
      await submit(store, 'k1', { notifyUrl: undefined });
      await operator().erase({ aor, at: T0 });
      const again = await use().reopen('killed', T0 + 1);
      assert.deepEqual((await recipientOf(again, 'k1')).address, NOBODY);
    });
  });
};

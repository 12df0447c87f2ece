import assert from 'node:assert/strict';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import type { CancelAnswer, Store } from '../../../lib/store/store.ts';
import {
  address,
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
  statusOf,
  submit,
  submitAndClaim,
  T0,
  undeliverable,
} from './harness.ts';

export const cancel = (
  store: Store,
  key: string,
  addresses: readonly RecipientAddress[] = [],
  at: number = T0 + 5,
): Promise<CancelAnswer | undefined> =>
  store.cancel({ initiator: 'pi', pushId: `${key}@pi.example.com`, addresses, at });

/** `alice: cancelled`, `bob: sending, not cancelled`. */
const told = (answer: CancelAnswer | undefined): string[] | undefined =>
  answer?.recipients.map(
    ({ address: { aor }, cancelled, state }) =>
      `${aor.slice('sip:'.length, aor.indexOf('@'))}: ${state}${cancelled ? '' : ', left as it is'}`,
  );

export const cancellationRules: StoreRules = (use) => {
  describe('cancellation', () => {
    it('one that waits is cancelled, with its notification, and is never claimed', async () => {
      const { store } = use();
      await submit(store, 'k1');
      assert.deepEqual(await cancel(store, 'k1'), {
        recipients: [
          { push: 'k1', index: 0, address: address('alice'), cancelled: true, state: 'cancelled', attempted: 'no' },
        ],
        strangers: [],
      });
      const { state, code, desc, eventTime, attempt } = await recipientOf(store, 'k1');
      assert.deepEqual(
        { state, code, desc, eventTime, attempt },
        { state: 'cancelled', code: 1000, desc: 'Cancelled', eventTime: T0 + 5, attempt: 0 },
      );
      assert.equal((await statusOf(store, 'k1')).push.content, undefined);
      assert.deepEqual(await dueKeys(store, T0 + HOUR), []);
      const [notification, ...more] = await store.claimNotifications({ now: T0 + 5, limit: 9, ...lease() });
      assert.deepEqual(
        [notification?.state, notification?.code, notification?.desc, notification?.eventTime, more.length],
        ['cancelled', 1000, 'Cancelled', T0 + 5, 0],
      );
      const counts = await store.counts();
      assert.deepEqual([counts.pending, counts.sending, counts.notifications], [0, 0, 1]);
    });

    it('only for the addresses named, by text or by the identity they stand for; others are strangers', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice', 'bob', 'carol'] });
      const bobOtherwise = { ...address('bob'), text: 'WAPPUSH=bob%40example.com/TYPE=USER@ppg' };
      const answer = await cancel(store, 'k1', [bobOtherwise, address('dave'), address('alice'), address('alice')]);
      assert.deepEqual(told(answer), ['alice: cancelled', 'bob: cancelled']);
      assert.deepEqual(answer?.strangers, [address('dave')]);
      assert.equal(answer?.recipients[1]?.address.text, address('bob').text);
      assert.ok((await statusOf(store, 'k1')).push.content, 'carol still waits for it');
      assert.deepEqual(await dueKeys(store, T0 + 6), ['k1']);
    });

    it('a device that is named is not the user, nor another device', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const device = { ...address('alice'), text: 'other', instance: 'urn:uuid:1' };
      assert.deepEqual(await cancel(store, 'k1', [device]), { recipients: [], strangers: [device] });
    });

    it('of a push that is not there, or is another initiator’s, nothing is told', async () => {
      const { store } = use();
      await submit(store, 'k1', { initiator: 'other' });
      assert.equal(await cancel(store, 'k1'), undefined);
      assert.equal(await cancel(store, 'k9'), undefined);
      assert.equal((await store.counts()).pending, 1);
    });

    it('what is in flight, waits for a proof, may have arrived or is final stays as it is', async () => {
      const { store } = use();
      const sending = await submitAndClaim(store, 'k1');
      assert.deepEqual(told(await cancel(store, 'k1')), ['alice: sending, left as it is']);
      await settle(store, sending, awaiting(T0 + HOUR));
      assert.deepEqual(told(await cancel(store, 'k1')), ['alice: awaiting-confirmation, left as it is']);

      const silent = await submitAndClaim(store, 'k2', { users: ['bob'] });
      await settle(store, silent, retryAt(T0 + 100, { attempted: 'unknown' }));
      const maybe = await cancel(store, 'k2');
      assert.deepEqual(told(maybe), ['bob: pending, left as it is']);
      assert.equal(maybe?.recipients[0]?.attempted, 'unknown');
      assert.deepEqual(await dueKeys(store, T0 + 100), ['k2']);

      const last = await submitAndClaim(store, 'k3', { users: ['carol'] });
      await settle(store, last, delivered);
      assert.deepEqual(told(await cancel(store, 'k3')), ['carol: delivered, left as it is']);
      assert.equal((await store.counts()).notifications, 1);
    });

    it('what a device refused and what waits for a registration is cancelled', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + 100));
      await settle(store, await submitAndClaim(store, 'k2', { users: ['bob'] }), offlineUntil(T0 + HOUR));
      await submit(store, 'k3', { users: ['carol'], due: T0 + HOUR });
      for (const key of ['k1', 'k2', 'k3']) assert.equal((await cancel(store, key))?.recipients[0]?.cancelled, true);
      assert.equal(await store.wake({ aor: address('bob').aor, now: T0 + 10, ...lease() }), undefined);
      assert.deepEqual(await dueKeys(store, T0 + 2 * HOUR), []);
    });

    it('a second cancel finds it cancelled and owes nothing more', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const [first, second] = await Promise.all([cancel(store, 'k1'), cancel(store, 'k1')]);
      assert.deepEqual([told(first), told(second)], [['alice: cancelled'], ['alice: cancelled, left as it is']]);
      assert.equal((await store.counts()).notifications, 1);
    });

    it('of a claim and a cancel the one that was asked first wins', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const [claims, late] = await Promise.all([dueKeys(store, T0), cancel(store, 'k1')]);
      assert.deepEqual([claims, told(late)], [['k1'], ['alice: sending, left as it is']]);
      await submit(store, 'k2', { users: ['bob'] });
      const [early, none] = await Promise.all([cancel(store, 'k2'), dueKeys(store, T0)]);
      assert.deepEqual([told(early), none], [['bob: cancelled'], []]);
    });

    it('of a settlement and a cancel the order decides', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const [, after] = await Promise.all([settle(store, claim, retryAt(T0 + 100)), cancel(store, 'k1')]);
      assert.deepEqual(told(after), ['alice: cancelled']);
      assert.deepEqual(await settle(store, claim, undeliverable), { applied: false });
      assert.equal((await recipientOf(store, 'k1')).state, 'cancelled');
    });

    it('the next of the address-of-record is found when the head is cancelled', async () => {
      const { store } = use();
      for (const key of ['k1', 'k2', 'k3']) await submit(store, key);
      await cancel(store, 'k1');
      assert.equal((await store.nextDue()).claims, T0 + 5);
      assert.deepEqual(await dueKeys(store, T0 + 5), ['k2']);
    });

    it('one that waits behind is cancelled without moving the others', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2');
      await submit(store, 'k3');
      assert.deepEqual(told(await cancel(store, 'k2')), ['alice: cancelled']);
      assert.deepEqual(await dueKeys(store, T0 + 10), []);
      assert.equal((await settle(store, claim, delivered, { next: lease() })).next?.push, 'k3');
    });

    for (const how of ['closed', 'killed'] as const) {
      it(`what was cancelled stays so (${how})`, async () => {
        const { store, reopen } = use();
        await submit(store, 'k1');
        await cancel(store, 'k1');
        const again = await reopen(how, T0 + 10);
        assert.equal((await recipientOf(again, 'k1')).state, 'cancelled');
        assert.equal((await again.claimNotifications({ now: T0 + 10, limit: 9, ...lease() })).length, 1);
      });
    }
  });
};

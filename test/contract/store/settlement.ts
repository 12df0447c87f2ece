import assert from 'node:assert/strict';
import { MAX_ATTEMPT_RECORDS } from '../../../lib/model/push.ts';
import {
  awaiting,
  delivered,
  dueKeys,
  HOUR,
  lease,
  recipientOf,
  record,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  submit,
  submitAndClaim,
  T0,
  undeliverable,
} from './harness.ts';

export const settlementRules: StoreRules = (use) => {
  describe('settlement', () => {
    it('a final outcome is kept with its attempts', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const result = await settle(store, claim, delivered, { at: T0 + 20, attempts: [record(1)] });
      assert.deepEqual(result, { applied: true });
      const { state, code, desc, eventTime, deliveredBy, attempts, attempted } = await recipientOf(store, 'k1');
      assert.deepEqual(
        { state, code, desc, eventTime, deliveredBy, attempts, attempted },
        {
          state: 'delivered',
          code: 1000,
          desc: 'OK',
          eventTime: T0 + 20,
          deliveredBy: 'confirmed',
          attempts: [record(1)],
          attempted: 'no',
        },
      );
    });

    it('back to pending: due at its time, not before', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await settle(store, claim, retryAt(T0 + 100), { at: T0 + 5 });
      const { state, code, desc, attempted, offlineTries, eventTime } = await recipientOf(store, 'k1');
      assert.deepEqual(
        { state, code, desc, attempted, offlineTries, eventTime },
        { state: 'pending', code: 4001, desc: 'busy', attempted: 'refused', offlineTries: 0, eventTime: T0 + 5 },
      );
      assert.deepEqual(await dueKeys(store, T0 + 99), []);
      assert.deepEqual(await dueKeys(store, T0 + 100), ['k1']);
    });

    it('an old fence changes nothing', async () => {
      const { store } = use();
      const first = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      const [second] = await store.claimDue({ now: T0 + 100, limit: 1, ...lease(T0 + 900) });
      assert.ok(second);
      assert.deepEqual(await settle(store, first, undeliverable, { next: lease(), notifyLease: lease() }), {
        applied: false,
      });
      assert.deepEqual(await settle(store, { ...second, attempt: 3 }, undeliverable), { applied: false });
      assert.equal((await recipientOf(store, 'k1')).state, 'sending');
      assert.equal((await settle(store, second, delivered)).applied, true);
    });

    it('of two settlements of one claim the first holds', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const results = await Promise.all([settle(store, claim, delivered), settle(store, claim, undeliverable)]);
      assert.deepEqual(
        results.map(({ applied }) => applied),
        [true, false],
      );
      assert.equal((await recipientOf(store, 'k1')).state, 'delivered');
      assert.equal((await store.counts()).notifications, 1);
    });

    it('what is unknown or was never claimed is not settled', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const nobody = [
        { push: 'k1', index: 0, attempt: 0 },
        { push: 'k1', index: 1, attempt: 1 },
        { push: 'k9', index: 0, attempt: 1 },
      ];
      for (const ref of nobody) assert.deepEqual(await settle(store, ref, delivered), { applied: false });
    });

    it('a settlement whose lease ran out holds as long as nobody else claimed', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      assert.equal((await settle(store, claim, delivered, { at: T0 + 500 })).applied, true);
    });

    it('attempts are appended and only the last ones kept', async () => {
      const { store } = use();
      let claim = await submitAndClaim(store, 'k1');
      for (let n = 1; n <= 40; n++) {
        const attempts = [record(n, 'first device'), record(n, 'second device')];
        const { next } = await settle(store, claim, retryAt(T0), { attempts, next: lease() });
        assert.ok(next, 'a retry that is due at once is the next');
        claim = next;
      }
      assert.equal(claim.attempts.length, MAX_ATTEMPT_RECORDS);
      assert.deepEqual(claim.attempts.at(-1), record(40, 'second device'));
      assert.deepEqual(claim.attempts[0], record(25, 'first device'));
      await settle(store, claim, delivered, { attempts: [] });
      assert.deepEqual((await recipientOf(store, 'k1')).attempts, claim.attempts);
    });

    it('next claims the chain of the address-of-record in the same transaction, by priority and acceptance', async () => {
      const { store } = use();
      let claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2', { priority: 'low' });
      await submit(store, 'k3');
      await submit(store, 'k4', { priority: 'high' });
      await submit(store, 'k5');
      await submit(store, 'k6', { users: ['bob'] });
      const chain: string[] = [];
      for (;;) {
        const { next } = await settle(store, claim, delivered, { next: lease(T0 + 7) });
        if (next === undefined) break;
        assert.equal(next.leaseUntil, T0 + 7);
        chain.push(next.push);
        claim = next;
      }
      assert.deepEqual(chain, ['k4', 'k3', 'k5', 'k2']);
    });

    it('next also claims one whose retry has come due meanwhile', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + 100));
      const claim = await submitAndClaim(store, 'k2');
      await submit(store, 'k3');
      const { next } = await settle(store, claim, delivered, { at: T0 + 100, next: lease() });
      assert.equal(next?.push, 'k1');
      assert.equal(next?.attempt, 2);
    });

    it('without next the first that waits is due at once for claimDue', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { lease: lease(T0 + HOUR) });
      await submit(store, 'k2', { priority: 'low', lease: lease() });
      await submit(store, 'k3', { lease: lease() });
      await settle(store, claim, delivered, { at: T0 + 10 });
      assert.equal((await store.nextDue()).claims, T0 + 10);
      assert.deepEqual(await dueKeys(store, T0 + 10), ['k3']);
    });

    it('a busy recipient lets the next of its address-of-record go', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2');
      const { next } = await settle(store, claim, retryAt(T0 + 100), { next: lease() });
      assert.equal(next?.push, 'k2');
    });

    it('waiting for confirmation lets the next go, and a proof ends it once', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { method: 'confirmed' });
      await submit(store, 'k2');
      const { next, notification } = await settle(store, claim, awaiting(T0 + 100), {
        next: lease(),
        notifyLease: lease(),
      });
      assert.equal(next?.push, 'k2');
      assert.equal(notification, undefined);
      assert.equal((await recipientOf(store, 'k1')).state, 'awaiting-confirmation');
      const proof = { push: 'k1', index: 0, at: T0 + 50, state: 'delivered', code: 1000, desc: 'OK' } as const;
      const results = await Promise.all([store.confirm(proof), store.confirm({ ...proof, state: 'aborted' })]);
      assert.deepEqual(results, [
        { push: 'k1', index: 0, initiator: 'pi', pushId: 'k1@pi.example.com', state: 'delivered', code: 1000 },
        undefined,
      ]);
      const { state, eventTime, deliveredBy } = await recipientOf(store, 'k1');
      assert.deepEqual(
        { state, eventTime, deliveredBy },
        { state: 'delivered', eventTime: T0 + 50, deliveredBy: 'confirmed' },
      );
      assert.equal((await store.claimNotifications({ now: T0 + 50, limit: 9, ...lease() })).length, 1);
    });

    it('a proof for one that does not wait for it changes nothing', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const proof = { push: 'k1', index: 0, at: T0, state: 'delivered', code: 1000, desc: 'OK' } as const;
      assert.equal(await store.confirm(proof), undefined);
      assert.equal(await store.confirm({ ...proof, index: 4 }), undefined);
      assert.equal(await store.confirm({ ...proof, push: 'k9' }), undefined);
      await settle(store, claim, undeliverable);
      assert.equal(await store.confirm(proof), undefined);
      assert.equal((await recipientOf(store, 'k1')).state, 'undeliverable');
    });

    it('a proof ends a recipient that is tried again, and the next of its line may go on', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { method: 'confirmed' });
      await submit(store, 'k2');
      await settle(store, claim, retryAt(T0 + HOUR, { attempted: 'unknown' }), {
        attempts: [{ ...record(1), result: 'unknown' }],
      });
      const proof = { push: 'k1', index: 0, at: T0 + 50, state: 'delivered', code: 1000, desc: 'OK' } as const;
      const ended = await store.confirm({ ...proof, device: 'urn:uuid:1', cause: 'fetched' });
      assert.equal(ended?.fromPending, true);
      const { state, deliveredBy, attempts } = await recipientOf(store, 'k1');
      assert.deepEqual({ state, deliveredBy }, { state: 'delivered', deliveredBy: 'confirmed' });
      assert.deepEqual(attempts, [{ ...record(1, 'fetched'), endedAt: T0 + 50 }]);
      assert.deepEqual(await dueKeys(store, T0 + 50), ['k2']);
      assert.deepEqual(await store.counts(), {
        pending: 0,
        sending: 1,
        awaitingConfirmation: 0,
        notifications: 1,
        deadNotifications: 0,
      });
      assert.deepEqual(await dueKeys(store, T0 + 2 * HOUR), ['k2'], 'the claim of k2 ran out, k1 is over');
    });

    it('a proof ends nothing that was never tried, nor what is under way', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await submit(store, 'k2');
      const proof = { index: 0, at: T0, state: 'delivered', code: 1000, desc: 'OK' } as const;
      assert.equal(await store.confirm({ ...proof, push: 'k1' }), undefined);
      assert.equal(await store.confirm({ ...proof, push: 'k2' }), undefined);
      assert.equal((await settle(store, claim, delivered)).applied, true);
    });

    it('a refusal ends the recipient when no other device may have the push', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { method: 'confirmed' });
      const accepted = (device: string): ReturnType<typeof record> => ({ ...record(1), device, result: 'accepted' });
      await settle(store, claim, awaiting(T0 + HOUR), { attempts: [accepted('one'), accepted('two')] });
      const refusal = { push: 'k1', index: 0, at: T0 + 9, state: 'aborted', code: 5235, desc: 'refused' } as const;
      assert.equal(await store.confirm({ ...refusal, device: 'one', cause: 'no' }), undefined);
      assert.equal(
        await store.confirm({ ...refusal, device: 'one', cause: 'no' }),
        undefined,
        'said twice is said once',
      );
      assert.equal(await store.confirm({ ...refusal, device: 'nobody' }), undefined);
      const waiting = await recipientOf(store, 'k1');
      assert.deepEqual(
        [waiting.state, waiting.attempts[0]?.result, waiting.attempts[0]?.code],
        ['awaiting-confirmation', 'failed', 5235],
      );
      assert.equal((await store.confirm(refusal))?.state, 'aborted', 'of the only one left');
    });

    it('a refusal leaves one that is tried again to the devices that have not refused', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      const attempts = [
        { ...record(1), device: 'one', result: 'unknown' },
        { ...record(1), device: 'two', result: 'busy' },
      ];
      await settle(store, claim, retryAt(T0 + 100, { attempted: 'unknown' }), { attempts });
      const refusal = { push: 'k1', index: 0, at: T0 + 9, state: 'aborted', code: 5235, desc: 'refused' } as const;
      assert.equal(await store.confirm({ ...refusal, device: 'one' }), undefined);
      const [again] = await store.claimDue({ now: T0 + 100, limit: 1, ...lease(T0 + 900) });
      assert.equal(again?.attempts[0]?.result, 'failed');
    });

    it('recipients of one push settle on their own', async () => {
      const { store } = use();
      const result = await submit(store, 'k1', { users: ['alice', 'bob'], lease: lease() });
      assert.ok(result.accepted);
      const [alice, bob] = result.claims;
      assert.ok(alice && bob);
      await settle(store, bob, undeliverable);
      await settle(store, alice, retryAt(T0 + 5));
      const { recipients } = await statusOf(store, 'k1');
      assert.deepEqual(
        recipients.map(({ state }) => state),
        ['pending', 'undeliverable'],
      );
    });
  });
};

import assert from 'node:assert/strict';
import type { AcceptResult, Store } from '../../../lib/store/store.ts';
import { cancel } from './cancellation.ts';
import {
  address,
  dueKeys,
  lease,
  type PushWishes,
  recipientOf,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

/** Submits `key` in the place of `old`. */
const replace = (
  store: Store,
  key: string,
  old: string,
  method: 'all' | 'pending-only' = 'all',
  wishes: PushWishes = {},
): Promise<AcceptResult> =>
  submit(store, key, {
    at: T0 + 7,
    ...wishes,
    extra: { replaces: { pushId: `${old}@pi.example.com`, method } },
  });

const states = async (store: Store, key: string): Promise<string[]> =>
  (await statusOf(store, key)).recipients.map(({ state, code }) => `${state} ${code}`);

const claimed = (result: AcceptResult): string[] | undefined =>
  result.accepted ? result.claims.map(({ push, address: { aor } }) => `${push} ${aor}`) : undefined;

export const replacementRules: StoreRules = (use) => {
  describe('replacement', () => {
    for (const method of ['all', 'pending-only'] as const) {
      it(`${method}: what waits is cancelled and the new one takes its place`, async () => {
        const { store } = use();
        await submit(store, 'k1');
        const result = await replace(store, 'k2', 'k1', method, { lease: lease() });
        assert.deepEqual(claimed(result), [`k2 ${address('alice').aor}`]);
        assert.ok(result.accepted);
        assert.deepEqual(result.leftOut, []);
        assert.deepEqual(result.replaced, [
          { push: 'k1', index: 0, address: address('alice'), cancelled: true, state: 'cancelled', attempted: 'no' },
        ]);
        const { state, code, desc, eventTime } = await recipientOf(store, 'k1');
        assert.deepEqual(
          { state, code, desc, eventTime },
          { state: 'cancelled', code: 1000, desc: 'Replaced by another push', eventTime: T0 + 7 },
        );
        const [owed, ...more] = await store.claimNotifications({ now: T0 + 7, limit: 9, ...lease() });
        assert.deepEqual([owed?.pushId, owed?.state, more.length], ['k1@pi.example.com', 'cancelled', 0]);
        assert.deepEqual((await statusOf(store, 'k2')).push.replaces, { pushId: 'k1@pi.example.com', method });
      });
    }

    it('only recipients named in the new one lose the old one', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice', 'bob'] });
      await replace(store, 'k2', 'k1', 'all', { users: ['bob', 'carol'] });
      assert.deepEqual(await states(store, 'k1'), ['pending 1001', 'cancelled 1000']);
      assert.deepEqual(await states(store, 'k2'), ['pending 1001', 'pending 1001']);
    });

    it('all goes to those too whose old one had gone', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1');
      const result = await replace(store, 'k2', 'k1');
      assert.ok(result.accepted);
      assert.equal(result.replaced?.[0]?.cancelled, false);
      assert.deepEqual(await states(store, 'k1'), ['sending 1001']);
      assert.deepEqual(await states(store, 'k2'), ['pending 1001']);
    });

    it('pending-only goes to those alone whose old one was cancelled; the others end at once with 2008', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice', 'bob', 'carol'], lease: lease(T0 + 900) });
      await settle(store, { push: 'k1', index: 1, attempt: 1 }, retryAt(T0 + 100));
      const result = await replace(store, 'k2', 'k1', 'pending-only', {
        users: ['alice', 'bob', 'dave'],
        lease: lease(T0 + 900),
      });
      assert.ok(result.accepted);
      assert.deepEqual(claimed(result), [`k2 ${address('bob').aor}`]);
      assert.deepEqual(result.leftOut, [0, 2]);
      assert.deepEqual(await states(store, 'k1'), ['sending 1001', 'cancelled 1000', 'sending 1001']);
      assert.deepEqual(await states(store, 'k2'), ['undeliverable 2008', 'sending 1001', 'undeliverable 2008']);
      const owed = await store.claimNotifications({ now: T0 + 7, limit: 9, ...lease() });
      assert.deepEqual(
        owed.map(({ push, index, code }) => `${push} ${index} ${code}`),
        ['k1 1 1000', 'k2 0 2008', 'k2 2 2008'],
      );
      assert.ok((await statusOf(store, 'k2')).push.content, 'bob still needs it');
      const { pending, sending } = await store.counts();
      assert.deepEqual({ pending, sending }, { pending: 0, sending: 3 });
    });

    it('an old one that is not known: new for all, refused for pending-only', async () => {
      const { store } = use();
      const all = await replace(store, 'k2', 'k1');
      assert.deepEqual(all, { accepted: true, claims: [] });
      assert.deepEqual(await states(store, 'k2'), ['pending 1001']);
      assert.deepEqual(await replace(store, 'k3', 'k1', 'pending-only'), { accepted: false, reason: 'not-found' });
      assert.equal(await store.status('pi', 'k3@pi.example.com'), undefined);
      await submit(store, 'k4', { initiator: 'other' });
      assert.deepEqual(await replace(store, 'k5', 'k4', 'pending-only'), { accepted: false, reason: 'not-found' });
    });

    it('pending-only with nothing to cancel changes nothing', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice', 'bob'], lease: lease() });
      await submit(store, 'k3', { users: ['carol'] });
      for (const [old, users] of [
        ['k1', ['alice', 'bob']],
        ['k3', ['alice']],
      ] as const) {
        const result = await replace(store, 'k2', old, 'pending-only', { users });
        assert.deepEqual(result, { accepted: false, reason: 'nothing-pending' });
      }
      assert.equal(await store.status('pi', 'k2@pi.example.com'), undefined);
      assert.deepEqual(await states(store, 'k3'), ['pending 1001']);
    });

    it('a duplicate push-id leaves the old one alone', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const result = await replace(store, 'k2', 'k1', 'all', { pushId: 'k1@pi.example.com' });
      assert.deepEqual(result, { accepted: false, reason: 'duplicate' });
      assert.deepEqual(await states(store, 'k1'), ['pending 1001']);
    });

    it('others of the same address-of-record keep their turn', async () => {
      const { store } = use();
      await submit(store, 'k1');
      await submit(store, 'k2');
      const result = await replace(store, 'k3', 'k1', 'all', { lease: lease() });
      assert.deepEqual(claimed(result), []);
      assert.deepEqual(await dueKeys(store, T0 + 8), ['k2']);
      await settle(store, { push: 'k2', index: 0, attempt: 1 }, retryAt(T0 + 100), { at: T0 + 9 });
      assert.deepEqual(await dueKeys(store, T0 + 9), ['k3']);
    });

    it('a replacement may be replaced and cancelled', async () => {
      const { store } = use();
      await submit(store, 'k1');
      await replace(store, 'k2', 'k1');
      await replace(store, 'k3', 'k2', 'pending-only');
      assert.equal((await cancel(store, 'k3'))?.recipients[0]?.cancelled, true);
      for (const key of ['k1', 'k2', 'k3']) assert.deepEqual(await states(store, key), ['cancelled 1000']);
      assert.deepEqual(await dueKeys(store, T0 + 100), []);
    });

    for (const how of ['closed', 'killed'] as const) {
      it(`after a restart the new one is alive and the old one is not (${how})`, async () => {
        const { store, reopen } = use();
        await submit(store, 'k1');
        await replace(store, 'k2', 'k1');
        const again = await reopen(how, T0 + 10);
        assert.deepEqual(await states(again, 'k1'), ['cancelled 1000']);
        assert.deepEqual(await dueKeys(again, T0 + 10), ['k2']);
      });
    }
  });
};

import assert from 'node:assert/strict';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import type { Claim, Notification, Outcome } from '../../../lib/model/delivery.ts';
import type { Push } from '../../../lib/model/push.ts';
import type { AcceptResult, Store } from '../../../lib/store/store.ts';
import { cancel } from './cancellation.ts';
import {
  address,
  DAY,
  delivered,
  HOUR,
  lease,
  pushOf,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  T0,
  undeliverable,
} from './harness.ts';

const STAFF = 'WAPPUSH=staff/TYPE=USER@ppg';

/** Users who stand behind one address, as the store gets them. */
const members = (...users: string[]): RecipientAddress[] => users.map((user) => ({ ...address(user), text: STAFF }));

type Accepted = AcceptResult & { accepted: true };

async function submit(
  store: Store,
  key: string,
  recipients: readonly RecipientAddress[],
  { at = T0, ...extra }: Partial<Push> & { at?: number } = {},
): Promise<Accepted> {
  const result = await store.accept({ push: pushOf(key, { at, extra }), recipients, due: at, lease: lease() });
  assert.ok(result.accepted);
  return result;
}

const told = async (store: Store, now: number = T0 + HOUR): Promise<string[]> =>
  (await store.claimNotifications({ now, limit: 99, ...lease(now + 30 * DAY) })).map(shown);

const shown = ({ pushId, address: { text }, state, code, deliveredBy, eventTime }: Notification): string =>
  `${pushId.split('@', 1)[0]} ${text === STAFF ? 'staff' : text.slice(4).split('@', 1)[0]} ${state} ${code} ${deliveredBy} +${eventTime - T0}`;

const claimOf = ({ claims }: Accepted, place: number): Claim => {
  const claim = claims[place];
  assert.ok(claim);
  return claim;
};

type End = Extract<Outcome, { deliveredBy: string }>;
const yes = delivered as End;
const no = undeliverable as End;

const ENDS: readonly [what: string, ends: readonly End[], expected: string][] = [
  ['one has it', [no, yes], 'delivered 1000 confirmed'],
  ['one may have it', [no, { ...no, to: 'timeout' }], 'timeout 4000 unconfirmed'],
  ['one has proven it', [yes, { ...yes, deliveredBy: 'unconfirmed' }], 'delivered 1000 confirmed'],
  ['one refused', [{ ...no, to: 'aborted', code: 5235 }, no], 'aborted 5235 unconfirmed'],
  ['the last of two failed otherwise', [no, { ...no, code: 2006 }], 'undeliverable 2006 unconfirmed'],
];

export const groupRules: StoreRules = (use) => {
  describe('recipients that stand for one address', () => {
    it('are told of once, when the last has come to its end, with the result of all', async () => {
      const { store } = use();
      const push = await submit(store, 'k1', [...members('alice', 'bob'), address('carol')]);
      const first = await settle(store, claimOf(push, 0), delivered, { at: T0 + 1, notifyLease: lease() });
      assert.deepEqual(first, { applied: true });
      assert.deepEqual(await told(store), []);
      const other = await settle(store, claimOf(push, 2), undeliverable, { at: T0 + 2, notifyLease: lease() });
      assert.equal(other.notification?.address.text, address('carol').text, 'who is no member is told of as ever');
      const last = await settle(store, claimOf(push, 1), undeliverable, { at: T0 + 3, notifyLease: lease() });
      assert.deepEqual(last, { applied: true }, 'a result of several is never leased with the last of them');
      assert.equal((await store.counts()).notifications, 2);
      assert.deepEqual(await told(store, T0 + 10), ['k1 staff delivered 1000 confirmed +3']);
    });

    for (const [what, ends, expected] of ENDS) {
      it(`${what}: ${expected}`, async () => {
        const { store } = use();
        const push = await submit(store, 'k1', members('alice', 'bob'));
        for (const [place, end] of ends.entries()) {
          await settle(store, claimOf(push, place), end, { at: T0 + place });
        }
        assert.deepEqual(await told(store), [`k1 staff ${expected} +1`]);
      });
    }

    it('run out of time together and are told of once', async () => {
      const { store } = use();
      const push = await submit(store, 'k1', members('alice', 'bob', 'carol'));
      await settle(store, claimOf(push, 0), delivered, { at: T0 + 1 });
      for (const place of [1, 2]) await settle(store, claimOf(push, place), retryAt(T0 + 30 * DAY));
      assert.equal((await store.expire({ now: T0 + 8 * DAY, limit: 1 })).length, 1);
      assert.deepEqual(await told(store, T0 + 8 * DAY), []);
      assert.equal((await store.expire({ now: T0 + 8 * DAY, limit: 9 })).length, 1);
      assert.deepEqual(await told(store, T0 + 8 * DAY), [`k1 staff delivered 1000 confirmed +${8 * DAY}`]);
    });

    for (const how of ['closed', 'killed'] as const) {
      it(`are told of once though the gateway was ${how} between them`, async () => {
        const { store, reopen } = use();
        const push = await submit(store, 'k1', members('alice', 'bob'));
        await settle(store, claimOf(push, 0), delivered, { at: T0 + 1 });
        const again = await reopen(how, T0 + 2);
        assert.deepEqual(await told(again), []);
        const [claim] = await again.claimDue({ now: T0 + 3, limit: 9, ...lease() });
        assert.ok(claim);
        await settle(again, claim, undeliverable, { at: T0 + 4 });
        assert.deepEqual(await told(again), ['k1 staff delivered 1000 confirmed +4']);
        assert.equal((await again.counts()).notifications, 1);
      });
    }

    it('are cancelled by their address as a whole, and never by who they are', async () => {
      const { store } = use();
      await store.accept({
        push: pushOf('k1'),
        recipients: [...members('alice', 'bob'), address('alice')],
        due: T0 + HOUR,
      });
      const strange = await cancel(store, 'k1', [{ ...address('bob'), text: 'sip:bob@elsewhere' }]);
      assert.deepEqual([strange?.recipients.length, strange?.strangers.length], [0, 1]);
      const alone = await cancel(store, 'k1', [{ ...address('alice'), text: 'another spelling' }]);
      assert.deepEqual(
        alone?.recipients.map(({ index }) => index),
        [2],
      );
      const answer = await cancel(store, 'k1', [{ text: STAFF, aor: 'sip:staff@example.com' }]);
      assert.deepEqual(
        answer?.recipients.map(({ index, cancelled }) => [index, cancelled]),
        [
          [0, true],
          [1, true],
        ],
      );
      assert.deepEqual((await told(store)).sort(), [
        'k1 alice cancelled 1000 unconfirmed +5',
        'k1 staff cancelled 1000 unconfirmed +5',
      ]);
    });

    it('are delivered when one had it before the others were cancelled', async () => {
      const { store } = use();
      const push = await submit(store, 'k1', members('alice', 'bob'));
      await settle(store, claimOf(push, 1), retryAt(T0 + HOUR));
      await cancel(store, 'k1');
      assert.deepEqual(await told(store), []);
      await settle(store, claimOf(push, 0), delivered, { at: T0 + 9 });
      assert.deepEqual(await told(store), ['k1 staff delivered 1000 confirmed +9']);
    });

    it('are replaced one by one: who has the old push does not get the new one', async () => {
      const { store } = use();
      const old = await submit(store, 'k1', members('alice', 'bob', 'carol'));
      await settle(store, claimOf(old, 0), delivered, { at: T0 + 1 });
      for (const place of [1, 2]) await settle(store, claimOf(old, place), retryAt(T0 + HOUR));
      const replaces = { pushId: 'k1@pi.example.com', method: 'pending-only' } as const;
      // Carol has left the group and Dave has come: Carol loses the old one, Dave never waited for it.
      const result = await submit(store, 'k2', members('alice', 'bob', 'dave'), { at: T0 + 2, replaces });
      assert.deepEqual(result.leftOut, [0, 2]);
      assert.deepEqual(
        result.replaced?.map(({ index, cancelled }) => [index, cancelled]),
        [
          [0, false],
          [1, true],
          [2, true],
        ],
      );
      assert.deepEqual(await told(store, T0 + 3), ['k1 staff delivered 1000 confirmed +2']);
      await settle(store, claimOf(result, 0), delivered, { at: T0 + 4 });
      assert.deepEqual(await told(store), ['k2 staff delivered 1000 confirmed +4']);
    });

    it('are replaced as a whole when nobody is left of those who waited', async () => {
      const { store } = use();
      await store.accept({ push: pushOf('k1'), recipients: members('alice', 'bob'), due: T0 + HOUR });
      const replaces = { pushId: 'k1@pi.example.com', method: 'pending-only' } as const;
      const result = await submit(store, 'k2', members('carol', 'dave'), { replaces });
      assert.deepEqual([result.leftOut, result.claims.length], [[], 2]);
    });

    it('keep the name of the group when one of them is erased, and its part of the result', async () => {
      const { store } = use();
      const push = await submit(store, 'k1', members('alice', 'bob'));
      await settle(store, claimOf(push, 0), delivered, { at: T0 + 1 });
      const erasure = await store.operator?.erase({ aor: address('alice').aor, at: T0 + 2 });
      assert.deepEqual([erasure?.erased, erasure?.remaining], [1, 0]);
      const [{ address: erased } = { address: undefined }] = (await statusOf(store, 'k1')).recipients;
      assert.deepEqual(erased, { text: STAFF, aor: 'sip:anonymous@anonymous.invalid' });
      await settle(store, claimOf(push, 1), undeliverable, { at: T0 + 3 });
      assert.deepEqual(await told(store), ['k1 staff delivered 1000 confirmed +3']);
      const last = await store.operator?.erase({ aor: address('bob').aor, at: T0 + 4 });
      assert.deepEqual([last?.erased, last?.remaining], [0, 1], 'the initiator is still to be told');
    });

    it('given up by their initiator are sent again with the same result', async () => {
      const { store } = use();
      const push = await submit(store, 'k1', members('alice', 'bob'));
      for (const place of [0, 1]) {
        await settle(store, claimOf(push, place), place === 0 ? delivered : undeliverable, { at: T0 + place });
      }
      const [owed] = await store.claimNotifications({ now: T0 + 2, limit: 9, ...lease() });
      assert.ok(owed);
      await store.settleNotification({ push: owed.push, index: owed.index, tries: owed.tries, result: 'dead' });
      const dead = await store.operator?.deadNotifications({ limit: 9 });
      assert.deepEqual(dead?.map(shown), ['k1 staff delivered 1000 confirmed +1']);
      await store.operator?.replayNotifications({ now: T0 + 3, limit: 9 });
      assert.deepEqual(await told(store), ['k1 staff delivered 1000 confirmed +1']);
    });
  });
};

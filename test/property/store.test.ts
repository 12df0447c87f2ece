import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RecipientAddress } from '../../lib/model/address.ts';
import type { Claim, Notification, Outcome } from '../../lib/model/delivery.ts';
import { createMemoryStore } from '../../lib/store/memory.ts';
import { createMemoryData } from '../../lib/store/memory-rows.ts';
import type { Store } from '../../lib/store/store.ts';
import { address, pushOf, record, T0 } from '../contract/store/harness.ts';
import { type StoreFolder, storeFolder } from '../support/sqlite-store.ts';

/**
 * Random histories, told to the memory store and to SQLite side by side: every answer must be the same. The memory
 * store is written for the reader, SQLite for speed, so where they differ one of them is wrong.
 */

const USERS = ['a', 'b', 'c'];
const PRIORITIES = ['high', 'medium', 'low'] as const;
const METHODS = ['confirmed', 'unconfirmed'] as const;
const LEASE = 50;

type Step =
  | {
      readonly do: 'accept';
      readonly users: readonly string[];
      readonly priority: (typeof PRIORITIES)[number] | undefined;
      readonly method: (typeof METHODS)[number];
      readonly delay: number;
      readonly life: number;
      readonly lease: boolean;
      readonly notify: boolean;
      readonly oldId: boolean;
      /** Whether the first two users are submitted as one address. */
      readonly group: boolean;
      /** How many pushes before it the one lies that it replaces. */
      readonly replaces: number | undefined;
      readonly pendingOnly: boolean;
    }
  | { readonly do: 'claimDue'; readonly limit: number }
  | { readonly do: 'wake'; readonly user: string }
  | {
      readonly do: 'settle';
      readonly which: number;
      readonly outcome: 'delivered' | 'aborted' | 'retry' | 'offline' | 'unknown' | 'await';
      readonly delay: number;
      readonly deadline: number | undefined;
      readonly next: boolean;
      readonly notify: boolean;
    }
  | { readonly do: 'renew'; readonly which: number }
  | { readonly do: 'confirm'; readonly which: number; readonly good: boolean }
  | { readonly do: 'expire'; readonly limit: number }
  | { readonly do: 'claimNotifications'; readonly limit: number }
  | {
      readonly do: 'notified';
      readonly which: number;
      readonly result: 'done' | 'retry' | 'dead';
      readonly delay: number;
    }
  | { readonly do: 'cancel'; readonly which: number; readonly users: readonly string[] }
  | { readonly do: 'erase'; readonly user: string }
  | { readonly do: 'purge'; readonly limit: number }
  | { readonly do: 'pass'; readonly time: number }
  | { readonly do: 'reopen' };

const keyOf = (n: number): string => `k${String(n).padStart(4, '0')}`;
const idOf = (n: number): string => `${keyOf(n)}@pi.example.com`;

const which = fc.nat({ max: 7 });
const limit = fc.integer({ min: 1, max: 4 });
const delay = fc.nat({ max: 60 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      users: fc.array(fc.constantFrom(...USERS), { minLength: 1, maxLength: 3 }),
      priority: fc.option(fc.constantFrom(...PRIORITIES), { nil: undefined }),
      method: fc.constantFrom(...METHODS),
      delay: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: delay }),
      life: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constant(1_000_000)),
      lease: fc.boolean(),
      notify: fc.boolean(),
      group: fc.nat({ max: 2 }).map((n) => n === 0),
      oldId: fc.nat({ max: 9 }).map((n) => n === 0),
      replaces: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 1 }),
      pendingOnly: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('claimDue' as const), limit }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wake' as const), user: fc.constantFrom(...USERS) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which,
      outcome: fc.constantFrom('delivered', 'aborted', 'retry', 'offline', 'unknown', 'await'),
      delay,
      deadline: fc.option(delay, { nil: undefined }),
      next: fc.boolean(),
      notify: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('confirm' as const), which, good: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire' as const), limit }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('claimNotifications' as const), limit }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('notified' as const),
      which,
      result: fc.constantFrom('done', 'retry', 'dead'),
      delay,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      which,
      users: fc.array(fc.constantFrom(...USERS, 'nobody', 'staff'), { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('erase' as const), user: fc.constantFrom(...USERS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), limit }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), time: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

/** A history under way: two stores, the time, and what has been handed out. */
class History {
  readonly #folder: StoreFolder = storeFolder();
  readonly #data = createMemoryData();
  #memory: Store = createMemoryStore(this.#data);
  #sqlite: Store | undefined;
  #now = T0;
  #pushes = 0;
  readonly #claims: Claim[] = [];
  readonly #awaiting: Claim[] = [];
  readonly #notifications: Notification[] = [];

  async open(): Promise<void> {
    this.#memory = createMemoryStore(this.#data);
    await this.#memory.open(this.#now);
    this.#sqlite = await this.#folder.open(this.#now);
  }

  async dispose(): Promise<void> {
    await this.#folder.dispose();
  }

  async #both<T>(call: (store: Store) => Promise<T>): Promise<T> {
    if (this.#sqlite === undefined) throw new Error('not open');
    const [expected, actual] = await Promise.all([call(this.#memory), call(this.#sqlite)]);
    assert.deepEqual(actual, expected);
    return actual;
  }

  async take(step: Step): Promise<void> {
    const now = this.#now;
    const lease = { owner: 'node', leaseUntil: now + LEASE };
    switch (step.do) {
      case 'pass':
        this.#now += step.time;
        break;
      case 'reopen':
        await this.#memory.close();
        await this.#sqlite?.close();
        await this.open();
        break;
      case 'accept': {
        const key = keyOf(++this.#pushes);
        const push = pushOf(key, {
          ...(step.priority !== undefined && { priority: step.priority }),
          method: step.method,
          at: now,
          expiresAt: now + step.life,
          notifyUrl: step.notify ? 'http://pi.example.com/' : undefined,
          ...(step.oldId && { pushId: 'k0001@pi.example.com' }),
          ...(step.replaces !== undefined && {
            extra: {
              replaces: {
                pushId: idOf(this.#pushes - step.replaces),
                method: step.pendingOnly ? 'pending-only' : 'all',
              },
            },
          }),
        });
        const recipients = step.users.map((user) => (step.group && user !== 'c' ? member(user) : address(user)));
        const due = now + step.delay;
        const result = await this.#both((store) =>
          store.accept({ push, recipients, due, ...(step.lease && { lease }) }),
        );
        if (result.accepted) this.#claims.push(...result.claims);
        break;
      }
      case 'claimDue':
        this.#claims.push(...(await this.#both((store) => store.claimDue({ now, limit: step.limit, ...lease }))));
        break;
      case 'wake': {
        const claim = await this.#both((store) => store.wake({ aor: address(step.user).aor, now, ...lease }));
        if (claim !== undefined) this.#claims.push(claim);
        break;
      }
      case 'settle':
        await this.#settle(step);
        break;
      case 'renew': {
        const claim = pick(this.#claims, step.which);
        if (claim !== undefined) await this.#both((store) => store.renew([claim], now + 2 * LEASE));
        break;
      }
      case 'confirm': {
        const claim = pick(this.#awaiting, step.which);
        if (claim === undefined) break;
        const { push, index } = claim;
        const end = step.good
          ? ({ state: 'delivered', code: 1000, desc: 'OK' } as const)
          : ({ state: 'undeliverable', code: 4000, desc: 'the device said so' } as const);
        await this.#both((store) => store.confirm({ push, index, at: now, ...end }));
        break;
      }
      case 'expire':
        await this.#both((store) => store.expire({ now, limit: step.limit }));
        break;
      case 'claimNotifications': {
        const owed = await this.#both((store) => store.claimNotifications({ now, limit: step.limit, ...lease }));
        this.#notifications.push(...owed);
        break;
      }
      case 'notified': {
        const owed = pick(this.#notifications, step.which);
        if (owed === undefined) break;
        const { push, index, tries } = owed;
        await this.#both((store) =>
          store.settleNotification({ push, index, tries, result: step.result, due: now + step.delay }),
        );
        break;
      }
      case 'cancel': {
        const pushId = idOf(this.#pushes - step.which);
        const addresses = step.users.map(address);
        await this.#both((store) => store.cancel({ initiator: 'pi', pushId, addresses, at: now }));
        break;
      }
      case 'erase':
        await this.#both((store) => store.operator?.erase({ aor: address(step.user).aor, at: now }) ?? never());
        break;
      case 'purge':
        await this.#both((store) => store.purge({ before: now - 20, limit: step.limit }));
        break;
    }
    await this.#both((store) => store.counts());
    await this.#both((store) => store.nextDue());
  }

  async #settle(step: Extract<Step, { do: 'settle' }>): Promise<void> {
    // Settled ones stay in the list: an old claim must change nothing, in both.
    const claim = pick(this.#claims, step.which);
    if (claim === undefined) return;
    const at = this.#now;
    const lease = { owner: 'node', leaseUntil: at + LEASE };
    const result = await this.#both((store) =>
      store.settle({
        push: claim.push,
        index: claim.index,
        attempt: claim.attempt,
        at,
        outcome: outcomeOf(step, at),
        attempts: [record(claim.attempt)],
        ...(step.next && { next: lease }),
        ...(step.notify && { notifyLease: lease }),
      }),
    );
    if (result.next !== undefined) this.#claims.push(result.next);
    if (result.notification !== undefined) this.#notifications.push(result.notification);
    if (result.applied && step.outcome === 'await') this.#awaiting.push(claim);
  }

  /** At the end nobody is stranded: whatever waits is claimed, one after the other, and all is told alike. */
  async check(): Promise<void> {
    for (let moved = 1; moved > 0; ) {
      // Leases are over each time: what `next` claimed and nobody settles comes back.
      this.#now += 2 * LEASE;
      const now = this.#now;
      const lease = { owner: 'node', leaseUntil: now + LEASE };
      const claims = await this.#both((store) => store.claimDue({ now, limit: 2, ...lease }));
      const aors = claims.map((claim) => claim.address.aor);
      assert.equal(new Set(aors).size, aors.length);
      for (const { push, index, attempt } of claims) {
        const outcome = { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' } as const;
        const next = attempt % 2 === 1 && { next: lease };
        await this.#both((store) => store.settle({ push, index, attempt, at: now, outcome, attempts: [], ...next }));
      }
      moved = claims.length + (await this.#both((store) => store.expire({ now, limit: 5 }))).length;
    }
    const { pending, sending, awaitingConfirmation } = await this.#both((store) => store.counts());
    assert.deepEqual({ pending, sending, awaitingConfirmation }, { pending: 0, sending: 0, awaitingConfirmation: 0 });
    for (let n = 1; n <= this.#pushes; n++) {
      await this.#both((store) => store.status('pi', idOf(n)));
    }
  }
}

/** A user whom the initiator knows by the name of a group only. */
const member = (user: string): RecipientAddress => ({ ...address(user), text: address('staff').text });

const never = (): never => {
  throw new Error('the store has no operator');
};

function pick<T>(from: readonly T[], which: number): T | undefined {
  // The newest ones are the interesting ones.
  return from[from.length - 1 - (which % Math.max(1, from.length))];
}

function outcomeOf({ outcome, delay, deadline }: Extract<Step, { do: 'settle' }>, at: number): Outcome {
  const pending = { to: 'pending', due: at + delay, code: 4001, desc: 'Service unavailable' } as const;
  const limited = deadline === undefined ? {} : { deadline: at + deadline };
  switch (outcome) {
    case 'delivered':
      return { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' };
    case 'aborted':
      return { to: 'aborted', code: 5235, desc: 'not now', deliveredBy: 'unconfirmed' };
    case 'await':
      return { to: 'awaiting-confirmation', deadline: at + delay, code: 1001, desc: 'passed on' };
    case 'retry':
      return { ...pending, offline: false, attempted: 'refused', ...limited };
    case 'unknown':
      return { ...pending, offline: false, attempted: 'unknown', ...limited };
    case 'offline':
      return { ...pending, offline: true, attempted: 'no', ...limited };
  }
}

describe('memory and SQLite stores', () => {
  it('give the same answers to the same history', async function () {
    this.timeout(300_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const history = new History();
        try {
          await history.open();
          for (const one of steps) await history.take(one);
          await history.check();
        } finally {
          await history.dispose();
        }
      }),
      { numRuns: Number(process.env['PPG_PROPERTY_RUNS'] ?? 25), interruptAfterTimeLimit: 100_000 },
    );
  });
});

import fc from 'fast-check';

export const USERS: readonly string[] = ['a', 'b', 'c'];
const PRIORITIES = ['high', 'medium', 'low'] as const;
const METHODS = ['confirmed', 'unconfirmed'] as const;
const INITIATORS = ['pi', 'pi', 'other'] as const;
const DEVICES = ['urn:uuid:1', 'urn:uuid:2', 'aor'] as const;
const RESULTS = ['accepted', 'unknown', 'failed', 'busy'] as const;
/** What came of a device in an attempt. */
type Tried = readonly [device: (typeof DEVICES)[number], result: (typeof RESULTS)[number]];

/** A step of a history. */
export type Step = Call | { readonly do: 'together'; readonly calls: readonly Call[]; readonly fault: boolean };

/** `fault`: the disk refuses it, nothing is changed, and it is asked for again. */
export type Call = { readonly fault?: boolean } & (
  | {
      readonly do: 'accept';
      readonly initiator: (typeof INITIATORS)[number];
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
      readonly tried: readonly Tried[];
    }
  | { readonly do: 'renew'; readonly which: number }
  | {
      readonly do: 'confirm';
      readonly which: number;
      readonly good: boolean;
      readonly device: (typeof DEVICES)[number] | undefined;
      readonly cause: string | undefined;
    }
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
  | { readonly do: 'dead'; readonly of: (typeof INITIATORS)[number] | undefined; readonly limit: number }
  | {
      readonly do: 'replay';
      readonly of: (typeof INITIATORS)[number] | undefined;
      readonly which: number | undefined;
      readonly limit: number;
    }
  | { readonly do: 'register'; readonly user: string; readonly registered: boolean }
  | { readonly do: 'ask'; readonly which: number; readonly limit: number }
  | { readonly do: 'pass'; readonly time: number }
  | { readonly do: 'reopen' }
);

const which = fc.nat({ max: 7 });
const limit = fc.integer({ min: 1, max: 4 });
const delay = fc.nat({ max: 60 });

const initiator = fc.constantFrom(...INITIATORS);
const someInitiator = fc.option(initiator, { nil: undefined });

const plain: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      initiator,
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
      tried: fc.array(fc.tuple(fc.constantFrom(...DEVICES), fc.constantFrom(...RESULTS)), { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('confirm' as const),
      which,
      good: fc.nat({ max: 2 }).map((n) => n === 0),
      device: fc.option(fc.constantFrom(...DEVICES), { nil: undefined }),
      cause: fc.option(fc.constant('fetched'), { nil: undefined }),
    }),
  },
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dead' as const), of: someInitiator, limit }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('replay' as const),
      of: someInitiator,
      which: fc.option(which, { nil: undefined }),
      limit,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('register' as const),
      user: fc.constantFrom(...USERS),
      registered: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ask' as const), which, limit }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), time: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

const isCall = (one: Call): boolean => one.do !== 'reopen' && one.do !== 'pass';

/** Made of one operation: of several each is tried alone when their transaction fails. */
const isOne = (one: Call): boolean => isCall(one) && one.do !== 'ask';

const call: fc.Arbitrary<Call> = fc
  .tuple(
    plain,
    fc.nat({ max: 9 }).map((n) => n === 0),
  )
  .map(([one, fault]) => (fault && isOne(one) ? { ...one, fault } : one));

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: call },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      calls: fc.array(plain.filter(isCall), { minLength: 2, maxLength: 5 }),
      fault: fc.boolean(),
    }),
  },
);

import assert from 'node:assert/strict';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import type { Claim, Outcome } from '../../../lib/model/delivery.ts';
import type { AttemptRecord, Push, Recipient, RecipientRef } from '../../../lib/model/push.ts';
import type { AcceptResult, Lease, PushStatus, Settlement, SettleResult, Store } from '../../../lib/store/store.ts';

/** A store under test, opened at {@link T0}, and how to lose it. */
export interface StoreHarness {
  readonly store: Store;
  /** Opens what is on disk in a new store: after close(), or as a killed process left it. */
  reopen(how: 'closed' | 'killed', now: number): Promise<Store>;
  /** Closes everything that is open and removes files. */
  dispose(): Promise<void>;
}

export type MakeStore = () => Promise<StoreHarness>;

/** One group of rules; `use` gives the store of the test that runs. */
export type StoreRules = (use: () => StoreHarness) => void;

export const T0: number = Date.UTC(2026, 8, 21, 14, 0, 0);
export const HOUR = 3_600_000;
export const DAY: number = 24 * HOUR;

export const lease = (leaseUntil: number = T0 + 60_000, owner = 'node-1'): Lease => ({ owner, leaseUntil });

export const address = (user: string): RecipientAddress => ({
  text: `sip:${user}@Example.com`,
  aor: `sip:${user}@example.com`,
});

export interface PushWishes {
  readonly users?: readonly string[];
  readonly initiator?: string;
  readonly pushId?: string;
  readonly priority?: 'high' | 'medium' | 'low';
  readonly method?: 'confirmed' | 'preferconfirmed' | 'unconfirmed' | 'notspecified';
  readonly notifyUrl?: string | undefined;
  readonly at?: number;
  readonly due?: number;
  readonly expiresAt?: number;
  readonly lease?: Lease;
  readonly body?: Buffer;
  readonly extra?: Partial<Push>;
}

/** A push with that key; keys sort as they are written. */
export function pushOf(key: string, wishes: PushWishes = {}): Push {
  const { at = T0, priority, method } = wishes;
  const notifyUrl = 'notifyUrl' in wishes ? wishes.notifyUrl : 'https://pi.example.com/notify';
  return {
    key,
    initiator: wishes.initiator ?? 'pi',
    pushId: wishes.pushId ?? `${key}@pi.example.com`,
    ...((priority !== undefined || method !== undefined) && {
      qos: {
        priority: priority ?? 'medium',
        deliveryMethod: method ?? 'notspecified',
        networkRequired: false,
        bearerRequired: false,
      },
    }),
    ...(notifyUrl !== undefined && { notifyUrl }),
    progressNotes: false,
    papVersion: '2.0',
    acceptedAt: at,
    expiresAt: wishes.expiresAt ?? at + 7 * DAY,
    applicationId: 'wml.ua',
    content: { type: 'text/plain', headers: [], body: wishes.body ?? Buffer.from('hello') },
    ...wishes.extra,
  };
}

/** Submits a push, by default to alice, due at once and without a lease. */
export function submit(store: Store, key: string, wishes: PushWishes = {}): Promise<AcceptResult> {
  const { users = ['alice'], at = T0, due = at } = wishes;
  return store.accept({
    push: pushOf(key, wishes),
    recipients: users.map(address),
    due,
    ...(wishes.lease !== undefined && { lease: wishes.lease }),
  });
}

/** Submits a push to one user and claims it in the same breath; the claim must be given. */
export async function submitAndClaim(store: Store, key: string, wishes: PushWishes = {}): Promise<Claim> {
  const result = await submit(store, key, { lease: lease(), ...wishes });
  assert.ok(result.accepted);
  const [claim] = result.claims;
  assert.ok(claim, `${key} was not claimed`);
  return claim;
}

export const delivered: Outcome = { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' };
export const undeliverable: Outcome = { to: 'undeliverable', code: 4000, desc: 'no', deliveredBy: 'unconfirmed' };
export const awaiting = (deadline: number): Outcome => ({
  to: 'awaiting-confirmation',
  deadline,
  code: 1001,
  desc: 'passed on',
});
export const retryAt = (due: number, more: Partial<Extract<Outcome, { to: 'pending' }>> = {}): Outcome => ({
  to: 'pending',
  due,
  offline: false,
  attempted: 'refused',
  code: 4001,
  desc: 'busy',
  ...more,
});
export const offlineUntil = (due: number): Outcome => retryAt(due, { offline: true, desc: 'offline' });

export const settle = (
  store: Store,
  claim: RecipientRef & { attempt: number },
  outcome: Outcome,
  more: Partial<Settlement> = {},
): Promise<SettleResult> =>
  store.settle({
    push: claim.push,
    index: claim.index,
    attempt: claim.attempt,
    at: T0,
    outcome,
    attempts: [],
    ...more,
  });

export const record = (attempt: number, cause = 'sip 200'): AttemptRecord => ({
  attempt,
  device: 'urn:uuid:1',
  bearer: 'sip-message',
  leg: 'direct',
  callId: 'c1',
  startedAt: T0,
  endedAt: T0 + 20,
  result: 'delivered',
  code: 1000,
  cause,
});

export async function statusOf(store: Store, key: string, initiator = 'pi'): Promise<PushStatus> {
  const status = await store.status(initiator, `${key}@pi.example.com`);
  assert.ok(status, `no status of ${key}`);
  return status;
}

/** The recipient as the store holds it. */
export async function recipientOf(store: Store, key: string, index = 0): Promise<Recipient> {
  const found = (await statusOf(store, key)).recipients[index];
  assert.ok(found);
  return found;
}

/** Claims all that is due and answers the keys, in the order of the claims. */
export async function dueKeys(store: Store, now: number, limit = 100): Promise<string[]> {
  return (await store.claimDue({ now, limit, ...lease(now + 60_000) })).map((claim) => claim.push);
}

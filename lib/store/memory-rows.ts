import type { RecipientAddress } from '../model/address.ts';
import type { Registration } from '../model/device.ts';
import type { AttemptRecord, Push, Recipient } from '../model/push.ts';
import type { Attempted, RecipientState } from '../model/states.ts';
import type { Lease, StoreCounts } from './store.ts';

/** A push of the memory store. */
export interface PushRow {
  push: Push;
  readonly rank: number;
  readonly recipients: Row[];
  /** When the last recipient became final. */
  doneAt?: number;
}

/** A notification of the memory store. */
export interface OwedRow {
  state: 'owed' | 'leased' | 'done' | 'dead';
  due: number;
  /** Claims so far. */
  claims: number;
}

/** A recipient of the memory store. */
export interface Row {
  readonly of: PushRow;
  readonly index: number;
  address: RecipientAddress;
  state: RecipientState;
  code: number;
  desc: string;
  attempted: Attempted;
  attempt: number;
  offlineTries: number;
  eventTime: number;
  deliveredBy: 'confirmed' | 'unconfirmed';
  attempts: readonly AttemptRecord[];
  /** While pending: when it may be claimed, BEHIND, or NEVER. */
  due: number;
  /** True while it waits for a registration. */
  offline: boolean;
  /** Deliver-after: not even a registration makes it due before. */
  readonly notBefore: number;
  /** When waiting ends. */
  ends: number;
  lease?: Lease;
  notification?: OwedRow;
}

/** Everything a memory store holds; two stores over the same data are one store, reopened. */
export interface MemoryData {
  readonly pushes: Map<string, PushRow>;
  readonly byId: Map<string, PushRow>;
  /** Recipients that are pending, by address-of-record. */
  readonly lines: Map<string, Set<Row>>;
  /** The pending ones that have a due time of their own. */
  readonly scheduled: Set<Row>;
  /** The recipient in flight of an address-of-record. */
  readonly flights: Map<string, Row>;
  readonly awaiting: Set<Row>;
  readonly owed: Set<Row>;
  readonly registrations: Map<string, Registration>;
}

export const createMemoryData = (): MemoryData => ({
  pushes: new Map(),
  byId: new Map(),
  lines: new Map(),
  scheduled: new Set(),
  flights: new Map(),
  awaiting: new Set(),
  owed: new Set(),
  registrations: new Map(),
});

/** A copy that shares nothing with what the caller may change later. */
export const kept = (push: Push): Push =>
  push.content === undefined ? push : { ...push, content: { ...push.content, body: Buffer.from(push.content.body) } };

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Order of acceptance. */
export const byKey = (a: Row, b: Row): number => compareText(a.of.push.key, b.of.push.key) || a.index - b.index;

/** Order of claims within an address-of-record. */
export const byRank = (a: Row, b: Row): number => a.of.rank - b.of.rank || byKey(a, b);

/** Order of claims between addresses-of-record. */
export const bySchedule = (a: Row, b: Row): number => a.of.rank - b.of.rank || a.due - b.due || byKey(a, b);

/** The earliest of `rows` by `order`. */
export function first<T>(rows: Iterable<T>, order: (a: T, b: T) => number): T | undefined {
  let best: T | undefined;
  for (const row of rows) if (best === undefined || order(row, best) < 0) best = row;
  return best;
}

export function countsOf({ lines, pushes, flights, awaiting, owed }: MemoryData): StoreCounts {
  let pending = 0;
  for (const line of lines.values()) pending += line.size;
  let deadNotifications = 0;
  for (const { recipients } of pushes.values()) {
    for (const { notification } of recipients) if (notification?.state === 'dead') deadNotifications++;
  }
  return {
    pending,
    sending: flights.size,
    awaitingConfirmation: awaiting.size,
    notifications: owed.size,
    deadNotifications,
  };
}

/** What has an end that time sets. */
export function* waiting({ lines, awaiting }: MemoryData): Iterable<Row> {
  for (const line of lines.values()) yield* line;
  yield* awaiting;
}

/** See Store.nextDue. */
export function nextDueOf(data: MemoryData): { claims?: number; expiry?: number; notifications?: number } {
  let claims = Number.POSITIVE_INFINITY;
  for (const row of data.scheduled) claims = Math.min(claims, row.due);
  for (const row of data.flights.values()) claims = Math.min(claims, row.lease?.leaseUntil ?? claims);
  let expiry = Number.POSITIVE_INFINITY;
  for (const row of waiting(data)) expiry = Math.min(expiry, row.ends);
  let notifications = Number.POSITIVE_INFINITY;
  for (const row of data.owed) notifications = Math.min(notifications, row.notification?.due ?? notifications);
  return {
    ...(Number.isFinite(claims) && { claims }),
    ...(Number.isFinite(expiry) && { expiry }),
    ...(Number.isFinite(notifications) && { notifications }),
  };
}

/** The recipients of the push that stand for the same address, in order; without a group only itself. */
export const membersOf = (row: Row): Row[] =>
  row.of.recipients.filter(({ address }) => address.text === row.address.text);

export const inGroup = (row: Row): boolean => membersOf(row).length > 1;

/** The row as others see it. */
export function recipientOf(row: Row): Recipient {
  const { state, code, desc, attempted, attempt, offlineTries, eventTime, deliveredBy, attempts } = row;
  const told = { state, code, desc, attempted, attempt, offlineTries, eventTime, deliveredBy, attempts };
  return { push: row.of.push.key, index: row.index, address: row.address, ...told };
}

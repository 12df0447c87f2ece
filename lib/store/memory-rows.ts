import type { RecipientAddress } from '../model/address.ts';
import type { Notification } from '../model/delivery.ts';
import type { Registration } from '../model/device.ts';
import type { AttemptRecord, Push, Recipient } from '../model/push.ts';
import type { Attempted, FinalState, RecipientState } from '../model/states.ts';
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

/** What a recipient's end tells its PI. */
export function notificationOf(row: Row, owed: OwedRow): Notification {
  const { push } = row.of;
  return {
    push: push.key,
    index: row.index,
    initiator: push.initiator,
    pushId: push.pushId,
    notifyUrl: push.notifyUrl ?? '',
    papVersion: push.papVersion,
    address: row.address,
    state: row.state as FinalState,
    code: row.code,
    desc: row.desc,
    ...(push.qos !== undefined && { qos: push.qos }),
    deliveredBy: row.deliveredBy,
    receivedTime: push.acceptedAt,
    eventTime: row.eventTime,
    tries: owed.claims - 1,
  };
}

/** The row as others see it. */
export function recipientOf(row: Row): Recipient {
  const { state, code, desc, attempted, attempt, offlineTries, eventTime, deliveredBy, attempts } = row;
  const told = { state, code, desc, attempted, attempt, offlineTries, eventTime, deliveredBy, attempts };
  return { push: row.of.push.key, index: row.index, address: row.address, ...told };
}

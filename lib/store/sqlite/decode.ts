import type { RecipientAddress } from '../../model/address.ts';
import type { Claim, Notification } from '../../model/delivery.ts';
import type { AttemptRecord, Content, HeaderField, Push, Recipient } from '../../model/push.ts';
import { describeCode } from '../../model/result-codes.ts';
import type { FinalState } from '../../model/states.ts';
import type { Settled } from '../settled.ts';
import type { CancelAnswer, Cancellation, CancelledRecipient, Lease, PushStatus } from '../store.ts';
import type { CancelRows } from './cancel.ts';
import type { SqlRow } from './driver.ts';
import type { PushRest } from './encode.ts';
import type { SettledRow } from './expire.ts';
import { ATTEMPTED, STATES } from './schema.ts';

/** Rows come through structured clone, which makes plain octet arrays of Buffers; strings and numbers stay. */
type Cell = SqlRow[number] | Uint8Array;
type Row = readonly Cell[];

const text = (cell: Cell | undefined): string => cell as string;
const number = (cell: Cell | undefined): number => cell as number;
const textOrNone = (cell: Cell | undefined): string | undefined => (cell as string | null) ?? undefined;

function addressOf(
  aor: Cell | undefined,
  written: Cell | undefined,
  instance: Cell | undefined,
  gruu: Cell | undefined,
): RecipientAddress {
  const named = textOrNone(instance);
  const global = textOrNone(gruu);
  return {
    text: text(written),
    aor: text(aor),
    ...(named !== undefined && { instance: named }),
    ...(global !== undefined && { gruu: global }),
  };
}

export function contentOf(head: Cell | undefined, body: Cell | undefined): { content?: Content } {
  if (typeof head !== 'string') return {};
  const [type, headers] = JSON.parse(head) as [string, HeaderField[]];
  const octets =
    body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0);
  return { content: { type, headers, body: octets } };
}

const attemptsOf = (cell: Cell | undefined): readonly AttemptRecord[] =>
  typeof cell === 'string' ? (JSON.parse(cell) as AttemptRecord[]) : [];

const stateOf = (cell: Cell | undefined): (typeof STATES)[number] => STATES[number(cell)] ?? 'pending';

const deliveredBy = (cell: Cell | undefined): 'confirmed' | 'unconfirmed' => (cell === 1 ? 'confirmed' : 'unconfirmed');

/** In the order of CLAIM_COLUMNS in lines.ts. */
export function decodeClaim(row: Row, lease: Lease): Claim {
  const [key, index, attempt, attempted, offlineTries, attempts, aor, written, instance, gruu, ...push] = row;
  const [initiator, pushId, acceptedAt, expiresAt, data, head, body] = push;
  const pushData: Push = {
    ...(JSON.parse(text(data)) as PushRest),
    key: text(key),
    initiator: text(initiator),
    pushId: text(pushId),
    acceptedAt: number(acceptedAt),
    expiresAt: number(expiresAt),
    ...contentOf(head, body),
  };
  return {
    push: pushData.key,
    index: number(index),
    pushData,
    address: addressOf(aor, written, instance, gruu),
    attempt: number(attempt),
    attempted: ATTEMPTED[number(attempted)] ?? 'unknown',
    offlineTries: number(offlineTries),
    attempts: attemptsOf(attempts),
    owner: lease.owner,
    leaseUntil: lease.leaseUntil,
  };
}

/** In the order of SELECT_PUSH and SELECT_RECIPIENTS in queries.ts. */
export function decodeStatus(
  [push, recipients]: readonly [Row, readonly Row[]],
  initiator: string,
  pushId: string,
): PushStatus {
  const [key, acceptedAt, expiresAt, data, head, body] = push;
  return {
    push: {
      ...(JSON.parse(text(data)) as PushRest),
      key: text(key),
      initiator,
      pushId,
      acceptedAt: number(acceptedAt),
      expiresAt: number(expiresAt),
      ...contentOf(head, body),
    },
    recipients: recipients.map((row) => decodeRecipient(text(key), row)),
  };
}

function decodeRecipient(push: string, row: Row): Recipient {
  const [index, aor, written, instance, gruu, state, code, description, ...rest] = row;
  const [attempted, attempt, offlineTries, eventTime, confirmed, attempts] = rest;
  return {
    push,
    index: number(index),
    address: addressOf(aor, written, instance, gruu),
    state: stateOf(state),
    code: number(code),
    desc: textOrNone(description) ?? describeCode(number(code)),
    attempted: ATTEMPTED[number(attempted)] ?? 'unknown',
    attempt: number(attempt),
    offlineTries: number(offlineTries),
    eventTime: number(eventTime),
    deliveredBy: deliveredBy(confirmed),
    attempts: attemptsOf(attempts),
  };
}

/** In the order of SELECT_DUE in notifications.ts. */
export function decodeNotification(row: Row): Notification {
  const [key, index, initiator, pushId, acceptedAt, data, aor, written, instance, gruu, ...rest] = row;
  const [state, code, description, confirmed, eventTime, claimsBefore] = rest;
  const { notifyUrl = '', papVersion, qos } = JSON.parse(text(data)) as PushRest;
  return {
    push: text(key),
    index: number(index),
    initiator: text(initiator),
    pushId: text(pushId),
    notifyUrl,
    papVersion,
    address: addressOf(aor, written, instance, gruu),
    state: stateOf(state) as FinalState,
    code: number(code),
    desc: textOrNone(description) ?? describeCode(number(code)),
    ...(qos !== undefined && { qos }),
    deliveredBy: deliveredBy(confirmed),
    receivedTime: number(acceptedAt),
    eventTime: number(eventTime),
    tries: number(claimsBefore),
  };
}

export function decodeSettled([push, index, initiator, pushId, state, code, fromPending]: SettledRow): Settled {
  const settled = { push, index, initiator, pushId, state: stateOf(state) as FinalState, code };
  return fromPending === 1 ? { ...settled, fromPending: true } : settled;
}

export const decodeCancelled = ([push, rows]: CancelRows): CancelledRecipient[] =>
  rows.map(([index, aor, written, instance, gruu, cancelled, state, attempted]) => ({
    push,
    index,
    address: addressOf(aor, written, instance, gruu),
    cancelled,
    state: stateOf(state),
    attempted: ATTEMPTED[attempted] ?? 'unknown',
  }));

export const decodeCancelAnswer = (rows: CancelRows, { addresses }: Cancellation): CancelAnswer => ({
  recipients: decodeCancelled(rows),
  strangers: rows[2].flatMap((place) => addresses[place] ?? []),
});

import type { Buffer } from 'node:buffer';
import type { DriverName, SqlRow } from './driver.ts';

/**
 * What goes between the store and its thread. Structured clone copies every value and every property name, so what
 * is frequent is a flat array, JSON is made and read on the main side only, and the contents of a whole batch travel
 * as one transferred buffer.
 */
export const OP = {
  accept: 0,
  settle: 1,
  settleNotification: 2,
  claimDue: 3,
  wake: 4,
  nextDue: 5,
  renew: 6,
  confirm: 7,
  expire: 8,
  status: 9,
  claimNotifications: 10,
  purge: 11,
  registration: 12,
  saveRegistration: 13,
  counts: 14,
  loadBindings: 15,
  putBinding: 16,
  removeBinding: 17,
  openByInitiator: 30,
  deadNotifications: 31,
  replayNotifications: 32,
  erase: 33,
  purgeOf: 34,
  content: 35,
  waitingRanks: 36,
  waitingUsers: 37,
  cancel: 18,
  replace: 19,
} as const;

/** What an operation is made of: its number of {@link OP}, then its arguments as the handler of that name states. */
export type Operation = [op: number, ...args: unknown[]];

/** Handles one operation inside the transaction of the batch; `bodies` holds the contents of the batch. */
export type Handler = (args: readonly never[], bodies: Buffer) => unknown;

export interface ThreadOptions {
  readonly file: string;
  readonly now: number;
  readonly driver?: DriverName;
  /** Shared memory of a CommitGate; for tests. */
  readonly gate?: SharedArrayBuffer;
}

/** To the thread. */
export type Request =
  | { readonly type: 'batch'; readonly operations: readonly Operation[]; readonly bodies?: ArrayBuffer }
  | { readonly type: 'close' };

/** From the thread. */
export type Response =
  | { readonly type: 'opened' }
  | { readonly type: 'not-opened'; readonly locked: boolean; readonly message: string }
  /** `failed`: places in `results` where a message stands that says why there is no result. */
  | { readonly type: 'done'; readonly results: readonly unknown[]; readonly failed: readonly number[] }
  | { readonly type: 'closed' };

/** A claim on its way to the main side: the columns of CLAIM_COLUMNS. */
export type ClaimRow = SqlRow;

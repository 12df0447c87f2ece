import type { RecipientAddress } from '../model/address.ts';
import type { Claim, Notification, Outcome } from '../model/delivery.ts';
import type { Registration } from '../model/device.ts';
import type { AttemptRecord, Content, Push, Recipient, RecipientRef } from '../model/push.ts';
import type { Attempted, FinalState, RecipientState } from '../model/states.ts';
import type { OperatorStore } from './operator.ts';
import type { Settled } from './settled.ts';

/** Who claims, and until when the claim holds (milliseconds since the epoch). */
export interface Lease {
  readonly owner: string;
  readonly leaseUntil: number;
}

/** A push to be made durable with all its recipients. */
export interface Acceptance {
  readonly push: Push;
  readonly recipients: readonly RecipientAddress[];
  /** When the recipients are to be tried first: now, or deliver-after. */
  readonly due: number;
  /**
   * Claim at once what can be claimed: saves the hot path a transaction. The engine leaves it out when it has
   * no room to send.
   */
  readonly lease?: Lease;
}

export type AcceptResult =
  | {
      readonly accepted: true;
      /** Recipients claimed in the same transaction: those whose address-of-record had nothing in flight and nothing waiting that is due before. */
      readonly claims: readonly Claim[];
      /** Given when `push.replaces` is and the old push was found: what became of its recipients named in the new one. */
      readonly replaced?: readonly CancelledRecipient[];
      /**
       * With `replaced`: places of the recipients that `pending-only` left out, since nothing of theirs was cancelled.
       * They are `undeliverable` with 2008, and their notifications are owed.
       */
      readonly leftOut?: readonly number[];
    }
  /**
   * Nothing was changed. `duplicate`: the initiator has a push with this push-id (code 2007); the first stays
   * untouched. For a replacement that is `pending-only`: the old push is not known (`not-found`), or none of the
   * recipients named in the new one could be cancelled (`nothing-pending`).
   */
  | { readonly accepted: false; readonly reason: 'duplicate' | 'not-found' | 'nothing-pending' };

/** What is to be cancelled. */
export interface Cancellation {
  readonly initiator: string;
  readonly pushId: string;
  /** Empty: every recipient. */
  readonly addresses: readonly RecipientAddress[];
  readonly at: number;
}

/** One recipient that a cancellation named. */
export interface CancelledRecipient extends RecipientRef {
  readonly address: RecipientAddress;
  /** True when this call cancelled it; false when it had gone too far. */
  readonly cancelled: boolean;
  /** As it is now. */
  readonly state: RecipientState;
  readonly attempted: Attempted;
}

export interface CancelAnswer {
  readonly recipients: readonly CancelledRecipient[];
  /** Addresses that the push does not have. */
  readonly strangers: readonly RecipientAddress[];
}

/** The end of a claim. Applied only when `attempt` is still the recipient's newest claim and it is `sending`. */
export interface Settlement extends RecipientRef {
  readonly attempt: number;
  readonly at: number;
  readonly outcome: Outcome;
  /** What was tried, appended to the recipient's records. */
  readonly attempts: readonly AttemptRecord[];
  /** Claim the next waiting recipient of the same address-of-record in the same transaction. */
  readonly next?: Lease;
  /** Claim the notification that the outcome makes, so that it can leave at once. */
  readonly notifyLease?: Lease;
}

export interface SettleResult {
  /** False: somebody else settled or claimed it since; nothing was changed. */
  readonly applied: boolean;
  /** The next push for the same address-of-record, when one waits and `next` was given. */
  readonly next?: Claim;
  /**
   * Set when the outcome is final, the push has a notify URL, `notifyLease` was given, and the recipient is of no group.
   * Otherwise the notification is due at once for claimNotifications.
   */
  readonly notification?: Notification;
}

/** What is known of a recipient from elsewhere than its attempt, see Store.confirm. */
export interface Confirmation extends RecipientRef {
  readonly at: number;
  readonly state: FinalState;
  readonly code: number;
  readonly desc: string;
  /** Whose word it is, as in AttemptRecord.device. */
  readonly device?: string;
  /** Takes the place of the cause in the record of the device's last attempt. */
  readonly cause?: string;
}

export interface NotificationSettlement extends RecipientRef {
  /** `done`: the PI took it. `retry`: again at `due`. `dead`: given up, kept for an operator to replay. */
  readonly result: 'done' | 'retry' | 'dead';
  readonly due?: number;
  /** Fence: the `tries` of the claim. Every claim of a notification has another number, from 0. */
  readonly tries: number;
}

export interface PushStatus {
  readonly push: Push;
  readonly recipients: readonly Recipient[];
}

export interface StoreCounts {
  readonly pending: number;
  readonly sending: number;
  readonly awaitingConfirmation: number;
  /** Notifications owed, dead ones left out. */
  readonly notifications: number;
  readonly deadNotifications: number;
}

/**
 * All that must survive. Every method is atomic and durable when its promise resolves; calls are applied in the
 * order they were made, calls made close together may share one transaction (group commit) but each gets its own
 * result. Made for several nodes: whoever works on something holds a lease with a fence, and a settlement with an
 * old fence changes nothing.
 *
 * Rules every implementation keeps (test/contract/store):
 * - at most one recipient of an address-of-record is `sending` at a time;
 * - claims of an address-of-record go by priority, then by push key, then by index, among those that are due;
 * - a recipient that is due while another of its address-of-record is in flight waits *behind* it: it is not looked
 *   at again until that claim ends, and then it is found, whichever way the claim ended;
 * - nothing is claimed whose time is over (`expiresAt`, or an outcome's deadline): expire() ends it;
 * - nothing is claimed before deliver-after (`Acceptance.due`), not even by wake();
 * - an offline outcome parks its recipient and everything else of the address-of-record that would be due sooner
 *   until the same time: a long queue probes an absent user once, not once per push. What is accepted later
 *   is tried once on its own, as a probe;
 * - final states never change; the content of a push is gone when its last recipient is final;
 * - a final state and its notification are one transaction;
 * - recipients of a push whose address has the same text are a group: one notification, owed by the end of the last of
 *   them and told with the result of the group (resultOfGroup); it is always left for claimNotifications;
 * - `settle`, `confirm`, `expire` and `cancel` never make two final states of one recipient, whatever races;
 * - a replacement (`push.replaces`) cancels the old and accepts the new in one transaction: nobody ever sees both alive,
 *   and no crash loses both.
 *
 * "Now" is what the caller says: `now`, `at`, and for accept() the push's `acceptedAt`.
 *
 * Errors: rejects with PPG_E_STORE (retryable), PPG_E_STORE_CLOSED before open() and after close(),
 * PPG_E_STORE_LOCKED from open() when another process has the store and it cannot be shared.
 */
export interface Store {
  /** Migrates forward, then returns every claim of a process that no longer lives to pending (attempted: unknown, due at once). */
  open(now: number): Promise<void>;
  close(): Promise<void>;

  /**
   * Makes a push durable. With `push.replaces` the recipients of the old push that the new one names are cancelled first,
   * as cancel() does it. `all`: every recipient of the new push is accepted, whatever became of the old one, also when
   * there is no old one. `pending-only`: only those of whom something was cancelled.
   */
  accept(acceptance: Acceptance): Promise<AcceptResult>;

  /**
   * Cancels what waits and no device may have: pending with attempted `no` or `refused` becomes `cancelled` (1000), with
   * its notification owed. Whatever is in flight, waits for a proof, may have arrived or is final stays as it is.
   * Undefined when this initiator has no such push.
   */
  cancel(cancellation: Cancellation): Promise<CancelAnswer | undefined>;

  /**
   * Claims what is due, one recipient per address-of-record, high priority first, then the longest due, at most
   * `limit`; fewer mean that nothing more can be claimed now. A claim whose lease has run out goes back to pending
   * (attempted: unknown) and is due.
   */
  claimDue(query: { now: number; limit: number } & Lease): Promise<Claim[]>;

  /**
   * Makes everything of the address-of-record that waits for a registration due at once, and claims the first of
   * what is due; undefined when nothing waits or one is in flight (its settlement goes on with the rest).
   */
  wake(query: { aor: string; now: number } & Lease): Promise<Claim | undefined>;

  /**
   * The earliest times at which claimDue, expire and claimNotifications may have something to do; absent: nothing
   * waits. After a call that answered fewer than its limit the time is later than that call's `now`.
   */
  nextDue(): Promise<{ claims?: number; expiry?: number; notifications?: number }>;

  settle(settlement: Settlement): Promise<SettleResult>;

  /** Gives running claims more time; answers which of them still hold. */
  renew(claims: readonly (RecipientRef & { attempt: number })[], leaseUntil: number): Promise<boolean[]>;

  /**
   * Proof that came after its attempt: awaiting-confirmation to delivered or to another end, likewise a recipient that is
   * pending again after an attempt. The last record of the device says from then on what the proof says.
   * `delivered` ends the recipient; any other end does so only when no device is left that may have it still: of a
   * recipient that awaits confirmation those whose attempt was accepted or had no answer, of a pending one all that
   * have not refused. Undefined when the recipient does not end by this call.
   */
  confirm(confirmation: Confirmation): Promise<Settled | undefined>;

  /**
   * Ends what has run out of time, at most `limit`: pending to `expired` (4001), awaiting-confirmation to `timeout` (4000). A pending recipient of a confirmed or preferconfirmed push whose
   * last attempt is `unknown` ends as `timeout` too: the device may have it, so `expired` would be a lie.
   */
  expire(query: { now: number; limit: number }): Promise<Settled[]>;

  /** A push of this initiator, or undefined: others' pushes do not exist for it. */
  status(initiator: string, pushId: string): Promise<PushStatus | undefined>;

  /** The content of a push for one of its recipients; undefined once that recipient is final, or when there is none. */
  content(recipient: RecipientRef): Promise<Content | undefined>;

  claimNotifications(query: { now: number; limit: number } & Lease): Promise<Notification[]>;
  settleNotification(settlement: NotificationSettlement): Promise<void>;

  /**
   * Deletes pushes whose last recipient became final before `before` and that owe no notification (a dead one is not
   * owed); at most `limit`, the oldest first; answers how many went. Their push-ids may be used again.
   */
  purge(query: { before: number; limit: number }): Promise<number>;

  registration(aor: string): Promise<Registration | undefined>;
  saveRegistration(registration: Registration): Promise<void>;

  /**
   * The best rank (priorityRank) of what waits for a registration of each of these users, in their order; undefined for
   * whom nothing waits. Without this method wakes go in the order of registrations alone.
   */
  waitingRanks?(aors: readonly string[]): Promise<readonly (number | undefined)[]>;

  /**
   * Of the next `limit` users behind `after` whose registration is kept, in the order of their names, those for whom
   * something waits for a registration. `last` is the last one looked at; undefined: there are no more. Without this
   * method a wake that a process took with it waits for the slow retry.
   */
  waitingUsers?(query: {
    after: string;
    limit: number;
  }): Promise<{ readonly aors: readonly string[]; readonly last: string | undefined }>;

  counts(): Promise<StoreCounts>;

  /** What an operator asks for; without it the gateway has no quotas on open pushes, no replay and no erasure. */
  readonly operator?: OperatorStore;
}

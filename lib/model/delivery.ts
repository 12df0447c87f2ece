import type { RecipientAddress } from './address.ts';
import type { AttemptRecord, Push, RecipientRef } from './push.ts';
import type { Attempted, FinalState } from './states.ts';

/**
 * What a bearer made of one attempt, in words that hold for every bearer. Codes are PAP codes; `cause` is for
 * the operator.
 *
 * - `delivered`: the device has it (`proof: 'device'`), or it was handed on as far as unconfirmed asks (`'none'`).
 * - `accepted`: somebody on the way took it and proof may come later (202, store and forward).
 * - `retry`: it did not arrive and may later. `scope` says who is slow: this device, the whole recipient
 *   (all its devices), or the next hop. `why: 'offline'` waits for a registration.
 * - `failed`: it will never arrive at this device.
 * - `unknown`: no answer; the device may have it.
 */
export type DeliveryResult =
  | { readonly kind: 'delivered'; readonly proof: 'device' | 'none'; readonly cause: string }
  | {
      readonly kind: 'accepted';
      readonly cause: string;
      /** True: the bearer asked for a proof that it will hear of (a fetch, a disposition notification). */
      readonly proofComes?: boolean;
    }
  | {
      readonly kind: 'retry';
      readonly why: 'offline' | 'busy' | 'overload' | 'error';
      readonly scope: 'device' | 'recipient' | 'hop';
      readonly code: number;
      /** Milliseconds the other side asked for (Retry-After). */
      readonly after?: number;
      readonly cause: string;
      /** True: it certainly did not arrive by this way, and need not wait where another bearer may do now. */
      readonly otherBearer?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly state: 'undeliverable' | 'aborted';
      readonly code: number;
      readonly cause: string;
      /** True: this form of the push was refused (size, media type); another bearer may do. */
      readonly otherBearer?: boolean;
    }
  | { readonly kind: 'unknown'; readonly code: number; readonly cause: string };

/** What a bearer answers: `leg` carried it. */
export type BearerResult = DeliveryResult & {
  readonly leg?: string;
  /** SIP URIs that it was redirected to. They may be subscribers': `cause`, which is logged, does not name them. */
  readonly followed?: readonly string[];
  /** What the peer said in its own words, cleaned. It may name anybody, so it too is no part of `cause`. */
  readonly said?: string;
};

/**
 * What somebody said of a push besides the answer to its attempt, mostly later: the device has it, or will not take it.
 */
export type Proof = ProofOrigin &
  (
    | { readonly kind: 'delivered'; readonly cause: string }
    | {
        readonly kind: 'failed';
        readonly state: 'undeliverable' | 'aborted';
        readonly code: number;
        readonly cause: string;
      }
  );

export interface ProofOrigin {
  /** What the proof came by, for metrics: `imdn`, `fetch`, `msrp`. */
  readonly source?: string;
  /** Whose proof it is, as in AttemptRecord.device. Absent: not known, which is enough while one device was asked. */
  readonly device?: string;
}

/** The right to try one recipient, given by the store to one owner until `leaseUntil`. */
export interface Claim extends RecipientRef {
  readonly push: string;
  readonly pushData: Push;
  readonly address: RecipientAddress;
  /** Fence: the store takes a settlement only with the number of the newest claim. The CSeq is made of it. */
  readonly attempt: number;
  /** What earlier attempts left behind. */
  readonly attempted: Attempted;
  readonly offlineTries: number;
  readonly attempts: readonly AttemptRecord[];
  readonly owner: string;
  readonly leaseUntil: number;
}

/** Where a claim's recipient goes next; every form releases the claim. */
export type Outcome =
  | {
      readonly to: 'pending';
      /** When to try again. */
      readonly due: number;
      /** True: a registration of the user wakes it before `due`. */
      readonly offline: boolean;
      readonly attempted: Attempted;
      /** When waiting ends, if sooner than the push expires or an earlier outcome said; see Store.expire. */
      readonly deadline?: number;
      readonly code: number;
      readonly desc: string;
    }
  | {
      readonly to: 'awaiting-confirmation';
      /** When waiting ends as `timeout`. */
      readonly deadline: number;
      readonly code: number;
      readonly desc: string;
    }
  | {
      readonly to: FinalState;
      readonly code: number;
      readonly desc: string;
      readonly deliveredBy: 'confirmed' | 'unconfirmed';
    };

/** A result notification that is owed to a Push Initiator; holds all that the document needs. */
export interface Notification extends RecipientRef {
  readonly initiator: string;
  readonly pushId: string;
  readonly notifyUrl: string;
  readonly papVersion: string;
  readonly address: RecipientAddress;
  readonly state: FinalState;
  readonly code: number;
  readonly desc: string;
  /** Echoed with the delivery-method in fact used; absent when the submission had no such element. */
  readonly qos?: Push['qos'];
  readonly deliveredBy: 'confirmed' | 'unconfirmed';
  /** When the push was accepted (received-time). */
  readonly receivedTime: number;
  readonly eventTime: number;
  /** Deliveries of this notification tried so far. */
  readonly tries: number;
}

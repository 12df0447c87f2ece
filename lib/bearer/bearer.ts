import type { RecipientAddress } from '../model/address.ts';
import type { BearerResult } from '../model/delivery.ts';
import type { Device } from '../model/device.ts';
import type { Push } from '../model/push.ts';

/** Where an attempt goes: a device that is known, or the address-of-record, left to the core to fork. */
export type DeliveryTarget = { readonly kind: 'device'; readonly device: Device } | { readonly kind: 'aor' };

/** One attempt at one target. */
export interface DeliveryAttempt {
  readonly push: Push;
  /** Place of the recipient in the push: with `push.key` it names whom a proof that comes later is about. */
  readonly index: number;
  readonly address: RecipientAddress;
  readonly target: DeliveryTarget;
  /** The recipient's attempt number; their CSeq is made of it, so that a retry is newer than what it repeats. */
  readonly attempt: number;
  /** The same for every attempt of this push to this target. */
  readonly callId: string;
  readonly fromTag: string;
  /** True when the outcome must be proven by the device. */
  readonly confirmed: boolean;
  /** Milliseconds since the epoch after which the content is worthless (SIP Expires). */
  readonly expiresAt: number;
  /**
   * Made when asked for; aborted when another attempt has taken over, so that whatever this one does is for nothing. A
   * bearer whose attempts may outlast a SIP transaction listens to it, and bounds their time itself.
   */
  readonly abandoned?: () => AbortSignal;
}

/** `transform`: possible, with the content in another form. */
export type Offer =
  | { readonly offer: 'yes' }
  | { readonly offer: 'transform'; readonly how: string }
  | { readonly offer: 'no'; readonly code: number; readonly cause: string };

/** A way to a device. */
export interface Bearer {
  readonly name: string;
  /** False: it never has proof from the device, so it cannot carry what must be confirmed. Default true. */
  readonly confirms?: boolean;
  /** Says, without any I/O, whether it could carry this push to this target. */
  offers(push: Push, target: DeliveryTarget): Offer;
  /** Tries once. Never rejects. */
  deliver(attempt: DeliveryAttempt): Promise<BearerResult>;
}

import type { RecipientAddress } from '../model/address.ts';
import type { Notification } from '../model/delivery.ts';
import type { FinalState } from '../model/states.ts';
import type { Settled } from './settled.ts';

/** Which notifications an operator means; without a field all of them. */
export interface NotificationFilter {
  readonly initiator?: string | undefined;
  readonly pushId?: string | undefined;
}

/** What erasing a subscriber did. */
export interface Erasure {
  /** Recipients that were waiting and are now `cancelled`; the initiator is told as of any end. */
  readonly ended: readonly Settled[];
  /** Recipients in whose place nobody stands any more. */
  readonly erased: number;
  /** Recipients that still name the subscriber: in flight, or their notification is owed. Erase again later. */
  readonly remaining: number;
}

/** How a recipient ends whose subscriber is erased. */
export const ERASED: { readonly state: FinalState; readonly code: number; readonly desc: string } = {
  state: 'cancelled',
  code: 2001,
  desc: 'Forbidden: the subscriber has been removed',
};

/** Who stands in the place of an erased subscriber (the form is RFC 3323's). */
export const NOBODY: RecipientAddress = {
  text: 'sip:anonymous@anonymous.invalid',
  aor: 'sip:anonymous@anonymous.invalid',
};

/**
 * What an operator asks of a store, rarely. Atomic and durable as in Store; `erase` and `openByInitiator` read every
 * recipient, which takes about a second for a million of them.
 */
export interface OperatorStore {
  /** Recipients that have not come to their end, by initiator. */
  openByInitiator(): Promise<ReadonlyMap<string, number>>;
  /** Notifications that were given up, oldest push first, at most `limit`; `tries` counts all that were made. */
  deadNotifications(query: NotificationFilter & { limit: number }): Promise<Notification[]>;
  /** Makes dead notifications due at once, oldest push first, at most `limit`; answers how many. */
  replayNotifications(query: NotificationFilter & { now: number; limit: number }): Promise<number>;
  /**
   * Removes a subscriber: what waits ends as ERASED, final recipients and given-up notifications lose the address and
   * the records of attempts, the registration is deleted.
   */
  erase(query: { aor: string; at: number }): Promise<Erasure>;
  /**
   * As Store.purge for the pushes of one initiator, a slice at a time: looks at `limit` pushes that became final before
   * `before` and that it has not looked at since the store was opened, and answers whether there are more. What owes a
   * notification then is left to Store.purge.
   */
  purgeOf(query: { initiator: string; before: number; limit: number }): Promise<boolean>;
}

/**
 * The states of a recipient, the gateway's only state machine:
 *
 * ```
 * pending <-> sending -> awaiting-confirmation -> delivered | timeout
 *    |           |
 *    |           +-> delivered | undeliverable | aborted | timeout
 *    +-> expired | cancelled | undeliverable
 * ```
 *
 * `rejected` of WAP-247 belongs to submissions that were never stored.
 */
export type RecipientState =
  | 'pending'
  | 'sending'
  | 'awaiting-confirmation'
  | 'delivered'
  | 'undeliverable'
  | 'expired'
  | 'aborted'
  | 'timeout'
  | 'cancelled';

export type FinalState = Exclude<RecipientState, 'pending' | 'sending' | 'awaiting-confirmation'>;

/** message-state values of WAP-247 (PAP DTD entity State). */
export type MessageState = FinalState | 'rejected' | 'pending' | 'unknown';

/** Whether the device may have seen an earlier attempt: cancel and replace win only from no and refused. */
export type Attempted = 'no' | 'refused' | 'unknown';

const FINAL: Record<RecipientState, boolean> = {
  pending: false,
  sending: false,
  'awaiting-confirmation': false,
  delivered: true,
  undeliverable: true,
  expired: true,
  aborted: true,
  timeout: true,
  cancelled: true,
};

/** True for the states that nothing leaves. */
export const isTerminal = (state: RecipientState): state is FinalState => FINAL[state];

/** What PAP shows for a state: everything that is not over is `pending`. */
export const messageState = (state: RecipientState): MessageState => (isTerminal(state) ? state : 'pending');

import type { RecipientRef } from '../model/push.ts';
import type { FinalState } from '../model/states.ts';

/** A change of state that the store made by itself (expiry, confirmation). */
export interface Settled extends RecipientRef {
  readonly initiator: string;
  readonly pushId: string;
  readonly state: FinalState;
  readonly code: number;
  /** True: it was pending, so that the next of its address-of-record may go on. */
  readonly fromPending?: boolean;
}

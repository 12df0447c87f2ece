import type { RecipientAddress } from './address.ts';
import type { ClientCapabilities } from './client-capabilities.ts';
import type { QualityOfService, Submission } from './push.ts';
import type { MessageState } from './states.ts';

/** Recipients of one push that share an outcome: one statusquery-result of WAP-247. */
export interface StatusResult {
  /** The PI's own texts; empty when the result stands for the whole push. */
  readonly addresses: readonly string[];
  readonly state: MessageState;
  readonly code: number;
  readonly desc: string;
  /** Milliseconds since the epoch. */
  readonly eventTime?: number;
  readonly qos?: QualityOfService;
}

export interface StatusAnswer {
  readonly results: readonly StatusResult[];
}

/** Recipients of one push whom a cancellation met alike: one cancel-result of WAP-247. */
export interface CancelResult {
  /** The PI's own texts. */
  readonly addresses: readonly string[];
  /** 1000 cancelled, 2003 not in the push, 2008 sent or perhaps sent, 3003 over in another way. */
  readonly code: number;
  readonly desc: string;
}

export interface CancelAnswer {
  /** One for each code. */
  readonly results: readonly CancelResult[];
}

/** What the PAP endpoint asks of the gateway; the engine is one. */
export interface PapService {
  /**
   * Takes a submission: resolves with 1001 once it is durable, with another PAP code when it is refused.
   * Rejects with a PpgError when it could not be decided; nothing was accepted then.
   */
  submit(submission: Submission): Promise<{ readonly code: number; readonly desc: string }>;
  /** Undefined when this initiator has no such push; without addresses the answer is about all recipients. */
  status(initiator: string, pushId: string, addresses: readonly RecipientAddress[]): Promise<StatusAnswer | undefined>;
  /**
   * Cancels what still waits; without addresses for all recipients. Undefined when this initiator has no such push.
   * Rejects with a PpgError when it could not be decided.
   */
  cancel(initiator: string, pushId: string, addresses: readonly RecipientAddress[]): Promise<CancelAnswer | undefined>;
  /**
   * What is known of a user's devices, put together as one client; undefined when nothing is. Rejects with
   * PPG_E_FORBIDDEN when this initiator may not push to the user, so not ask about the user either.
   */
  capabilities(
    initiator: string,
    address: RecipientAddress,
    applicationId?: string,
  ): Promise<ClientCapabilities | undefined>;
}

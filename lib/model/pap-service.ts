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

/** What the PAP endpoint asks of the gateway; the engine is one. */
export interface PapService {
  /**
   * Takes a submission: resolves with 1001 once it is durable, with another PAP code when it is refused.
   * Rejects with a PpgError when it could not be decided; nothing was accepted then.
   */
  submit(submission: Submission): Promise<{ readonly code: number; readonly desc: string }>;
  /** Undefined when this initiator has no such push; without addresses the answer is about all recipients. */
  status(initiator: string, pushId: string, addresses: readonly string[]): Promise<StatusAnswer | undefined>;
}

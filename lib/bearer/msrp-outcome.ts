import type { BearerResult, DeliveryResult } from '../model/delivery.ts';
import { PAP } from '../model/result-codes.ts';
import type { SendOutcome } from '../msrp/outgoing.ts';
import type { SipAnswer } from '../sip/leg.ts';
import { saidBy, saying } from './said.ts';
import { type StatusReadings, sipOutcome } from './sip-outcome.ts';

/** What about an attempt decides how the end of a message is read. */
export interface MsrpContext {
  readonly confirmed: boolean;
  readonly target: 'device' | 'aor';
  /** No relay is between us and the device (RFC 4976): its 200s are its own. */
  readonly direct: boolean;
}

type Failed = Extract<DeliveryResult, { kind: 'failed' }>;

/** MSRP is not the device's, or not with this content: another bearer may do. */
export const mismatch = (cause: string): Failed => ({
  kind: 'failed',
  state: 'undeliverable',
  code: PAP.CAPABILITIES_MISMATCH,
  cause,
  otherBearer: true,
});

/** Answers to an INVITE that are about the session that was offered, not about the push. */
const ABOUT_THE_OFFER = new Set([405, 406, 413, 415, 420, 421, 488, 501, 513, 606]);

/**
 * Makes a delivery result of an INVITE that made no session. No octet of the push has left by then, so that what is unknown
 * for a MESSAGE is tried again here.
 */
export function inviteOutcome(
  answer: SipAnswer,
  target: MsrpContext['target'],
  readings?: StatusReadings,
): BearerResult {
  const result = sipOutcome(answer, { confirmed: false, target, ...(readings !== undefined && { readings }) });
  if (answer.kind === 'response' && ABOUT_THE_OFFER.has(answer.status) && !answer.local)
    return saying(mismatch(result.cause), result.said);
  // Our own CANCEL: the device rang and nobody took it.
  if (answer.kind === 'response' && answer.status === 487)
    return saying(again('busy', target, result.cause), result.said);
  return result.kind === 'unknown' ? saying(again('error', target, result.cause), result.said) : result;
}

/** Makes a delivery result of the end of a message. docs/bearers.md has the table. */
export function sendOutcome(outcome: SendOutcome, context: MsrpContext): BearerResult {
  switch (outcome.kind) {
    case 'sent':
      return sent(outcome.reported, context);
    case 'refused':
      return saying(refused(outcome, context), saidBy(outcome.comment));
    case 'lost':
      return mayHave(outcome.complete, `msrp ${outcome.cause}`, context);
    case 'violation': {
      const cause = `msrp ${outcome.cause}`;
      return outcome.complete
        ? mayHave(true, cause, context)
        : { kind: 'failed', state: 'undeliverable', code: PAP.SERVICE_FAILURE, cause, otherBearer: true };
    }
  }
}

function sent(reported: boolean, { confirmed, direct }: MsrpContext): DeliveryResult {
  if (reported) return { kind: 'delivered', proof: 'device', cause: 'msrp success report' };
  if (direct) return { kind: 'delivered', proof: 'device', cause: 'msrp 200 of the device to every chunk' };
  return confirmed
    ? { kind: 'unknown', code: PAP.SERVICE_UNAVAILABLE, cause: 'msrp relay took it, no success report' }
    : { kind: 'delivered', proof: 'none', cause: 'msrp 200 of a relay' };
}

function refused(outcome: Extract<SendOutcome, { kind: 'refused' }>, context: MsrpContext): DeliveryResult {
  const { status, complete } = outcome;
  const cause = `msrp ${status}`;
  switch (status) {
    case 400:
    case 423:
    case 501:
      return { kind: 'failed', state: 'undeliverable', code: PAP.SERVICE_FAILURE, cause, otherBearer: true };
    case 403:
      return { kind: 'failed', state: 'aborted', code: PAP.USER_REFUSED, cause };
    case 413:
      return { kind: 'failed', state: 'aborted', code: PAP.USER_DISCARDED_RESOURCES, cause, otherBearer: true };
    case 415:
      return { kind: 'failed', state: 'aborted', code: PAP.USER_DISCARDED_CONTENT, cause, otherBearer: true };
    case 408:
      return mayHave(complete, cause, context);
    default:
      return again('error', context.target, cause);
  }
}

/** A message that was not handed over to its last octet has not arrived; any other may have. */
const mayHave = (complete: boolean, cause: string, { confirmed, target }: MsrpContext): DeliveryResult =>
  complete && confirmed ? { kind: 'unknown', code: PAP.SERVICE_UNAVAILABLE, cause } : again('error', target, cause);

const again = (why: 'busy' | 'error', target: MsrpContext['target'], cause: string): DeliveryResult => ({
  kind: 'retry',
  why,
  scope: target === 'device' ? 'device' : 'recipient',
  code: PAP.SERVICE_UNAVAILABLE,
  cause,
});

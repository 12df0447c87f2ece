import { type ErrorCode, messageOf, PpgError } from '../../base/errors.ts';
import type { SipResponse } from '../../codec/sip/message.ts';
import type { SipAnswer } from '../leg.ts';

const NO_BODY = Buffer.alloc(0);

export const answerOf = (response: SipResponse): SipAnswer => ({
  kind: 'response',
  status: response.status,
  reason: response.reason,
  get: (name) => response.headers.get(name),
  all: (name) => response.headers.all(name),
  body: response.body,
  local: false,
});

/** RFC 3261 section 8.1.3.1: a timeout counts as a received 408. */
const LOCAL_TIMEOUT: SipAnswer = {
  kind: 'response',
  status: 408,
  reason: 'Request Timeout',
  get: () => undefined,
  body: NO_BODY,
  local: true,
};

export const notSent = (code: ErrorCode, reason: string): SipAnswer => ({
  kind: 'not-sent',
  code,
  cause: `${code}: ${reason}`,
});

/** What is wrong with the request itself is wrong for ever; all else may pass. */
function codeOf(cause: Error): ErrorCode {
  if (cause instanceof PpgError && cause.code === 'PPG_E_SIP_HEADER') return 'PPG_E_SIP_HEADER';
  return (cause as NodeJS.ErrnoException).code === 'EMSGSIZE' ? 'PPG_E_LEG_CANNOT' : 'PPG_E_LEG_DOWN';
}

export const permanent = (code: ErrorCode): ErrorCode => (code === 'PPG_E_SIP_HEADER' ? code : 'PPG_E_LEG_CANNOT');

/** The answer to a request that its transaction could not end; `sent` when somebody may have seen it. */
export function failureOf(failure: string, cause: Error, sent: boolean): SipAnswer {
  if (!sent) return notSent(codeOf(cause), messageOf(cause));
  if (failure === 'timeout') return LOCAL_TIMEOUT;
  return { kind: 'unknown', cause: `PPG_E_SIP_TRANSPORT: ${messageOf(cause)}` };
}

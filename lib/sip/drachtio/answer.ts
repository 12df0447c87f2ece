import { type ErrorCode, messageOf } from '../../base/errors.ts';
import type { DialogAnswer, SipAnswer } from '../leg.ts';
import type { SrfResponse } from './srf-like.ts';

export const answerOfSrf = (response: SrfResponse): SipAnswer => ({
  kind: 'response',
  status: response.status,
  reason: response.reason ?? '',
  get: (name) => response.get(name),
  body: Buffer.from(response.body ?? '', 'utf8'),
  // a 408 or 503 of the server's own has no source address
  local: response.source_address === '',
});

/** The server could not reach the hop: what it says by itself at once when a connection is refused. */
export const isUnreachable = (answer: DialogAnswer): boolean =>
  answer.kind === 'response' && answer.status === 503 && answer.local;

export const notSent = (code: ErrorCode, reason: string): SipAnswer => ({
  kind: 'not-sent',
  code,
  cause: `${code}: ${reason}`,
});

export const unknown = (cause: string): SipAnswer => ({ kind: 'unknown', cause: `PPG_E_LEG_DOWN: ${cause}` });

/** NOK texts, of drachtio-server and of the embedded one, that will be the same next time. */
const FOR_EVER = /invalid request-uri|missing content-type|not available|to myself|cannot carry/i;

/** An error in the callback: the server's NOK, or a socket that was gone. Only an echo that did not parse was sent. */
export function refusal(error: unknown): SipAnswer {
  const text = messageOf(error);
  if (text.includes('failed to parse')) return unknown(text);
  return notSent(FOR_EVER.test(text) ? 'PPG_E_LEG_CANNOT' : 'PPG_E_LEG_DOWN', text);
}

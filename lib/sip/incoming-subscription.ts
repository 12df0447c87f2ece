import { packageOf } from '../stack/notifier.ts';
import type { IncomingSubscription, RequestLike, SipAnswer } from './leg.ts';

/** What a SUBSCRIBE asks for. */
export function askedBy(request: RequestLike): Pick<IncomingSubscription, 'request' | 'event' | 'expires'> {
  const expires = request.get('Expires')?.trim() ?? '';
  return {
    request,
    event: packageOf(request.get('Event') ?? ''),
    expires: /^\d{1,10}$/.test(expires) ? Number(expires) : undefined,
  };
}

/**
 * RFC 6665 section 4.2.2: silence and refusals end a subscription, unless the peer names a time to try again. What never
 * left says nothing of the subscriber.
 */
export function verdictOf(answer: SipAnswer): 'taken' | 'failed' {
  if (answer.kind !== 'response' || answer.status < 300) return 'taken';
  if (answer.local && answer.status !== 408) return 'taken';
  return answer.status !== 481 && answer.get('Retry-After') !== undefined ? 'taken' : 'failed';
}

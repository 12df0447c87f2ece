import { messageOf, PpgError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import type { UserAgent } from '../../stack/user-agent.ts';
import { askedBy, verdictOf } from '../incoming-subscription.ts';
import type { AcceptOptions, IncomingSubscription, RequestLike, SipAnswer, SipNotifier } from '../leg.ts';
import { answerTo, authorizerOf } from './dialogs.ts';
import { DirectRequest, type DirectResponse } from './inbound.ts';

/** True for a SUBSCRIBE that is to make a dialog. */
export const beginsSubscription = ({ request }: ServerTransaction): boolean =>
  request.method === 'SUBSCRIBE' && tagOf(request.headers.get('To') ?? '') === undefined;

/** A SUBSCRIBE that came in by the direct leg. */
export function directSubscription(
  transaction: ServerTransaction,
  request: RequestLike,
  response: DirectResponse,
  agent: UserAgent,
  log: Logger,
): IncomingSubscription {
  const accept = ({ authorize, ...options }: AcceptOptions): SipNotifier | undefined => {
    if (response.finalResponseSent) return undefined;
    try {
      const notifier = agent.notifier<SipAnswer, RequestLike>(transaction, options, {
        answer: answerTo,
        verdict: verdictOf,
        request: (one) => new DirectRequest(one),
        authorize: authorizerOf(authorize),
      });
      response.answeredElsewhere(200);
      return notifier;
    } catch (error) {
      log.debug({ cause: messageOf(error) }, 'a SUBSCRIBE makes no dialog');
      response.send(error instanceof PpgError ? (error.sipStatus ?? 500) : 500);
      return undefined;
    }
  };
  return {
    ...askedBy(request),
    accept: (options) => Promise.resolve(accept(options)),
    reject: (status, options) => response.send(status, options),
  };
}

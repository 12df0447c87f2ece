import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Next, RequestLike, ResponseLike, SipHandler } from './leg.ts';

/**
 * Wraps a handler so that nothing it throws or rejects with gets out: drachtio-srf would end the process at a
 * rejection. The peer gets 500 then, unless it has its answer already. The arity stays 3, since drachtio-srf takes a
 * handler of 4 for an error handler.
 */
export function guardedHandler(handler: SipHandler, log: Logger): SipHandler {
  return (req: RequestLike, res: ResponseLike, next: Next): void => {
    const fail = (error: unknown): void => {
      log.error({ err: error, method: req.method, cause: messageOf(error) }, 'a handler of a SIP request failed');
      if (res.finalResponseSent === true) return;
      try {
        res.send(500);
      } catch (sendError) {
        log.warn({ cause: messageOf(sendError) }, 'the answer 500 could not be sent');
      }
    };
    try {
      const result: unknown = handler(req, res, next);
      if (isThenable(result)) result.then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  };
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

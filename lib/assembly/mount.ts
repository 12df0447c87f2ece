import { type SrfLike, srfPort } from '../sip/drachtio/srf-like.ts';
import type { SipHandler } from '../sip/leg.ts';

/** The gateway's handlers by SIP method, upper case. */
export type HandlersByMethod = ReadonlyMap<string, SipHandler>;

/**
 * One middleware for all methods: what is the gateway's is answered, everything else goes to next() untouched. Arity 3,
 * since drachtio-srf takes a handler of 4 parameters for an error handler. drachtio-srf knows no way to take a handler
 * out again, so once `gone` says so everything is passed on.
 */
export const middlewareOf =
  (handlers: HandlersByMethod, gone: () => boolean): SipHandler =>
  (req, res, next) => {
    const handler = gone() ? undefined : handlers.get(req.method);
    if (handler === undefined) next();
    else handler(req, res, next);
  };

/** Chains the middleware for each method; `srf.use` without a method would route nothing (drachtio-srf 5). */
export function mountOn(srf: SrfLike, handlers: HandlersByMethod, middleware: SipHandler): void {
  for (const method of handlers.keys()) srfPort(srf).use(method.toLowerCase(), middleware);
}

import type { Logger } from '../lib/base/log.ts';
import type { SipHandler } from '../lib/sip/leg.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import { answer } from './answer.ts';

export interface OptionsHandlerOptions {
  readonly own: Pick<OwnAddress, 'isIdentity'>;
  readonly log: Logger;
  /** Methods the gateway takes; default REGISTER, OPTIONS and MESSAGE. */
  readonly allow?: readonly string[];
  /** Media types the gateway reads; default those of a third-party REGISTER. */
  readonly accept?: readonly string[];
  /** SIP extensions the gateway supports; default none, and then no Supported header. */
  readonly supported?: readonly string[];
}

/** OPTIONS to the gateway's identity is answered 200 with what it can do (RFC 3261 section 11.2); all else goes to next(). */
export function createOptionsHandler(options: OptionsHandlerOptions): SipHandler {
  const { own, log, allow = ['REGISTER', 'OPTIONS', 'MESSAGE'], supported = [] } = options;
  const { accept = ['message/sip', 'multipart/mixed', 'application/3gpp-ims+xml'] } = options;
  const headers = {
    Allow: allow.join(', '),
    Accept: accept.join(', '),
    'Accept-Encoding': 'identity',
    ...(supported.length > 0 && { Supported: supported.join(', ') }),
  };
  return (req, res, next) => {
    if (own.isIdentity(req.uri)) answer(req, res, log, 200, headers);
    else next();
  };
}

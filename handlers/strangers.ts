import type { Logger } from '../lib/base/log.ts';
import type { SipHandler } from '../lib/sip/leg.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import type { TrustedPeers } from '../lib/sip/trusted-peers.ts';
import { answer } from './answer.ts';

export interface StrangersOptions {
  readonly own: Pick<OwnAddress, 'isServer'>;
  readonly trusts: TrustedPeers;
  readonly log: Logger;
}

/** Requests that tell the gateway something, or have it do something; OPTIONS does neither. */
const GUARDED = new Set(['MESSAGE', 'SUBSCRIBE', 'REGISTER', 'PUBLISH']);

/**
 * Stands before the handlers where no app is behind the gateway: what is for the gateway itself and comes from others than
 * trusted peers is refused 403 (RFC 3325 section 5: whom they say they are is worth nothing). In an app it is for the app.
 */
export function refuseStrangers(handler: SipHandler, { own, trusts, log }: StrangersOptions): SipHandler {
  return (req, res, next) => {
    if (!GUARDED.has(req.method) || trusts(req.source_address) || !own.isServer(req.uri)) {
      handler(req, res, next);
      return;
    }
    log.debug({ method: req.method, peer: req.source_address }, 'a stranger was refused');
    answer(req, res, log, 403);
  };
}

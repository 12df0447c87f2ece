import type { Clock } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import { aorOfHeader } from '../lib/sip/aor.ts';
import type { RequestLike, ResponseLike, SipHandler } from '../lib/sip/leg.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import { readObservedRegister, type SeenHeaders } from '../lib/sip/registrations/observed-register.ts';
import { Overtaken } from '../lib/sip/registrations/overtaken.ts';
import type { Registrations } from '../lib/sip/registrations/registrations.ts';
import { byRegister, type RegisterNews } from '../lib/sip/registrations/sources.ts';
import { readThirdPartyRegister } from '../lib/sip/registrations/third-party-register.ts';
import type { RegistrationUpdate } from '../lib/sip/registrations/update.ts';
import type { TrustedPeers } from '../lib/sip/trusted-peers.ts';
import { answer } from './answer.ts';

export interface RegisterHandlerOptions {
  readonly registrations: Registrations;
  /** What becomes of what REGISTERs told. Default: it is learned as it is. */
  readonly news?: RegisterNews;
  /** Whose third-party REGISTERs count. */
  readonly trusts: TrustedPeers;
  readonly own: Pick<OwnAddress, 'isServer'>;
  /** False once the gateway stops: a core then gets 503 and tells the next one. Default: always. */
  readonly running?: () => boolean;
  /** Domain of users that are named by a telephone number only. */
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * REGISTER. One of a core that tells us of a user (third-party, 3GPP TS 24.229 section 5.4.1.7), sent by a trusted peer
 * to our address, is answered 200 at once and learned. Every other goes to next() untouched, and is learned only when a
 * later handler answers 200. Never throws by itself; what later handlers throw is theirs.
 */
export function createRegisterHandler(options: RegisterHandlerOptions): SipHandler {
  const { registrations, trusts, own, domain, clock, log, running = () => true } = options;
  const { news = byRegister(registrations) } = options;
  const overtaken = new Overtaken(clock);
  const context = () => ({ domain, now: clock.now() });

  function learn(by: keyof RegisterNews, update: RegistrationUpdate | undefined): void {
    if (update === undefined) return;
    news[by](update).catch((error: unknown) => {
      log.error({ err: error, aor: update.aors[0] }, `a registration could not be learned: ${messageOf(error)}`);
    });
  }

  function takeThirdParty(req: RequestLike, res: ResponseLike): void {
    if (!running()) {
      answer(req, res, log, 503);
      return;
    }
    const update = readThirdPartyRegister(req, context());
    if (update === undefined) {
      log.warn({ peer: req.source_address }, 'a third-party REGISTER names no user');
      answer(req, res, log, 400);
      return;
    }
    // The core must have its answer whatever becomes of the record: without one it may drop the user (default handling).
    // So one that was overtaken gets no 500, as a registrar's would (RFC 3261 section 10.3): the later one was taken.
    answer(req, res, log, 200, echoed(req));
    if (!overtaken.has(req, update.aors[0] ?? '')) learn('thirdParty', update);
    else log.debug({ aor: update.aors[0] }, 'a third-party REGISTER came after a later one, and tells nothing');
  }

  /** `end` is emitted by drachtio-srf when the final response is sent, also from a later handler. */
  function watch(req: RequestLike, res: ResponseLike): void {
    res.once?.('end', ({ status }) => {
      if (status !== 200) return;
      const seen = res as Partial<SeenHeaders>;
      const headers = typeof seen.get === 'function' ? (res as ResponseLike & SeenHeaders) : undefined;
      learn(
        'observed',
        guarded(() => readObservedRegister(req, headers, context())),
      );
    });
  }

  function guarded<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      log.error({ err: error }, `a REGISTER could not be looked at: ${messageOf(error)}`);
      return undefined;
    }
  }

  return (req, res, next) => {
    const ours = guarded(() => trusts(req.source_address) && own.isServer(req.uri) && isThirdParty(req, domain));
    if (ours === true) {
      guarded(() => takeThirdParty(req, res));
      // drachtio-server keeps a request that nobody answers for 64 s
      if (res.finalResponseSent === false) answer(req, res, log, 500);
      return;
    }
    if (registrations.covers && running()) guarded(() => watch(req, res));
    next();
  };
}

/** A UE registers itself, so its From and To are the same user (RFC 3261 section 10.2); a core registers somebody else. */
function isThirdParty(req: RequestLike, domain: string): boolean {
  const to = aorOfHeader(req.get('To'), domain);
  return to === undefined || to !== aorOfHeader(req.get('From'), domain);
}

/** The core's own Contact and lifetime, confirmed. */
function echoed(req: RequestLike): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ['Contact', 'Expires']) {
    const value = req.get(name);
    if (value !== undefined && value !== '*' && !/[\r\n\0]/.test(value)) headers[name] = value;
  }
  if (headers['Expires']?.trim() === '0') delete headers['Contact'];
  return headers;
}

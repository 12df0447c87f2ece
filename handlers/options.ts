import type { Logger } from '../lib/base/log.ts';
import type { RequestLike, SipHandler } from '../lib/sip/leg.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import { answer } from './answer.ts';

/** What a gateway takes and reads, as it tells who asks. */
export interface OwnAbilities {
  /** Methods that it takes. */
  readonly allow: readonly string[];
  /** Media types that it reads. */
  readonly accept: readonly string[];
  /** Event packages that it notifies of; none, and then no Allow-Events header. */
  readonly events?: readonly string[];
  /** SIP extensions that it supports; default none, and then no Supported header. */
  readonly supported?: readonly string[];
}

export interface OptionsHandlerOptions extends Partial<OwnAbilities> {
  readonly own: Pick<OwnAddress, 'isIdentity' | 'isServer'>;
  /** Whether no app is behind the gateway where a request came in: its bare address means the gateway then. Default: never. */
  readonly isLast?: (req: RequestLike) => boolean;
  /** URI at which it takes requests like this one. Default: it does not know, and there is no Contact. */
  readonly contactFor?: (req: RequestLike) => string | undefined;
  readonly log: Logger;
}

const REGISTER_BODIES = ['message/sip', 'multipart/mixed', 'application/3gpp-ims+xml'];

/** Abilities follow from options: nobody is told of what would be refused. */
export function ownAbilities(has: {
  /** Devices are asked for disposition notifications, so their MESSAGEs are taken. */
  readonly imdn: boolean;
  /** The reg event is subscribed to, so its NOTIFYs are taken. */
  readonly regEvent: boolean;
  /** Devices may subscribe to pushes. */
  readonly omaPush: boolean;
}): Required<Pick<OwnAbilities, 'allow' | 'accept' | 'events'>> {
  const given = <T>(there: boolean, value: T): T[] => (there ? [value] : []);
  return {
    allow: [
      'REGISTER',
      'OPTIONS',
      ...given(has.imdn, 'MESSAGE'),
      ...given(has.omaPush, 'SUBSCRIBE'),
      ...given(has.regEvent, 'NOTIFY'),
    ],
    accept: [
      ...REGISTER_BODIES,
      ...given(has.imdn, 'message/cpim'),
      ...given(has.omaPush, 'message/external-body'),
      ...given(has.regEvent, 'application/reginfo+xml'),
    ],
    events: given(has.omaPush, 'oma-push'),
  };
}

/**
 * OPTIONS to the gateway's identity is answered 200 with what it can do (RFC 3261 section 11.2), the features of its Contact
 * among it (RFC 3840 section 7), and so is one to its bare address where there is no app, since that is how cores see whether
 * an application server lives; all else goes to next().
 */
export function createOptionsHandler(options: OptionsHandlerOptions): SipHandler {
  const { own, log, supported = [], contactFor, isLast = () => false } = options;
  const least = ownAbilities({ imdn: false, regEvent: false, omaPush: false });
  const { allow = least.allow, accept = least.accept, events = [] } = options;
  const headers = {
    Allow: allow.join(', '),
    Accept: accept.join(', '),
    'Accept-Encoding': 'identity',
    ...(events.length > 0 && { 'Allow-Events': events.join(', ') }),
    ...(supported.length > 0 && { Supported: supported.join(', ') }),
  };
  const features = `;automata;methods="${allow.join(',')}"${events.length > 0 ? `;events="${events.join(',')}"` : ''}`;
  return (req, res, next) => {
    if (!own.isIdentity(req.uri) && !(isLast(req) && own.isServer(req.uri))) {
      next();
      return;
    }
    const uri = contactFor?.(req);
    answer(req, res, log, 200, uri === undefined ? headers : { ...headers, Contact: `<${uri}>${features}` });
  };
}

import { splitList } from '../codec/sip/list.ts';
import type { SipHeaders } from '../codec/sip/message.ts';
import { formatNameAddr, parseNameAddr } from '../codec/sip/name-addr.ts';
import { excerpt, syntaxError } from '../codec/sip/syntax.ts';
import { formatUri, parseSipOnly, uriParam } from '../codec/sip/uri.ts';
import type { HeaderField } from '../model/push.ts';
import type { Hop } from './types.ts';

/** Proxies between two ends; a longer set is an attack or a loop. */
const MAX_ROUTES = 32;

const DEFAULT_PORT = { udp: 5060, tcp: 5060, tls: 5061 }; // RFC 3261 section 19.1.2

/**
 * The Record-Route values of a message as name-addrs (RFC 3261 section 12.1), in the order written. Throws
 * PPG_E_SIP_SYNTAX.
 */
export function recordedRoute(headers: SipHeaders): string[] {
  const values = headers.all('Record-Route').flatMap((value) => splitList(value));
  return values.slice(0, MAX_ROUTES).map((value) => formatNameAddr(parseNameAddr(value)));
}

/** The first Contact URI of a message, which must be a SIP URI (RFC 3261 section 12.1.1). Throws PPG_E_SIP_SYNTAX. */
export function contactUri(headers: SipHeaders): string | undefined {
  const value = headers.get('Contact');
  if (value === undefined) return undefined;
  const { uri } = parseNameAddr(splitList(value)[0] ?? '');
  try {
    parseSipOnly(uri);
  } catch {
    // 416, as of a request URI, would say the wrong thing
    throw syntaxError(`not a SIP URI in a Contact: ${excerpt(uri)}`);
  }
  return uri;
}

/** How a request within a dialog goes (RFC 3261 section 12.2.1.1). */
export interface Routing {
  readonly uri: string;
  readonly routes: readonly HeaderField[];
  /** The URI that names the next hop. */
  readonly next: string;
}

/** Loose routing, or strict routing when the first proxy asks for it by the lack of `lr`. */
export function routingOf(remoteTarget: string, routeSet: readonly string[]): Routing {
  const first = routeSet[0];
  if (first === undefined) return { uri: remoteTarget, routes: [], next: remoteTarget };
  const next = parseNameAddr(first).uri;
  const field = (value: string): HeaderField => ({ name: 'Route', value });
  const uri = parseSipOnly(next);
  if (uriParam(uri, 'lr') !== undefined) return { uri: remoteTarget, routes: routeSet.map(field), next };
  // The proxy takes the request URI for its own: the target goes to the end of the Route.
  const strict = formatUri({ ...uri, params: uri.params.filter(({ name }) => !/^method$/i.test(name)), headers: [] });
  return { uri: strict, routes: [...routeSet.slice(1), `<${remoteTarget}>`].map(field), next };
}

/** RFC 3261 section 18.1.1: a request longer than this goes by TCP when the path's MTU is not known. */
const LARGEST_BY_UDP = 1300;

/** The hop that a URI names, without DNS beyond addresses; for users of the stack that bring no locator. */
export function plainHop(text: string, bytes: number): Hop {
  const uri = parseSipOnly(text);
  const named = uriParam(uri, 'transport')?.toLowerCase();
  const secure = uri.scheme === 'sips' || named === 'tls';
  const protocol = secure ? 'tls' : named === 'tcp' || (named === undefined && bytes > LARGEST_BY_UDP) ? 'tcp' : 'udp';
  return { protocol, host: uriParam(uri, 'maddr') ?? uri.host, port: uri.port ?? DEFAULT_PORT[protocol] };
}

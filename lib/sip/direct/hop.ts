import { PpgError } from '../../base/errors.ts';
import { parseHostPort } from '../../codec/sip/host.ts';
import { splitList } from '../../codec/sip/list.ts';
import { canonicalName } from '../../codec/sip/message.ts';
import { parseNameAddr } from '../../codec/sip/name-addr.ts';
import { parseSipOnly, parseUri, type SipUri, uriParam } from '../../codec/sip/uri.ts';
import type { Target } from '../../stack/locator.ts';
import type { Hop, Protocol } from '../../stack/types.ts';
import type { OutboundRequest } from '../leg.ts';

/** RFC 3261 section 18.1.1: a larger request goes by a congestion-controlled transport when the path's MTU is not known. */
export const LARGEST_BY_UDP = 1300;

/** What a UDP datagram carries, with room for the headers of IP options and tunnels. */
export const LARGEST_DATAGRAM = 65_000;

/** Transports that a URI may name and this leg can send by. */
const TRANSPORTS: ReadonlySet<string> = new Set<Protocol>(['udp', 'tcp', 'tls']);

/**
 * The next hop of a request: the one named, else the first entry of its Route, else its URI (RFC 3261 section 8.1.2);
 * by TLS when it or the request URI is sips:. Throws PPG_E_LEG_CANNOT for a transport that is not here and for a Route
 * that begins with a strict router, PPG_E_SIP_SYNTAX for what is no SIP URI.
 */
export function targetOf(request: OutboundRequest): Target {
  const route = firstRoute(request);
  const secure = SECURE.test(request.uri);
  const { nextHop } = request;
  if (nextHop === undefined) return targetOfUri(parseSipOnly(route ?? request.uri), secure);
  if (last.nextHop !== nextHop || last.secure !== secure)
    last = { nextHop, secure, target: targetOfUri(parseSipOnly(nextHop), secure) };
  return last.target;
}

const SECURE = /^sips:/i;

/** The last next hop, read: a gateway behind a core has one. */
let last: { readonly nextHop: string; readonly secure: boolean; readonly target: Target } = {
  nextHop: '',
  secure: false,
  target: { host: '', port: undefined, protocol: undefined, secure: false },
};

const ROUTE = 'route';

function firstRoute({ headers }: OutboundRequest): string | undefined {
  for (const { name, value } of headers) {
    if (name.length !== ROUTE.length || canonicalName(name) !== ROUTE) continue;
    const { uri } = parseNameAddr(splitList(value)[0] ?? '');
    // RFC 3261 section 16.12: for a strict router the request URI would have to change places with the Route.
    if (uriParam(parseSipOnly(uri), 'lr') === undefined)
      throw new PpgError('PPG_E_LEG_CANNOT', `the Route begins with a strict router (no ;lr): ${uri}`);
    return uri;
  }
  return undefined;
}

function targetOfUri(uri: SipUri, requestIsSecure: boolean): Target {
  const transport = uriParam(uri, 'transport')?.toLowerCase();
  const secure = uri.scheme === 'sips' || requestIsSecure;
  if (transport !== undefined && (!isTransport(transport) || (secure && transport === 'udp')))
    throw new PpgError('PPG_E_LEG_CANNOT', `no transport for ${secure ? 'sips' : 'sip'}: ${transport}`);
  const maddr = uriParam(uri, 'maddr');
  const host = maddr === undefined ? uri.host : parseHostPort(maddr).host;
  return { host, port: uri.port, protocol: secure && transport !== undefined ? 'tls' : transport, secure };
}

const isTransport = (transport: string): transport is Protocol => TRANSPORTS.has(transport);

/**
 * The hops to try, best first, for a request of `bytes` octets, out of those that were found for its target. Where the
 * target does not insist on UDP, a large request goes by TCP first (RFC 3261 section 18.1.1). `udp`: a socket is bound.
 */
export function hopsFor(found: readonly Hop[], { protocol }: Target, bytes: number, udp: boolean): readonly Hop[] {
  const fits = udp && bytes <= LARGEST_DATAGRAM;
  if (fits && bytes <= LARGEST_BY_UDP) return found;
  if (protocol === 'udp') return fits ? found : [];
  const reliable = found.filter((hop) => hop.protocol !== 'udp');
  const hops = [...reliable];
  for (const hop of found) {
    if (hop.protocol !== 'udp') continue;
    // A domain that has servers for TCP says so; only where it says nothing TCP is tried where UDP is taken.
    if (reliable.length === 0) hops.push({ ...hop, protocol: 'tcp' });
    if (fits) hops.push(hop);
  }
  return hops;
}

/** RFC 3261 section 19.1.6: a telephone-subscriber as the user of a SIP URI; other URIs as they are. Throws PPG_E_SIP_SYNTAX. */
export function requestUri(text: string, domain: string | undefined): string {
  if (text.slice(0, 4).toLowerCase() !== 'tel:') return text;
  const uri = parseUri(text);
  if (uri.scheme !== 'tel' || domain === undefined)
    throw new PpgError('PPG_E_LEG_CANNOT', 'a tel: URI cannot be sent without a domain to send it to');
  const params = text.includes(';') ? text.slice(text.indexOf(';')) : '';
  return `sip:${uri.number.replace(/[-.()]/g, '')}${params}@${domain};user=phone`;
}

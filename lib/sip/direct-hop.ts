import { PpgError } from '../base/errors.ts';
import { parseHostPort } from '../codec/sip/host.ts';
import { splitList } from '../codec/sip/list.ts';
import { canonicalName } from '../codec/sip/message.ts';
import { parseNameAddr } from '../codec/sip/name-addr.ts';
import { parseSipOnly, parseUri, type SipUri, uriParam } from '../codec/sip/uri.ts';
import type { Hop, Protocol } from '../stack/types.ts';
import type { OutboundRequest } from './leg.ts';

const SIP_PORT = 5060;

/** RFC 3261 section 18.1.1: a larger request goes by a congestion-controlled transport when the path's MTU is not known. */
export const LARGEST_BY_UDP = 1300;

/** What a UDP datagram carries, with room for the headers of IP options and tunnels. */
export const LARGEST_DATAGRAM = 65_000;

/** Where a request goes; without a protocol its size chooses one. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol | undefined;
}

/**
 * The next hop of a request: the one named, else the first entry of its Route, else its URI (RFC 3261 section 8.1.2).
 * Throws PPG_E_LEG_CANNOT for one that needs TLS or another transport, PPG_E_SIP_SYNTAX for what is no SIP URI.
 */
export function targetOf(request: OutboundRequest): Target {
  return targetOfUri(parseSipOnly(request.nextHop ?? firstRoute(request) ?? request.uri));
}

function firstRoute({ headers }: OutboundRequest): string | undefined {
  for (const { name, value } of headers) {
    if (canonicalName(name) === 'route') return parseNameAddr(splitList(value)[0] ?? '').uri;
  }
  return undefined;
}

function targetOfUri(uri: SipUri): Target {
  const transport = uriParam(uri, 'transport')?.toLowerCase();
  if (uri.scheme === 'sips' || (transport !== undefined && transport !== 'udp' && transport !== 'tcp'))
    throw new PpgError('PPG_E_LEG_CANNOT', `no transport for ${uri.scheme}: ${transport ?? 'tls'}`);
  const maddr = uriParam(uri, 'maddr');
  const host = maddr === undefined ? uri.host : parseHostPort(maddr).host;
  return { host, port: uri.port ?? SIP_PORT, protocol: transport };
}

/** The hops to try, best first. `protocols` are those that the stack is bound for. */
export function hopsFor({ host, port, protocol }: Target, bytes: number, protocols: ReadonlySet<Protocol>): Hop[] {
  const hop = (by: Protocol): Hop => ({ protocol: by, host, port });
  const udp = protocols.has('udp') && bytes <= LARGEST_DATAGRAM;
  if (protocol === 'udp') return udp ? [hop('udp')] : [];
  if (protocol === 'tcp' || !udp) return [hop('tcp')];
  return bytes > LARGEST_BY_UDP ? [hop('tcp'), hop('udp')] : [hop('udp')];
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

import { messageOf } from '../../base/errors.ts';
import { type HostPort, parseHostPort } from '../../codec/sip/host.ts';
import type { Hop, ListenPoint, Protocol } from '../../stack/types.ts';

/** RFC 3261 section 19.1.2. */
const DEFAULT_PORT = 5060;

export type HopResult =
  | { readonly kind: 'hop'; readonly hop: Hop }
  /** sips: without TLS; drachtio-server answers 416 itself. */
  | { readonly kind: 'sips' }
  | { readonly kind: 'refused'; readonly reason: string };

const refused = (reason: string): HopResult => ({ kind: 'refused', reason });

/** Where a request goes: by its next hop when it has one (a SIP URI or `host[:port]`), else by its request URI. */
export function hopOf(requestUri: string, route: string, listening: readonly ListenPoint[]): HopResult {
  const target = route === '' ? requestUri : bare(route);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(target)?.[1]?.toLowerCase();
  if (scheme === 'sips') return { kind: 'sips' };
  if (scheme !== 'sip') return refused(`invalid request-uri: ${target}`);
  const headersAt = target.indexOf('?');
  const uri = headersAt < 0 ? target.slice(4) : target.slice(4, headersAt);
  const hostAndParams = uri.slice(uri.lastIndexOf('@') + 1);
  const semicolon = hostAndParams.indexOf(';');
  const params = semicolon < 0 ? '' : hostAndParams.slice(semicolon).toLowerCase();
  let at: HostPort;
  try {
    at = parseHostPort(semicolon < 0 ? hostAndParams : hostAndParams.slice(0, semicolon));
  } catch (error) {
    return refused(`invalid request-uri: ${messageOf(error)}`);
  }
  const protocol = protocolFor(/;transport=([^;]*)/.exec(params)?.[1], listening);
  if (protocol === undefined) return refused('requested protocol/transport not available');
  const host = /;maddr=([^;]+)/.exec(params)?.[1] ?? at.host;
  return { kind: 'hop', hop: { protocol, host, port: at.port ?? DEFAULT_PORT } };
}

function protocolFor(wanted: string | undefined, listening: readonly ListenPoint[]): Protocol | undefined {
  if (wanted === undefined) return listening.some((point) => point.protocol === 'udp') ? 'udp' : listening[0]?.protocol;
  return listening.find((point) => point.protocol === wanted)?.protocol;
}

function bare(route: string): string {
  const inner = route.startsWith('<') && route.endsWith('>') ? route.slice(1, -1) : route;
  return /^[a-z]+:/i.test(inner) && !/^[\w.-]+:\d+(;|$)/.test(inner) ? inner : `sip:${inner}`;
}

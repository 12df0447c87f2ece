import { messageOf } from '../../base/errors.ts';
import { type HostPort, parseHostPort } from '../../codec/sip/host.ts';
import type { Hop, ListenPoint, Protocol } from '../../stack/types.ts';

/** RFC 3261 section 19.1.2. */
const DEFAULT_PORT = 5060;
const DEFAULT_TLS_PORT = 5061;

export type HopResult =
  | { readonly kind: 'hop'; readonly hop: Hop }
  /** sips: where no TLS is listened to; drachtio-server answers 416 itself. */
  | { readonly kind: 'sips' }
  | { readonly kind: 'refused'; readonly reason: string };

const refused = (reason: string): HopResult => ({ kind: 'refused', reason });

/** Where a request goes: by its next hop when it has one (a SIP URI or `host[:port]`), else by its request URI. */
export function hopOf(requestUri: string, route: string, listening: readonly ListenPoint[]): HopResult {
  const target = route === '' ? requestUri : bare(route);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(target)?.[1]?.toLowerCase();
  const secure = scheme === 'sips';
  if (secure && !listening.some(isSecure)) return { kind: 'sips' };
  if (scheme !== 'sip' && !secure) return refused(`invalid request-uri: ${target}`);
  const headersAt = target.indexOf('?');
  const uri = target.slice(scheme.length + 1, headersAt < 0 ? undefined : headersAt);
  const hostAndParams = uri.slice(uri.lastIndexOf('@') + 1);
  const semicolon = hostAndParams.indexOf(';');
  const params = semicolon < 0 ? '' : hostAndParams.slice(semicolon).toLowerCase();
  const maddr = /;maddr=([^;]+)/.exec(params)?.[1];
  let at: HostPort;
  let host: string;
  try {
    at = parseHostPort(semicolon < 0 ? hostAndParams : hostAndParams.slice(0, semicolon));
    host = maddr === undefined ? at.host : parseHostPort(maddr).host;
  } catch (error) {
    return refused(`invalid request-uri: ${messageOf(error)}`);
  }
  const transport = /;transport=([^;]*)/.exec(params)?.[1];
  const protocol = protocolFor(secure ? secured(transport) : transport, listening);
  if (protocol === undefined) return refused('requested protocol/transport not available');
  return {
    kind: 'hop',
    hop: { protocol, host, port: at.port ?? (protocol === 'tls' ? DEFAULT_TLS_PORT : DEFAULT_PORT) },
  };
}

/** RFC 3261 section 26.2.2: TLS, whatever stream the URI names; a WebSocket is one over TLS then. */
const secured = (transport: string | undefined): string => (transport === 'ws' || transport === 'wss' ? 'wss' : 'tls');

const isSecure = ({ protocol }: ListenPoint): boolean => protocol === 'tls' || protocol === 'wss';

function protocolFor(wanted: string | undefined, listening: readonly ListenPoint[]): Protocol | undefined {
  if (wanted === undefined) return listening.some((point) => point.protocol === 'udp') ? 'udp' : listening[0]?.protocol;
  return listening.find((point) => point.protocol === wanted)?.protocol;
}

function bare(route: string): string {
  const inner = route.startsWith('<') && route.endsWith('>') ? route.slice(1, -1) : route;
  return /^[a-z]+:/i.test(inner) && !/^[\w.-]+:\d+(;|$)/.test(inner) ? inner : `sip:${inner}`;
}

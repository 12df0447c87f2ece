import { isIPv6 } from 'node:net';
import { excerpt, syntaxError } from './syntax.ts';

export interface HostPort {
  /** As written, an IPv6 reference without its brackets. */
  readonly host: string;
  readonly port?: number;
}

/** RFC 3261 section 25.1 host, and the underscore that real host names have. */
const HOST = /^[0-9A-Za-z_](?:[0-9A-Za-z._-]*[0-9A-Za-z_.])?$/;

const MAX_HOST = 255;

/** Reads `host`, `host:port`, `[::1]:port`; throws PPG_E_SIP_SYNTAX. */
export function parseHostPort(text: string): HostPort {
  let host: string;
  let rest: string;
  if (text.charCodeAt(0) === 0x5b) {
    const end = text.indexOf(']');
    host = text.slice(1, Math.max(1, end));
    rest = end < 0 ? '' : text.slice(end + 1);
    if (!isIPv6(host) || host.includes('%')) throw syntaxError(`not an IPv6 reference: ${excerpt(text)}`);
  } else {
    const colon = text.indexOf(':');
    host = colon < 0 ? text : text.slice(0, colon);
    rest = colon < 0 ? '' : text.slice(colon);
    if (host.length > MAX_HOST || !HOST.test(host)) throw syntaxError(`not a host: ${excerpt(text)}`);
  }
  if (rest === '') return { host };
  return { host, port: parsePort(rest) };
}

function parsePort(rest: string): number {
  const port = /^:\d{1,5}$/.test(rest) ? Number(rest.slice(1)) : 0;
  if (port < 1 || port > 65_535) throw syntaxError(`not a port: ${excerpt(rest)}`);
  return port;
}

/** A host as it stands in a URI or Via: IPv6 in brackets. */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export const formatHostPort = ({ host, port }: HostPort): string =>
  port === undefined ? bracketed(host) : `${bracketed(host)}:${port}`;

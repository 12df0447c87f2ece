import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { networkList } from '../base/networks.ts';

/** How a request came in, as far as it can be believed. */
export interface Arrival {
  /** Nobody on the way could read it: TLS to this gateway, or to a proxy that is trusted. */
  readonly secure: boolean;
  /** IP address of the client. */
  readonly source: string;
}

/** A request, with what Express may have made of its source. */
export type Arriving = Pick<IncomingMessage, 'headers' | 'socket'> & { readonly ip?: string | undefined };

/** Longest header of a proxy that is read, characters. */
const LONGEST = 1024;

/**
 * Tells how requests arrive. `X-Forwarded-Proto` and `X-Forwarded-For` count from `proxies` (IP addresses and networks)
 * only, and of each only what the proxy itself has written: the last value; of addresses the last that is no proxy's. What
 * is no address there is passed over, since failed log-ins are counted by it.
 * Throws PPG_E_OPTIONS for an entry that is neither.
 */
export function arrivalReader(proxies: readonly string[]): (request: Arriving) => Arrival {
  if (proxies.length === 0) return direct;
  const isProxy = networkList(proxies, 'auth.trustedProxies');
  return (request) => {
    if (!isProxy(request.socket.remoteAddress ?? '')) return direct(request);
    const addresses = listOf(request, 'x-forwarded-for').filter((address) => isIP(address) !== 0);
    const source = addresses.findLast((address) => !isProxy(address));
    return {
      secure: listOf(request, 'x-forwarded-proto').at(-1)?.toLowerCase() === 'https',
      source: source ?? direct(request).source,
    };
  };
}

const direct = ({ socket, ip }: Arriving): Arrival => ({
  secure: 'encrypted' in socket && socket.encrypted === true,
  source: ip ?? socket.remoteAddress ?? '',
});

/** The values of a header, each of several lines included; nothing of one that is longer than any proxy's. */
function listOf({ headers }: Arriving, name: string): string[] {
  const value = headers[name] ?? '';
  const text = typeof value === 'string' ? value : value.join(',');
  return text.length > LONGEST ? [] : text.split(',').flatMap((one) => one.trim() || []);
}

import { isIPv6 } from 'node:net';
import { PpgError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import { formatHostPort } from '../../codec/sip/host.ts';
import { reachableHost } from '../../stack/sent-by.ts';
import { createSipStack } from '../../stack/stack.ts';
import type { ListenPoint, Protocol, SipStack } from '../../stack/types.ts';
import type { PhoneOptions } from './device.ts';

/** Keeps a connection open that the phone cannot be reached without (RFC 5626 section 4.4.1). */
const KEEP_ALIVE = 120_000; // ms

/** The loopback address of a server's family. */
export const loopbackOf = (server: string): string => (isIPv6(server) ? '::1' : '127.0.0.1');

/** The stack of a phone that has none given. With TLS and no certificate it listens nowhere. */
export function phoneStack(
  { clock, log, listen, server, tls }: Pick<PhoneOptions, 'clock' | 'log' | 'listen' | 'server' | 'tls'>,
  protocol: Protocol,
): SipStack {
  if (protocol === 'tls' && tls?.cert === undefined)
    return createSipStack({ clock, log, tls, listen: [], tcp: { keepAlive: KEEP_ALIVE } });
  const { host, port } = listen ?? { host: loopbackOf(server.host), port: 0 };
  return createSipStack({ clock, log, tls, listen: [{ protocol, host, port }] });
}

/**
 * Contact URI of a phone. Where it listens for nothing the host is one that nobody can look up, as RFC 7118 section 5 has
 * it: the way to the phone is its connection. Throws PPG_E_OPTIONS for a stack without the transport.
 */
export function contactAt(listening: readonly ListenPoint[], protocol: Protocol, user: string): string {
  const point = listening.find((one) => one.protocol === protocol);
  if (point === undefined && listening.length > 0)
    throw new PpgError('PPG_E_OPTIONS', `the phone's stack does not listen on ${protocol}`);
  const host =
    point === undefined ? `${randomToken(8)}.invalid` : formatHostPort({ ...point, host: reachableHost(point.host) });
  return `sip:${user}@${host}${protocol === 'udp' ? '' : `;transport=${protocol}`}`;
}

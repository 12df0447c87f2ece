import { networkInterfaces } from 'node:os';
import { reachableHost } from '../../stack/sent-by.ts';
import type { Hop, ListenPoint } from '../../stack/types.ts';

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** The local side of a protocol, as the server tells it to applications and peers; `advertise` stands for its host. */
export function localPoint(
  listening: readonly ListenPoint[],
  protocol: string,
  advertise: string | undefined,
): ListenPoint {
  const point = listening.find((one) => one.protocol === protocol) ?? listening[0];
  if (point === undefined) return { protocol: 'udp', host: advertise ?? '127.0.0.1', port: 5060 };
  return { ...point, host: advertise ?? reachableHost(point.host) };
}

/** True for an address that this server itself listens on. */
export function isOwn(hop: Hop, listening: readonly ListenPoint[]): boolean {
  return listening.some((point) => point.protocol === hop.protocol && isAt(hop, point));
}

/** As `isOwn`, whatever the transport: for URIs that name none. */
export const isOwnAddress = (
  at: Pick<Hop, 'host' | 'port'>,
  listening: readonly ListenPoint[],
  advertise: string | undefined,
): boolean => listening.some((point) => isAt(at, point) || (at.host === advertise && at.port === point.port));

function isAt(hop: Pick<Hop, 'host' | 'port'>, point: ListenPoint): boolean {
  if (point.port !== hop.port) return false;
  if (point.host === hop.host) return true;
  if (hop.host === 'localhost' && (isLoopback(point.host) || WILDCARDS.has(point.host))) return true;
  return WILDCARDS.has(point.host) && ownAddresses().includes(hop.host);
}

const isLoopback = (host: string): boolean => host === '127.0.0.1' || host === '::1';

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));

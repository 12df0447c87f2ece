import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatHostPort, type HostPort, parseHostPort } from '../codec/sip/host.ts';
import { DEFAULT_SIP_PORT } from './inbound.ts';
import type { Hop, ListenPoint } from './types.ts';

/**
 * What the stack writes as sent-by instead of its bound address, for hosts behind NAT or with a name; as text `host` or
 * `host:port`. Without a port it is the bound one of each listen point.
 */
export type AdvertisedAddress = HostPort | string;

/** The host that a peer can answer to: a wildcard stands for the first outward address of its family. */
export function reachableHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  const family = isIPv6(host) ? 'IPv6' : 'IPv4';
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = addresses.find((address) => address.family === family && !address.internal && !isLinkLocal(address));
  return outward?.address ?? (isIPv6(host) ? '::1' : '127.0.0.1');
}

const isLinkLocal = ({ address }: { address: string }): boolean => address.startsWith('fe80');

/** The listen point that answers to a hop: of its transport and family, else of its transport, else any. */
function pointFor(points: readonly ListenPoint[], hop: Hop): ListenPoint | undefined {
  const ofProtocol = points.filter(({ protocol }) => protocol === hop.protocol);
  return ofProtocol.find(({ host }) => isIPv6(host) === isIPv6(hop.host)) ?? ofProtocol[0] ?? points[0];
}

/** Makes Vias for requests; sent-by is worked out once for each kind of hop. */
export class ViaMaker {
  readonly #points: readonly ListenPoint[];
  readonly #advertised: HostPort | undefined;
  readonly #alias: boolean;
  readonly #prefixes = new Map<string, string>();
  readonly #own: ReadonlySet<string>;

  /** `alias`: peers may send requests by the TLS connections that this side makes (RFC 5923). */
  constructor(points: readonly ListenPoint[], advertised: AdvertisedAddress | undefined, alias = false) {
    this.#points = points;
    // Only where the port in sent-by is one that takes TLS, and the peer can verify who asks.
    this.#alias = alias && points.some(({ protocol }) => protocol === 'tls');
    this.#advertised = typeof advertised === 'string' ? parseHostPort(advertised) : advertised;
    const hosts = points.length > 0 ? points.map(({ host }) => host) : ['0.0.0.0', '::'];
    this.#own = new Set([
      ...points.map(({ host, port }) => sentByKey(this.#sentBy(host, port))),
      ...hosts.map((host) => sentByKey(this.#sentBy(host, undefined))),
    ]);
  }

  /** `SIP/2.0/UDP host:port;rport;branch=...` */
  via(hop: Hop, branch: string): string {
    const kind = `${hop.protocol}${isIPv6(hop.host) ? 6 : 4}`;
    let prefix = this.#prefixes.get(kind);
    if (prefix === undefined) {
      const sentBy = formatHostPort(this.#sentByFor(hop));
      prefix = `SIP/2.0/${hop.protocol.toUpperCase()} ${sentBy};rport${hop.protocol === 'tls' && this.#alias ? ';alias' : ''};branch=`;
      this.#prefixes.set(kind, prefix);
    }
    return prefix + branch;
  }

  /** RFC 3261 section 18.1.2: a response whose topmost Via is not ours is not for us. */
  isOwn(via: HostPort): boolean {
    return this.#own.has(sentByKey(via));
  }

  /**
   * Who listens for nothing names no port, nor who has none for such a transport: the answer comes back by the
   * connection, and a port that takes TLS is none for those who come without, or the other way round.
   */
  #sentByFor(hop: Hop): HostPort {
    const point = pointFor(this.#points, hop);
    if (point === undefined) return this.#sentBy(isIPv6(hop.host) ? '::' : '0.0.0.0', undefined);
    return this.#sentBy(point.host, isSecure(point) === isSecure(hop) ? point.port : undefined);
  }

  #sentBy(bound: string, port: number | undefined): HostPort {
    const { host = reachableHost(bound), port: advertised } = this.#advertised ?? {};
    return port === undefined ? { host } : { host, port: advertised ?? port };
  }
}

const isSecure = ({ protocol }: Pick<Hop, 'protocol'>): boolean => protocol === 'tls' || protocol === 'wss';

const sentByKey = ({ host, port }: HostPort): string => `${host.toLowerCase()}|${port ?? DEFAULT_SIP_PORT}`;

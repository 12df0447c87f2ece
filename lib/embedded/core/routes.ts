import { networkInterfaces } from 'node:os';
import { formatHostPort } from '../../codec/sip/host.ts';
import type { Param } from '../../codec/sip/params.ts';
import { formatUri, parseRequestUri, parseSipOnly, type SipUri, type Uri, uriParam } from '../../codec/sip/uri.ts';
import { canonicalAor } from '../../codec/sip/uri-compare.ts';
import type { Hop, ListenPoint, Protocol } from '../../stack/types.ts';

/** RFC 3261 section 19.1.2. */
const DEFAULT_PORT = 5060;
const DEFAULT_TLS_PORT = 5061;

const TRANSPORTS: Readonly<Partial<Record<string, Protocol>>> = { tcp: 'tcp', tls: 'tls', ws: 'ws', wss: 'wss' };

/** Where a SIP URI says its element is; UDP unless it says otherwise. Throws PPG_E_SIP_SYNTAX. */
export const hopOf = (uri: string): Hop => hopOfUri(parseSipOnly(uri));

function hopOfUri(uri: SipUri): Hop {
  const host = uriParam(uri, 'maddr') ?? uri.host;
  const transport = uriParam(uri, 'transport')?.toLowerCase() ?? '';
  const protocol = uri.scheme === 'sips' && !transport.startsWith('ws') ? 'tls' : (TRANSPORTS[transport] ?? 'udp');
  return { protocol, host, port: uri.port ?? (protocol === 'tls' ? DEFAULT_TLS_PORT : DEFAULT_PORT) };
}

const portOf = (uri: SipUri): number => uri.port ?? hopOfUri(uri).port;

/** Whom a request URI means. */
export type Destination =
  | { readonly kind: 'self' }
  /** A user of the domain; with `instance` one of the user's devices, named by a GRUU. */
  | { readonly kind: 'user'; readonly aor: string; readonly instance?: string }
  | { readonly kind: 'application-server'; readonly hop: Hop }
  | { readonly kind: 'foreign' };

const FOREIGN: Destination = { kind: 'foreign' };
const SELF: Destination = { kind: 'self' };
const MAX_KNOWN = 4096;
const MAX_KNOWN_LENGTH = 256;
const PHONE: readonly Param[] = [{ name: 'user', value: 'phone' }];

/** The names of a domain, and what lies behind its URIs. */
export class Domain {
  readonly name: string;
  readonly #hosts: Set<string>;
  /** host:port of the core itself. */
  readonly #own = new Set<string>();
  readonly #services = new Map<string, Hop>();
  /** host:port of application servers. */
  readonly #servers = new Map<string, Hop>();
  /** Request URIs come again and again. */
  readonly #known = new Map<string, Destination>();

  constructor(
    name: string,
    aliases: readonly string[],
    services: Readonly<Record<string, string>>,
    applicationServers: readonly string[],
  ) {
    this.name = name.toLowerCase();
    this.#hosts = new Set([this.name, ...aliases.map((alias) => alias.toLowerCase())]);
    for (const [user, uri] of Object.entries(services)) this.#services.set(user, hopOf(uri));
    for (const uri of [...applicationServers, ...Object.values(services)]) {
      const hop = hopOf(uri);
      this.#servers.set(address(hop.host, hop.port), hop);
    }
  }

  /** Tells where the core listens: URIs with these addresses are the domain's too. */
  listensOn(points: readonly ListenPoint[]): void {
    this.#own.clear();
    this.#known.clear();
    for (const { host, port } of points) for (const own of addressesOf(host)) this.#own.add(address(own, port));
  }

  /** Whom a request URI means. Throws PPG_E_SIP_SYNTAX, with SIP status 416 for a scheme that is neither sip nor tel. */
  destination(uri: string): Destination {
    const known = this.#known.get(uri);
    if (known !== undefined) return known;
    const read = this.#read(parseRequestUri(uri));
    if (uri.length <= MAX_KNOWN_LENGTH) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(uri, read);
    }
    return read;
  }

  #read(uri: Uri): Destination {
    // RFC 3966: a global number is a user of the domain that owns it.
    if (uri.scheme === 'tel') return { kind: 'user', aor: this.#aor(uri.number, PHONE) };
    if (!this.#isOurs(uri)) {
      const server = this.#servers.get(address(uri.host, portOf(uri)));
      return server === undefined ? FOREIGN : { kind: 'application-server', hop: withTransport(server, uri) };
    }
    if (uri.user === undefined) return SELF;
    const service = this.#services.get(uri.user);
    if (service !== undefined) return { kind: 'application-server', hop: service };
    const aor = this.#aor(uri.user, uri.params);
    const gr = uriParam(uri, 'gr');
    return gr === undefined || gr === '' ? { kind: 'user', aor } : { kind: 'user', aor, instance: instanceIn(gr) };
  }

  /** Whether a Route value names the core itself. Throws PPG_E_SIP_SYNTAX. */
  isOwnRoute(uri: string): boolean {
    return this.#isOurs(parseSipOnly(uri));
  }

  /** Whether a contact would lead straight back to the core. */
  isOwnHop(hop: Hop): boolean {
    return this.#own.has(address(hop.host, hop.port)) || this.#hosts.has(hop.host.toLowerCase());
  }

  #aor(user: string, params: readonly Param[]): string {
    return canonicalAor(formatUri({ scheme: 'sip', user, host: this.name, params, headers: [] }));
  }

  #isOurs(uri: SipUri): boolean {
    if (this.#own.has(address(uri.host, portOf(uri)))) return true;
    return uri.port === undefined && this.#hosts.has(uri.host.toLowerCase());
  }
}

/** What a listening socket is reached at. */
function addressesOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const local = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return ['localhost', ...local.map(({ address }) => address)];
}

const address = (host: string, port: number): string => formatHostPort({ host: host.toLowerCase(), port });

/** The same server, over the transport that the URI asks for. */
function withTransport(server: Hop, uri: SipUri): Hop {
  const { protocol } = hopOfUri(uri);
  return protocol === server.protocol ? server : { ...server, protocol };
}

/** The instance that a `gr` parameter names; gruuOf escaped what a URI cannot hold. */
function instanceIn(gr: string): string {
  try {
    return decodeURIComponent(gr);
  } catch {
    // Escapes that are no UTF-8: nothing of ours, and it will match nobody.
    return gr;
  }
}

import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import { type AddressRecord, type DnsLike, type NaptrRecord, type SrvRecord, systemDns } from './dns.ts';
import { defaultPort } from './inbound.ts';
import { Resting } from './resting.ts';
import { orderByWeight } from './srv-order.ts';
import type { Hop, Protocol } from './types.ts';

/** Where a SIP URI points, before DNS has been asked. */
export interface Target {
  /** Domain, host name or IP literal without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Undefined: not said by the URI. */
  readonly protocol: Protocol | undefined;
  /** Only TLS will do: a sips: URI. */
  readonly secure: boolean;
}

export interface LocatorOptions {
  readonly clock: Clock;
  /** Transports that can be sent by, best first. */
  readonly protocols: () => readonly Protocol[];
  /** 4 or 6 where only addresses of one family can be reached, 0 for both. */
  readonly family?: () => 0 | 4 | 6;
  /** Default: the system's. */
  readonly dns?: DnsLike | undefined;
  /** Default Math.random. */
  readonly random?: (() => number) | undefined;
}

/** Milliseconds: how long an answer is used again at the most, a failure, and how long an answer may take. */
const KEEP = 30_000;
const KEEP_FAILURE = 5_000;
const PATIENCE = 5_000;

/** Bounds on what DNS may say: domains kept, services and servers of one, addresses of a server, hops of all. */
const MAX_KEPT = 1000;
const MAX_SERVICES = 8;
const MAX_SERVERS = 16;
const MAX_ADDRESSES = 8;
const MAX_HOPS = 16;

/** NAPTR services (RFC 3263 section 4.1). */
const SERVICES: Readonly<Record<string, Protocol>> = { 'SIP+D2U': 'udp', 'SIP+D2T': 'tcp', 'SIPS+D2T': 'tls' };

/** SRV prefixes (RFC 3263 section 4.1); WebSocket has none (RFC 7118 section 5). */
const SRV_PREFIX: Readonly<Partial<Record<Protocol, string>>> = {
  udp: '_sip._udp.',
  tcp: '_sip._tcp.',
  tls: '_sips._tcp.',
};

interface Server {
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
  readonly addresses: readonly string[];
}

/** Servers of one transport. */
interface Service {
  readonly protocol: Protocol;
  readonly servers: readonly Server[];
}

interface Kept {
  readonly services: readonly Service[] | Error;
  readonly until: number;
}

/** Finds the servers of SIP URIs (RFC 3263 section 4), remembers what it found, and which of them failed. */
export class Locator {
  readonly #options: LocatorOptions;
  readonly #dns: DnsLike;
  readonly #random: () => number;
  readonly #resting: Resting;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Map<string, Promise<readonly Service[]>>();

  constructor(options: LocatorOptions) {
    this.#options = options;
    this.#dns = options.dns ?? systemDns;
    this.#random = options.random ?? Math.random;
    this.#resting = new Resting(options.clock);
  }

  /**
   * The hops to try, best first, at least one; at once where nothing has to be looked up. Throws or rejects with
   * PPG_E_SIP_TRANSPORT when there is none.
   */
  locate(target: Target): readonly Hop[] | Promise<readonly Hop[]> {
    if (isIP(target.host) !== 0) {
      const protocol = this.#protocolOf(target);
      return [{ protocol, host: target.host, port: target.port ?? defaultPort(protocol) }];
    }
    const key = `${target.host.toLowerCase()}|${target.port ?? ''}|${target.protocol ?? ''}|${target.secure}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > this.#options.clock.now()) {
      if (kept.services instanceof Error) throw kept.services;
      return this.#hopsOf(target, kept.services);
    }
    const running = this.#running.get(key) ?? this.#find(key, target);
    this.#running.set(key, running);
    return running.then((services) => this.#hopsOf(target, services));
  }

  /** A hop could not be reached, did not answer, or answered 503: others of its domain come first for a while. */
  failed(hop: Hop): void {
    this.#resting.failed(hop);
  }

  answered(hop: Hop): void {
    this.#resting.answered(hop);
  }

  #hopsOf({ host }: Target, services: readonly Service[]): readonly Hop[] {
    const hops: Hop[] = [];
    for (const { protocol, servers } of services) {
      for (const { port, addresses } of orderByWeight(servers, this.#random)) {
        for (const address of addresses) hops.push({ protocol, host: address, port, domain: host });
      }
    }
    return this.#resting.lastOf(hops).slice(0, MAX_HOPS);
  }

  async #find(key: string, target: Target): Promise<readonly Service[]> {
    const ages = new Ages();
    let services: readonly Service[] | Error;
    try {
      services = (await this.#servicesOf(target, ages)).filter(({ servers }) => servers.length > 0);
      if (services.length === 0) services = unknown(target.host);
    } catch (cause) {
      services = unknown(target.host, cause);
    }
    this.#running.delete(key);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    const keep = services instanceof Error ? KEEP_FAILURE : ages.keep;
    this.#kept.set(key, { services, until: this.#options.clock.now() + keep });
    if (services instanceof Error) throw services;
    return services;
  }

  /** RFC 3263 sections 4.1 and 4.2. */
  async #servicesOf(target: Target, ages: Ages): Promise<readonly Service[]> {
    const { host, port, protocol, secure } = target;
    if (port !== undefined) return [await this.#byAddress(target, ages)];
    const usable = this.#options.protocols().filter((one) => (secure ? one === 'tls' : true));
    const wanted = protocol === undefined ? usable : [this.#protocolOf(target)];
    const named = protocol === undefined ? await this.#byNaptr(host, usable, ages) : [];
    if (named.length > 0) return named;
    const served = await Promise.all(
      wanted.flatMap((one) => {
        const prefix = SRV_PREFIX[one];
        return prefix === undefined ? [] : [this.#bySrv(one, `${prefix}${host}`, ages)];
      }),
    );
    if (served.some(({ servers }) => servers.length > 0)) return served;
    return [await this.#byAddress(target, ages)];
  }

  async #byNaptr(host: string, usable: readonly Protocol[], ages: Ages): Promise<readonly Service[]> {
    const records = await this.#records<NaptrRecord>(this.#dns.resolveNaptr(host), ages);
    const ours = records
      .map((record) => ({ ...record, protocol: SERVICES[record.service.toUpperCase()] }))
      .filter(({ flags, protocol }) => flags.toLowerCase() === 's' && protocol && usable.includes(protocol));
    // RFC 3403 section 4.1: once an order has a usable record, those of higher orders are not looked at.
    const order = Math.min(...ours.map((record) => record.order));
    const chosen = ours
      .filter((record) => record.order === order)
      .sort((a, b) => a.preference - b.preference)
      .slice(0, MAX_SERVICES);
    const services = await Promise.all(
      chosen.map(({ protocol = 'udp', replacement }) => this.#bySrv(protocol, replacement, ages)),
    );
    return services.filter(({ servers }) => servers.length > 0);
  }

  async #bySrv(protocol: Protocol, name: string, ages: Ages): Promise<Service> {
    const records = await this.#records<SrvRecord>(this.#dns.resolveSrv(name), ages);
    // RFC 2782: a target of "." says that the service is decidedly not there.
    const there = records.filter((record) => record.name !== '' && record.name !== '.');
    const nearest = there.sort((a, b) => a.priority - b.priority).slice(0, MAX_SERVERS);
    const servers = await Promise.all(
      nearest.map(async ({ name: server, port, priority, weight }) => {
        const found = await this.#addressesOf(server, ages).catch(() => []); // the other servers may have some
        return { port, priority, weight, addresses: found };
      }),
    );
    return { protocol, servers: servers.filter(({ addresses }) => addresses.length > 0) };
  }

  async #byAddress(target: Target, ages: Ages): Promise<Service> {
    const protocol = this.#protocolOf(target);
    const addresses = await this.#addressesOf(target.host, ages);
    const port = target.port ?? defaultPort(protocol);
    return { protocol, servers: [{ port, priority: 0, weight: 0, addresses }] };
  }

  async #addressesOf(name: string, ages: Ages): Promise<readonly string[]> {
    if (isIP(name) !== 0) return [name];
    const family = this.#options.family?.() ?? 0;
    const found = await this.#inTime<AddressRecord>(this.#dns.lookup(name, { all: true, family }));
    ages.note(found);
    return found.slice(0, MAX_ADDRESSES).map(({ address }) => address);
  }

  /** Of NAPTR or SRV; a domain that has none, or whose server does not know them, is asked for addresses. */
  async #records<T extends { readonly ttl?: number }>(asked: Promise<readonly T[]>, ages: Ages): Promise<T[]> {
    try {
      const found = await this.#inTime(asked);
      ages.note(found);
      return [...found];
    } catch {
      return []; // ENOTFOUND, ENODATA and the like: RFC 3263 goes on to the next step
    }
  }

  #inTime<T>(asked: Promise<readonly T[]>): Promise<readonly T[]> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new Error('DNS did not answer in time')), PATIENCE);
      asked.then(resolve, reject).finally(() => clock.clearTimeout(timer));
    });
  }

  /** The transport when neither URI nor DNS names one (RFC 3263 section 4.1): TLS for sips:, else UDP. */
  #protocolOf({ protocol, secure }: Target): Protocol {
    if (secure) return 'tls';
    if (protocol !== undefined) return protocol;
    const usable = this.#options.protocols();
    return usable.includes('udp') ? 'udp' : 'tcp';
  }
}

/** How long what was found may be used: the shortest time to live that was told, within bounds. */
class Ages {
  #shortest = KEEP;

  get keep(): number {
    return this.#shortest;
  }

  note(records: readonly { readonly ttl?: number }[]): void {
    for (const { ttl } of records) if (ttl !== undefined) this.#shortest = Math.min(this.#shortest, ttl * 1000);
  }
}

const unknown = (host: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_SIP_TRANSPORT', `no address of a SIP server is found for ${host}`, { cause });

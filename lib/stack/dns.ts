import { promises } from 'node:dns';

/** RFC 3403 section 4.1, as node reads it. */
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
  /** Substitution expression, where `flags` has `u`. */
  readonly regexp?: string;
  /** Seconds, where the resolver tells; so in the other records. */
  readonly ttl?: number;
}

/** RFC 2782. */
export interface SrvRecord {
  /** Target; empty: the service is not there. */
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
  readonly ttl?: number;
}

export interface AddressRecord {
  readonly address: string;
  readonly ttl?: number;
}

/** What finding a server asks of DNS; node:dns.promises has this shape. Each rejects when there is no answer. */
export interface DnsLike {
  resolveNaptr(name: string): Promise<readonly NaptrRecord[]>;
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
  /** A and AAAA, and what the system knows besides DNS. `family` 0 means both. */
  lookup(name: string, options: { all: true; family: 0 | 4 | 6 }): Promise<readonly AddressRecord[]>;
}

/** The resolver of the system. */
export const systemDns: DnsLike = {
  resolveNaptr: (name) => promises.resolveNaptr(name),
  resolveSrv: (name) => promises.resolveSrv(name),
  lookup: (name, options) => promises.lookup(name, options),
};

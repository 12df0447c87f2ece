import type { AddressRecord, DnsLike, NaptrRecord, SrvRecord } from '../../lib/stack/dns.ts';

export interface Zone {
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly addresses?: Readonly<Record<string, readonly (string | AddressRecord)[]>>;
}

/** DNS out of a table; what is asked is kept. A name that is not there is ENOTFOUND, `silent` ones never answer. */
export class FakeDns implements DnsLike {
  readonly asked: string[] = [];
  zone: Zone;
  readonly #silent: ReadonlySet<string>;

  constructor(zone: Zone, silent: readonly string[] = []) {
    this.zone = zone;
    this.#silent = new Set(silent);
  }

  resolveNaptr(name: string): Promise<readonly NaptrRecord[]> {
    return this.#answer(`NAPTR ${name}`, name, this.zone.naptr?.[name]);
  }

  resolveSrv(name: string): Promise<readonly SrvRecord[]> {
    return this.#answer(`SRV ${name}`, name, this.zone.srv?.[name]);
  }

  lookup(name: string, { family }: { family: 0 | 4 | 6 }): Promise<readonly AddressRecord[]> {
    const found = this.zone.addresses?.[name]?.map((one) => (typeof one === 'string' ? { address: one } : one));
    return this.#answer(family === 0 ? `A ${name}` : `A${family} ${name}`, name, found);
  }

  #answer<T>(question: string, name: string, found: readonly T[] | undefined): Promise<readonly T[]> {
    this.asked.push(question);
    if (this.#silent.has(name)) return new Promise(() => undefined);
    if (found === undefined) return Promise.reject(Object.assign(new Error(`no ${question}`), { code: 'ENOTFOUND' }));
    return Promise.resolve(found);
  }
}

export const naptr = (order: number, preference: number, service: string, replacement: string): NaptrRecord => ({
  order,
  preference,
  flags: 's',
  service,
  replacement,
});

export const srv = (priority: number, weight: number, port: number, name: string): SrvRecord => ({
  priority,
  weight,
  port,
  name,
});

import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type AddressRules, parseAddress } from '../codec/pap/address.ts';
import type { SipIdentity } from '../codec/pap/sip-identity.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { DnsLike } from '../stack/dns.ts';
import { enumLookup } from './enum.ts';

/**
 * Says who is meant by an address-of-record, as of a database of subscribers: a SIP URI or number, null for nobody (2002),
 * undefined when it has nothing to say. Asked at submission; answers are kept for a while.
 */
export type AddressLookup = (aor: string) => string | null | undefined | Promise<string | null | undefined>;

export interface DirectoryOptions {
  readonly lookup?: AddressLookup | undefined;
  /** ENUM domain, as `e164.arpa`; without it ENUM is not asked. */
  readonly enumSuffix?: string | undefined;
  readonly dns: Pick<DnsLike, 'resolveNaptr'>;
  readonly rules?: AddressRules | undefined;
  /** Home domain. */
  readonly domain: string;
  /** Milliseconds for the addresses of one push. */
  readonly timeout: number;
  /** How long an answer counts, milliseconds. */
  readonly keep: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers that are remembered, and questions that may be open. */
const MOST_KNOWN = 10_000;
const MOST_OPEN = 1000;
/** Questions that one push has open. */
const AT_ONCE = 64;
/** When an initiator may come again, milliseconds. */
const COME_AGAIN = 5000;

interface Known {
  /** Null: nobody. Undefined: as it was written. */
  readonly identity: SipIdentity | null | undefined;
  readonly until: number;
}

/** Finds out where an address leads, by the integrator's lookup and then by ENUM; bounded in time, answers are kept. */
export class Directory {
  readonly #o: DirectoryOptions;
  readonly #known = new Map<string, Known>();
  readonly #open = new Map<string, Promise<SipIdentity | null | undefined>>();

  constructor(options: DirectoryOptions) {
    this.#o = options;
  }

  /**
   * The same addresses, each with the identity that it leads to; the texts stay.
   * Rejects with PPG_E_ADDRESS (2002) for nobody, PPG_E_ADDRESS_LOOKUP (3000) when it could not be found out in time.
   */
  async resolve(addresses: readonly RecipientAddress[]): Promise<readonly RecipientAddress[]> {
    const end = this.#o.clock.now() + this.#o.timeout;
    const found: RecipientAddress[] = [];
    for (let at = 0; at < addresses.length; at += AT_ONCE) {
      if (this.#o.clock.now() > end) throw cannotTell('it took too long');
      found.push(...(await Promise.all(addresses.slice(at, at + AT_ONCE).map((one) => this.#one(one)))));
    }
    return found;
  }

  /** As resolve, for questions about a push: what cannot be found out stays as it was written. */
  async resolveForQuery(addresses: readonly RecipientAddress[]): Promise<readonly RecipientAddress[]> {
    try {
      return await this.resolve(addresses);
    } catch {
      return addresses;
    }
  }

  async #one(address: RecipientAddress): Promise<RecipientAddress> {
    // A device that is named is meant as it is named.
    if (address.gruu !== undefined) return address;
    const identity = await this.#identityOf(address.aor);
    if (identity === null) throw new PpgError('PPG_E_ADDRESS', 'nobody is known by the address');
    return identity === undefined ? address : { ...address, ...identity };
  }

  async #identityOf(aor: string): Promise<SipIdentity | null | undefined> {
    const known = this.#known.get(aor);
    if (known !== undefined && known.until > this.#o.clock.now()) return known.identity;
    const open = this.#open.get(aor);
    if (open !== undefined) return open;
    if (this.#open.size >= MOST_OPEN) throw cannotTell('too many questions are open');
    const asked = this.#inTime(this.#ask(aor)).finally(() => this.#open.delete(aor));
    this.#open.set(aor, asked);
    try {
      const identity = await asked;
      this.#keep(aor, identity);
      return identity;
    } catch (error) {
      this.#o.log.warn({ cause: messageOf(error) }, 'an address could not be looked up; its push was refused');
      throw cannotTell('the directory did not answer', error);
    }
  }

  async #ask(aor: string): Promise<SipIdentity | null | undefined> {
    const { lookup, enumSuffix, dns } = this.#o;
    const answer = await lookup?.(aor);
    if (answer === null) return null;
    if (typeof answer === 'string') return this.#read(answer, 'lookup');
    const number = NUMBER.exec(aor)?.[1];
    if (enumSuffix === undefined || number === undefined) return undefined;
    const uri = await enumLookup(dns, number, enumSuffix);
    return uri === undefined ? undefined : this.#read(uri, 'ENUM');
  }

  /** Throws when it is no address: an operator has to hear of that, and nobody else should get the push. */
  #read(uri: string, source: string): SipIdentity {
    try {
      const { aor, gruu } = parseAddress(uri, { domain: this.#o.domain, rules: this.#o.rules });
      return gruu === undefined ? { aor } : { aor, gruu };
    } catch (error) {
      throw new Error(`${source} answered what is no SIP address`, { cause: error });
    }
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock, timeout } = this.#o;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
      work.then(resolve, reject).finally(() => clock.clearTimeout(timer));
    });
  }

  #keep(aor: string, identity: SipIdentity | null | undefined): void {
    // The one that was asked for first goes first; re-asking is all that it costs.
    if (this.#known.size >= MOST_KNOWN) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.delete(aor);
    this.#known.set(aor, { identity, until: this.#o.clock.now() + this.#o.keep });
  }
}

const NUMBER = /^sip:(\+\d{3,15})@/;

const cannotTell = (why: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_ADDRESS_LOOKUP', `it could not be found out where the address leads: ${why}`, {
    cause,
    retryAfter: COME_AGAIN,
  });

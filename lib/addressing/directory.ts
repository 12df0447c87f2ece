import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { SparingLine } from '../base/sparing-line.ts';
import { type AddressRules, parseAddress } from '../codec/pap/address.ts';
import type { SipIdentity } from '../codec/pap/sip-identity.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { DnsLike } from '../stack/dns.ts';
import { enumLookup } from './enum.ts';
import { distinct, type Groups, identityOf } from './rules.ts';

/** SIP URI or number, or several for a group. */
export type Found = string | readonly string[] | null | undefined;

/**
 * Says who is meant by an address-of-record, as of a database of subscribers: a SIP URI or number, several for a group,
 * null or none for nobody (2002), undefined when it has nothing to say. Asked at submission; answers are kept for a while.
 */
export type AddressLookup = (aor: string) => Found | Promise<Found>;

export interface DirectoryOptions {
  readonly lookup?: AddressLookup | undefined;
  /** The operator's own groups. */
  readonly groups?: Groups | undefined;
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
/** Users in one group, and users that one push may come to by its groups. */
const MOST_MEMBERS = 1000;
const MOST_USERS = 10_000;
/** When an initiator may come again, milliseconds. */
const COME_AGAIN = 5000;

/** None: nobody. Several: a group. Undefined: as it was written. */
type Identities = readonly SipIdentity[] | undefined;

interface Known {
  readonly identities: Identities;
  readonly until: number;
}

/** Finds out where an address leads, by the integrator's lookup and then by ENUM; bounded in time, answers are kept. */
export class Directory {
  readonly #o: DirectoryOptions;
  readonly #failed: SparingLine;
  readonly #known = new Map<string, Known>();
  readonly #open = new Map<string, Promise<Identities>>();

  constructor(options: DirectoryOptions) {
    this.#o = options;
    this.#failed = new SparingLine(options.clock);
  }

  /**
   * The same addresses, each with the identity that it leads to; a group becomes one address for each member. The texts
   * stay. Rejects with PPG_E_ADDRESS (2002) for nobody, PPG_E_ADDRESS_LOOKUP (3000) when it could not be found out in time,
   * PPG_E_PUSH_REFUSED (2000) for groups that have too many users together.
   */
  async resolve(addresses: readonly RecipientAddress[]): Promise<readonly RecipientAddress[]> {
    const groups = await this.#inTurn(addresses, (address) => this.#one(address));
    const found = groups.flat();
    if (found.length > MOST_USERS && found.length > addresses.length) {
      throw new PpgError('PPG_E_PUSH_REFUSED', `the groups of this push have more than ${MOST_USERS} users`);
    }
    return found;
  }

  /**
   * As resolve, for questions about a push: what cannot be found out stays as it was written, and so does a group, which a
   * push knows by its text.
   */
  async resolveForQuery(addresses: readonly RecipientAddress[]): Promise<readonly RecipientAddress[]> {
    try {
      const groups = await this.#inTurn(addresses, (address) => this.#one(address));
      return groups.map((group, place) => (group.length === 1 ? group[0] : addresses[place]) as RecipientAddress);
    } catch {
      return addresses;
    }
  }

  /** Some at a time, and no more once the time is over. */
  async #inTurn<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
    const end = this.#o.clock.now() + this.#o.timeout;
    const answers: R[] = [];
    for (let at = 0; at < items.length; at += AT_ONCE) {
      if (this.#o.clock.now() > end) throw cannotTell('it took too long');
      answers.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))));
    }
    return answers;
  }

  async #one(address: RecipientAddress): Promise<readonly RecipientAddress[]> {
    // A device that is named is meant as it is named.
    if (address.gruu !== undefined) return [address];
    const group = this.#o.groups?.(address.aor);
    const identities = group === undefined ? await this.#identitiesOf(address.aor) : await this.#members(group);
    if (identities === undefined) return [address];
    if (identities.length === 0) throw new PpgError('PPG_E_ADDRESS', 'nobody is known by the address');
    return identities.map((identity) => ({ ...address, ...identity }));
  }

  /** Each member as if it had been named by itself; those who are nobody (any more) are left out. */
  async #members(group: readonly SipIdentity[]): Promise<readonly SipIdentity[]> {
    const { lookup, enumSuffix } = this.#o;
    if (lookup === undefined && enumSuffix === undefined) return group;
    const found = await this.#inTurn(
      group,
      async (member): Promise<readonly SipIdentity[]> =>
        member.gruu !== undefined ? [member] : ((await this.#identitiesOf(member.aor)) ?? [member]),
    );
    return distinct(found.flat());
  }

  async #identitiesOf(aor: string): Promise<Identities> {
    const known = this.#known.get(aor);
    if (known !== undefined && known.until > this.#o.clock.now()) return known.identities;
    const open = this.#open.get(aor);
    if (open !== undefined) return open;
    if (this.#open.size >= MOST_OPEN) throw cannotTell('too many questions are open');
    const asked = this.#inTime(this.#ask(aor)).finally(() => this.#open.delete(aor));
    this.#open.set(aor, asked);
    try {
      const identities = await asked;
      this.#keep(aor, identities);
      return identities;
    } catch (error) {
      const sentence = 'an address could not be looked up; its push was refused';
      this.#failed.say((unsaid) => this.#o.log.warn({ cause: messageOf(error), ...unsaid }, sentence));
      throw cannotTell('the directory did not answer', error);
    }
  }

  async #ask(aor: string): Promise<Identities> {
    const { lookup, enumSuffix, dns } = this.#o;
    const answer = await lookup?.(aor);
    if (answer === null) return [];
    if (answer !== undefined) {
      const several = typeof answer === 'string' ? [answer] : atMost(answer);
      return distinct(several.map((uri) => this.#read(uri, 'lookup')));
    }
    const number = NUMBER.exec(aor)?.[1];
    if (enumSuffix === undefined || number === undefined) return undefined;
    const uri = await enumLookup(dns, number, enumSuffix);
    return uri === undefined ? undefined : [this.#read(uri, 'ENUM')];
  }

  /** Throws when it is no address: an operator has to hear of that, and nobody else should get the push. */
  #read(uri: string, source: string): SipIdentity {
    try {
      return identityOf(parseAddress(uri, { domain: this.#o.domain, rules: this.#o.rules }));
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

  #keep(aor: string, identities: Identities): void {
    // The one that was asked for first goes first; re-asking is all that it costs.
    if (this.#known.size >= MOST_KNOWN) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.delete(aor);
    this.#known.set(aor, { identities, until: this.#o.clock.now() + this.#o.keep });
  }
}

function atMost<T>(members: readonly T[]): readonly T[] {
  if (members.length > MOST_MEMBERS) throw new Error(`a group has more than ${MOST_MEMBERS} members`);
  return members;
}

const NUMBER = /^sip:(\+\d{3,15})@/;

const cannotTell = (why: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_ADDRESS_LOOKUP', `it could not be found out where the address leads: ${why}`, {
    cause,
    retryAfter: COME_AGAIN,
  });

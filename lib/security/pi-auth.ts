import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import { networkOf } from '../base/networks.ts';
import { FailureLimiter } from './failure-limiter.ts';
import { Familiar } from './familiar.ts';

export { hashPassword } from './password.ts';

import { DEFAULT_COST, impossibleHash, type PasswordHash, parsePasswordHash, verifyPassword } from './password.ts';

/** A Push Initiator that may submit. */
export interface PiAccount {
  readonly name: string;
  /** `scrypt$N$r$p$salt$hash`; without it no password logs in. */
  readonly passwordHash?: string | undefined;
  /** HTTP status of PAP answers. Default 202 (WAP-247); some clients take nothing but 200. */
  readonly replyStatus?: 200 | 202;
  /** Hold documents to the letter of the DTD. Default false. */
  readonly strict?: boolean;
  /** Take addresses that are not in the WAPPUSH form. Default true. */
  readonly rawAddresses?: boolean;
  /** Refuse the account's requests that did not come by TLS. Default false. */
  readonly requireTls?: boolean;
}

/** The answer to credentials. `retryAfter` is in milliseconds, `initiator` an account that exists and was named. */
export type AuthResult =
  | { readonly ok: true; readonly account: PiAccount }
  | { readonly ok: false; readonly reason: 'missing' | 'malformed' | 'wrong'; readonly initiator?: string }
  | {
      readonly ok: false;
      readonly reason: 'limited' | 'busy';
      readonly retryAfter: number;
      readonly initiator?: string;
    };

/** Who may submit. Known credentials are answered at once, others after a hash. */
export interface PiAuthenticator {
  /**
   * `authorization`: the header as it came. `source`: address of the peer. `connection`: an object that lives as long
   * as the connection; credentials that were verified on it need not be digested again. `request`: for an
   * integrator's own check. Never throws, never rejects.
   */
  check(
    authorization: string | undefined,
    source: string,
    connection?: object,
    request?: IncomingMessage,
  ): AuthResult | Promise<AuthResult>;
  /** Values of WWW-Authenticate; default Basic. */
  readonly challenges?: readonly string[];
}

export interface PiAuthOptions {
  readonly accounts: readonly PiAccount[];
  readonly clock: Clock;
  /** How long verified credentials are remembered, milliseconds. Default 5 minutes. */
  readonly remember?: number;
  /** Hashes at a time. Default 2. */
  readonly concurrency?: number;
  /** Checks that may wait for a hash, and as many more from where the account has logged in. Default 64. */
  readonly queue?: number;
  /** How long an account is known where it has logged in, milliseconds. Default a day. */
  readonly familiar?: number;
  /**
   * Failures a minute from one source for one account (default 10), from one source (30), for one account (200). Where the
   * account has logged in before, the first alone counts.
   */
  readonly limits?: { readonly pair?: number; readonly source?: number; readonly account?: number };
}

interface Remembered {
  readonly account: PiAccount;
  readonly until: number;
}

/** What a connection has shown before; worth nothing once the accounts have changed. */
interface Shown {
  readonly authorization: string;
  readonly remembered: Remembered;
  readonly generation: number;
}

/** Who waits for a place to compute a hash; those whom their account is known from come first. */
type Queues = Readonly<Record<'familiar' | 'strange', (() => void)[]>>;

interface Known {
  readonly account: PiAccount;
  readonly hash: PasswordHash | undefined;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MAX_HEADER = 1024;
const MAX_REMEMBERED = 4096;
const MAX_LIMITED = 10_000;
const BUSY_RETRY = 1000;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i; // RFC 7617

/**
 * HTTP Basic against scrypt hashes. The hash is off the hot path: a header that was verified is known again by its
 * HMAC under a key of this process. Failures are limited before anything is hashed, and a name that does not exist
 * costs as much as a wrong password. Where an account has logged in of late it has limits and a queue of its own: guessers
 * elsewhere cannot lock it out, and may try no more for that.
 */
export class PiAuth implements PiAuthenticator {
  readonly #clock: Clock;
  readonly #remember: number;
  readonly #concurrency: number;
  readonly #queueLimit: number;
  readonly #key = randomBytes(32);
  readonly #limiters: {
    readonly pair: FailureLimiter;
    readonly source: FailureLimiter;
    readonly account: FailureLimiter;
  };
  readonly #remembered = new Map<string, Remembered>();
  readonly #shown = new WeakMap<object, Shown>();
  #generation = 0;
  readonly #running = new Map<string, Promise<AuthResult>>();
  readonly #familiar: Familiar;
  readonly #waiting: Queues = { familiar: [], strange: [] };
  #hashing = 0;
  #accounts = new Map<string, Known>();
  #stranger: PasswordHash = impossibleHash(DEFAULT_COST);

  constructor(options: PiAuthOptions) {
    const { clock, limits } = options;
    this.#clock = clock;
    this.#remember = options.remember ?? 5 * MINUTE;
    this.#concurrency = options.concurrency ?? 2;
    this.#queueLimit = options.queue ?? 64;
    this.#familiar = new Familiar(clock, options.familiar ?? DAY);
    const limiter = (failures: number): FailureLimiter =>
      new FailureLimiter(clock, { failures, window: MINUTE }, MAX_LIMITED);
    this.#limiters = {
      pair: limiter(limits?.pair ?? 10),
      source: limiter(limits?.source ?? 30),
      account: limiter(limits?.account ?? 200),
    };
    this.setAccounts(options.accounts);
  }

  /** Replaces the accounts; credentials of those that changed or went are forgotten. Throws PPG_E_OPTIONS. */
  setAccounts(accounts: readonly PiAccount[]): void {
    const known = new Map<string, Known>();
    for (const account of accounts) {
      if (known.has(account.name)) throw new PpgError('PPG_E_OPTIONS', `two accounts are named ${account.name}`);
      if (account.name.includes(':')) throw new PpgError('PPG_E_OPTIONS', 'an account name holds a colon');
      known.set(account.name, { account, hash: hashOf(account) });
    }
    this.#accounts = known;
    this.#generation++;
    this.#familiar.keepOnly(known);
    // Strangers cost what most accounts cost.
    const first = [...known.values()].find(({ hash }) => hash !== undefined);
    this.#stranger = impossibleHash(first?.hash ?? DEFAULT_COST);
    for (const [digest, { account, until }] of this.#remembered) {
      const now = known.get(account.name)?.account;
      if (now === undefined || now.passwordHash !== account.passwordHash) this.#remembered.delete(digest);
      else this.#remembered.set(digest, { account: now, until });
    }
  }

  check(authorization: string | undefined, source: string, connection?: object): AuthResult | Promise<AuthResult> {
    if (authorization === undefined) return { ok: false, reason: 'missing' };
    const shown = connection === undefined ? undefined : this.#shown.get(connection);
    if (shown?.authorization === authorization && shown.generation === this.#generation) {
      if (shown.remembered.until > this.#clock.now()) return { ok: true, account: shown.remembered.account };
    }
    if (authorization.length > MAX_HEADER) return { ok: false, reason: 'malformed' };
    const digest = createHmac('sha256', this.#key).update(authorization).digest('base64');
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined) {
      if (remembered.until > this.#clock.now()) {
        if (connection !== undefined) {
          this.#shown.set(connection, { authorization, remembered, generation: this.#generation });
        }
        this.#familiar.add(remembered.account.name, networkOf(source));
        return { ok: true, account: remembered.account };
      }
      this.#remembered.delete(digest);
    }
    const credentials = readBasic(authorization);
    if (credentials === undefined) return { ok: false, reason: 'malformed' };
    // Many connections that open with the same credentials wait for one hash.
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    return this.#verify(digest, credentials, source);
  }

  /** Credentials that are remembered. */
  get remembered(): number {
    return this.#remembered.size;
  }

  #verify(digest: string, credentials: Credentials, source: string): AuthResult | Promise<AuthResult> {
    const network = networkOf(source);
    const { name } = credentials;
    const familiar = this.#familiar.has(name, network);
    const { pair, source: bySource, account } = this.#limiters;
    const limits: [limiter: FailureLimiter, key: string][] = [[pair, `${network} ${name}`]];
    if (!familiar) limits.push([bySource, network], [account, name]);
    const blocked = Math.max(...limits.map(([limiter, key]) => limiter.blockedFor(key)));
    if (blocked > 0) return { ok: false, reason: 'limited', retryAfter: blocked };
    const queue = familiar ? this.#waiting.familiar : this.#waiting.strange;
    if (queue.length >= this.#queueLimit) return { ok: false, reason: 'busy', retryAfter: BUSY_RETRY };
    // Charged now and given back on success: otherwise a burst would be hashed before its first failure counts.
    for (const [limiter, key] of limits) limiter.charge(key);
    const result = this.#hash(credentials, queue)
      .then((known): AuthResult => {
        if (known === undefined) return { ok: false, reason: 'wrong' };
        for (const [limiter, key] of limits) limiter.forgive(key);
        this.#familiar.add(name, network);
        this.#keep(digest, known);
        return { ok: true, account: known };
      })
      // A hash that cannot be computed (memory) proves nothing.
      .catch((): AuthResult => ({ ok: false, reason: 'busy', retryAfter: BUSY_RETRY }))
      .finally(() => this.#running.delete(digest));
    this.#running.set(digest, result);
    return result;
  }

  async #hash({ name, password }: Credentials, queue: (() => void)[]): Promise<PiAccount | undefined> {
    if (this.#hashing < this.#concurrency) this.#hashing++;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      const known = this.#accounts.get(name);
      const right = await verifyPassword(password, known?.hash ?? this.#stranger);
      // The account may have changed while its old hash was computed.
      const now = this.#accounts.get(name)?.account;
      return right && now?.passwordHash === known?.account.passwordHash ? now : undefined;
    } finally {
      const next = this.#waiting.familiar.shift() ?? this.#waiting.strange.shift();
      // The place is handed on, not given back: nobody can slip in between.
      if (next === undefined) this.#hashing--;
      else next();
    }
  }

  #keep(digest: string, account: PiAccount): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const oldest = this.#remembered.keys().next();
      if (!oldest.done) this.#remembered.delete(oldest.value);
    }
    this.#remembered.set(digest, { account, until: this.#clock.now() + this.#remember });
  }
}

const hashOf = ({ passwordHash }: PiAccount): PasswordHash | undefined =>
  passwordHash === undefined ? undefined : parsePasswordHash(passwordHash);

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Undefined for what is not Basic. */
export function readBasic(header: string): Credentials | undefined {
  const encoded = BASIC.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

export const createPiAuth = (options: PiAuthOptions): PiAuth => new PiAuth(options);

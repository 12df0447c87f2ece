import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { networkOf } from '../base/networks.ts';
import { SparingLine } from '../base/sparing-line.ts';
import { createTokenVerifier, type TokenOptions, type TokenVerifier } from './bearer-token.ts';
import { type CertificateAccount, type CertificateFinder, certificateFinder } from './client-certificate.ts';
import { FailureLimiter } from './failure-limiter.ts';
import { type AuthResult, type PiAccount, PiAuth, type PiAuthenticator, readBasic } from './pi-auth.ts';

/** An account that an integrator's own check has found: by name one of the gateway's, or one that only he knows. */
export type FoundAccount = string | Omit<PiAccount, 'passwordHash'>;

/** Undefined: not mine, go on with the gateway's own ways. Throwing refuses the request for now (503). */
export type AuthenticateHook = (
  request: IncomingMessage,
) => FoundAccount | undefined | Promise<FoundAccount | undefined>;

export type AuthenticatorAccount = PiAccount & CertificateAccount;

export interface AuthenticatorOptions {
  readonly accounts: readonly AuthenticatorAccount[];
  readonly token?: TokenOptions | undefined;
  readonly authenticate?: AuthenticateHook | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const HOOK_WITHIN = 10_000;
const BUSY_RETRY = 1000;
/** A token that was verified is known again for so long, or until it expires; milliseconds. */
const REMEMBER = 300_000;
const MAX_REMEMBERED = 4096;
const MAX_TOKEN = 8192;
/** Tokens of one source that may fail in a minute. */
const FAILURES = 30;
const MINUTE = 60_000;
const MAX_LIMITED = 10_000;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i; // RFC 6750 section 2.1

interface RememberedToken {
  readonly name: string;
  readonly until: number;
}

/**
 * Who a request comes from: what the integrator's own check says, else the client certificate of the connection, else
 * the Authorization header, a bearer token or a password. Each way ends at an account of the same list.
 */
export class Authenticator implements PiAuthenticator {
  readonly #o: AuthenticatorOptions;
  readonly #passwords: PiAuth;
  readonly #verify: TokenVerifier | undefined;
  readonly #failures: FailureLimiter;
  readonly #hookFailed: SparingLine;
  readonly #keysMissing: SparingLine;
  readonly #tokens = new Map<string, RememberedToken>();
  #accounts = new Map<string, PiAccount>();
  #certificates: CertificateFinder | undefined;
  /** Account of a connection by its certificate; null: none. */
  #shown = new WeakMap<object, PiAccount | null>();

  /** Throws PPG_E_OPTIONS. */
  constructor(options: AuthenticatorOptions) {
    this.#o = options;
    const { accounts, clock, token } = options;
    this.#passwords = new PiAuth({ accounts: [], clock });
    this.#hookFailed = new SparingLine(clock);
    this.#keysMissing = new SparingLine(clock);
    this.#verify = token && createTokenVerifier(token, clock);
    this.#failures = new FailureLimiter(clock, { failures: FAILURES, window: MINUTE }, MAX_LIMITED);
    this.setAccounts(accounts);
  }

  /** Values of WWW-Authenticate for who has shown nothing. */
  get challenges(): readonly string[] {
    const basic = 'Basic realm="PAP", charset="UTF-8"';
    return this.#verify === undefined ? [basic] : [basic, 'Bearer realm="PAP"'];
  }

  /** Replaces the accounts. Throws PPG_E_OPTIONS and changes nothing then. */
  setAccounts(accounts: readonly AuthenticatorAccount[]): void {
    const certificates = certificateFinder(accounts);
    this.#passwords.setAccounts(accounts);
    this.#accounts = new Map(accounts.map((account) => [account.name, account]));
    this.#certificates = certificates;
    this.#shown = new WeakMap();
  }

  check(
    authorization: string | undefined,
    source: string,
    connection?: object,
    request?: IncomingMessage,
  ): AuthResult | Promise<AuthResult> {
    const { authenticate } = this.#o;
    if (authenticate === undefined || request === undefined) return this.#own(authorization, source, connection);
    return this.#asked(authenticate, request, () => this.#own(authorization, source, connection));
  }

  async #asked(
    authenticate: AuthenticateHook,
    request: IncomingMessage,
    otherwise: () => AuthResult | Promise<AuthResult>,
  ): Promise<AuthResult> {
    let found: FoundAccount | undefined;
    try {
      found = await this.#inTime(authenticate(request));
    } catch (error) {
      const sentence = 'authenticate() failed; the request is refused for now';
      this.#hookFailed.say((unsaid) => this.#o.log.error({ cause: messageOf(error), ...unsaid }, sentence));
      return { ok: false, reason: 'busy', retryAfter: BUSY_RETRY };
    }
    if (found === undefined) return otherwise();
    if (typeof found !== 'string') return { ok: true, account: found };
    const account = this.#accounts.get(found);
    return account === undefined ? { ok: false, reason: 'wrong' } : { ok: true, account };
  }

  #inTime<T>(work: T | Promise<T>): T | Promise<T> {
    if (!(work instanceof Promise)) return work;
    const { clock } = this.#o;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new Error(`no answer within ${HOOK_WITHIN} ms`)), HOOK_WITHIN);
      work.then(resolve, reject).finally(() => clock.clearTimeout(timer));
    });
  }

  #own(authorization: string | undefined, source: string, connection?: object): AuthResult | Promise<AuthResult> {
    const certified = this.#certified(connection);
    if (certified !== undefined) return { ok: true, account: certified };
    const token = this.#verify === undefined ? undefined : BEARER.exec(authorization ?? '')?.[1];
    if (token !== undefined && token.length <= MAX_TOKEN) return this.#byToken(token, source);
    const result = this.#passwords.check(authorization, source, connection);
    if (result instanceof Promise) return result.then((ended) => this.#told(ended, authorization));
    return this.#told(result, authorization);
  }

  /** Says whose password it was not, for the audit; a name that no account has may be a password put in the wrong place. */
  #told(result: AuthResult, authorization: string | undefined): AuthResult {
    if (result.ok || authorization === undefined || authorization.length > MAX_TOKEN) return result;
    const name = readBasic(authorization)?.name;
    return name !== undefined && this.#accounts.has(name) ? { ...result, initiator: name } : result;
  }

  #certified(connection: object | undefined): PiAccount | undefined {
    if (this.#certificates === undefined || connection === undefined) return undefined;
    let shown = this.#shown.get(connection);
    if (shown === undefined) {
      const name = this.#certificates(connection);
      shown = (name === undefined ? undefined : this.#accounts.get(name)) ?? null;
      this.#shown.set(connection, shown);
    }
    return shown ?? undefined;
  }

  #byToken(token: string, address: string): AuthResult | Promise<AuthResult> {
    const digest = createHash('sha256').update(token).digest('base64');
    const known = this.#tokens.get(digest);
    if (known !== undefined && known.until > this.#o.clock.now()) return this.#named(known.name);
    this.#tokens.delete(digest);
    const source = networkOf(address);
    const blocked = this.#failures.blockedFor(source);
    if (blocked > 0) return { ok: false, reason: 'limited', retryAfter: blocked };
    return this.#verified(token, digest, source);
  }

  async #verified(token: string, digest: string, source: string): Promise<AuthResult> {
    const { clock } = this.#o;
    // Charged now and given back on success: otherwise a burst would be verified before its first failure counts.
    this.#failures.charge(source);
    const result = await (this.#verify as TokenVerifier)(token);
    if (!result.ok) {
      if (result.reason === 'refused') return { ok: false, reason: 'wrong' };
      this.#failures.forgive(source);
      const sentence = 'the keys of the token issuer cannot be had; tokens are refused for now';
      this.#keysMissing.say((unsaid) => this.#o.log.error(unsaid, sentence));
      return { ok: false, reason: 'busy', retryAfter: BUSY_RETRY };
    }
    this.#failures.forgive(source);
    if (this.#tokens.size >= MAX_REMEMBERED) {
      const oldest = this.#tokens.keys().next();
      if (!oldest.done) this.#tokens.delete(oldest.value);
    }
    this.#tokens.set(digest, { name: result.name, until: Math.min(result.expiresAt, clock.now() + REMEMBER) });
    return this.#named(result.name);
  }

  #named(name: string): AuthResult {
    const account = this.#accounts.get(name);
    return account === undefined ? { ok: false, reason: 'wrong' } : { ok: true, account };
  }
}

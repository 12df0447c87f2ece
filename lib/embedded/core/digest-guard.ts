import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { randomToken } from '../../base/ids.ts';
import {
  type DigestAlgorithm,
  type DigestCredentials,
  digestResponse,
  formatChallenge,
  parseCredentials,
} from '../../codec/sip/digest.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';

/** Milliseconds that a nonce is good for. */
const NONCE_LIFETIME = 5 * 60_000;

/** Nonces whose counters are remembered. */
const MAX_NONCES = 10_000;

/**
 * What every phone knows. A phone is to pass over what it does not know (RFC 8760 section 2.4), but baresip 1.0 gives up
 * its REGISTER when any challenge is not MD5, wherever that stands.
 */
const DEFAULT_ALGORITHMS: readonly DigestAlgorithm[] = ['MD5'];

/** Digest authentication of REGISTER (RFC 3261 section 22). Nonces carry their time, so that a challenge costs no memory. */
export class DigestGuard {
  readonly #clock: Clock;
  readonly #realm: string;
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #secret = randomBytes(32);
  /** Highest nonce count seen, by nonce: a count that does not rise is a replay (RFC 7616 section 3.4). */
  readonly #counts = new Map<string, number>();

  /** `algorithms` are offered in this order, the one to be preferred first (RFC 8760 section 2.3); default MD5. */
  constructor(
    clock: Clock,
    realm: string,
    users: Readonly<Record<string, string>>,
    algorithms: readonly DigestAlgorithm[] = DEFAULT_ALGORITHMS,
  ) {
    this.#algorithms = algorithms;
    this.#clock = clock;
    this.#realm = realm;
    this.#passwords = new Map(Object.entries(users));
  }

  /** The response that refuses the request, or undefined when it may register `aor`. Throws PPG_E_SIP_SYNTAX. */
  refuse(request: SipRequest, aor: string): SipResponse | undefined {
    const answer = request.headers
      .all('Authorization')
      .map(parseCredentials)
      .find((credentials) => credentials?.realm === this.#realm && this.#algorithms.includes(credentials.algorithm));
    if (answer === undefined) return this.#challenge(request, false);
    const user = answer.username.split('@', 1)[0] ?? '';
    if (!this.#isRight(request, answer, user)) return this.#challenge(request, false);
    if (!this.#isFresh(answer)) return this.#challenge(request, true);
    return aor.startsWith(`sip:${user}@`) ? undefined : respondTo(request, 403);
  }

  #challenge(request: SipRequest, stale: boolean): SipResponse {
    const nonce = this.#nonce();
    const headers = this.#algorithms.map((algorithm) => ({
      name: 'WWW-Authenticate',
      value: formatChallenge({ realm: this.#realm, nonce, algorithm, qop: 'auth', opaque: undefined, stale }),
    }));
    return respondTo(request, 401, { headers });
  }

  #isRight(request: SipRequest, answer: DigestCredentials, user: string): boolean {
    const { method, uri } = request;
    if (answer.uri !== uri || answer.protection?.qop !== 'auth') return false;
    // A user that is not there costs as much as a wrong password, and gets the same answer.
    const known = this.#passwords.get(user);
    const expected = digestResponse({ ...answer, password: known ?? randomToken(), method });
    return same(expected, answer.response) && known !== undefined;
  }

  /** Whether the nonce is one of ours, young enough, and its count higher than before. */
  #isFresh({ nonce, protection }: DigestCredentials): boolean {
    const [time = '', salt = '', signature = ''] = nonce.split('.');
    if (!same(this.#sign(time, salt), signature)) return false;
    const age = this.#clock.now() - Number.parseInt(time, 36);
    const count = Number.parseInt(protection?.nc ?? '0', 16);
    if (!(age >= 0 && age <= NONCE_LIFETIME) || count <= (this.#counts.get(nonce) ?? 0)) return false;
    this.#counts.delete(nonce);
    this.#counts.set(nonce, count);
    if (this.#counts.size > MAX_NONCES) this.#forgetOldest();
    return true;
  }

  /**
   * Past this many nonces the oldest counter goes. A replay within its nonce's lifetime would then need ten thousand
   * registrations in between, and meets the CSeq check of the registrar.
   */
  #forgetOldest(): void {
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      return;
    }
  }

  #nonce(): string {
    const time = this.#clock.now().toString(36);
    const salt = randomToken(6);
    return `${time}.${salt}.${this.#sign(time, salt)}`;
  }

  #sign(time: string, salt: string): string {
    return createHmac('sha256', this.#secret).update(`${time}.${salt}`).digest('hex').slice(0, 32);
  }
}

/** Compares without telling by its time how much was right. */
function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

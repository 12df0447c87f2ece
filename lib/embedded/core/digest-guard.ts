import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { randomToken } from '../../base/ids.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { quote } from '../../codec/sip/syntax.ts';
import { type DigestParams, digestResponse, parseDigest } from '../digest.ts';

/** Milliseconds that a nonce is good for. */
const NONCE_LIFETIME = 5 * 60_000;

/** Nonces whose counters are remembered. */
const MAX_NONCES = 10_000;

/** Digest authentication of REGISTER (RFC 3261 section 22). Nonces carry their time, so that a challenge costs no memory. */
export class DigestGuard {
  readonly #clock: Clock;
  readonly #realm: string;
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #secret = randomBytes(32);
  /** Highest nonce count seen, by nonce: a count that does not rise is a replay (RFC 2617 section 3.2.2). */
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, realm: string, users: Readonly<Record<string, string>>) {
    this.#clock = clock;
    this.#realm = realm;
    this.#passwords = new Map(Object.entries(users));
  }

  /** The response that refuses the request, or undefined when it may register `aor`. Throws PPG_E_SIP_SYNTAX. */
  refuse(request: SipRequest, aor: string): SipResponse | undefined {
    const answer = request.headers
      .all('Authorization')
      .map(parseDigest)
      .find((params) => params?.get('realm') === this.#realm);
    if (answer === undefined) return this.#challenge(request, false);
    const user = (answer.get('username') ?? '').split('@', 1)[0] ?? '';
    if (!this.#isRight(request, answer, user)) return this.#challenge(request, false);
    if (!this.#isFresh(answer)) return this.#challenge(request, true);
    return aor.startsWith(`sip:${user}@`) ? undefined : respondTo(request, 403);
  }

  #challenge(request: SipRequest, stale: boolean): SipResponse {
    const realm = quote(this.#realm);
    const value = `Digest realm=${realm}, nonce="${this.#nonce()}", algorithm=MD5, qop="auth"${stale ? ', stale=TRUE' : ''}`;
    return respondTo(request, 401, { headers: [{ name: 'WWW-Authenticate', value }] });
  }

  #isRight(request: SipRequest, answer: DigestParams, user: string): boolean {
    const { method, uri } = request;
    const nonce = answer.get('nonce') ?? '';
    const nc = answer.get('nc');
    const cnonce = answer.get('cnonce');
    if (answer.get('uri') !== uri || answer.get('qop') !== 'auth' || nc === undefined || cnonce === undefined)
      return false;
    // A user that is not there costs as much as a wrong password, and gets the same answer.
    const known = this.#passwords.get(user);
    const expected = digestResponse({
      username: answer.get('username') ?? '',
      realm: this.#realm,
      password: known ?? randomToken(),
      method,
      uri,
      nonce,
      auth: { nc, cnonce },
    });
    return same(expected, (answer.get('response') ?? '').toLowerCase()) && known !== undefined;
  }

  /** Whether the nonce is one of ours, young enough, and its count higher than before. */
  #isFresh(answer: DigestParams): boolean {
    const nonce = answer.get('nonce') ?? '';
    const [time = '', salt = '', signature = ''] = nonce.split('.');
    if (!same(this.#sign(time, salt), signature)) return false;
    const age = this.#clock.now() - Number.parseInt(time, 36);
    const count = /^[0-9a-f]{8}$/i.test(answer.get('nc') ?? '') ? Number.parseInt(answer.get('nc') ?? '', 16) : 0;
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

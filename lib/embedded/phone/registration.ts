import type { Clock, TimerHandle } from '../../base/clock.ts';
import { PpgError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import {
  type DigestChallenge,
  digestResponse,
  formatCredentials,
  nonceCount,
  parseChallenges,
  strongest,
} from '../../codec/sip/digest.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../codec/sip/message.ts';
import { parseNameAddrs } from '../../codec/sip/name-addr.ts';
import { paramOf } from '../../codec/sip/params.ts';
import type { HeaderField } from '../../model/push.ts';
import type { Hop, SipStack } from '../../stack/types.ts';

export interface RegistrationOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: SipStack;
  readonly registrar: Hop;
  /** `sip:alice@example.com` */
  readonly aor: string;
  /** `sip:example.com` */
  readonly domainUri: string;
  /** Contact value without `expires`: `<sip:alice@127.0.0.1:5066>;+g.oma.pusheventapp="mms.ua"`. */
  readonly contact: string;
  /** The URI in it. */
  readonly contactUri: string;
  /** Seconds to ask for. */
  readonly expires: number;
  /** For a registrar that asks who it is (RFC 3261 section 22). */
  readonly credentials?: { readonly username: string; readonly password: string };
}

/** What a registrar granted. */
export interface Granted {
  /** Seconds. */
  readonly expires: number;
  /** Public GRUU of this phone (RFC 5627), when there is one. */
  readonly gruu?: string;
}

/** Milliseconds between tries to renew, doubling from the first to the second (RFC 5626 section 4.5). */
const FIRST_RETRY = 2000;
const LONGEST_RETRY = 60_000;

/** Keeps one contact registered (RFC 3261 section 10.2). */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #callId = randomToken();
  readonly #fromTag = randomToken(8);
  #cseq = 0;
  #expires: number;
  #timer: TimerHandle | undefined;
  #retryIn = FIRST_RETRY;
  #stopped = false;
  /** Called with what every successful REGISTER granted. */
  onGranted: (granted: Granted) => void = () => undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#expires = options.expires;
  }

  /** Registers and goes on renewing. Rejects with PPG_E_SIP_TIMEOUT, PPG_E_SIP_TRANSPORT or, refused, PPG_E_FORBIDDEN. */
  async start(): Promise<Granted> {
    const granted = await this.#register();
    this.#renewLater(granted);
    return granted;
  }

  /** Renews now. Rejects as {@link start}. */
  async renew(): Promise<Granted> {
    this.#options.clock.clearTimeout(this.#timer);
    const granted = await this.#register();
    this.#renewLater(granted);
    return granted;
  }

  /** Takes the contact away. Rejects as {@link start}. */
  async stop(): Promise<void> {
    this.cease();
    await this.#send(0);
  }

  /** Stops renewing, and tells nobody. */
  cease(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  async #register(): Promise<Granted> {
    let response = await this.#send(this.#expires);
    if (response.status === 423) {
      const least = Number(response.headers.get('Min-Expires'));
      if (!Number.isInteger(least) || least <= this.#expires) throw refused(response);
      this.#expires = least;
      response = await this.#send(least);
    }
    if (response.status >= 300) throw refused(response);
    const granted = this.#granted(response);
    this.onGranted(granted);
    return granted;
  }

  #renewLater({ expires }: Granted): void {
    this.#retryIn = FIRST_RETRY;
    // Early enough for a whole timer F and another try.
    this.#later(Math.max(500, expires > 120 ? (expires - 60) * 1000 : expires * 500));
  }

  #later(delay: number): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.renew().catch((error: unknown) => this.#failed(error));
    }, delay);
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { log, aor } = this.#options;
    log.warn({ aor, err: error, retryIn: this.#retryIn }, 'a phone could not renew its registration');
    this.#later(this.#retryIn);
    this.#retryIn = Math.min(this.#retryIn * 2, LONGEST_RETRY);
  }

  /** Sends, and answers a challenge once: a second one means that the password is wrong. */
  async #send(expires: number): Promise<SipResponse> {
    const response = await this.#sendOnce(expires);
    const { credentials } = this.#options;
    if (response.status !== 401 || credentials === undefined) return response;
    const challenge = strongest(parseChallenges(response.headers.all('WWW-Authenticate')));
    if (challenge === undefined) return response;
    return this.#sendOnce(expires, answerTo(challenge, credentials, this.#options.domainUri));
  }

  #sendOnce(expires: number, authorization?: string): Promise<SipResponse> {
    const { stack, registrar } = this.#options;
    return new Promise((resolve, reject) => {
      stack.request(this.#request(expires, authorization), registrar, {
        onResponse: (response) => {
          if (response.status >= 200) resolve(response);
        },
        onFailure: (failure, cause) =>
          reject(
            new PpgError(
              failure === 'timeout' ? 'PPG_E_SIP_TIMEOUT' : 'PPG_E_SIP_TRANSPORT',
              `the registrar ${registrar.host}:${registrar.port} did not answer`,
              { cause },
            ),
          ),
      });
    });
  }

  #request(expires: number, authorization: string | undefined): SipRequest {
    const { aor, contact, domainUri } = this.#options;
    this.#cseq++;
    const fields: HeaderField[] = [
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${aor}>;tag=${this.#fromTag}` },
      { name: 'To', value: `<${aor}>` },
      { name: 'Call-ID', value: this.#callId },
      { name: 'CSeq', value: `${this.#cseq} REGISTER` },
      { name: 'Contact', value: contact },
      { name: 'Expires', value: String(expires) },
      { name: 'Supported', value: 'gruu' },
    ];
    if (authorization !== undefined) fields.push({ name: 'Authorization', value: authorization });
    return { kind: 'request', method: 'REGISTER', uri: domainUri, headers: new SipHeaders(fields), body: NO_BODY };
  }

  /** Our own contact among those that a 200 lists. */
  #granted({ headers }: SipResponse): Granted {
    const own = parseNameAddrs(headers.all('Contact')).find(({ uri }) => uri === this.#options.contactUri);
    const expires = Number(own === undefined ? undefined : paramOf(own.params, 'expires'));
    const gruu = own === undefined ? undefined : paramOf(own.params, 'pub-gruu');
    return {
      expires: Number.isInteger(expires) && expires > 0 ? expires : this.#expires,
      ...(gruu !== undefined && { gruu }),
    };
  }
}

/** Every challenge brings a new nonce, so each answer is the first to its own. */
function answerTo(
  { realm, nonce, algorithm, qop, opaque }: DigestChallenge,
  { username, password }: { username: string; password: string },
  uri: string,
): string {
  const protection = qop === undefined ? undefined : { qop, nc: nonceCount(1), cnonce: randomToken(8) };
  const input = { username, realm, nonce, uri, algorithm, protection };
  const response = digestResponse({ ...input, password, method: 'REGISTER' });
  return formatCredentials({ ...input, response, opaque });
}

const NO_BODY = Buffer.alloc(0);

const refused = (response: SipResponse): PpgError =>
  new PpgError('PPG_E_FORBIDDEN', `the registrar answered ${response.status} ${response.reason}`, {
    sipStatus: response.status,
  });

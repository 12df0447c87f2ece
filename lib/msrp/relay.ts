import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { headerOf, type MsrpResponse } from '../codec/msrp/message.ts';
import { formatMsrpUri, type MsrpUri, parsePath } from '../codec/msrp/uri.ts';
import {
  type DigestChallenge,
  digestResponse,
  formatCredentials,
  nonceCount,
  parseChallenges,
  strongest,
} from '../codec/sip/digest.ts';
import type { HeaderField } from '../model/push.ts';
import type { MsrpEndpoint } from './endpoint.ts';
import type { MsrpSession, Through } from './session.ts';

export interface MsrpRelayOptions {
  readonly endpoint: Pick<MsrpEndpoint, 'open'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the relay, without session-id; with msrps its certificate has to be that of its host. */
  readonly uri: MsrpUri;
  readonly user: string;
  readonly password: string;
  /** PEM of who signs the relay's certificate. Default: those that the system trusts. */
  readonly ca?: string | undefined;
}

/** Seconds that are asked for where the relay has no bounds of its own. */
const WANTED = 1800;
/** What a relay that says nothing is taken to grant, and the least and most that count, seconds. */
const LEAST = 2;
const MOST = 24 * 3600;

/** How soon a relay that is gone or refuses is tried again, ms; doubled each time. */
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 60_000;

/** A request, one with credentials, one more with a newer nonce, and one with an interval that the relay takes. */
const MOST_TRIES = 4;

/** Our place at a relay (RFC 4976 section 5.1): authorises with AUTH, and again before that runs out or when the relay is lost. */
export class MsrpRelay {
  readonly #o: MsrpRelayOptions;
  /** The session by which AUTH goes; its connection is that of all sessions through the relay. */
  #session: MsrpSession | undefined;
  #through: Through | undefined;
  #challenge: DigestChallenge | undefined;
  #nonceCount = 0;
  #wanted = WANTED;
  #retry = FIRST_RETRY;
  #timer: TimerHandle;
  #stopped = true;

  constructor(options: MsrpRelayOptions) {
    this.#o = options;
  }

  get secure(): boolean {
    return this.#o.uri.secure;
  }

  /** The way by the relay; undefined while it is not there or has not authorised us. */
  get through(): Through | undefined {
    return this.#through;
  }

  /** Goes to the relay, and stays there until `stop`. What goes wrong is logged. */
  start(): void {
    this.#stopped = false;
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#o.clock.clearTimeout(this.#timer);
    this.#through = undefined;
    this.#session?.close();
    this.#session = undefined;
  }

  #begin(): void {
    const { endpoint, uri, ca } = this.#o;
    try {
      const session = endpoint.open(uri.secure);
      this.#session = session;
      session.onEnd((reason) => this.#lost(session, reason));
      const authority = { ...(ca !== undefined && { ca }) };
      session.connect({ path: [uri], role: 'active', fingerprints: [], authority, configured: true });
      void this.#authorise(session);
    } catch (error) {
      this.#later(messageOf(error));
    }
  }

  async #authorise(session: MsrpSession): Promise<void> {
    const { clock, log, uri } = this.#o;
    try {
      const granted = await this.#ask(session);
      if (this.#stopped || session !== this.#session) return;
      const { connection } = session;
      if (connection === undefined) throw new Error('the connection is gone');
      if (this.#through === undefined)
        log.info({ relay: formatMsrpUri(uri), seconds: granted.seconds }, 'the MSRP relay is there');
      this.#through = { path: granted.path, connection };
      this.#retry = FIRST_RETRY;
      // Half way: the path of before holds for as long again, for what is on its way.
      this.#timer = clock.setTimeout(() => void this.#authorise(session), (granted.seconds * 1000) / 2);
    } catch (error) {
      this.#lost(session, messageOf(error));
    }
  }

  /** Throws with what the relay said when it is no yes. */
  async #ask(session: MsrpSession): Promise<{ path: readonly MsrpUri[]; seconds: number }> {
    for (let tried = 0; tried < MOST_TRIES; tried++) {
      const sent = this.#challenge;
      const headers = [{ name: 'Expires', value: String(this.#wanted) }, ...this.#credentials()];
      const answer = await session.request('AUTH', headers);
      if (answer === undefined) throw new Error(session.ended ?? 'the relay did not answer');
      if (answer.status >= 200 && answer.status <= 299) return grantOf(answer, this.secure, this.#wanted);
      const again =
        answer.status === 401 ? this.#isChallenged(answer, sent) : answer.status === 423 && this.#fits(answer);
      if (!again) throw new Error(`the relay answered ${answer.status} ${answer.comment.slice(0, 60)}`.trimEnd());
    }
    throw new Error('the relay asks again and again');
  }

  /** Whether there is something else to answer than what was refused. */
  #isChallenged({ headers }: MsrpResponse, sent: DigestChallenge | undefined): boolean {
    const values = headers.filter(({ name }) => name.toLowerCase() === 'www-authenticate').map(({ value }) => value);
    const challenge = strongest(parseChallenges(values));
    this.#challenge = challenge;
    this.#nonceCount = 0;
    // The password is wrong when a nonce as good as new is refused; one that was kept from before may have run out.
    return challenge !== undefined && (sent === undefined || challenge.stale || challenge.nonce !== sent.nonce);
  }

  /** RFC 4976 section 5.1: an interval that is out of bounds is refused with the bound. */
  #fits({ headers }: MsrpResponse): boolean {
    const [least, most] = [secondsOf(headers, 'Min-Expires'), secondsOf(headers, 'Max-Expires')];
    const before = this.#wanted;
    if (least !== undefined && least > before) this.#wanted = Math.min(least, MOST);
    else if (most !== undefined && most < before) this.#wanted = Math.max(most, 1);
    return this.#wanted !== before;
  }

  #credentials(): HeaderField[] {
    const challenge = this.#challenge;
    if (challenge === undefined) return [];
    const { uri, user, password } = this.#o;
    const { realm, nonce, algorithm, opaque, qop } = challenge;
    const nc = nonceCount(++this.#nonceCount);
    const protection = qop === undefined ? undefined : { qop, nc, cnonce: randomToken(8) };
    // RFC 4976 section 9.1: the URI is that of To-Path.
    const of = { username: user, realm, nonce, uri: formatMsrpUri(uri), algorithm, protection };
    const response = digestResponse({ ...of, password, method: 'AUTH' });
    return [{ name: 'Authorization', value: formatCredentials({ ...of, response, opaque }) }];
  }

  #lost(session: MsrpSession, reason: string): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    this.#through = undefined;
    this.#challenge = undefined;
    session.drop(reason);
    this.#later(reason);
  }

  #later(cause: string): void {
    const { clock, log, uri } = this.#o;
    if (this.#stopped) return;
    log.warn({ relay: formatMsrpUri(uri), cause, retryIn: this.#retry }, 'the MSRP relay is not there');
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#begin(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
  }
}

/** Throws PPG_E_MSRP_SYNTAX for a path that cannot be read. */
function grantOf(
  { headers }: MsrpResponse,
  secure: boolean,
  wanted: number,
): { path: readonly MsrpUri[]; seconds: number } {
  const path = parsePath(headerOf(headers, 'Use-Path') ?? '');
  if (path.some((uri) => uri.secure !== secure)) throw new Error('the path of the relay is of another protocol');
  return { path, seconds: Math.min(Math.max(secondsOf(headers, 'Expires') ?? wanted, LEAST), MOST) };
}

function secondsOf(headers: readonly HeaderField[], name: string): number | undefined {
  const value = headerOf(headers, name)?.trim();
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

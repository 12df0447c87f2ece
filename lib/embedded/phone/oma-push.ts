import type { Clock, TimerHandle } from '../../base/clock.ts';
import { PpgError } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import type { Logger } from '../../base/log.ts';
import { SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { quote } from '../../codec/sip/syntax.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ClientSubscription, SubscriptionState } from '../../stack/subscription.ts';
import type { Hop, ServerTransaction } from '../../stack/types.ts';
import type { UserAgent } from '../../stack/user-agent.ts';

/** How a phone subscribes to pushes (package `oma-push`, draft-mdolly). */
export interface PhoneSubscribeOptions {
  /** Whom it asks. Default `sip:push@` and its domain; its own address-of-record is possible too. */
  readonly to?: string;
  /** `event-app-id`; default its applications. */
  readonly applications?: readonly string[];
  /** `dev-cap`: URL of a profile, or model, vendor and version. Default none. */
  readonly deviceCapabilities?: string;
  /** Seconds. Default 86,400. */
  readonly expires?: number;
  /** Further headers of the SUBSCRIBE. */
  readonly headers?: readonly HeaderField[];
}

export interface PhoneSubscriptionSetting extends PhoneSubscribeOptions {
  readonly agent: UserAgent;
  readonly clock: Clock;
  readonly log: Logger;
  readonly server: Hop;
  /** `sip:alice@example.com` */
  readonly aor: string;
  /** Whom it asks. */
  readonly to: string;
  /** Contact value with its features. */
  readonly contact: () => string;
  readonly applications: readonly string[];
  /** Accept, Allow, Supported, User-Agent. */
  readonly told: readonly HeaderField[];
  /** A NOTIFY that carries something; it is to be answered. */
  readonly onPush: (transaction: ServerTransaction) => void;
}

/** Milliseconds until it subscribes anew after its subscription was lost, doubling from the first to the second. */
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 60_000;

/** Keeps one subscription to pushes: subscribes, refreshes, subscribes anew when it is lost. */
export class PhoneSubscription {
  readonly #o: PhoneSubscriptionSetting;
  #current: ClientSubscription | undefined;
  #timer: TimerHandle | undefined;
  #retryIn = FIRST_RETRY;
  #stopped = true;
  /** What the 2xx said, of the last subscription that was accepted. */
  granted: SipHeaders | undefined;

  constructor(setting: PhoneSubscriptionSetting) {
    this.#o = setting;
  }

  get active(): boolean {
    return this.#current?.dialog !== undefined;
  }

  /** Resolves once it is accepted. Rejects with PPG_E_FORBIDDEN, refused, PPG_E_SIP_TIMEOUT or PPG_E_SIP_TRANSPORT. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.#subscribe();
  }

  /** Refreshes now. Answers the status, undefined when there is no subscription or nobody answers. */
  async refresh(): Promise<number | undefined> {
    const outcome = await this.#current?.refresh(this.#expires);
    return outcome?.kind === 'response' ? outcome.response.status : undefined;
  }

  /** Unsubscribes. Never rejects. */
  async stop(): Promise<void> {
    const current = this.#current;
    this.cease();
    await current?.end();
  }

  /** Forgets it, and tells nobody. */
  cease(): void {
    this.#stopped = true;
    this.#o.clock.clearTimeout(this.#timer);
    this.#current = undefined;
  }

  get #expires(): number {
    return this.#o.expires ?? 86_400;
  }

  #subscribe(): Promise<void> {
    const { agent, server, onPush } = this.#o;
    return new Promise((resolve, reject) => {
      const subscription: ClientSubscription = agent.subscribe(this.#request(), server, {
        onAccepted: ({ headers }) => {
          this.granted = headers;
          this.#retryIn = FIRST_RETRY;
          this.#refreshBefore(Number(headers.get('Expires') ?? this.#expires));
          resolve();
        },
        onNotify: (notify) => {
          if (notify.request.body.length > 0) onPush(notify);
          else notify.respond(respondTo(notify.request, 200));
        },
        onRefused: ({ status, reason }) => {
          this.#lost(subscription, undefined);
          reject(new PpgError('PPG_E_FORBIDDEN', `SUBSCRIBE was answered ${status} ${reason}`, { sipStatus: status }));
        },
        onFailure: (failure, cause) => {
          this.#lost(subscription, undefined);
          const code = failure === 'timeout' ? 'PPG_E_SIP_TIMEOUT' : 'PPG_E_SIP_TRANSPORT';
          reject(new PpgError(code, 'nobody answered the SUBSCRIBE', { cause }));
        },
        onEnd: (_reason, state) => this.#lost(subscription, state),
      });
      this.#current = subscription;
    });
  }

  #refreshBefore(seconds: number): void {
    const { clock, log, aor } = this.#o;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(
      () => {
        void this.refresh().then((status) => {
          if (this.#stopped || this.#current === undefined) return;
          if (status !== undefined && status < 300) this.#refreshBefore(seconds);
          else log.debug({ aor, status }, 'a phone could not refresh its subscription');
        });
      },
      Math.max(500, seconds > 120 ? (seconds - 60) * 1000 : seconds * 500),
    );
  }

  /** RFC 6665 section 4.1.3: what the end means. Who was refused before it began has its answer. */
  #lost(subscription: ClientSubscription, state: SubscriptionState | undefined): void {
    if (this.#current !== subscription) return;
    this.#current = undefined;
    const { clock, log, aor } = this.#o;
    clock.clearTimeout(this.#timer);
    const { state: word, reason = '', retryAfter } = state ?? {};
    if (this.#stopped || state === undefined || (word === 'terminated' && FOR_GOOD.has(reason))) return;
    const delay = retryAfter === undefined ? this.#retryIn : retryAfter * 1000;
    this.#retryIn = Math.min(this.#retryIn * 2, LONGEST_RETRY);
    this.#timer = clock.setTimeout(() => {
      this.#subscribe().catch((error: unknown) => {
        log.debug({ aor, err: error }, 'a phone could not subscribe anew');
      });
    }, delay);
  }

  #request(): SipRequest {
    const { aor, to, applications, deviceCapabilities, contact, told, headers = [] } = this.#o;
    const ids = `event-app-id=${quote(applications.join(','))}`;
    const capabilities = deviceCapabilities === undefined ? '' : `;dev-cap=${quote(deviceCapabilities)}`;
    const fields: HeaderField[] = [
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${aor}>;tag=${randomToken(8)}` },
      { name: 'To', value: `<${to}>` },
      { name: 'Call-ID', value: randomToken() },
      { name: 'CSeq', value: '1 SUBSCRIBE' },
      { name: 'Contact', value: contact() },
      { name: 'Event', value: `oma-push;${ids}${capabilities}` },
      { name: 'Expires', value: String(this.#expires) },
      ...told,
      ...headers,
    ];
    return { kind: 'request', method: 'SUBSCRIBE', uri: to, headers: new SipHeaders(fields), body: NO_BODY };
  }
}

/** Reasons after which nobody should come again. */
const FOR_GOOD: ReadonlySet<string> = new Set(['rejected', 'noresource', 'invariant']);

const NO_BODY = Buffer.alloc(0);

import type { Clock, TimerHandle } from '../base/clock.ts';
import { paramOf, parseParams } from '../codec/sip/params.ts';
import type { HeaderField } from '../model/push.ts';
import type { MessageParts } from './dialog-state.ts';

/** Why a notifier ends a subscription (RFC 6665 section 4.1.3): what the subscriber is to make of it. */
export type Termination = 'deactivated' | 'probation' | 'rejected' | 'timeout' | 'giveup' | 'noresource' | 'invariant';

export interface NotifierOptions {
  /** Seconds that the 2xx grants, and the most that a refresh is granted; 0 answers a fetch: one NOTIFY, and the end. */
  readonly expires: number;
  /** Seconds; a refresh that asks for less is answered 423. Default 1. */
  readonly minExpires?: number | undefined;
  /**
   * The state of what is subscribed to. It goes out when the subscription begins, with each refresh and when it is ended
   * by the subscriber (RFC 6665 section 4.2.1.2). Default: a NOTIFY without a body.
   */
  readonly current?: (() => MessageParts) | undefined;
}

/** A SUBSCRIBE within the dialog; `expires` is what it was granted, 0 when it ended the subscription. */
export interface Refresh<R> {
  readonly request: R;
  readonly expires: number;
}

/** The dialog below a notifier. */
export interface NotifierPort<A> {
  readonly clock: Clock;
  readonly callId: string;
  /** Sends a NOTIFY within the dialog and waits for its end. Never rejects. */
  send(parts: MessageParts): Promise<A>;
  /** What the end of a NOTIFY says of the subscription: `failed` ends it (RFC 6665 section 4.2.2). */
  verdict(answer: A): 'taken' | 'failed';
  /** The end of a NOTIFY that is not sent. */
  refuse(cause: string): A;
  /** Forgets the dialog without a word. */
  close(): void;
  /** A function of the user's threw. */
  onUserError(error: unknown): void;
}

/** setTimeout takes no more than 2^31 - 1 ms, 24.8 days. Seconds. */
const LONGEST = 2_000_000;

/** What a 2xx grants. */
export const granted = (expires: number): HeaderField => ({
  name: 'Expires',
  value: String(Math.min(expires, LONGEST)),
});

/** NOTIFYs that wait for the one before them. */
const MAX_WAITING = 100;

/** A subscription of a peer's (RFC 6665 section 4.2): grants, expiry, NOTIFYs one after the other, the last one. */
export class Notifier<A, R> {
  readonly callId: string;
  /** The Event header, as the subscriber wrote it. */
  readonly event: string;
  readonly #port: NotifierPort<A>;
  readonly #most: number;
  readonly #least: number;
  readonly #current: () => MessageParts;
  readonly #refreshListeners: ((refresh: Refresh<R>) => void)[] = [];
  readonly #endListeners: ((reason: string) => void)[] = [];
  #expiry: TimerHandle;
  #expiresAt = 0;
  #ended: string | undefined;
  #closed = false;
  #waiting = 0;
  /** A subscriber that got them out of order would refuse the older one (RFC 3261 section 12.2.2). */
  #last: Promise<unknown> = Promise.resolve();

  /** The SUBSCRIBE has its 2xx, or gets it now; `begin` follows when it has left. */
  constructor(port: NotifierPort<A>, event: string, options: NotifierOptions) {
    this.#port = port;
    this.callId = port.callId;
    this.event = event;
    this.#most = Math.min(options.expires, LONGEST);
    this.#least = options.minExpires ?? 1;
    const { current = () => ({}) } = options;
    this.#current = () => this.#guarded(current, {});
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Seconds that it has left. */
  get expires(): number {
    if (this.ended) return 0;
    return Math.max(0, Math.ceil((this.#expiresAt - this.#port.clock.now()) / 1000));
  }

  /** The 2xx has left: the first NOTIFY follows. */
  begin(): void {
    this.#grant(this.#most, undefined);
  }

  /**
   * Sends a NOTIFY, behind those that have no answer yet; Subscription-State is added, and Event where `headers` have none. A refusal without
   * Retry-After, or silence, ends the subscription. Never rejects.
   */
  notify(body?: Buffer, headers: readonly HeaderField[] = []): Promise<A> {
    if (this.#ended !== undefined)
      return Promise.resolve(this.#port.refuse(`the subscription has ended: ${this.#ended}`));
    return this.#send({ headers, ...(body !== undefined && { body }) }, `active;expires=${this.expires}`);
  }

  /** Each SUBSCRIBE within the dialog; the NOTIFY that it calls for goes out by itself. */
  on(event: 'refresh', listener: (refresh: Refresh<R>) => void): this;
  /** Called once, at once when it has ended already; the reason is for the log. */
  on(event: 'end', listener: (reason: string) => void): this;
  on(event: 'refresh' | 'end', listener: ((refresh: Refresh<R>) => void) | ((reason: string) => void)): this {
    if (event === 'refresh') this.#refreshListeners.push(listener as (refresh: Refresh<R>) => void);
    else if (this.#ended !== undefined) (listener as (reason: string) => void)(this.#ended);
    else this.#endListeners.push(listener as (reason: string) => void);
    return this;
  }

  /** Ends it by a last NOTIFY and waits for its end; `retryAfter` in seconds. Never rejects. */
  end(reason: Termination = 'noresource', parts: MessageParts & { readonly retryAfter?: number } = {}): Promise<void> {
    return this.#terminate('local', reason, parts);
  }

  /** The dialog is lost, or its NOTIFY was refused: nothing more is sent. */
  lost(reason: string): void {
    this.#finish(reason);
    this.#close();
  }

  // ---- what the subscriber asks

  /** A SUBSCRIBE within the dialog (RFC 6665 section 4.2.1); `respond` answers it. */
  onSubscribe(
    request: R,
    fields: { readonly event: string | undefined; readonly expires: string | undefined },
    respond: (status: number, headers: readonly HeaderField[]) => void,
  ): void {
    const asked = fields.expires?.trim() ?? String(this.#most);
    if (this.ended) respond(481, []);
    // Section 4.5.1: a dialog has one subscription.
    else if (!isSameEvent(fields.event, this.event)) respond(489, []);
    else if (!/^\d{1,10}$/.test(asked)) respond(400, []);
    else if (Number(asked) > 0 && Number(asked) < this.#least)
      respond(423, [{ name: 'Min-Expires', value: String(this.#least) }]);
    else {
      const seconds = Math.min(Number(asked), this.#most);
      respond(200, [granted(seconds)]);
      this.#grant(seconds, request);
    }
  }

  /** A SUBSCRIBE with Expires 0 that somebody has answered. */
  onUnsubscribed(request: R): void {
    if (!this.ended) this.#grant(0, request);
  }

  #grant(seconds: number, request: R | undefined): void {
    const { clock } = this.#port;
    clock.clearTimeout(this.#expiry);
    this.#expiresAt = clock.now() + seconds * 1000;
    if (request !== undefined) this.#tell(this.#refreshListeners, { request, expires: seconds });
    if (this.ended) return;
    if (seconds === 0) {
      void this.#terminate('remote', 'timeout', this.#current());
      return;
    }
    this.#expiry = clock.setTimeout(() => void this.#terminate('expired', 'timeout', {}), seconds * 1000);
    const { body, headers } = this.#current();
    void this.notify(body, headers);
  }

  // ---- NOTIFYs

  async #send({ headers = [], body }: MessageParts, state: string): Promise<A> {
    if (this.#waiting >= MAX_WAITING) return this.#port.refuse('too many NOTIFYs wait for their answers');
    const before = this.#last;
    const own: HeaderField[] = [{ name: 'Subscription-State', value: state }];
    if (!headers.some(({ name }) => name === 'Event')) own.unshift({ name: 'Event', value: this.event });
    const sent = before.then(async () => {
      if (this.#closed) return this.#port.refuse(`the subscription has ended: ${this.#ended}`);
      return this.#port.send({ headers: [...own, ...headers], ...(body !== undefined && { body }) });
    });
    this.#last = sent;
    this.#waiting++;
    const answer = await sent;
    this.#waiting--;
    if (!this.#closed && this.#port.verdict(answer) === 'failed') this.lost('gone');
    return answer;
  }

  async #terminate(
    why: string,
    reason: Termination,
    { retryAfter, ...parts }: MessageParts & { readonly retryAfter?: number },
  ): Promise<void> {
    if (this.ended) return;
    this.#finish(why);
    const later = retryAfter === undefined ? '' : `;retry-after=${retryAfter}`;
    await this.#send(parts, `terminated;reason=${reason}${later}`);
    this.#close();
  }

  #finish(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#port.clock.clearTimeout(this.#expiry);
    this.#tell(this.#endListeners.splice(0), reason);
  }

  #tell<T>(listeners: readonly ((news: T) => void)[], news: T): void {
    for (const listener of listeners) this.#guarded(() => listener(news), undefined);
  }

  #guarded<T>(work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (error) {
      this.#port.onUserError(error);
      return otherwise;
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.close();
  }
}

/** Package and `id` (RFC 6665 section 4.4.1), comparable. */
export function eventKey(value: string | undefined): string {
  if (value === undefined) return '';
  const semicolon = value.indexOf(';');
  const name = packageOf(value);
  const id = semicolon < 0 ? undefined : paramOf(parseParams(value, semicolon), 'id');
  // The NOTIFYs of the first REFER may have an id that its subscriber never heard of (RFC 3515 section 2.4.6).
  return name === 'refer' ? name : `${name};${id ?? ''}`;
}

/** The package that an Event header names, lower case. */
export function packageOf(value: string): string {
  const semicolon = value.indexOf(';');
  return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
}

/** False also for one that cannot be read. */
export function isSameEvent(one: string | undefined, other: string): boolean {
  try {
    return eventKey(one) === eventKey(other);
  } catch {
    return false;
  }
}

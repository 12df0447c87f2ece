import type { TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { parseCSeq } from '../codec/sip/cseq.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { tagOf } from '../codec/sip/name-addr.ts';
import { paramOf, parseParams } from '../codec/sip/params.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import type { HeaderField } from '../model/push.ts';
import { Dialog } from './dialog.ts';
import type { DialogAuthorizer, DialogEnd, DialogHost, Outcome } from './dialog-host.ts';
import { DialogState, type MessageParts } from './dialog-state.ts';
import { isSameEvent, packageOf } from './notifier.ts';
import type { Hop, ServerTransaction, TransactionFailure } from './types.ts';

/** What a NOTIFY says of its subscription (RFC 6665 section 4.1.3). */
export interface SubscriptionState {
  readonly state: 'active' | 'pending' | 'terminated';
  /** Seconds. */
  readonly expires?: number;
  /** Of `terminated`: deactivated, probation, rejected, timeout, giveup, noresource, invariant. */
  readonly reason?: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** Reads Subscription-State; undefined when it is missing or of no use. An unknown state counts as active. */
export function subscriptionState(value: string | undefined): SubscriptionState | undefined {
  if (value === undefined) return undefined;
  const semicolon = value.indexOf(';');
  const word = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
  if (word === '') return undefined;
  const params = semicolon < 0 ? [] : parseParams(value, semicolon);
  const seconds = (name: string): number | undefined => {
    const text = paramOf(params, name);
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  };
  const state = word === 'terminated' || word === 'pending' ? word : 'active';
  const expires = seconds('expires');
  const retryAfter = seconds('retry-after');
  const reason = paramOf(params, 'reason');
  return {
    state,
    ...(expires !== undefined && { expires }),
    ...(reason !== undefined && { reason }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

export interface SubscriptionListener {
  /** A 2xx; the dialog is there. */
  onAccepted?(response: SipResponse, dialog: Dialog): void;
  /** A NOTIFY, perhaps before the 2xx. The listener answers it. */
  onNotify(notify: ServerTransaction, state: SubscriptionState, dialog: Dialog): void;
  /** 300 to 699 to the first request. */
  onRefused(response: SipResponse): void;
  onFailure(failure: TransactionFailure, cause: Error, sent: boolean): void;
  /** Called once for a subscription that had begun. */
  onEnd?(reason: DialogEnd, state: SubscriptionState | undefined): void;
  /** Of the dialog. */
  readonly authorize?: DialogAuthorizer | undefined;
}

/** A subscription of ours (RFC 6665 section 4.1), made by SUBSCRIBE or by a REFER outside a dialog (RFC 3515). */
export class ClientSubscription {
  readonly request: SipRequest;
  readonly #host: DialogHost;
  readonly #listener: SubscriptionListener;
  readonly #onClosed: () => void;
  #dialog: Dialog | undefined;
  #expiry: TimerHandle;
  #last: SubscriptionState | undefined;
  /** What the last 2xx granted, seconds. */
  #granted: number | undefined;
  #ending = false;
  #closed = false;

  constructor(host: DialogHost, request: SipRequest, hop: Hop, listener: SubscriptionListener, onClosed: () => void) {
    const headers = request.headers.clone();
    if (!headers.has('Contact')) headers.add('Contact', `<${host.contact()}>`);
    this.request = { ...request, headers };
    this.#host = host;
    this.#listener = listener;
    this.#onClosed = onClosed;
    const transaction = host.stack.request(this.request, hop, {
      onResponse: (response) => this.#onResponse(response),
      onFailure: (failure, cause) => {
        if (this.#closed) return;
        this.#close('gone');
        listener.onFailure(failure, cause, transaction.sent !== false);
      },
    });
  }

  /** Undefined until a 2xx or NOTIFY has made it. */
  get dialog(): Dialog | undefined {
    return this.#dialog;
  }

  /** Whether a NOTIFY outside every dialog is for this subscription (RFC 6665 section 4.4.1). */
  expects({ headers }: SipRequest): boolean {
    const from = tagOf(this.request.headers.get('From') ?? '');
    return (
      this.#dialog === undefined &&
      headers.get('Call-ID') === this.request.headers.get('Call-ID') &&
      tagOf(headers.get('To') ?? '') === from &&
      isSameEvent(headers.get('Event'), this.request.headers.get('Event') ?? 'refer')
    );
  }

  /** The NOTIFY that comes before the 2xx makes the dialog. Throws PPG_E_SIP_SYNTAX. */
  onFirstNotify(notify: ServerTransaction): void {
    const number = parseCSeq(this.request.headers.get('CSeq') ?? '').number;
    this.#begin(DialogState.asNotified(notify.request, number)).receive(notify);
  }

  /** Refreshes; `expires` in seconds, 0 ends it (RFC 6665 section 4.1.2.2). Never rejects. */
  async refresh(expires: number, parts: MessageParts = {}): Promise<Outcome> {
    const dialog = this.#dialog;
    if (dialog === undefined)
      return { kind: 'failure', failure: 'ended', cause: new Error('the subscription has not begun'), sent: false };
    const own: HeaderField[] = [
      { name: 'Event', value: this.request.headers.get('Event') ?? 'refer' },
      { name: 'Expires', value: String(expires) },
    ];
    const outcome = await dialog.request('SUBSCRIBE', { ...parts, headers: [...own, ...(parts.headers ?? [])] });
    if (outcome.kind !== 'response') return outcome;
    const { status } = outcome.response;
    if (status < 300) this.#expireAfter(expiresOf(outcome.response));
    else if (isEnd(status)) this.#close(this.#ending ? 'local' : 'gone');
    return outcome;
  }

  /** Unsubscribes and waits for the NOTIFY that ends it, for 64*T1 at the most. Never rejects. */
  async end(): Promise<void> {
    if (this.#closed) return;
    if (this.#dialog === undefined) {
      this.#close('local');
      return;
    }
    this.#ending = true;
    const outcome = await this.refresh(0);
    if (this.#closed) return;
    if (outcome.kind !== 'response' || outcome.response.status >= 300) this.#close('local');
    else this.#expireIn(64 * this.#host.values.t1);
  }

  /** Ends without a word to the peer. */
  abandon(): void {
    this.#close('stopped');
  }

  #onResponse(response: SipResponse): void {
    if (response.status < 200 || this.#closed) return;
    if (response.status >= 300) {
      this.#close('gone');
      this.#listener.onRefused(response);
      return;
    }
    const dialog = this.#dialog ?? this.#beginWith(response);
    if (dialog === undefined) return;
    if (this.#last === undefined) this.#expireIn(64 * this.#host.values.t1); // timer N (section 4.1.2.4)
    this.#granted = expiresOf(response);
    if (this.#last !== undefined) this.#expireAfter(this.#last.expires ?? this.#granted);
    this.#listener.onAccepted?.(response, dialog);
  }

  #beginWith(response: SipResponse): Dialog | undefined {
    try {
      return this.#begin(DialogState.asClient(this.request, response));
    } catch (error) {
      // Its To, Contact or Record-Route cannot be read.
      this.#close('gone');
      this.#listener.onFailure('transport', error instanceof Error ? error : new Error(messageOf(error)), true);
      return undefined;
    }
  }

  #begin(state: DialogState): Dialog {
    const dialog = new Dialog(
      this.#host,
      'subscription',
      state,
      {
        onRequest: (transaction) => this.#onRequest(transaction),
        onEnd: (reason) => this.#close(reason),
        authorize: this.#listener.authorize,
      },
      false,
    );
    this.#dialog = dialog;
    return dialog;
  }

  #onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    const state = subscriptionState(request.headers.get('Subscription-State'));
    if (request.method !== 'NOTIFY') {
      transaction.respond(respondTo(request, 405, { headers: [{ name: 'Allow', value: 'NOTIFY' }] }));
      return;
    }
    // RFC 6665 section 4.1.3: that of another package is not for this subscription.
    const event = this.request.method === 'REFER' ? 'refer' : packageOf(this.request.headers.get('Event') ?? '');
    if (packageOf(request.headers.get('Event') ?? event) !== event) {
      transaction.respond(respondTo(request, 489, { headers: [{ name: 'Allow-Events', value: event }] }));
      return;
    }
    if (state === undefined) {
      transaction.respond(respondTo(request, 400));
      return;
    }
    this.#last = state;
    const dialog = this.#dialog;
    if (dialog !== undefined) this.#listener.onNotify(transaction, state, dialog);
    if (state.state === 'terminated') this.#close(this.#ending ? 'local' : 'remote');
    else if (!this.#ending) this.#expireAfter(state.expires ?? this.#granted);
  }

  #expireAfter(seconds: number | undefined): void {
    if (seconds !== undefined) this.#expireIn(Math.max(1, seconds) * 1000);
  }

  #expireIn(delay: number): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#expiry);
    if (!this.#closed) this.#expiry = clock.setTimeout(() => this.#close(this.#ending ? 'local' : 'expired'), delay);
  }

  #close(reason: DialogEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.clock.clearTimeout(this.#expiry);
    this.#onClosed();
    this.#dialog?.finish(reason);
    if (this.#dialog !== undefined) this.#listener.onEnd?.(reason, this.#last);
  }
}

/** Refusals of a refresh after which there is no subscription (RFC 6665 section 4.1.2.2); 481 is the dialog's own end. */
const isEnd = (status: number): boolean => ENDS.has(status) || (status >= 480 && status <= 485);
const ENDS: ReadonlySet<number> = new Set([404, 405, 410, 416, 489, 501, 604]);

const expiresOf = ({ headers }: SipResponse): number | undefined => {
  const value = headers.get('Expires')?.trim();
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
};

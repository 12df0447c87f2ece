import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import type { SipRequest } from '../codec/sip/message.ts';
import { tagOf } from '../codec/sip/name-addr.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import { type CallListener, ClientCall } from './client-call.ts';
import { Dialog, type DialogListener } from './dialog.ts';
import type { DialogAuthorizer, DialogHost, HopFinder, HostedCall, HostedDialog, Outcome } from './dialog-host.ts';
import { DialogState, keyOfInbound, type MessageParts } from './dialog-state.ts';
import { ALLOW } from './methods.ts';
import { granted, Notifier, type NotifierOptions, type NotifierPort } from './notifier.ts';
import { plainHop } from './route-set.ts';
import { ServerCall } from './server-call.ts';
import { answerTimer, refusedTimer } from './session-timer.ts';
import { ClientSubscription, type SubscriptionListener } from './subscription.ts';
import { DEFAULT_TIMERS, type TimerValues } from './timers.ts';
import { tokenMaker } from './tokens.ts';
import type { Hop, ServerTransaction, SipStack } from './types.ts';

export interface UserAgentOptions {
  /** The user agent becomes its one handler of requests. */
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly log?: Logger;
  /** SIP URI at which peers reach us within dialogs; asked for each. */
  readonly contact: () => string;
  /** Finds the hop of requests within dialogs. Default: the host and port that the URI names. */
  readonly findHop?: HopFinder;
  /** Those of the stack. */
  readonly timers?: Partial<TimerValues>;
  /** Dialogs open at a time; beyond it INVITE is answered 503. Default 10,000. */
  readonly maxDialogs?: number;
}

/** How the user of a notifier sees what belongs to it. */
export interface NotifierView<A, R> {
  answer(outcome: Outcome): A;
  request(transaction: ServerTransaction): R;
  verdict(answer: A): 'taken' | 'failed';
  readonly authorize?: DialogAuthorizer | undefined;
}

const MAX_DIALOGS = 10_000;

/** The transaction user of RFC 3261 on top of a stack: calls, subscriptions, and the dialogs they make. */
export class UserAgent implements DialogHost {
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly log: Logger;
  readonly values: TimerValues;
  readonly contact: () => string;
  readonly findHop: HopFinder;
  readonly #maxDialogs: number;
  readonly #dialogs = new Map<string, HostedDialog>();
  readonly #calls = new Set<HostedCall>();
  /** Subscriptions that have not ended; those without a dialog wait for their first NOTIFY. */
  readonly #subscriptions = new Map<string, Set<ClientSubscription>>();
  /** Requests outside dialogs whose transactions live, by what RFC 3261 section 8.2.2.2 calls the same request. */
  readonly #alone = new Set<string>();
  readonly #tag = tokenMaker();
  #onInvite: ((call: ServerCall) => void) | undefined;
  #onRequest: ((transaction: ServerTransaction) => void) | undefined;

  constructor(options: UserAgentOptions) {
    this.stack = options.stack;
    this.clock = options.clock;
    this.log = options.log ?? silentLogger;
    this.values = { ...DEFAULT_TIMERS, ...options.timers };
    this.contact = options.contact;
    this.findHop = options.findHop ?? plainHop;
    this.#maxDialogs = options.maxDialogs ?? MAX_DIALOGS;
    this.stack.onRequest((transaction) => this.#receive(transaction));
  }

  /** Dialogs open now, early ones too. */
  get dialogs(): number {
    return this.#dialogs.size;
  }

  /** A tag for From of a request that makes a dialog. */
  newTag(): string {
    return this.#tag();
  }

  // ---- what we begin

  /**
   * Calls. `request` is an INVITE with From (and tag), To, Call-ID and CSeq; Contact, Allow and Supported are added where
   * they are missing. Throws PPG_E_OVERLOAD beyond the number of dialogs, PPG_E_SIP_SYNTAX for a CSeq that is none.
   */
  invite(request: SipRequest, hop: Hop, listener: CallListener, ringFor?: number): ClientCall {
    this.#checkRoom();
    return new ClientCall(this, request, hop, listener, ringFor);
  }

  /** Subscribes, by SUBSCRIBE or by REFER. Throws as `invite`. */
  subscribe(request: SipRequest, hop: Hop, listener: SubscriptionListener): ClientSubscription {
    this.#checkRoom();
    const callId = request.headers.get('Call-ID') ?? '';
    const subscription: ClientSubscription = new ClientSubscription(this, request, hop, listener, () => {
      const ofCall = this.#subscriptions.get(callId);
      ofCall?.delete(subscription);
      if (ofCall?.size === 0) this.#subscriptions.delete(callId);
    });
    const ofCall = this.#subscriptions.get(callId);
    if (ofCall === undefined) this.#subscriptions.set(callId, new Set([subscription]));
    else ofCall.add(subscription);
    return subscription;
  }

  #checkRoom(): void {
    if (this.#dialogs.size >= this.#maxDialogs) throw new PpgError('PPG_E_OVERLOAD', 'too many open dialogs');
  }

  // ---- what peers begin

  /** The one handler of INVITEs that make a dialog; without it they go to the handler of requests. */
  onInvite(handler: (call: ServerCall) => void): void {
    this.#onInvite = handler;
  }

  /** The one handler of all else that belongs to no dialog of ours. Without it: 481 within a dialog, else 405. */
  onRequest(handler: (transaction: ServerTransaction) => void): void {
    this.#onRequest = handler;
  }

  /**
   * Makes a dialog of a SUBSCRIBE or REFER that came in, and answers it with a 2xx (RFC 6665 section 4.2.1). NOTIFYs are
   * the user's to send: `dialog.request('NOTIFY', ...)`. Throws PPG_E_SIP_SYNTAX for a request without Contact.
   */
  acceptSubscription(
    transaction: ServerTransaction,
    parts: MessageParts,
    listener: DialogListener = {},
    status = 200,
  ): Dialog {
    const { request } = transaction;
    const state = DialogState.asServer(request, this.#tag());
    const headers = [...(parts.headers ?? []), { name: 'Contact', value: `<${this.contact()}>` }];
    transaction.respond(respondTo(request, status, { toTag: state.localTag, headers, recordRoute: true }));
    return new Dialog(this, 'subscription', state, listener, false);
  }

  /**
   * Accepts a SUBSCRIBE by 200 and keeps the subscription (RFC 6665 section 4.2): NOTIFYs, refreshes, expiry, the end.
   * `view` says what its user sees of responses and requests. Throws PPG_E_SIP_SYNTAX for a request without Contact,
   * PPG_E_OVERLOAD beyond the number of dialogs; nothing is answered then.
   */
  notifier<A, R>(
    transaction: ServerTransaction,
    options: NotifierOptions & MessageParts,
    view: NotifierView<A, R>,
  ): Notifier<A, R> {
    this.#checkRoom();
    const { headers } = transaction.request;
    const dialog = this.acceptSubscription(
      transaction,
      { headers: [granted(options.expires), ...(options.headers ?? [])] },
      {
        authorize: view.authorize,
        onEnd: (reason) => notifier.lost(reason),
        onRequest: (inDialog) => {
          const { request } = inDialog;
          if (request.method !== 'SUBSCRIBE') {
            inDialog.respond(respondTo(request, 405, { headers: [{ name: 'Allow', value: 'SUBSCRIBE' }] }));
            return;
          }
          const fields = { event: request.headers.get('Event'), expires: request.headers.get('Expires') };
          notifier.onSubscribe(view.request(inDialog), fields, (status, more) =>
            inDialog.respond(respondTo(request, status, { headers: more })),
          );
        },
      },
    );
    const port: NotifierPort<A> = {
      clock: this.clock,
      callId: dialog.state.callId,
      send: async (parts) => view.answer(await dialog.request('NOTIFY', parts)),
      verdict: view.verdict,
      refuse: (cause) => view.answer({ kind: 'failure', failure: 'ended', cause: new Error(cause), sent: false }),
      close: () => dialog.finish('local'),
      onUserError: (error) => this.log.error({ err: error }, 'a user of a subscription threw'),
    };
    const notifier = new Notifier<A, R>(port, headers.get('Event') ?? '', options);
    notifier.begin();
    return notifier;
  }

  /** Ends every dialog without a word; those who were told of them hear `stopped`. */
  stop(): void {
    for (const ofCall of [...this.#subscriptions.values()]) for (const one of [...ofCall]) one.abandon();
    for (const dialog of [...this.#dialogs.values()]) dialog.finish('stopped');
    for (const call of [...this.#calls]) call.abandon();
  }

  // ---- the table of dialogs

  add(dialog: HostedDialog): void {
    this.#dialogs.set(dialog.state.key, dialog);
  }

  remove(dialog: HostedDialog): void {
    if (this.#dialogs.get(dialog.state.key) === dialog) this.#dialogs.delete(dialog.state.key);
  }

  began(call: HostedCall): void {
    this.#calls.add(call);
  }

  over(call: HostedCall): void {
    this.#calls.delete(call);
  }

  #receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    try {
      const inDialog = tagOf(request.headers.get('To') ?? '') !== undefined;
      if (inDialog) this.#receiveInDialog(transaction);
      else if (this.#isMerged(transaction)) transaction.respond(respondTo(request, 482));
      else if (request.method === 'INVITE' && this.#onInvite !== undefined) this.#receiveInvite(transaction);
      else this.#receiveOther(transaction, 405);
    } catch (error) {
      this.log.debug({ err: error, method: request.method }, 'a SIP request could not be taken');
      const status = error instanceof PpgError ? (error.sipStatus ?? 500) : 500;
      transaction.respond(respondTo(request, status));
    }
  }

  /** RFC 3261 section 8.2.2.2: true for what came by another way already, as another branch of a fork. */
  #isMerged(transaction: ServerTransaction): boolean {
    const { headers, method } = transaction.request;
    const from = tagOf(headers.get('From') ?? '');
    // An agent of RFC 2543 gives no tag, and what it sends cannot be told apart.
    if (from === undefined || method === 'ACK' || method === 'CANCEL') return false;
    const same = `${headers.get('Call-ID')}\n${from}\n${headers.get('CSeq')}`;
    if (this.#alone.has(same)) return true;
    this.#alone.add(same);
    transaction.onTerminated(() => this.#alone.delete(same));
    return false;
  }

  #receiveInDialog(transaction: ServerTransaction): void {
    const { request } = transaction;
    const dialog = this.#dialogs.get(keyOfInbound(request));
    if (dialog !== undefined) {
      dialog.receive(transaction);
      return;
    }
    if (request.method === 'ACK') return;
    const subscription = request.method === 'NOTIFY' ? this.#expecting(request) : undefined;
    if (subscription !== undefined) subscription.onFirstNotify(transaction);
    else this.#receiveOther(transaction, 481);
  }

  #expecting(notify: SipRequest): ClientSubscription | undefined {
    for (const one of this.#subscriptions.get(notify.headers.get('Call-ID') ?? '') ?? [])
      if (one.expects(notify)) return one;
    return undefined;
  }

  #receiveInvite(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (this.#dialogs.size >= this.#maxDialogs) {
      const retry = [{ name: 'Retry-After', value: '5' }];
      transaction.respond(respondTo(request, 503, { headers: retry }));
      return;
    }
    if (answerTimer(request.headers) === 'too-small') {
      transaction.respond(refusedTimer(request));
      return;
    }
    const call = new ServerCall(this, transaction);
    this.#onInvite?.(call);
  }

  #receiveOther(transaction: ServerTransaction, otherwise: number): void {
    if (this.#onRequest !== undefined) this.#onRequest(transaction);
    else if (transaction.request.method !== 'ACK') {
      const headers = otherwise === 405 ? [{ name: 'Allow', value: ALLOW }] : [];
      transaction.respond(respondTo(transaction.request, otherwise, { headers }));
    }
  }
}

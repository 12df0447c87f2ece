import { randomInt } from 'node:crypto';
import { parseCSeq } from '../codec/sip/cseq.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import type { HeaderField } from '../model/push.ts';
import {
  type DialogAuthorizer,
  type DialogEnd,
  type DialogHost,
  exchange,
  type HostedDialog,
  type Outcome,
  withHop,
} from './dialog-host.ts';
import type { DialogState, MessageParts } from './dialog-state.ts';
import { InDialogAnswer } from './in-dialog-answer.ts';
import { ALLOW } from './methods.ts';
import { Repeater } from './repeater.ts';
import {
  allows,
  answerTimer,
  refusedTimer,
  type SessionExpires,
  SessionTimer,
  sessionExpires,
  supports,
} from './session-timer.ts';
import type { ServerTransaction } from './types.ts';

export interface DialogListener {
  /**
   * A request of the peer that the dialog does not answer itself: re-INVITE, UPDATE with a body, INFO, MESSAGE, NOTIFY,
   * REFER and others. What is not taken is refused: 488, 405 or 481.
   */
  onRequest?(transaction: ServerTransaction, dialog: Dialog): void;
  /** Called once. */
  onEnd?(reason: DialogEnd, dialog: Dialog): void;
  /** Sees to challenges of our requests, those of the session timer and BYE too. Default: a 401 or 407 is the answer. */
  readonly authorize?: DialogAuthorizer | undefined;
}

/** Which of the two kinds of usage made it (RFC 5057). */
export type DialogKind = 'invite' | 'subscription';

/** One dialog (RFC 3261 section 12) with its INVITE usage: re-INVITE, UPDATE, session timer, BYE. */
export class Dialog implements HostedDialog {
  readonly state: DialogState;
  readonly kind: DialogKind;
  listener: DialogListener;
  early: boolean;
  /** True for the owner of the Call-ID (RFC 3261 section 14.1). */
  isCaller = false;
  readonly #host: DialogHost;
  readonly #timer: SessionTimer;
  #ended: DialogEnd | undefined;
  /** A re-INVITE of ours is under way, or an UPDATE with an offer. */
  #offering = false;
  /** That of the peer, while it has no final response. */
  #offered: ServerTransaction | undefined;
  /** 2xx of ours that wait for their ACKs, by CSeq number. */
  readonly #unacknowledged = new Map<number, Repeater>();
  #endWhenAcknowledged: MessageParts | undefined;
  /** Ends of pauses that must not outlive the dialog. */
  readonly #wakes = new Set<() => void>();
  #peerUpdates = false;
  #sessionExpires: SessionExpires | undefined;
  #lastBody: MessageParts = {};

  constructor(host: DialogHost, kind: DialogKind, state: DialogState, listener: DialogListener, early: boolean) {
    this.#host = host;
    this.kind = kind;
    this.state = state;
    this.listener = listener;
    this.early = early;
    this.#timer = new SessionTimer(
      host.clock,
      () => void this.#refresh(),
      () => void this.end('expired'),
    );
    host.add(this);
  }

  get ended(): DialogEnd | undefined {
    return this.#ended;
  }

  /** True once the peer has our ACK to its 2xx, or we the peer's. */
  get settled(): boolean {
    return this.#unacknowledged.size === 0;
  }

  // ---- requests of ours

  /** Sends a request within the dialog and waits for its final response. Never rejects. */
  async request(method: string, parts: MessageParts = {}): Promise<Outcome> {
    if (this.#ended !== undefined) return notSent('ended', `the dialog has ended: ${this.#ended}`);
    if (method === 'INVITE') return this.#reinvite(parts);
    if (method === 'UPDATE' && parts.body !== undefined && parts.body.length > 0) return this.#offer(method, parts);
    const outcome = await this.#send(method, parts);
    this.#learn(method, outcome);
    return outcome;
  }

  /** One offer at a time, and none before the ACK to a 2xx of ours (RFC 3261 section 14.1, RFC 3311 section 5.1). */
  async #offer(method: 'INVITE' | 'UPDATE', parts: MessageParts): Promise<Outcome> {
    if (this.#offering || this.#offered !== undefined || !this.settled) return notSent('busy', 'an offer is under way');
    this.#offering = true;
    const outcome = await this.#send(method, parts);
    this.#offering = false;
    this.#learn(method, outcome);
    return outcome;
  }

  /** Each sending has a CSeq of its own (RFC 3261 section 22.2). */
  #send(method: string, parts: MessageParts): Promise<Outcome> {
    const { authorize } = this.listener;
    const send = (credentials: readonly HeaderField[]): Promise<Outcome> => {
      const all = credentials.length === 0 ? parts : { ...parts, headers: [...(parts.headers ?? []), ...credentials] };
      const request = this.state.request(method, all, this.#host.contact());
      const { next } = this.state.routing;
      return method === 'INVITE' ? this.#sendInvite(request, next, credentials) : exchange(this.#host, next, request);
    };
    if (authorize === undefined) return send([]);
    return authorize({ method, uri: this.state.routing.uri, body: parts.body }, send);
  }

  #sendInvite(request: SipRequest, next: string, credentials: readonly HeaderField[]): Promise<Outcome> {
    const { number } = parseCSeq(request.headers.get('CSeq') ?? '');
    return exchange(this.#host, next, request, (response) => {
      this.state.refreshTarget('INVITE', response.headers);
      this.acknowledge(number, { headers: credentials });
    });
  }

  /** RFC 3261 section 14.1; a 491 is tried once more after a while that differs for the two ends. */
  async #reinvite(parts: MessageParts): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#offer('INVITE', parts);
      const again = outcome.kind === 'response' && outcome.response.status === 491 && attempt === 1;
      if (!again || this.#ended !== undefined) {
        if (outcome.kind === 'response' && outcome.response.status < 300) this.#lastBody = parts;
        return outcome;
      }
      await this.#pause(this.isCaller ? randomInt(2100, 4000) : randomInt(0, 2000));
      if (this.#ended !== undefined) return notSent('ended', 'the dialog ended while a re-INVITE waited');
    }
  }

  /** The ACK to a 2xx (section 13.2.2.4), again for each repetition of it; it has the credentials of its INVITE. */
  acknowledge(number: number, parts: MessageParts): void {
    const ack = this.state.ack(number, parts);
    withHop(
      this.#host,
      this.state.routing.next,
      ack,
      (hop) => this.#host.stack.sendStateless(ack, hop),
      (cause) => this.#host.log.warn({ cause: cause.message }, 'an ACK could not be sent'),
    );
  }

  #learn(method: string, outcome: Outcome): void {
    if (outcome.kind === 'failure') {
      if (outcome.failure === 'timeout' && method !== 'NOTIFY') this.#lose();
      return;
    }
    const { status, headers } = outcome.response;
    if (status < 300) {
      this.state.refreshTarget(method, headers);
      if (method === 'INVITE' || method === 'UPDATE') this.agree(headers, sessionExpires(headers), 'uac');
    } else if (status === 481) this.finish('gone');
    else if (status === 408 && this.kind === 'invite') this.#lose();
  }

  /** RFC 3261 section 12.2.1.2: silence ends a call by BYE, since the peer may be there all the same. */
  #lose(): void {
    if (this.early) this.finish('gone');
    else void this.end('gone');
  }

  // ---- session timer (RFC 4028)

  /** Notes what a 2xx agreed on; `role` is ours in the request that it answers. */
  agree(peer: SipResponse['headers'], agreed: SessionExpires | undefined, role: 'uac' | 'uas'): void {
    if (peer.has('Allow')) this.#peerUpdates = allows(peer, 'UPDATE');
    this.#timer.restart(agreed, (agreed?.refresher ?? 'uac') === role);
    this.#sessionExpires = agreed;
  }

  /** What to offer again when the session is refreshed by re-INVITE: our last session description. */
  remember(parts: MessageParts): void {
    this.#lastBody = parts;
  }

  async #refresh(): Promise<void> {
    const asked = [
      { name: 'Supported', value: 'timer' },
      { name: 'Session-Expires', value: `${this.#sessionExpires?.interval ?? 1800};refresher=uac` },
    ];
    const typeOf = this.#lastBody.headers?.filter(({ name }) => /^content-/i.test(name)) ?? [];
    const outcome = this.#peerUpdates
      ? await this.request('UPDATE', { headers: asked })
      : await this.request('INVITE', { ...this.#lastBody, headers: [...typeOf, ...asked] });
    const refreshed = outcome.kind === 'response' && outcome.response.status < 300;
    if (!refreshed && this.#ended === undefined && !this.#timer.again()) void this.end('expired');
  }

  // ---- requests of the peer

  /** A request that names this dialog. */
  receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { method } = request;
    if (method === 'ACK') {
      const { number } = parseCSeq(request.headers.get('CSeq') ?? '');
      this.#unacknowledged.get(number)?.stop();
      this.#unacknowledged.delete(number);
      if (this.#endWhenAcknowledged !== undefined && this.settled) void this.end('local', this.#endWhenAcknowledged);
      return;
    }
    // RFC 3261 section 12.2.2
    if (!this.state.admits(request)) {
      transaction.respond(respondTo(request, 500));
      return;
    }
    if (method === 'BYE') this.#onBye(transaction);
    else if (method === 'INVITE') this.#onReinvite(transaction);
    else if (method === 'UPDATE') this.#onUpdate(transaction);
    else this.#pass(this.#answering(transaction), method === 'NOTIFY' ? 481 : 405);
  }

  /** RFC 3261 section 15.1.2 */
  #onBye(transaction: ServerTransaction): void {
    if (this.kind !== 'invite') {
      transaction.respond(respondTo(transaction.request, 481));
      return;
    }
    transaction.respond(respondTo(transaction.request, 200));
    this.finish('remote');
  }

  /** RFC 3261 section 14.2 */
  #onReinvite(transaction: ServerTransaction): void {
    if (!this.#mayOffer(transaction)) return;
    const answering = this.#answering(transaction);
    // Section 9.2, for a listener that does not see to it himself.
    answering.onCancel?.(() => answering.respond(respondTo(transaction.request, 487)));
    this.#pass(answering, 488);
  }

  /** RFC 3311 section 5.2; one without a session description only refreshes (RFC 4028 section 7.4). */
  #onUpdate(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.body.length > 0) {
      if (this.#mayOffer(transaction)) this.#pass(this.#answering(transaction), 488);
    } else if (answerTimer(request.headers) === 'too-small') transaction.respond(refusedTimer(request));
    else this.#answering(transaction).respond(respondTo(request, 200));
  }

  /** Refuses what crosses an offer that has no answer yet; else the one that comes is noted. */
  #mayOffer(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    if (this.#offering) transaction.respond(respondTo(request, 491));
    else if (this.#offered !== undefined) {
      const headers = [{ name: 'Retry-After', value: String(randomInt(0, 11)) }];
      transaction.respond(respondTo(request, 500, { headers }));
    } else if (answerTimer(request.headers) === 'too-small') transaction.respond(refusedTimer(request));
    else {
      this.#offered = transaction;
      transaction.onTerminated(() => this.#answered(transaction));
      return true;
    }
    return false;
  }

  #pass(answering: ServerTransaction, otherwise: number): void {
    const { request } = answering;
    if (request.method !== 'INVITE' && request.method !== 'UPDATE')
      this.state.refreshTarget(request.method, request.headers);
    if (this.listener.onRequest !== undefined) this.listener.onRequest(answering, this);
    else {
      const headers = otherwise === 405 ? [{ name: 'Allow', value: ALLOW }] : [];
      answering.respond(respondTo(request, otherwise, { headers }));
    }
  }

  #answering(transaction: ServerTransaction): ServerTransaction {
    return new InDialogAnswer(transaction, this.#host.contact(), (response) => this.#onAnswer(transaction, response));
  }

  /** What follows from a response of ours: its 2xx to INVITE is repeated, targets and timers are renewed. */
  #onAnswer(transaction: ServerTransaction, response: SipResponse): SipResponse {
    const { request } = transaction;
    if (response.status < 200) return response;
    this.#answered(transaction);
    if (response.status >= 300) return response;
    this.state.refreshTarget(request.method, request.headers);
    if (request.method === 'INVITE' || request.method === 'UPDATE') this.accept(transaction, response);
    return response;
  }

  #answered(transaction: ServerTransaction): void {
    if (this.#offered === transaction) this.#offered = undefined;
  }

  /** Sees to a 2xx of ours to INVITE or UPDATE that is about to leave: session timer, and repetition until the ACK. */
  accept(transaction: ServerTransaction, response: SipResponse): void {
    const { request } = transaction;
    const timer = answerTimer(request.headers);
    if (timer !== undefined && timer !== 'too-small') {
      for (const { name, value } of timer.headers) response.headers.set(name, value);
      this.agree(request.headers, timer.agreed, 'uas');
    } else this.agree(request.headers, undefined, 'uas');
    if (supports(request.headers, 'timer') && !response.headers.has('Supported'))
      response.headers.add('Supported', 'timer');
    if (request.method !== 'INVITE') return;
    this.remember({ headers: response.headers.fields, body: response.body });
    const { number } = parseCSeq(request.headers.get('CSeq') ?? '');
    const { clock, values } = this.#host;
    const repeater = new Repeater({
      clock,
      t1: values.t1,
      t2: values.t2,
      send: () => transaction.respond(response),
      onGivenUp: () => {
        this.#unacknowledged.delete(number);
        void this.end('no-ack');
      },
    });
    this.#unacknowledged.set(number, repeater);
  }

  // ---- the end

  /**
   * Ends an INVITE dialog by BYE (RFC 3261 section 15), which waits for the ACK to a 2xx of ours. A subscription is ended
   * by its own object. Never rejects.
   */
  async end(reason: DialogEnd = 'local', parts: MessageParts = {}): Promise<void> {
    if (this.#ended !== undefined) return;
    if (reason === 'local' && !this.settled) {
      this.#endWhenAcknowledged = parts;
      return;
    }
    this.finish(reason);
    if (this.kind === 'invite') await this.#send('BYE', parts);
  }

  /** Ends without a word to the peer. */
  finish(reason: DialogEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#timer.stop();
    for (const repeater of this.#unacknowledged.values()) repeater.stop();
    this.#unacknowledged.clear();
    // RFC 3261 section 15.1.2
    const offered = this.#offered;
    if (offered !== undefined) offered.respond(respondTo(offered.request, 487));
    for (const wake of this.#wakes) wake();
    this.#host.remove(this);
    try {
      this.listener.onEnd?.(reason, this);
    } catch (error) {
      this.#host.log.error({ err: error }, 'a listener of a dialog threw');
    }
  }

  #pause(delay: number): Promise<void> {
    const { clock } = this.#host;
    return new Promise((resolve) => {
      const wake = (): void => {
        clock.clearTimeout(handle);
        this.#wakes.delete(wake);
        resolve();
      };
      const handle = clock.setTimeout(wake, delay);
      this.#wakes.add(wake);
    });
  }
}

const notSent = (failure: 'ended' | 'busy', cause: string): Outcome => ({
  kind: 'failure',
  failure,
  cause: new Error(cause),
  sent: false,
});

import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { writeSip } from '../codec/sip/write.ts';
import {
  type InviteClientAction,
  type InviteClientEvent,
  type InviteClientState,
  stepInviteClient,
} from './invite-client-states.ts';
import { ackOf } from './invite-requests.ts';
import type { TimerName, TimerOwner, TimerValues, TransactionTimer, TransactionTimers } from './timers.ts';
import type { Link, Sender } from './transport.ts';
import type { ClientTransactionListener, Flow, Hop, TransactionFailure } from './types.ts';

/** RFC 3261 section 17.1.1.2: timer D is at least 32 s over an unreliable transport. */
const TIMER_D = 32_000;

/** What an INVITE client transaction needs of the stack around it. */
export interface InviteClientEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  /** Puts octets on the wire; the outcome comes to `sender`, if there is one. */
  transmitInvite(octets: Buffer, hop: Hop, sender: Sender | undefined): void;
  forgetInvite(transaction: InviteClient): void;
  /** Sends the CANCEL as a transaction of its own with the INVITE's branch. */
  sendCancel(transaction: InviteClient, reason: string | undefined): void;
  countRetransmission(): void;
  onUserError(error: unknown): void;
}

/** Performs what the states of an INVITE client transaction ask for. */
export class InviteClient implements TimerOwner, Sender {
  readonly key: string;
  readonly hop: Hop;
  /** With its Via on top. */
  readonly request: SipRequest;
  sent = false;
  readonly #reliable: boolean;
  readonly #environment: InviteClientEnvironment;
  #listener: ClientTransactionListener | undefined;
  #octets: Buffer | undefined;
  #ack: Buffer | undefined;
  #state: InviteClientState = 'calling';
  #interval: number;
  #timerA: TransactionTimer | undefined;
  /** Timer B, the wait after a CANCEL, timer D or M. */
  #ending: TransactionTimer | undefined;
  #link: Link | undefined;
  #beginning = false;
  #cancel: 'no' | 'wanted' | 'sent' = 'no';
  #cancelReason: string | undefined;

  constructor(
    environment: InviteClientEnvironment,
    key: string,
    hop: Hop,
    request: SipRequest,
    listener: ClientTransactionListener,
  ) {
    this.key = key;
    this.hop = hop;
    this.request = request;
    this.#octets = writeSip(request);
    this.#reliable = hop.protocol !== 'udp';
    this.#listener = listener;
    this.#environment = environment;
    this.#interval = environment.values.t1;
  }

  /** RFC 3261 section 17.1.1.2: the request to the transport, timer A at T1 unless it is reliable, timer B at 64*T1. */
  begin(): void {
    const { timers, values } = this.#environment;
    this.#ending = timers.set(this, 'b', 64 * values.t1);
    if (!this.#reliable) this.#timerA = timers.set(this, 'a', this.#interval);
    this.#beginning = true;
    this.#send(this);
    this.#beginning = false;
  }

  /**
   * RFC 3261 section 9.1: a CANCEL leaves when a provisional response has come, at once or later; after a final
   * response there is nothing to cancel.
   */
  cancel(reason: string | undefined): void {
    if (this.#cancel !== 'no') return;
    if (this.#state !== 'calling' && this.#state !== 'proceeding') return;
    this.#cancel = 'wanted';
    this.#cancelReason = reason;
    if (this.#state === 'proceeding') this.#sendCancel();
  }

  onTimer(name: TimerName): void {
    if (name === 'a') {
      this.#timerA = undefined;
      this.#dispatch('timer-a');
      return;
    }
    this.#ending = undefined;
    if (name === 'b') this.#dispatch('timer-b', new Error('no response within 64*T1'));
    else if (name === 'cancelled') this.#dispatch('timer-cancelled', new Error('no final response after CANCEL'));
    else if (name === 'd') this.#dispatch('timer-d');
    else if (name === 'm') this.#dispatch('timer-m');
  }

  onSent(link: Link | undefined): void {
    this.sent = true;
    if (this.#state === 'calling' || this.#state === 'proceeding') this.#link = link;
    else link?.release(this);
  }

  onSendError(error: Error): void {
    // The caller of begin() does not have the transaction yet and must not hear of its failure before.
    if (this.#beginning) queueMicrotask(() => this.#dispatch('transport-error', error));
    else this.#dispatch('transport-error', error);
  }

  onResponse(response: SipResponse, flow: Flow, raw: Buffer): void {
    const { status } = response;
    const event = status < 200 ? 'provisional' : status < 300 ? 'success' : 'failure';
    this.#dispatch(event, undefined, response, flow, raw);
    if (event === 'provisional' && this.#cancel === 'wanted') this.#sendCancel();
  }

  #dispatch(event: InviteClientEvent, cause?: Error, response?: SipResponse, flow?: Flow, raw?: Buffer): void {
    const { state, actions } = stepInviteClient(this.#state, event, this.#reliable);
    this.#state = state;
    for (const action of actions) {
      if (action === 'pass-to-user') {
        if (response && flow && raw) this.#tell(() => this.#listener?.onResponse(response, flow, raw));
      } else this.#perform(action, cause, response);
    }
    if (state === 'completed' || state === 'terminated') this.#listener = undefined;
  }

  #perform(action: InviteClientAction, cause: Error | undefined, response: SipResponse | undefined): void {
    const { timers, values } = this.#environment;
    switch (action) {
      case 'send':
        // While the host name is looked up there is nothing to repeat.
        if (!this.sent) return;
        this.#environment.countRetransmission();
        this.#send(undefined);
        return;
      case 'restart-a-doubled':
        this.#interval *= 2;
        this.#timerA = timers.set(this, 'a', this.#interval);
        return;
      case 'stop-a-and-b':
        this.#stopTimers();
        this.#octets = undefined;
        return;
      case 'stop-timers':
        this.#stopTimers();
        this.#link?.release(this);
        this.#link = undefined;
        this.#octets = undefined;
        return;
      case 'start-d':
        this.#ending = timers.set(this, 'd', Math.max(TIMER_D, 64 * values.t1));
        return;
      case 'start-m':
        this.#ending = timers.set(this, 'm', 64 * values.t1);
        return;
      case 'send-ack':
        this.#sendAck(response);
        return;
      case 'fail-timeout':
        this.#fail('timeout', cause);
        return;
      case 'fail-transport':
        this.#fail('transport', cause);
        return;
      case 'forget':
        this.#environment.forgetInvite(this);
        return;
      case 'pass-to-user':
        return;
    }
  }

  #send(sender: Sender | undefined): void {
    if (this.#octets !== undefined) this.#environment.transmitInvite(this.#octets, this.hop, sender);
  }

  #sendAck(response: SipResponse | undefined): void {
    if (this.#ack !== undefined) this.#environment.countRetransmission();
    else if (response !== undefined) this.#ack = writeSip(ackOf(this.request, response));
    if (this.#ack !== undefined) this.#environment.transmitInvite(this.#ack, this.hop, undefined);
  }

  #sendCancel(): void {
    const { timers, values } = this.#environment;
    this.#cancel = 'sent';
    this.#ending = timers.set(this, 'cancelled', 64 * values.t1);
    this.#environment.sendCancel(this, this.#cancelReason);
  }

  #stopTimers(): void {
    this.#environment.timers.clear(this.#timerA);
    this.#environment.timers.clear(this.#ending);
    this.#timerA = undefined;
    this.#ending = undefined;
  }

  #fail(failure: TransactionFailure, cause: Error | undefined): void {
    this.#tell(() => this.#listener?.onFailure(failure, cause ?? new Error(failure)));
  }

  /** An error of the user must not reach a socket or a timer. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#environment.onUserError(error);
    }
  }
}

import type { SipResponse } from '../codec/sip/message.ts';
import { type ClientAction, type ClientEvent, type ClientState, stepClient } from './client-states.ts';
import type { TimerName, TimerOwner, TimerValues, TransactionTimer, TransactionTimers } from './timers.ts';
import type { Link, Sender } from './transport.ts';
import type { ClientTransactionListener, Flow, Hop, TransactionFailure } from './types.ts';

/** What a client transaction needs of the stack around it. */
export interface ClientEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  /** Puts the request's octets on the wire; the outcome comes to `sender`, if there is one. */
  transmit(transaction: NonInviteClient, sender: Sender | undefined): void;
  forget(transaction: NonInviteClient): void;
  countRetransmission(): void;
  onUserError(error: unknown): void;
}

/**
 * A non-INVITE client transaction: performs what the states of RFC 3261 section 17.1.2 ask for. It outlives its final
 * response by timer K, so it lets go of the request's octets and of the user as soon as it can.
 */
export class NonInviteClient implements TimerOwner, Sender {
  readonly key: string;
  readonly hop: Hop;
  /** Emptied when no retransmission can follow. */
  octets: Buffer;
  sent = false;
  readonly #reliable: boolean;
  #listener: ClientTransactionListener | undefined;
  readonly #environment: ClientEnvironment;
  #state: ClientState = 'trying';
  #interval: number;
  #timerE: TransactionTimer | undefined;
  /** Timer F, later K. */
  #ending: TransactionTimer | undefined;
  #link: Link | undefined;
  #beginning = false;

  constructor(
    environment: ClientEnvironment,
    key: string,
    hop: Hop,
    octets: Buffer,
    listener: ClientTransactionListener,
  ) {
    this.key = key;
    this.hop = hop;
    this.octets = octets;
    this.#reliable = hop.protocol !== 'udp';
    this.#listener = listener;
    this.#environment = environment;
    this.#interval = environment.values.t1;
  }

  /** RFC 3261 section 17.1.2.2: timer F at 64*T1, the request to the transport, timer E at T1 unless it is reliable. */
  begin(): void {
    const { timers, values } = this.#environment;
    this.#ending = timers.set(this, 'f', 64 * values.t1);
    if (!this.#reliable) this.#timerE = timers.set(this, 'e', this.#interval);
    this.#beginning = true;
    this.#environment.transmit(this, this);
    this.#beginning = false;
  }

  onTimer(name: TimerName): void {
    if (name === 'e') this.#timerE = undefined;
    else this.#ending = undefined;
    if (name === 'e') this.#dispatch('timer-e');
    else if (name === 'f') this.#dispatch('timer-f', new Error('no final response within 64*T1'));
    else if (name === 'k') this.#dispatch('timer-k');
  }

  onSent(link: Link | undefined): void {
    this.sent = true;
    if (this.#state === 'trying' || this.#state === 'proceeding') this.#link = link;
    else link?.release(this);
  }

  onSendError(error: Error): void {
    // The caller of begin() does not have the transaction yet and must not hear of its failure before.
    if (this.#beginning) queueMicrotask(() => this.#dispatch('transport-error', error));
    else this.#dispatch('transport-error', error);
  }

  onResponse(response: SipResponse, flow: Flow, raw: Buffer): void {
    this.#dispatch(response.status < 200 ? 'provisional' : 'final', undefined, response, flow, raw);
  }

  #dispatch(event: ClientEvent, cause?: Error, response?: SipResponse, flow?: Flow, raw?: Buffer): void {
    const { state, actions } = stepClient(this.#state, event, this.#reliable);
    this.#state = state;
    for (const action of actions) {
      if (action === 'pass-to-user') {
        if (response && flow && raw) this.#tell(() => this.#listener?.onResponse(response, flow, raw));
      } else this.#perform(action, cause);
    }
    if (state === 'completed' || state === 'terminated') this.#listener = undefined;
  }

  #perform(action: ClientAction, cause: Error | undefined): void {
    switch (action) {
      case 'send':
        // While the host name is looked up there is nothing to repeat.
        if (!this.sent) return;
        this.#environment.countRetransmission();
        this.#environment.transmit(this, undefined);
        return;
      case 'restart-e-doubled':
        this.#restartE(Math.min(2 * this.#interval, this.#environment.values.t2));
        return;
      case 'restart-e-at-t2':
        this.#restartE(this.#environment.values.t2);
        return;
      case 'stop-e-and-f':
        this.#release();
        return;
      case 'start-k':
        this.#ending = this.#environment.timers.set(this, 'k', this.#environment.values.t4);
        return;
      case 'fail-timeout':
        this.#fail('timeout', cause);
        return;
      case 'fail-transport':
        this.#fail('transport', cause);
        return;
      case 'forget':
        this.#environment.forget(this);
        return;
      case 'pass-to-user':
        return;
    }
  }

  #restartE(interval: number): void {
    this.#interval = interval;
    this.#timerE = this.#environment.timers.set(this, 'e', interval);
  }

  /** Nothing more is sent: timers, octets and the hold on the connection go. */
  #release(): void {
    this.#environment.timers.clear(this.#timerE);
    this.#environment.timers.clear(this.#ending);
    this.#timerE = undefined;
    this.#ending = undefined;
    this.#link?.release(this);
    this.#link = undefined;
    this.octets = NOTHING;
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

const NOTHING = Buffer.alloc(0);

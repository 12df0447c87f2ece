import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import { writeSip } from '../codec/sip/write.ts';
import {
  type InviteServerAction,
  type InviteServerEvent,
  type InviteServerState,
  stepInviteServer,
} from './invite-server-states.ts';
import type { TimerName, TimerOwner, TimerValues, TransactionTimer, TransactionTimers } from './timers.ts';
import type { Link, Origin, Sender } from './transport.ts';
import type { ServerTransaction } from './types.ts';

/** RFC 3261 section 17.2.1: 100 is sent unless the user answers within 200 ms. */
const TRYING_AFTER = 200;

/** Longer than a proxy's timer C (RFC 3261 section 16.6 step 11: more than 3 minutes): nobody waits any more. */
const ABANDON_AFTER = 240_000;

/** What an INVITE server transaction needs of the stack around it. */
export interface InviteServerEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  /** Sends a response back the way the request came (RFC 3261 section 18.2.2). */
  reply(origin: Origin, port: number, octets: Buffer, sender: Sender | undefined): void;
  forgetInvited(transaction: InviteServer): void;
  countRetransmission(): void;
  onUserError(error: unknown): void;
}

/** Performs what the states of an INVITE server transaction ask for. */
export class InviteServer implements TimerOwner, Sender {
  readonly key: string;
  readonly request: SipRequest;
  /** Every response of this transaction that needs a To tag and gets none from the user has this one. */
  readonly toTag: string;
  readonly #origin: Origin;
  readonly #port: number;
  readonly #reliable: boolean;
  readonly #environment: InviteServerEnvironment;
  #state: InviteServerState = 'proceeding';
  #response: Buffer | undefined;
  #interval: number;
  /** The 200 ms until 100, later timer G. */
  #repeat: TransactionTimer | undefined;
  /** The end of patience with the user, later H, I or L. */
  #ending: TransactionTimer | undefined;
  #onTerminated: (() => void)[] | undefined;
  #onCancel: ((cancel: SipRequest) => void) | undefined;
  #onLateCancel: ((cancel: ServerTransaction) => void) | undefined;

  constructor(
    environment: InviteServerEnvironment,
    key: string,
    request: SipRequest,
    toTag: string,
    origin: Origin,
    port: number,
  ) {
    this.#environment = environment;
    this.key = key;
    this.request = request;
    this.toTag = toTag;
    this.#origin = origin;
    this.#port = port;
    this.#reliable = origin.flow.protocol !== 'udp';
    this.#interval = environment.values.t1;
    this.#repeat = environment.timers.set(this, 'trying', TRYING_AFTER);
    this.#ending = environment.timers.set(this, 'abandon', ABANDON_AFTER);
  }

  /** True once a final response has been given. */
  get answered(): boolean {
    return this.#state !== 'proceeding';
  }

  /** True while a 2xx may be repeated by the user. */
  get accepted(): boolean {
    return this.#state === 'accepted';
  }

  /** True while an ACK with this transaction's branch is absorbed: it is for a response other than 2xx. */
  get takesAck(): boolean {
    return this.#state === 'completed' || this.#state === 'confirmed';
  }

  onTimer(name: TimerName): void {
    if (name === 'trying' || name === 'g') this.#repeat = undefined;
    else this.#ending = undefined;
    if (name === 'trying') this.#dispatch('timer-trying');
    else if (name === 'abandon') this.#dispatch('timer-abandon');
    else if (name === 'g') this.#dispatch('timer-g');
    else if (name === 'h') this.#dispatch('timer-h');
    else if (name === 'i') this.#dispatch('timer-i');
    else if (name === 'l') this.#dispatch('timer-l');
  }

  onSent(link: Link | undefined): void {
    link?.release(this);
  }

  /** RFC 6026 section 8.8: a response that could not be sent ends nothing; timers H and L do. */
  onSendError(): void {}

  onRetransmission(): void {
    this.#dispatch('request');
  }

  onAck(): void {
    this.#dispatch('ack');
  }

  respond({ status }: SipResponse, octets: Buffer): void {
    this.#dispatch(status < 200 ? 'provisional' : status < 300 ? 'success' : 'failure', octets);
  }

  /** RFC 3261 section 9.2: a user who listens answers the INVITE himself; else it is 487 here. */
  onCancelled(cancel: SipRequest): void {
    if (this.answered) return;
    const listener = this.#onCancel;
    if (listener !== undefined) this.#tell(() => listener(cancel));
    else this.#dispatch('failure', writeSip(respondTo(this.request, 487, { toTag: this.toTag })));
  }

  onCancel(listener: (cancel: SipRequest) => void): void {
    this.#onCancel = listener;
  }

  onLateCancel(listener: (cancel: ServerTransaction) => void): void {
    this.#onLateCancel = listener;
  }

  /** A CANCEL behind a 2xx; false when its user does not care. */
  takeLateCancel(cancel: ServerTransaction): boolean {
    const listener = this.#onLateCancel;
    if (!this.accepted || listener === undefined) return false;
    this.#tell(() => listener(cancel));
    return true;
  }

  onTerminated(listener: () => void): void {
    if (this.#state === 'terminated') this.#tell(listener);
    else if (this.#onTerminated === undefined) this.#onTerminated = [listener];
    else this.#onTerminated.push(listener);
  }

  /** Ends without a word: the stack stops. */
  abandon(): void {
    this.#dispatch('stop');
  }

  #dispatch(event: InviteServerEvent, response?: Buffer): void {
    const { state, actions } = stepInviteServer(this.#state, event, this.#reliable);
    this.#state = state;
    for (const action of actions) this.#perform(action, response);
  }

  #perform(action: InviteServerAction, response: Buffer | undefined): void {
    const { timers, values } = this.#environment;
    switch (action) {
      case 'send':
        this.#stopRepeat();
        this.#response = response;
        this.#send(this);
        return;
      case 'send-again':
        if (this.#response === undefined) return;
        this.#environment.countRetransmission();
        this.#send(undefined);
        return;
      case 'send-trying':
        this.#response = writeSip(respondTo(this.request, 100));
        this.#send(undefined);
        return;
      case 'send-abandoned':
        this.#response = writeSip(respondTo(this.request, 500, { toTag: this.toTag }));
        this.#send(undefined);
        return;
      case 'restart-abandon':
        timers.clear(this.#ending);
        this.#ending = timers.set(this, 'abandon', ABANDON_AFTER);
        return;
      case 'start-g':
        this.#repeat = timers.set(this, 'g', this.#interval);
        return;
      case 'restart-g-doubled':
        this.#interval = Math.min(2 * this.#interval, values.t2);
        this.#repeat = timers.set(this, 'g', this.#interval);
        return;
      case 'start-h':
        this.#ending = timers.set(this, 'h', 64 * values.t1);
        return;
      case 'start-i':
        this.#ending = timers.set(this, 'i', values.t4);
        return;
      case 'start-l':
        this.#ending = timers.set(this, 'l', 64 * values.t1);
        return;
      case 'stop-timers':
        this.#stopRepeat();
        timers.clear(this.#ending);
        this.#ending = undefined;
        return;
      case 'forget':
        this.#end();
        return;
    }
  }

  #send(sender: Sender | undefined): void {
    if (this.#response === undefined) return;
    this.#environment.reply(this.#origin, this.#port, this.#response, this.#reliable ? sender : undefined);
  }

  #stopRepeat(): void {
    this.#environment.timers.clear(this.#repeat);
    this.#repeat = undefined;
  }

  #end(): void {
    this.#response = undefined;
    this.#onCancel = undefined;
    this.#onLateCancel = undefined;
    this.#environment.forgetInvited(this);
    const listeners = this.#onTerminated;
    this.#onTerminated = undefined;
    if (listeners !== undefined) for (const listener of listeners) this.#tell(listener);
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

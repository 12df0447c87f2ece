import { type ServerEvent, type ServerState, stepServer } from './server-states.ts';
import type { TimerName, TimerOwner, TimerValues, TransactionTimer, TransactionTimers } from './timers.ts';
import type { Link, Origin, Sender } from './transport.ts';

/** What a server transaction needs of the stack around it. */
export interface ServerEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  /** Sends a response back the way the request came (RFC 3261 section 18.2.2). */
  reply(origin: Origin, port: number, octets: Buffer, sender: Sender | undefined): void;
  forget(transaction: NonInviteServer): void;
  countRetransmission(): void;
  onUserError(error: unknown): void;
}

/**
 * A non-INVITE server transaction: performs what the states of RFC 3261 section 17.2.2 ask for. It lives 32 s after
 * its response, so it keeps no request, only the octets to repeat.
 */
export class NonInviteServer implements TimerOwner, Sender {
  readonly key: string;
  readonly #origin: Origin;
  /** Where responses go when rport or a lost connection decide (RFC 3581 section 4). */
  readonly #port: number;
  readonly #reliable: boolean;
  readonly #environment: ServerEnvironment;
  #state: ServerState = 'trying';
  #response: Buffer | undefined;
  #timer: TransactionTimer | undefined;
  #listeners: (() => void)[] | undefined;

  constructor(environment: ServerEnvironment, key: string, origin: Origin, port: number) {
    this.#environment = environment;
    this.key = key;
    this.#origin = origin;
    this.#port = port;
    this.#reliable = origin.flow.protocol !== 'udp';
    this.#timer = environment.timers.set(this, 'abandon', 64 * environment.values.t1);
  }

  /** True once a final response has been given. */
  get answered(): boolean {
    return this.#state === 'completed' || this.#state === 'terminated';
  }

  onTimer(name: TimerName): void {
    this.#timer = undefined;
    this.#dispatch(name === 'j' ? 'timer-j' : 'timer-abandon', undefined);
  }

  onSent(link: Link | undefined): void {
    link?.release(this);
  }

  onSendError(): void {
    this.#dispatch('transport-error', undefined);
  }

  /** The request came again. */
  onRetransmission(): void {
    this.#dispatch('request', undefined);
  }

  respond(status: number, octets: Buffer): void {
    this.#dispatch(status < 200 ? 'provisional' : 'final', octets);
  }

  onTerminated(listener: () => void): void {
    if (this.#state === 'terminated') this.#tell(listener);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  /** Ends without a word: the stack stops. */
  abandon(): void {
    this.#dispatch('transport-error', undefined);
  }

  #dispatch(event: ServerEvent, response: Buffer | undefined): void {
    const { state, actions } = stepServer(this.#state, event, this.#reliable);
    this.#state = state;
    for (const action of actions) {
      if (action === 'send') {
        this.#response = response;
        this.#send(this);
      } else if (action === 'send-again') {
        this.#environment.countRetransmission();
        this.#send(undefined);
      } else if (action === 'start-j') {
        this.#restart(64 * this.#environment.values.t1);
      } else this.#end();
    }
  }

  #send(sender: Sender | undefined): void {
    if (this.#response === undefined) return;
    this.#environment.reply(this.#origin, this.#port, this.#response, this.#reliable ? sender : undefined);
  }

  #restart(delay: number): void {
    this.#environment.timers.clear(this.#timer);
    this.#timer = this.#environment.timers.set(this, 'j', delay);
  }

  #end(): void {
    this.#environment.timers.clear(this.#timer);
    this.#timer = undefined;
    this.#response = undefined;
    this.#environment.forget(this);
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) this.#tell(listener);
  }

  /** An error of the user must not reach a socket or a timer. */
  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#environment.onUserError(error);
    }
  }
}

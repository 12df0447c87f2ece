import type { Clock, TimerHandle } from '../base/clock.ts';

export interface RepeaterOptions {
  readonly clock: Clock;
  /** First interval, milliseconds; it doubles. */
  readonly t1: number;
  /** Longest interval. RFC 3262 section 3 has none. */
  readonly t2?: number;
  send(): void;
  /** Nobody stopped it within 64*T1. */
  onGivenUp(): void;
}

/**
 * Repeats a response that its user must repeat himself, until it is stopped: a 2xx to INVITE until its ACK (RFC 3261
 * section 13.3.1.4), a reliable provisional response until its PRACK (RFC 3262 section 3).
 */
export class Repeater {
  readonly #options: RepeaterOptions;
  #interval: number;
  #next: TimerHandle;
  #end: TimerHandle;

  constructor(options: RepeaterOptions) {
    this.#options = options;
    this.#interval = options.t1;
    const { clock, t1 } = options;
    this.#next = clock.setTimeout(() => this.#repeat(), t1);
    this.#end = clock.setTimeout(() => {
      this.stop();
      options.onGivenUp();
    }, 64 * t1);
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#next);
    this.#options.clock.clearTimeout(this.#end);
  }

  #repeat(): void {
    const { clock, t2 = Number.POSITIVE_INFINITY, send } = this.#options;
    this.#interval = Math.min(2 * this.#interval, t2);
    this.#next = clock.setTimeout(() => this.#repeat(), this.#interval);
    send();
  }
}

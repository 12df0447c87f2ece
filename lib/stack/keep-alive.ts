import type { Clock, TimerHandle } from '../base/clock.ts';

/** RFC 5626 section 4.4.1: silence for so long after a ping is the end of the flow. Milliseconds. */
const PONG_WITHIN = 10_000;

/** RFC 5626 section 4.4.1: each comes after 80 to 100 % of the time, so that those of many connections do not meet. */
const LEAST_PART = 0.8;

/** CRLF keep-alive of a connection that this side made (RFC 5626 sections 3.5.1 and 4.4.1). */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #longest: number;
  readonly #ping: () => void;
  readonly #onSilence: () => void;
  #timer: TimerHandle;

  /** `longest`: milliseconds between a pong and the next ping at the most. The first ping comes after as much. */
  constructor(clock: Clock, longest: number, ping: () => void, onSilence: () => void) {
    this.#clock = clock;
    this.#longest = longest;
    this.#ping = ping;
    this.#onSilence = onSilence;
    this.#wait();
  }

  onPong(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#wait();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #wait(): void {
    const part = LEAST_PART + Math.random() * (1 - LEAST_PART);
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = this.#clock.setTimeout(this.#onSilence, PONG_WITHIN);
      this.#ping();
    }, this.#longest * part);
  }
}

import type { Clock } from './clock.ts';

const MINUTE = 60_000;

/** What is added to a line after others of its kind were not written. */
export interface Unsaid {
  /** How many, since the last that was. */
  readonly unsaid?: number;
}

/**
 * A line of the log that others can bring about as often as they like: of each minute the first `most` are written, and
 * the first of a later minute says how many were not. So nobody fills a disk by it, and nobody is hidden by it for longer.
 */
export class SparingLine {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #most: number;
  #since = Number.NEGATIVE_INFINITY;
  #said = 0;
  #unsaid = 0;

  /** Default ten a minute. */
  constructor(clock: Pick<Clock, 'now'>, most = 10) {
    this.#clock = clock;
    this.#most = most;
  }

  /** Calls `write` where the line may be written, with what is to be added to its fields. */
  say(write: (unsaid: Unsaid) => void): void {
    const now = this.#clock.now();
    if (now - this.#since >= MINUTE) {
      this.#since = now;
      this.#said = 0;
    }
    if (this.#said >= this.#most) {
      this.#unsaid++;
      return;
    }
    this.#said++;
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    write(unsaid > 0 ? { unsaid } : {});
  }
}

import type { Clock } from '../base/clock.ts';

export interface FailureLimit {
  /** Failures within a window. */
  readonly failures: number;
  /** Milliseconds. */
  readonly window: number;
}

interface Window {
  count: number;
  readonly endsAt: number;
}

/**
 * Counts failures by key in fixed windows. Bounded: past `capacity` keys the oldest is forgotten, so that a flood of
 * new keys costs memory to nobody.
 */
export class FailureLimiter {
  readonly #clock: Clock;
  readonly #limit: FailureLimit;
  readonly #capacity: number;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, limit: FailureLimit, capacity: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#capacity = capacity;
  }

  /** Milliseconds until the key may try again; 0 when it may now. */
  blockedFor(key: string): number {
    const window = this.#current(key);
    return window === undefined || window.count < this.#limit.failures ? 0 : window.endsAt - this.#clock.now();
  }

  /** Counts a failure, or an attempt before its end is known: {@link forgive} takes it back. */
  charge(key: string): void {
    const window = this.#current(key);
    if (window !== undefined) {
      window.count++;
      return;
    }
    if (this.#windows.size >= this.#capacity) {
      const oldest = this.#windows.keys().next();
      if (!oldest.done) this.#windows.delete(oldest.value);
    }
    this.#windows.set(key, { count: 1, endsAt: this.#clock.now() + this.#limit.window });
  }

  forgive(key: string): void {
    const window = this.#current(key);
    if (window !== undefined && window.count > 0) window.count--;
  }

  get size(): number {
    return this.#windows.size;
  }

  #current(key: string): Window | undefined {
    const window = this.#windows.get(key);
    if (window === undefined || window.endsAt > this.#clock.now()) return window;
    this.#windows.delete(key);
    return undefined;
  }
}

import type { Clock } from '../../base/clock.ts';

/** Devices whose failures are remembered; the oldest is forgotten. */
const MAX_REMEMBERED = 10_000;

interface Failures {
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Locks out for a time who subscribes again and again and then takes no NOTIFY. */
export class SubscriberLockOut {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #time: number;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock, most: number, time: number) {
    this.#clock = clock;
    this.#most = most;
    this.#time = time;
  }

  /** A NOTIFY was refused or lost; failures that lie longer apart than the time of a lock-out are not in a row. */
  failed(key: string): void {
    const now = this.#clock.now();
    const known = this.#failures.get(key);
    const count = known === undefined || known.until <= now ? 1 : known.count + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, until: now + this.#time });
    if (this.#failures.size <= MAX_REMEMBERED) return;
    const oldest = this.#failures.keys().next();
    if (oldest.done !== true) this.#failures.delete(oldest.value);
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /** Milliseconds that are left; 0: not locked out. */
  left(key: string): number {
    const known = this.#failures.get(key);
    if (known === undefined || known.count < this.#most) return 0;
    return Math.max(0, known.until - this.#clock.now());
  }
}

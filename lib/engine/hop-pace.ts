import type { Clock } from '../base/clock.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import { doubled } from './retry.ts';

/** When the whole next hop is given a rest; times in milliseconds. */
export interface HopPacePolicy {
  /** Overloads of this many different recipients ... */
  readonly recipients: number;
  /** ... within this long mean the hop rather than its users. */
  readonly window: number;
  readonly first: number;
  readonly longest: number;
}

export const DEFAULT_HOP_PACE: HopPacePolicy = { recipients: 5, window: 5000, first: 1000, longest: 30_000 };

/**
 * Slows the whole next hop when the hop itself, or several recipients within a window, say that it is overloaded.
 * One recipient's 503 slows only that recipient (the router's retry does it).
 */
export class HopPace {
  readonly #clock: Clock;
  readonly #policy: HopPacePolicy;
  readonly #overloaded = new Map<string, number>();
  #pausedUntil = 0;
  #pauses = 0;

  constructor(clock: Clock, policy: HopPacePolicy = DEFAULT_HOP_PACE) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** Milliseconds since the epoch until which nothing should leave; in the past when all is well. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** A rest that has more to go than any rest may have is over: the clock was set back meanwhile. */
  get paused(): boolean {
    const left = this.#pausedUntil - this.#clock.now();
    return left > 0 && left <= this.#policy.longest;
  }

  /** Learns from one result; true when it began or lengthened a pause. */
  learn(aor: string, result: DeliveryResult): boolean {
    if (result.kind !== 'retry' || (result.why !== 'overload' && result.scope !== 'hop')) {
      if (result.kind === 'delivered') this.#recovered(aor);
      return false;
    }
    if (result.scope === 'hop') return this.#pause(result.after);
    const now = this.#clock.now();
    // Taken out first, so that the map stays in the order of time.
    this.#overloaded.delete(aor);
    this.#overloaded.set(aor, now);
    for (const [other, at] of this.#overloaded) {
      if (at >= now - this.#policy.window) break;
      this.#overloaded.delete(other);
    }
    return this.#overloaded.size >= this.#policy.recipients && this.#pause(result.after);
  }

  #recovered(aor: string): void {
    if (this.#overloaded.size > 0) this.#overloaded.delete(aor);
    if (!this.paused) this.#pauses = 0;
  }

  #pause(after: number | undefined): boolean {
    const { first, longest } = this.#policy;
    if (this.paused) {
      // What was under way when the pause began does not lengthen it by itself, but may say how long it should be.
      const until = this.#clock.now() + Math.min(longest, after ?? 0);
      if (until <= this.#pausedUntil) return false;
      this.#pausedUntil = until;
      return true;
    }
    const length = Math.min(longest, Math.max(after ?? 0, doubled(first, this.#pauses, longest)));
    this.#pauses++;
    this.#overloaded.clear();
    this.#pausedUntil = this.#clock.now() + length;
    return true;
  }
}

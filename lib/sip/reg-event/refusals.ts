import type { Clock, TimerHandle } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { againAfter, NO_SUCH_PACKAGE } from './back-off.ts';
import type { SubscriptionEnd } from './subscription.ts';

/** Users whose refusal is remembered. */
const MAX_REFUSED = 50_000;

/** So many users in a row of whom the core says that it has no such package, and it is let alone for a while. */
const REFUSALS_TO_REST = 5;
const FIRST_REST = 60_000;
const LONGEST_REST = 3600_000;

interface Refusal {
  readonly until: number;
  readonly failures: number;
  /** Tries again by itself: a subscription that was there is wanted until nobody has asked for long. */
  readonly timer: TimerHandle;
}

/** Of whom the core does not tell for now, and when it may be asked again. */
export class Refusals {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** In the order in which they came. */
  readonly #refused = new Map<string, Refusal>();
  #inARow = 0;
  #rest = FIRST_REST;
  #restUntil = 0;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  get size(): number {
    return this.#refused.size;
  }

  /** Failures in a row of this user; undefined: the core may not be asked now. */
  failuresOf(aor: string): number | undefined {
    const now = this.#clock.now();
    const refusal = this.#refused.get(aor);
    if (this.#restUntil > now || (refusal !== undefined && refusal.until > now)) return undefined;
    return refusal?.failures ?? 0;
  }

  /** The core does not tell of this user any more; `again` is called once it may be asked again. */
  add(aor: string, end: SubscriptionEnd, failures: number, again?: () => void): void {
    if (end.kind === 'refused' && NO_SUCH_PACKAGE.has(end.status ?? 0)) this.#perhapsRest(end);
    const after = againAfter(end, failures);
    if (this.#refused.size >= MAX_REFUSED) this.#forgetOldest();
    const timer = again && this.#clock.setTimeout(again, after);
    this.#refused.set(aor, { until: this.#clock.now() + after, failures, timer });
  }

  delete(aor: string): void {
    this.#clock.clearTimeout(this.#refused.get(aor)?.timer);
    this.#refused.delete(aor);
  }

  /** The core has told of somebody. */
  onTold(): void {
    this.#inARow = 0;
    this.#rest = FIRST_REST;
  }

  clear(): void {
    for (const { timer } of this.#refused.values()) this.#clock.clearTimeout(timer);
    this.#refused.clear();
  }

  #forgetOldest(): void {
    for (const aor of this.#refused.keys()) {
      this.delete(aor);
      return;
    }
  }

  #perhapsRest({ status }: SubscriptionEnd): void {
    if (++this.#inARow < REFUSALS_TO_REST) return;
    this.#inARow = 0;
    this.#restUntil = this.#clock.now() + this.#rest;
    this.#log.warn({ status, rest: this.#rest }, 'the core lets the gateway not subscribe to the reg event');
    this.#rest = Math.min(this.#rest * 2, LONGEST_REST);
  }
}

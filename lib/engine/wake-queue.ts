import type { Clock, TimerHandle } from '../base/clock.ts';

export interface WakeQueueOptions {
  readonly clock: Clock;
  /** Wakes a second; 0: as fast as they come. */
  readonly rate: number;
  /** See Store.waitingRanks; must not reject. Without it the queue goes by the order of registrations alone. */
  readonly ranks?: ((aors: readonly string[]) => Promise<readonly (number | undefined)[] | undefined>) | undefined;
  /** Something may be taken again. */
  readonly onReady: () => void;
}

/** What may leave at once, as a part of a second's rate: a lone registration never waits, a storm begins gently. */
const BURST_SECONDS = 0.05;
/** Wakes are let go in steps of this long, milliseconds, rather than one timer each. */
const STEP = 10;
/** Users whose priorities are looked up at once. */
const SORT_BATCH = 256;
const RANKS = [0, 1, 2] as const;

/**
 * Users whose waiting pushes are due since they registered. Lets them go at a bounded rate, so that a core that restarts and
 * registers everybody is not answered with a push for everybody at once. Up to the rate the queue is never seen; when it
 * grows, users with pushes of higher priority go first, each priority in the order of registration, and users for whom
 * nothing waits leave it.
 */
export class WakeQueue {
  readonly #o: WakeQueueOptions;
  /** Not looked at yet, oldest first. */
  readonly #unsorted = new Set<string>();
  /** By rank, oldest first. */
  readonly #sorted: readonly Set<string>[] = RANKS.map(() => new Set<string>());
  #sorting = false;
  #tokens: number;
  #filledAt: number;
  #timer: TimerHandle | undefined;

  constructor(options: WakeQueueOptions) {
    this.#o = options;
    this.#tokens = this.#burst;
    this.#filledAt = options.clock.now();
  }

  get size(): number {
    let size = this.#unsorted.size;
    for (const users of this.#sorted) size += users.size;
    return size;
  }

  /** One that is here keeps its place. */
  add(aor: string): void {
    if (!this.#sorted.some((users) => users.has(aor))) this.#unsorted.add(aor);
  }

  clear(): void {
    this.#unsorted.clear();
    for (const users of this.#sorted) users.clear();
    if (this.#timer !== undefined) this.#o.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Who may be woken now; undefined when nobody waits, or it is too soon: onReady tells when it no longer is. */
  take(): string | undefined {
    if (this.size === 0) return undefined;
    if (!this.#pay()) {
      void this.#sort();
      this.#timer ??= this.#o.clock.setTimeout(() => {
        this.#timer = undefined;
        this.#o.onReady();
      }, STEP);
      return undefined;
    }
    for (const users of [...this.#sorted, this.#unsorted]) {
      for (const aor of users) {
        users.delete(aor);
        return aor;
      }
    }
    return undefined;
  }

  /** The last one taken had nothing to wake: another may go in its place. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }

  get #burst(): number {
    return Math.max(1, this.#o.rate * BURST_SECONDS);
  }

  #pay(): boolean {
    const { clock, rate } = this.#o;
    if (rate === 0) return true;
    const now = clock.now();
    // A clock set back fills nothing and takes nothing away.
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#filledAt) * rate) / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  async #sort(): Promise<void> {
    const { ranks } = this.#o;
    if (this.#sorting || ranks === undefined) return;
    this.#sorting = true;
    try {
      while (this.#unsorted.size > 0) {
        const batch: string[] = [];
        for (const aor of this.#unsorted) if (batch.push(aor) === SORT_BATCH) break;
        const found = await ranks(batch);
        if (found === undefined) return; // The store will be asked again; until then they go as they came.
        for (const [place, aor] of batch.entries()) {
          // Taken meanwhile: then it is nobody's place any more.
          if (!this.#unsorted.delete(aor)) continue;
          const rank = found[place];
          if (rank !== undefined) this.#sorted[Math.min(rank, RANKS.length - 1)]?.add(aor);
        }
      }
    } finally {
      this.#sorting = false;
    }
  }
}

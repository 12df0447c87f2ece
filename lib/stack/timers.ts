import type { Clock, TimerHandle } from '../base/clock.ts';

/** RFC 3261 section 17.1.1.1 and table 4 (annex A). Milliseconds. */
export interface TimerValues {
  /** Round-trip time estimate. */
  readonly t1: number;
  /** Longest interval between retransmissions of a non-INVITE request. */
  readonly t2: number;
  /** How long a message stays in the network. */
  readonly t4: number;
}

export const DEFAULT_TIMERS: TimerValues = { t1: 500, t2: 4000, t4: 5000 };

export type TimerName =
  // non-INVITE
  | 'e'
  | 'f'
  | 'j'
  | 'k'
  | 'abandon'
  // INVITE; l and m of RFC 6026
  | 'a'
  | 'b'
  | 'd'
  | 'g'
  | 'h'
  | 'i'
  | 'l'
  | 'm'
  | 'trying'
  | 'cancelled';

/** What a timer tells when it fires. */
export interface TimerOwner {
  onTimer(name: TimerName): void;
}

/** A running timer of a transaction. */
export interface TransactionTimer {
  owner: TimerOwner | undefined;
  readonly name: TimerName;
  readonly batch: Batch;
}

/** Timers that were set in the same millisecond for the same delay: they share one timer of the clock. */
interface Batch {
  readonly delay: number;
  readonly setAt: number;
  readonly timers: TransactionTimer[];
  running: number;
  handle: TimerHandle;
}

/**
 * The timers of all transactions. There are few different delays and very many transactions, so those that fall
 * due together wait together: under load a timer costs one small object and no closure.
 */
export class TransactionTimers {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #batches = new Set<Batch>();
  /** The batch that still takes timers, by delay. */
  readonly #open = new Map<number, Batch>();

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  set(owner: TimerOwner, name: TimerName, delay: number): TransactionTimer {
    const batch = this.#batchOf(delay);
    const timer = { owner, name, batch };
    batch.timers.push(timer);
    batch.running++;
    return timer;
  }

  clear(timer: TransactionTimer | undefined): void {
    if (timer?.owner === undefined) return;
    timer.owner = undefined;
    if (--timer.batch.running === 0) this.#end(timer.batch);
  }

  /** Takes away every timer. */
  stop(): void {
    for (const batch of this.#batches) this.#end(batch);
  }

  #batchOf(delay: number): Batch {
    const now = this.#clock.now();
    const open = this.#open.get(delay);
    if (open !== undefined && open.setAt === now) return open;
    const batch: Batch = { delay, setAt: now, timers: [], running: 0, handle: undefined };
    batch.handle = this.#clock.setTimeout(() => this.#fire(batch), delay);
    this.#open.set(delay, batch);
    this.#batches.add(batch);
    return batch;
  }

  #end(batch: Batch): void {
    this.#clock.clearTimeout(batch.handle);
    this.#batches.delete(batch);
    if (this.#open.get(batch.delay) === batch) this.#open.delete(batch.delay);
  }

  #fire(batch: Batch): void {
    this.#end(batch);
    for (const timer of batch.timers) {
      const { owner } = timer;
      if (owner === undefined) continue;
      timer.owner = undefined;
      try {
        owner.onTimer(timer.name);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

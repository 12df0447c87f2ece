import type { Events } from '../base/events.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import { isTerminal } from '../model/states.ts';

/** Recipients in the store that have not come to their end, by initiator. */
export type OpenCounts = ReadonlyMap<string, number>;

/**
 * Knows how many recipients are open, in all and for each initiator, without asking the store for every submission: it
 * starts from the store's counts and follows the events. What is being stored counts too, so that submissions that
 * arrive together cannot pass a limit together.
 */
export class OpenLedger {
  readonly #stored = new Tally();
  /** Recipients on their way into the store. */
  readonly #coming = new Tally();

  constructor(events: Pick<Events<EngineEvents>, 'on'>) {
    events.on('accepted', ({ initiator, recipients }) => this.#stored.add(initiator, recipients));
    events.on('state', ({ initiator, state }) => {
      if (isTerminal(state)) this.#stored.add(initiator, -1);
    });
  }

  /** Sets what the store says; at start, and when a limit is reached. */
  set(counts: OpenCounts): void {
    this.#stored.clear();
    for (const [initiator, count] of counts) this.#stored.add(initiator, count);
  }

  /** Counts recipients that are about to be stored; the function takes them back. */
  reserve(initiator: string, recipients: number): () => void {
    this.#coming.add(initiator, recipients);
    return () => this.#coming.add(initiator, -recipients);
  }

  of(initiator: string): number {
    return this.#stored.of(initiator) + this.#coming.of(initiator);
  }

  get total(): number {
    return this.#stored.total + this.#coming.total;
  }
}

/** Numbers by name and their sum, none below zero. */
class Tally {
  readonly #counts = new Map<string, number>();
  total = 0;

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, change: number): void {
    this.total = Math.max(0, this.total + change);
    const count = this.of(name) + change;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  clear(): void {
    this.#counts.clear();
    this.total = 0;
  }
}

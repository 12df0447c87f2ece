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
  /** What changes while the store counts; one for each count that is under way. */
  readonly #meanwhile = new Set<Changes>();

  constructor(events: Pick<Events<EngineEvents>, 'on'>) {
    events.on('accepted', ({ initiator, recipients }) => this.#change(initiator, recipients));
    events.on('state', ({ initiator, state }) => {
      if (isTerminal(state)) this.#change(initiator, -1);
    });
  }

  /** Sets what the store says, while nothing changes: at start. */
  set(counts: OpenCounts): void {
    this.#stored.clear();
    for (const [initiator, count] of counts) this.#stored.add(initiator, count);
  }

  /**
   * Compares with what the store says, when a limit is reached. The store counts at one point in the row of what it does,
   * but whether a change that is told of meanwhile came before that point nobody can say. So where the two differ by no
   * more than such changes, the ledger stands: one that is right stays right. Otherwise it is moved as far as the count
   * proves it wrong, which is all the way where nothing changed. Rejects as `count` does, and changes nothing then.
   */
  async compare(count: () => Promise<OpenCounts>): Promise<void> {
    const changes = new Changes();
    this.#meanwhile.add(changes);
    try {
      const counts = await count();
      // What was done before the count is told of within the same turn of the event loop as its answer.
      await new Promise((resolve) => setImmediate(resolve));
      this.#stored.correct(counts, changes);
    } finally {
      this.#meanwhile.delete(changes);
    }
  }

  /** Counts recipients that are about to be stored; the function takes them back. */
  reserve(initiator: string, recipients: number): () => void {
    this.#coming.add(initiator, recipients);
    return () => this.#coming.add(initiator, -recipients);
  }

  of(initiator: string): number {
    return this.#stored.of(initiator) + this.#coming.of(initiator);
  }

  #change(initiator: string, change: number): void {
    this.#stored.add(initiator, change);
    for (const changes of this.#meanwhile) changes.add(initiator, change);
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

  /** Moves every number to where `counts`, before or after any of `changes`, allow it to be. */
  correct(counts: OpenCounts, changes: Changes): void {
    let sum = 0;
    for (const count of counts.values()) sum += count;
    this.total = within(this.total, sum, changes.all);
    for (const name of new Set([...counts.keys(), ...this.#counts.keys()])) {
      const count = within(this.of(name), counts.get(name) ?? 0, changes.of(name));
      if (count > 0) this.#counts.set(name, count);
      else this.#counts.delete(name);
    }
  }

  clear(): void {
    this.#counts.clear();
    this.total = 0;
  }
}

/** Sums of what rose and what fell. */
interface Change {
  up: number;
  down: number;
}

const within = (value: number, count: number, { up, down }: Readonly<Change>): number =>
  Math.min(Math.max(value, count - down, 0), count + up);

const NONE: Readonly<Change> = { up: 0, down: 0 };

/** Changes by name and of all names. */
class Changes {
  readonly #of = new Map<string, Change>();
  readonly all: Change = { up: 0, down: 0 };

  of(name: string): Readonly<Change> {
    return this.#of.get(name) ?? NONE;
  }

  add(name: string, change: number): void {
    let own = this.#of.get(name);
    if (own === undefined) {
      own = { up: 0, down: 0 };
      this.#of.set(name, own);
    }
    for (const sums of [own, this.all]) {
      if (change > 0) sums.up += change;
      else sums.down -= change;
    }
  }
}

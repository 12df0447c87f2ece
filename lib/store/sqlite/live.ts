import { PpgError } from '../../base/errors.ts';

/** A recipient in flight, as much of it as its settlement needs: most pushes are then settled without a read. */
export interface Flight {
  readonly key: string;
  readonly index: number;
  readonly push: number;
  readonly aor: string;
  readonly attempt: number;
  readonly offlineTries: number;
  readonly recipients: number;
  /** One of NOTIFY_NONE and its like. */
  readonly notify: number;
  /** JSON array of the earlier attempts, null when there are none. */
  readonly attempts: string | null;
  readonly leaseUntil: number;
}

/** How many recipients and notifications are where. */
export interface Tally {
  pending: number;
  awaiting: number;
  owed: number;
  dead: number;
}

/** Pushes of many recipients whose progress is remembered; beyond that all are looked through anew. */
const MOST_OPEN = 1000;

const refOf = (key: string, index: number): string => (index === 0 ? key : `${key}/${index}`);

/**
 * What the worker keeps in memory beside the database: the recipients in flight with their leases (void after a
 * restart, so they need no disk) and the counts. A transaction that is rolled back takes its changes here back, too.
 */
export class Live {
  tally: Tally = { pending: 0, awaiting: 0, owed: 0, dead: 0 };
  nextPush = 1;
  readonly #byAor = new Map<string, Flight>();
  readonly #byRef = new Map<string, Flight>();
  /** By push: the place before which every recipient is final. Ends never change, so only a rollback takes it back. */
  readonly #openFrom = new Map<string, number>();
  #saved: Tally = { ...this.tally };
  #undo: { aor: string; before: Flight | undefined }[] = [];

  begin(): void {
    this.#saved = { ...this.tally };
    if (this.#undo.length > 0) this.#undo = [];
  }

  rollback(): void {
    this.tally = { ...this.#saved };
    this.#openFrom.clear();
    for (const { aor, before } of this.#undo.reverse()) {
      const now = this.#byAor.get(aor);
      if (now !== undefined) this.#byRef.delete(refOf(now.key, now.index));
      this.#byAor.delete(aor);
      if (before !== undefined) this.#put(before);
    }
    this.#undo = [];
  }

  /** From which place on recipients of a push may be open: a push of thousands is not read anew at each of their ends. */
  openFrom(key: string): number {
    return this.#openFrom.get(key) ?? 0;
  }

  /** `place` is the first that is open; undefined: none is. */
  learnOpen(key: string, place: number | undefined): void {
    if (place === undefined) this.#openFrom.delete(key);
    else {
      if (this.#openFrom.size >= MOST_OPEN) this.#openFrom.clear();
      this.#openFrom.set(key, place);
    }
  }

  get sending(): number {
    return this.#byAor.size;
  }

  inFlight(aor: string): boolean {
    return this.#byAor.has(aor);
  }

  /** The flight of a recipient, when that attempt is the one under way. */
  held(key: string, index: number, attempt: number): Flight | undefined {
    const flight = this.#byRef.get(refOf(key, index));
    return flight?.attempt === attempt ? flight : undefined;
  }

  start(flight: Flight): void {
    const before = this.#byAor.get(flight.aor);
    if (before !== undefined && (before.key !== flight.key || before.index !== flight.index)) {
      throw new PpgError('PPG_E_STORE', `${flight.aor} has a push in flight already.`);
    }
    this.#undo.push({ aor: flight.aor, before });
    this.#put(flight);
  }

  end(flight: Flight): void {
    this.#undo.push({ aor: flight.aor, before: flight });
    this.#byAor.delete(flight.aor);
    this.#byRef.delete(refOf(flight.key, flight.index));
  }

  /** Flights whose lease has run out. */
  overdue(now: number): Flight[] {
    const over: Flight[] = [];
    for (const flight of this.#byAor.values()) if (flight.leaseUntil <= now) over.push(flight);
    return over;
  }

  /** When the first lease runs out; Infinity without any. */
  firstLease(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { leaseUntil } of this.#byAor.values()) if (leaseUntil < first) first = leaseUntil;
    return first;
  }

  #put(flight: Flight): void {
    this.#byAor.set(flight.aor, flight);
    this.#byRef.set(refOf(flight.key, flight.index), flight);
  }
}

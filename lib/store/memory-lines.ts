import type { Claim } from '../model/delivery.ts';
import { byRank, first, type MemoryData, type Row } from './memory-rows.ts';
import { BEHIND, NEVER } from './rules.ts';
import type { Lease } from './store.ts';

/**
 * The waiting line of each address-of-record. A line with recipients that are due either has one in flight or has
 * one of them scheduled (a due time of its own); the others are BEHIND and cost nothing until it is their turn.
 */
export class Lines {
  readonly #data: MemoryData;

  constructor(data: MemoryData) {
    this.#data = data;
  }

  /** Puts a pending recipient in its line with that due time, or moves it there. */
  put(row: Row, due: number): void {
    row.due = due;
    const aor = row.address.aor;
    const line = this.#data.lines.get(aor);
    if (line === undefined) this.#data.lines.set(aor, new Set([row]));
    else line.add(row);
    if (due === BEHIND || due === NEVER) this.#data.scheduled.delete(row);
    else this.#data.scheduled.add(row);
  }

  remove(row: Row): void {
    const line = this.#data.lines.get(row.address.aor);
    line?.delete(row);
    if (line?.size === 0) this.#data.lines.delete(row.address.aor);
    this.#data.scheduled.delete(row);
  }

  of(aor: string): Iterable<Row> {
    return this.#data.lines.get(aor) ?? [];
  }

  /** Moves what is due behind, and answers which of them comes first. */
  head(aor: string, now: number): Row | undefined {
    for (const row of this.of(aor)) {
      if (row.due > now) continue;
      row.offline = false;
      this.put(row, row.ends <= now ? NEVER : BEHIND);
    }
    return first(
      [...this.of(aor)].filter((row) => row.due === BEHIND),
      byRank,
    );
  }

  /** Schedules the first that is due when nothing is in flight: claimDue finds it. */
  stand(aor: string, now: number): void {
    if (this.#data.flights.has(aor)) return;
    const head = this.head(aor, now);
    if (head !== undefined) this.put(head, now);
  }

  /** Parks all that would be due before `until`: the user is absent. */
  park(aor: string, until: number): void {
    for (const row of this.of(aor)) {
      if (row.due >= until) continue;
      row.offline = true;
      this.put(row, until);
    }
  }

  /** Ends the wait for a registration. */
  unpark(aor: string, now: number): void {
    for (const row of this.of(aor)) {
      if (!row.offline) continue;
      row.offline = false;
      this.put(row, Math.max(now, row.notBefore));
    }
  }

  claim(row: Row, lease: Lease, now: number): Claim {
    this.remove(row);
    row.state = 'sending';
    row.attempt++;
    row.offline = false;
    row.eventTime = now;
    row.lease = { owner: lease.owner, leaseUntil: lease.leaseUntil };
    this.#data.flights.set(row.address.aor, row);
    return {
      push: row.of.push.key,
      index: row.index,
      pushData: row.of.push,
      address: row.address,
      attempt: row.attempt,
      attempted: row.attempted,
      offlineTries: row.offlineTries,
      attempts: row.attempts,
      owner: lease.owner,
      leaseUntil: lease.leaseUntil,
    };
  }

  /** A claim whose owner is gone: the device may have the push. */
  giveBack(row: Row, now: number): void {
    this.#data.flights.delete(row.address.aor);
    delete row.lease;
    row.state = 'pending';
    row.attempted = 'unknown';
    row.eventTime = now;
    this.put(row, now);
  }
}

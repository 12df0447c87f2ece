import { BEHIND, NEVER } from '../rules.ts';
import type { Database, SqlRow, SqlValue } from './driver.ts';
import type { Flight, Live } from './live.ts';

/**
 * Columns of a claim as the main side gets them (see decode.ts), then those that only a Flight needs. Names must
 * differ for drivers that answer objects.
 */
const CLAIM_COLUMNS = `
  r.key, r.idx, r.attempt, r.attempted, r.offline_tries, r.attempts, r.aor, r.text, r.instance, r.gruu,
  p.initiator, p.push_id, p.accepted_at, p.expires_at, p.data, p.head, p.body,
  p.id, p.recipients, p.notify`;
const FLIGHT_ONLY = 3;

/** Whether anything of the line is due; the index has those behind (due 0) first, best rank and key first. */
const SELECT_FIRST = `
  SELECT key, idx, due, rank, ends FROM recipient INDEXED BY recipient_line
  WHERE state = 0 AND aor = ? AND due <= ? ORDER BY due, rank, key, idx LIMIT 1`;

/** What has come due joins those behind, so that rank and key decide; each recipient does so once for each wait. */
const PROMOTE = `
  UPDATE recipient INDEXED BY recipient_line SET due = ${BEHIND}, offline = 0
  WHERE state = 0 AND aor = ? AND due > 0 AND due <= ?`;

const SET_DUE = 'UPDATE recipient SET due = ? WHERE key = ? AND idx = ?';

const PARK = `
  UPDATE recipient INDEXED BY recipient_line SET due = ?, offline = 1 WHERE state = 0 AND aor = ? AND due < ?`;

const UNPARK = `
  UPDATE recipient INDEXED BY recipient_line SET due = max(?, not_before), offline = 0
  WHERE state = 0 AND aor = ? AND offline = 1`;

const CLAIM = `
  UPDATE recipient SET state = 2, due = 0, offline = 0, attempt = attempt + 1, event_time = ?
  WHERE key = ? AND idx = ?`;

const SELECT_CLAIM = `
  SELECT ${CLAIM_COLUMNS} FROM recipient r JOIN push p ON p.id = r.push WHERE r.key = ? AND r.idx = ?`;

const GIVE_BACK = `
  UPDATE recipient SET state = 0, attempted = 2, due = ?, event_time = ? WHERE key = ? AND idx = ?`;

/** A recipient that may be claimed. */
export interface Head {
  readonly key: string;
  readonly index: number;
  readonly rank: number;
}

/**
 * The waiting lines, see memory-lines.ts for the rules in plain words: what is due either has one of its line in
 * flight or one that is scheduled, the others are BEHIND and in no index that claimDue reads.
 */
export class Lines {
  readonly #live: Live;
  readonly #first;
  readonly #promote;
  readonly #setDue;
  readonly #park;
  readonly #unpark;
  readonly #claim;
  readonly #selectClaim;
  readonly #giveBack;

  constructor(db: Database, live: Live) {
    this.#live = live;
    this.#first = db.prepare(SELECT_FIRST);
    this.#promote = db.prepare(PROMOTE);
    this.#setDue = db.prepare(SET_DUE);
    this.#park = db.prepare(PARK);
    this.#unpark = db.prepare(UNPARK);
    this.#claim = db.prepare(CLAIM);
    this.#selectClaim = db.prepare(SELECT_CLAIM);
    this.#giveBack = db.prepare(GIVE_BACK);
  }

  /** Moves what is due behind, and answers which of them comes first. */
  head(aor: string, now: number): Head | undefined {
    if (this.#live.tally.pending === 0) return undefined;
    const where: SqlValue[] = [aor, now];
    let row = this.#first.get(where);
    if (row === undefined) return undefined;
    if (this.#promote.run(where) > 0) row = this.#first.get(where);
    for (; row !== undefined; row = this.#first.get(where)) {
      const [key, index, , rank, ends] = row as [string, number, number, number, number];
      if (ends > now) return { key, index, rank };
      this.setDue(key, index, NEVER);
    }
    return undefined;
  }

  setDue(key: string, index: number, due: number): void {
    this.#setDue.run([due, key, index]);
  }

  /** Schedules the first that is due when nothing is in flight: claimDue finds it. */
  stand(aor: string, now: number): void {
    if (this.#live.inFlight(aor)) return;
    const head = this.head(aor, now);
    if (head !== undefined) this.setDue(head.key, head.index, now);
  }

  park(aor: string, until: number): void {
    this.#park.run([until, aor, until]);
  }

  unpark(aor: string, now: number): void {
    this.#unpark.run([now, aor]);
  }

  /** Claims the first of the line, when nothing of it is in flight. */
  next(aor: string, leaseUntil: number, now: number): SqlRow | undefined {
    const head = this.head(aor, now);
    return head === undefined || this.#live.inFlight(aor) ? undefined : this.claim(head, leaseUntil, now);
  }

  claim({ key, index }: Pick<Head, 'key' | 'index'>, leaseUntil: number, now: number): SqlRow {
    this.#claim.run([now, key, index]);
    const row = this.#selectClaim.get([key, index]) ?? [];
    this.#live.start(flightOf(row, leaseUntil));
    this.#live.tally.pending--;
    return row.slice(0, -FLIGHT_ONLY);
  }

  /** A claim whose owner is gone: the device may have the push. */
  giveBack({ key, index }: Pick<Flight, 'key' | 'index'>, now: number): void {
    this.#giveBack.run([now, now, key, index]);
    this.#live.tally.pending++;
  }
}

function flightOf(row: SqlRow, leaseUntil: number): Flight {
  return {
    key: row[0] as string,
    index: row[1] as number,
    attempt: row[2] as number,
    offlineTries: row[4] as number,
    attempts: row[5] as string | null,
    aor: row[6] as string,
    push: row[17] as number,
    recipients: row[18] as number,
    notify: row[19] as number,
    leaseUntil,
  };
}

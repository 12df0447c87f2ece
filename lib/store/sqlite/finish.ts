import type { Database } from './driver.ts';
import type { Live } from './live.ts';
import { FINAL_FROM, LEASED, NOTIFY_EACH, NOTIFY_GROUPS, OWED } from './schema.ts';

const FINISH = `
  UPDATE recipient SET state = ?, code = ?, description = ?, event_time = ?, confirmed = ?,
    notify_state = ?, notify_due = ?, notify_claims = ?
  WHERE key = ? AND idx = ?`;

/** As FINISH for one that comes from its attempt: one statement for both on the hot path. */
const FINISH_ATTEMPT = `
  UPDATE recipient SET state = ?, code = ?, description = ?, event_time = ?, confirmed = ?,
    notify_state = ?, notify_due = ?, notify_claims = ?, attempts = ?
  WHERE key = ? AND idx = ?`;

/** The first that is not over, from a place on before which all are. */
const FIRST_OPEN = `SELECT idx FROM recipient WHERE key = ? AND idx >= ? AND state < ${FINAL_FROM} ORDER BY idx LIMIT 1`;

/** Another of the same address that is not over: the group's result is not known yet. */
const GROUP_OPEN = `
  SELECT 1 FROM recipient WHERE key = ?1 AND idx >= ?3 AND idx <> ?2 AND state < ${FINAL_FROM}
    AND text = (SELECT text FROM recipient WHERE key = ?1 AND idx = ?2) LIMIT 1`;

const IN_GROUP = `
  SELECT 1 FROM recipient WHERE key = ?1 AND idx <> ?2
    AND text = (SELECT text FROM recipient WHERE key = ?1 AND idx = ?2) LIMIT 1`;

/** The end of a push: its content goes, its time of retention begins. */
const END_PUSH = 'UPDATE push SET done = ?, head = NULL, body = NULL WHERE id = ?';

export interface Ending {
  readonly state: number;
  readonly code: number;
  readonly description: string | null;
  readonly at: number;
  readonly confirmed: number;
}

export interface Ended {
  readonly key: string;
  readonly index: number;
  readonly push: number;
  readonly recipients: number;
  readonly notify: number;
}

/** Final states: the state, the notification that is owed for it, and the end of the push are one. */
export class Finish {
  readonly #live: Live;
  readonly #finish;
  readonly #finishAttempt;
  readonly #firstOpen;
  readonly #groupOpen;
  readonly #inGroupOf;
  readonly #endPush;

  constructor(db: Database, live: Live) {
    this.#live = live;
    this.#finish = db.prepare(FINISH);
    this.#finishAttempt = db.prepare(FINISH_ATTEMPT);
    this.#firstOpen = db.prepare(FIRST_OPEN);
    this.#groupOpen = db.prepare(GROUP_OPEN);
    this.#inGroupOf = db.prepare(IN_GROUP);
    this.#endPush = db.prepare(END_PUSH);
  }

  /**
   * The end of an attempt; `notifyLeaseUntil` 0 leaves the notification for claimNotifications, and so does a group, whose
   * result is made there. True: the notification is leased.
   */
  settled(of: Ended, ending: Ending, attempts: string | null, notifyLeaseUntil: number): boolean {
    const { state, code, description, at, confirmed } = ending;
    const owes = this.#owes(of);
    const leased = owes && notifyLeaseUntil > 0 && !this.#inGroup(of);
    const notify = owes ? [leased ? LEASED : OWED, leased ? notifyLeaseUntil : at, leased ? 1 : 0] : NO_NOTIFY;
    this.#finishAttempt.run([state, code, description, at, confirmed, ...notify, attempts, of.key, of.index]);
    this.#finished(of, at, owes);
    return leased;
  }

  /**
   * The end of waiting. `more`: another of the same push ends after it, so that this is not the last. True: a notification
   * is owed.
   */
  ended(of: Ended, { state, code, description, at, confirmed }: Ending, more = false): boolean {
    const owes = this.#owes(of);
    const notify = owes ? [OWED, at, 0] : NO_NOTIFY;
    this.#finish.run([state, code, description, at, confirmed, ...notify, of.key, of.index]);
    this.#finished(of, at, owes, more);
    return owes;
  }

  /** The last of a group to end owes the one notification of all. */
  #owes({ notify, key, index }: Ended): boolean {
    if (notify !== NOTIFY_GROUPS) return notify === NOTIFY_EACH;
    return this.#groupOpen.get([key, index, this.#live.openFrom(key)]) === undefined;
  }

  #inGroup({ notify, key, index }: Ended): boolean {
    return notify === NOTIFY_GROUPS && this.#inGroupOf.get([key, index]) !== undefined;
  }

  #othersOpen(key: string): boolean {
    const [first] = this.#firstOpen.get([key, this.#live.openFrom(key)]) ?? [];
    this.#live.learnOpen(key, first === undefined ? undefined : Number(first));
    return first !== undefined;
  }

  #finished(of: Ended, at: number, owes: boolean, more = false): void {
    if (owes) this.#live.tally.owed++;
    if (more) return;
    if (of.recipients > 1 && this.#othersOpen(of.key)) return;
    this.#endPush.run([at, of.push]);
  }
}

const NO_NOTIFY: readonly (number | null)[] = [0, null, 0];

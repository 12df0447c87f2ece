import { MAX_ATTEMPT_RECORDS } from '../../model/push.ts';
import type { Database } from './driver.ts';
import type { Finish } from './finish.ts';
import type { Lines } from './lines.ts';
import type { Live } from './live.ts';
import type { ClaimRow, Handler } from './messages.ts';
import { AWAITING, PENDING } from './schema.ts';

const BACK_TO_PENDING = `
  UPDATE recipient SET state = 0, due = ?, offline = ?, offline_tries = ?, attempted = ?, ends = min(ends, ?),
    code = ?, description = ?, event_time = ?, attempts = ?
  WHERE key = ? AND idx = ?`;

const AWAIT_CONFIRMATION = `
  UPDATE recipient SET state = 1, ends = ?, code = ?, description = ?, event_time = ?, attempts = ?
  WHERE key = ? AND idx = ?`;

export type SettleArgs = readonly [
  key: string,
  index: number,
  attempt: number,
  at: number,
  state: number,
  code: number,
  description: string | null,
  /** JSON array, null for none. */
  attempts: string | null,
  /** 0: no next. */
  nextLeaseUntil: number,
  /** 0: no lease of the notification. */
  notifyLeaseUntil: number,
  /** For a final state: deliveredBy is `confirmed`. */
  confirmed: number,
  /** For pending: when, else the deadline of awaiting-confirmation. */
  due: number,
  offline: number,
  attempted: number,
  /** NEVER: as long as before. */
  deadline: number,
];

/** Not applied; applied; applied and the notification is leased. With a claim: [0 or 1, claim]. */
export type SettleAnswer = 0 | 1 | 2 | readonly [1 | 2, ClaimRow];

export function settlement(db: Database, live: Live, lines: Lines, finish: Finish): Handler {
  const backToPending = db.prepare(BACK_TO_PENDING);
  const awaitConfirmation = db.prepare(AWAIT_CONFIRMATION);

  return (args): SettleAnswer => {
    const [key, index, attempt, at, state, code, description, newAttempts, nextLeaseUntil, notifyLeaseUntil, ...more] =
      args as unknown as SettleArgs;
    const [confirmed, due, offline, attempted, deadline] = more;
    const flight = live.held(key, index, attempt);
    if (flight === undefined) return 0;
    live.end(flight);
    const attempts = joinAttempts(flight.attempts, newAttempts);
    let applied: 1 | 2 = 1;
    if (state === PENDING) {
      const tries = offline === 1 ? flight.offlineTries + 1 : 0;
      const soonest = Math.max(1, due);
      const values = [soonest, offline, tries, attempted, deadline, code, description, at, attempts, key, index];
      backToPending.run(values);
      live.tally.pending++;
      if (offline === 1) lines.park(flight.aor, due);
    } else if (state === AWAITING) {
      awaitConfirmation.run([due, code, description, at, attempts, key, index]);
      live.tally.awaiting++;
    } else {
      const ending = { state, code, description, at, confirmed };
      if (finish.settled(flight, ending, attempts, notifyLeaseUntil)) applied = 2;
    }
    if (nextLeaseUntil > 0) {
      const next = lines.next(flight.aor, nextLeaseUntil, at);
      if (next !== undefined) return [applied, next];
    } else {
      lines.stand(flight.aor, at);
    }
    return applied;
  };
}

/** Appends JSON arrays without reading them, unless there may be too many. */
function joinAttempts(old: string | null, more: string | null): string | null {
  if (more === null) return old;
  if (old === null && more.length < SURELY_FEW) return more;
  const joined = old === null ? more : `${old.slice(0, -1)},${more.slice(1)}`;
  if (joined.length < SURELY_FEW) return joined;
  return JSON.stringify((JSON.parse(joined) as unknown[]).slice(-MAX_ATTEMPT_RECORDS));
}

/** No attempt record is shorter than 64 characters: its nine names alone are longer. */
const SURELY_FEW = MAX_ATTEMPT_RECORDS * 64;

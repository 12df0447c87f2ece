import { resultOfGroup } from '../../model/group.ts';
import type { Database, SqlRow } from './driver.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { DEAD, DONE, LEASED, NOTIFY_GROUPS, OWED, STATES } from './schema.ts';

/** What decodeNotification reads. */
export const NOTIFICATION_COLUMNS = `
  r.key, r.idx, p.initiator, p.push_id, p.accepted_at, p.data, r.aor, r.text, r.instance, r.gruu,
  r.state, r.code, r.description, r.confirmed, r.event_time, r.notify_claims, p.notify`;
const RESULT_AT = 10;
const RESULT_COLUMNS = 5;
const NOTIFY_AT = 16;

/** The result of each recipient of one address. */
const SELECT_GROUP = `
  SELECT state, code, description, confirmed, event_time FROM recipient WHERE key = ? AND text = ? ORDER BY idx`;

/** Puts the result of its group in the place of that of the recipient that ended last. */
export function groupResults(db: Database): (row: SqlRow) => SqlRow {
  const selectGroup = db.prepare(SELECT_GROUP);
  return (row) => {
    if (row[NOTIFY_AT] !== NOTIFY_GROUPS) return row;
    const [key = null, , , , , , , text = null] = row;
    const members = selectGroup.all([key, text]).map((cells) => ({
      cells,
      state: STATES[Number(cells[0])] ?? 'pending',
      deliveredBy: cells[3] === 1 ? ('confirmed' as const) : ('unconfirmed' as const),
      eventTime: Number(cells[4]),
    }));
    const [first, ...others] = members;
    if (first === undefined || others.length === 0) return row;
    const { cells, eventTime } = resultOfGroup([first, ...others]);
    return [...row.slice(0, RESULT_AT), ...cells.slice(0, -1), eventTime, ...row.slice(RESULT_AT + RESULT_COLUMNS)];
  };
}

/** Leased ones are in the same index by the end of their lease: one that ran out is simply due. */
const SELECT_DUE = `
  SELECT ${NOTIFICATION_COLUMNS}
  FROM recipient r INDEXED BY recipient_notify JOIN push p ON p.id = r.push
  WHERE r.notify_due <= ? ORDER BY r.notify_due, r.key, r.idx LIMIT ?`;

const LEASE = `
  UPDATE recipient SET notify_state = ${LEASED}, notify_due = ?, notify_claims = notify_claims + 1
  WHERE key = ? AND idx = ?`;

/** The fence is the number of claims; changes nothing when another claim was made since, or none is held. */
const SETTLE = `
  UPDATE recipient SET notify_state = ?, notify_due = ?
  WHERE key = ? AND idx = ? AND notify_state = ${LEASED} AND notify_claims = ?`;

const SETTLE_RETRY = `
  UPDATE recipient SET notify_state = ${OWED}, notify_due = coalesce(?, notify_due)
  WHERE key = ? AND idx = ? AND notify_state = ${LEASED} AND notify_claims = ?`;

export const NOTIFY_RESULTS = ['done', 'retry', 'dead'] as const;

export function notifying(db: Database, live: Live): { claimNotifications: Handler; settleNotification: Handler } {
  const withGroup = groupResults(db);
  const selectDue = db.prepare(SELECT_DUE);
  const lease = db.prepare(LEASE);
  const settle = db.prepare(SETTLE);
  const settleRetry = db.prepare(SETTLE_RETRY);

  return {
    claimNotifications: (args): SqlRow[] => {
      const [now, limit, leaseUntil] = args as unknown as [number, number, number];
      if (live.tally.owed === 0) return [];
      const rows = selectDue.all([now, limit]);
      for (const [key, index] of rows) lease.run([leaseUntil, key ?? null, index ?? null]);
      return rows.map(withGroup);
    },

    settleNotification: (args): null => {
      const [key, index, result, tries, due] = args as unknown as [string, number, number, number, number | null];
      if (live.tally.owed === 0) return null;
      const name = NOTIFY_RESULTS[result];
      if (name === 'retry') {
        settleRetry.run([due, key, index, tries + 1]);
        return null;
      }
      const dead = name === 'dead';
      if (settle.run([dead ? DEAD : DONE, null, key, index, tries + 1]) === 0) return null;
      live.tally.owed--;
      if (dead) live.tally.dead++;
      return null;
    },
  };
}

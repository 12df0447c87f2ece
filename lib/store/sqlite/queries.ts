import { NEVER } from '../rules.ts';
import type { Database, SqlRow } from './driver.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { FINAL_FROM } from './schema.ts';

const SELECT_PUSH = `
  SELECT key, accepted_at, expires_at, data, head, body FROM push WHERE initiator = ? AND push_id = ?`;

const SELECT_CONTENT = `
  SELECT head, body FROM push
  WHERE id = (SELECT push FROM recipient WHERE key = ? AND idx = ? AND state < ${FINAL_FROM})`;

const SELECT_RECIPIENTS = `
  SELECT idx, aor, text, instance, gruu, state, code, description, attempted, attempt, offline_tries, event_time,
    confirmed, attempts
  FROM recipient WHERE key = ? ORDER BY idx`;

const FIRST_DUE = `
  SELECT due FROM recipient INDEXED BY recipient_due WHERE state = 0 AND due > 0 AND rank = ? ORDER BY due LIMIT 1`;

const FIRST_END = 'SELECT ends FROM recipient INDEXED BY recipient_ends WHERE state <= 1 ORDER BY ends LIMIT 1';

const FIRST_NOTIFY = `
  SELECT notify_due FROM recipient INDEXED BY recipient_notify WHERE notify_due IS NOT NULL ORDER BY notify_due LIMIT 1`;

const WAITING_RANK = `
  SELECT MIN(rank) FROM recipient INDEXED BY recipient_line WHERE state = 0 AND aor = ? AND offline = 1`;

/** A page of all registrations, so that no call looks at more of them than that. */
const WAITING_USERS = `
  SELECT aor, EXISTS (
    SELECT 1 FROM recipient r INDEXED BY recipient_line WHERE r.state = 0 AND r.aor = g.aor AND r.offline = 1)
  FROM registration g WHERE aor > ? ORDER BY aor LIMIT ?`;

const time = (row: SqlRow | undefined): number => {
  const value = row === undefined ? NEVER : Number(row[0]);
  return value === NEVER ? Number.POSITIVE_INFINITY : value;
};

type Queries = Record<'status' | 'content' | 'waitingRanks' | 'waitingUsers' | 'nextDue' | 'counts', Handler>;

export function queries(db: Database, live: Live): Queries {
  const selectPush = db.prepare(SELECT_PUSH);
  const selectContent = db.prepare(SELECT_CONTENT);
  const selectRecipients = db.prepare(SELECT_RECIPIENTS);
  const waitingRank = db.prepare(WAITING_RANK);
  const waitingUsers = db.prepare(WAITING_USERS);
  const firstDue = db.prepare(FIRST_DUE);
  const firstEnd = db.prepare(FIRST_END);
  const firstNotify = db.prepare(FIRST_NOTIFY);

  return {
    status: (args): readonly [SqlRow, SqlRow[]] | null => {
      const [initiator, pushId] = args as unknown as [string, string];
      const push = selectPush.get([initiator, pushId]);
      return push === undefined ? null : [push, selectRecipients.all([push[0] ?? null])];
    },

    content: (args): SqlRow | null => selectContent.get([...(args as unknown as [string, number])]) ?? null,

    waitingRanks: (aors): readonly (number | null)[] =>
      aors.map((aor) => {
        const rank = live.tally.pending === 0 ? null : waitingRank.get([aor])?.[0];
        return typeof rank === 'number' ? rank : null;
      }),

    waitingUsers: (args): SqlRow[] => waitingUsers.all([...(args as unknown as [string, number])]),

    /** Claims, expiry, notifications; Infinity for none. */
    nextDue: (): readonly [number, number, number] => {
      const { pending, awaiting, owed } = live.tally;
      const none = Number.POSITIVE_INFINITY;
      const due = pending === 0 ? none : Math.min(...[0, 1, 2].map((rank) => time(firstDue.get([rank]))));
      return [
        Math.min(due, live.firstLease()),
        pending + awaiting === 0 ? none : time(firstEnd.get([])),
        owed === 0 ? none : time(firstNotify.get([])),
      ];
    },

    counts: (): readonly number[] => {
      const { pending, awaiting, owed, dead } = live.tally;
      return [pending, live.sending, awaiting, owed, dead];
    },
  };
}

import { ERASED, NOBODY } from '../operator.ts';
import type { Database, SqlRow } from './driver.ts';
import type { SettledRow } from './expire.ts';
import type { Finish } from './finish.ts';
import type { Lines } from './lines.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { groupResults, NOTIFICATION_COLUMNS } from './notifications.ts';
import { AWAITING, DEAD, DONE, FINAL_FROM, OWED, PENDING, SENDING, stateNumber } from './schema.ts';

const OPEN = `
  SELECT p.initiator, count(*) FROM recipient r JOIN push p ON p.id = r.push
  WHERE r.state < ${FINAL_FROM} GROUP BY p.initiator`;

const DEAD_FILTER = `
  FROM recipient r INDEXED BY recipient_dead JOIN push p ON p.id = r.push
  WHERE r.notify_state = ${DEAD} AND (?1 IS NULL OR p.initiator = ?1) AND (?2 IS NULL OR p.push_id = ?2)
  ORDER BY r.key, r.idx LIMIT ?3`;

const SELECT_DEAD = `SELECT ${NOTIFICATION_COLUMNS} ${DEAD_FILTER}`;
const SELECT_DEAD_REFS = `SELECT r.key, r.idx ${DEAD_FILTER}`;
const REVIVE = `UPDATE recipient SET notify_state = ${OWED}, notify_due = ? WHERE key = ? AND idx = ?`;

const SELECT_SUBSCRIBER = `
  SELECT r.key, r.idx, r.push, r.state, r.confirmed, r.notify_state, p.recipients, p.notify, p.initiator, p.push_id
  FROM recipient r JOIN push p ON p.id = r.push WHERE r.aor = ?`;

/** The name of a group is nobody's, and the initiator's other answers hang on it. */
const ANONYMIZE = `
  UPDATE recipient SET aor = '${NOBODY.aor}', instance = NULL, gruu = NULL, attempts = NULL,
    text = CASE WHEN EXISTS (SELECT 1 FROM recipient o WHERE o.key = recipient.key AND o.idx <> recipient.idx
      AND o.text = recipient.text) THEN text ELSE '${NOBODY.text}' END,
    notify_state = CASE notify_state WHEN ${DEAD} THEN ${DONE} ELSE notify_state END
  WHERE key = ? AND idx = ?`;

const DELETE_REGISTRATION = 'DELETE FROM registration WHERE aor = ?';

/** Ended recipients, then how many were erased and how many remain. */
export type ErasureRow = readonly [ended: readonly SettledRow[], erased: number, remaining: number];

export interface OperatorHandlers {
  readonly openByInitiator: Handler;
  readonly deadNotifications: Handler;
  readonly replayNotifications: Handler;
  readonly erase: Handler;
}

export function operating(db: Database, live: Live, lines: Lines, finish: Finish): OperatorHandlers {
  const open = db.prepare(OPEN);
  const withGroup = groupResults(db);
  const selectDead = db.prepare(SELECT_DEAD);
  const selectDeadRefs = db.prepare(SELECT_DEAD_REFS);
  const revive = db.prepare(REVIVE);
  const selectSubscriber = db.prepare(SELECT_SUBSCRIBER);
  const anonymize = db.prepare(ANONYMIZE);
  const deleteRegistration = db.prepare(DELETE_REGISTRATION);

  const erase = (aor: string, at: number): ErasureRow => {
    const ended: SettledRow[] = [];
    let [erased, remaining] = [0, 0];
    const number = stateNumber(ERASED.state);
    for (const row of selectSubscriber.all([aor])) {
      const { key, index, state, notifyState, ...of } = subscriberOf(row);
      if (state === SENDING) {
        remaining++;
        continue;
      }
      let owes = notifyState !== 0 && notifyState !== DEAD && notifyState !== DONE;
      if (state < FINAL_FROM) {
        if (state === PENDING) live.tally.pending--;
        if (state === AWAITING) live.tally.awaiting--;
        const { code, desc } = ERASED;
        owes = finish.ended(
          { key, index, ...of },
          { state: number, code, description: desc, at, confirmed: of.confirmed },
        );
        ended.push([key, index, of.initiator, of.pushId, number, code]);
      }
      if (owes) {
        remaining++;
        continue;
      }
      if (notifyState === DEAD) live.tally.dead--;
      anonymize.run([key, index]);
      erased++;
    }
    deleteRegistration.run([aor]);
    lines.stand(aor, at);
    return [ended, erased, remaining];
  };

  return {
    openByInitiator: (): SqlRow[] => open.all([]),
    deadNotifications: (args): SqlRow[] =>
      selectDead.all([...(args as readonly (string | number | null)[])]).map(withGroup),
    replayNotifications: (args): number => {
      const [now, ...filter] = args as unknown as [number, string | null, string | null, number];
      const refs = selectDeadRefs.all(filter);
      for (const [key = null, index = null] of refs) revive.run([now, key, index]);
      live.tally.dead -= refs.length;
      live.tally.owed += refs.length;
      return refs.length;
    },
    erase: (args): ErasureRow => {
      const [aor, at] = args as unknown as [string, number];
      return erase(aor, at);
    },
  };
}

interface SubscriberRow {
  readonly key: string;
  readonly index: number;
  readonly push: number;
  readonly state: number;
  readonly confirmed: number;
  readonly notifyState: number;
  readonly recipients: number;
  readonly notify: number;
  readonly initiator: string;
  readonly pushId: string;
}

function subscriberOf(row: SqlRow): SubscriberRow {
  const [key, index, push, state, confirmed, notifyState, recipients, notify, initiator, pushId] =
    row as readonly never[];
  const rest = { key, index, push, state, confirmed, notifyState, recipients, notify, initiator, pushId };
  return rest as unknown as SubscriberRow;
}

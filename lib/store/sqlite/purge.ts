import type { Database, SqlValue } from './driver.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { DEAD } from './schema.ts';

/** Only pushes whose last recipient is final have a `done`; those that still owe a notification are passed over. */
const SELECT_OLD = `
  SELECT id, key FROM push INDEXED BY push_done
  WHERE done < ? AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.key = push.key AND r.notify_due IS NOT NULL)
  ORDER BY done, id LIMIT ?`;

const COUNT_DEAD = `SELECT count(*) FROM recipient WHERE key = ? AND notify_state = ${DEAD}`;
const DELETE_RECIPIENTS = 'DELETE FROM recipient WHERE key = ?';
const DELETE_PUSH = 'DELETE FROM push WHERE id = ?';

const SELECT_SLICE = `
  SELECT id, key, initiator, done FROM push INDEXED BY push_done
  WHERE done IS NOT NULL AND (done, id) > (?, ?) AND done < ? ORDER BY done, id LIMIT ?`;

const OWES = 'SELECT 1 FROM recipient WHERE key = ? AND notify_due IS NOT NULL LIMIT 1';

export function purging(db: Database, live: Live): { purge: Handler; purgeOf: Handler } {
  const selectOld = db.prepare(SELECT_OLD);
  const countDead = db.prepare(COUNT_DEAD);
  const deleteRecipients = db.prepare(DELETE_RECIPIENTS);
  const deletePush = db.prepare(DELETE_PUSH);

  const selectSlice = db.prepare(SELECT_SLICE);
  const owes = db.prepare(OWES);
  /**
   * How far purgeOf has looked for each initiator: times of ends only rise, so nothing is looked at twice. A slice whose
   * transaction was rolled back is left to purge.
   */
  const seen = new Map<string, readonly [done: number, id: number]>();

  const drop = (id: SqlValue, key: SqlValue): void => {
    if (live.tally.dead > 0) live.tally.dead -= Number(countDead.get([key])?.[0] ?? 0);
    deleteRecipients.run([key]);
    deletePush.run([id]);
  };

  return {
    purge: (args): number => {
      const [before, limit] = args as unknown as [number, number];
      const old = selectOld.all([before, limit]);
      for (const [id = null, key = null] of old) drop(id, key);
      return old.length;
    },
    purgeOf: (args): boolean => {
      const [initiator, before, limit] = args as unknown as [string, number, number];
      const slice = selectSlice.all([...(seen.get(initiator) ?? [0, 0]), before, limit]);
      for (const [id = null, key = null, of] of slice) {
        if (of === initiator && owes.get([key]) === undefined) drop(id, key);
      }
      const last = slice.at(-1);
      if (last !== undefined) seen.set(initiator, [Number(last[3]), Number(last[0])]);
      return slice.length === limit;
    },
  };
}

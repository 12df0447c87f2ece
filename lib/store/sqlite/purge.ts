import type { Database } from './driver.ts';
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

export function purging(db: Database, live: Live): Handler {
  const selectOld = db.prepare(SELECT_OLD);
  const countDead = db.prepare(COUNT_DEAD);
  const deleteRecipients = db.prepare(DELETE_RECIPIENTS);
  const deletePush = db.prepare(DELETE_PUSH);

  return (args): number => {
    const [before, limit] = args as unknown as [number, number];
    const old = selectOld.all([before, limit]);
    for (const [id = null, key = null] of old) {
      if (live.tally.dead > 0) live.tally.dead -= Number(countDead.get([key])?.[0] ?? 0);
      deleteRecipients.run([key]);
      deletePush.run([id]);
    }
    return old.length;
  };
}

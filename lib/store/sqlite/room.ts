import { type AcceptArgs, acceptance } from './accept.ts';
import { cancelling } from './cancel.ts';
import { claiming } from './claim.ts';
import type { Database } from './driver.ts';
import { openDatabase } from './driver.ts';
import { expiry } from './expire.ts';
import { Finish } from './finish.ts';
import { Lines } from './lines.ts';
import { Live } from './live.ts';
import { type Handler, OP, type ThreadOptions } from './messages.ts';
import { migrate } from './migrations.ts';
import { notifying } from './notifications.ts';
import { operating } from './operate.ts';
import { purging } from './purge.ts';
import { queries } from './queries.ts';
import { registering } from './registrations.ts';
import { settlement } from './settle.ts';

/**
 * WAL with a sync at every commit: what was answered is on the disk. Exclusive: no second process, and no shared
 * memory file to keep for it. No waiting for locks: whoever comes second is told so at once. What is deleted or erased is
 * overwritten in the pages that change anyway (REQ22); to do the same to pages that become free costs half of what large
 * content costs.
 */
const PRAGMAS = `
  PRAGMA busy_timeout = 0;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = FAST;
  PRAGMA foreign_keys = OFF;
  PRAGMA temp_store = MEMORY;
  PRAGMA cache_size = -65536;
  PRAGMA wal_autocheckpoint = 4000;`;

/** Leases of a process that is gone are void: the device may have what was in flight. */
const RETURN_FLIGHTS = `
  UPDATE recipient INDEXED BY recipient_sending SET state = 0, attempted = 2, offline = 0, due = ?, event_time = ?
  WHERE state = 2`;

const RETURN_NOTIFICATIONS = `
  UPDATE recipient INDEXED BY recipient_notify SET notify_state = 1, notify_due = ?
  WHERE notify_due IS NOT NULL AND notify_state = 2`;

const COUNT_PENDING = 'SELECT count(*) FROM recipient INDEXED BY recipient_ends WHERE state <= 1';
const COUNT_LINES = 'SELECT count(*) FROM recipient INDEXED BY recipient_line WHERE state = 0';
const COUNT_OWED = 'SELECT count(*) FROM recipient INDEXED BY recipient_notify WHERE notify_due IS NOT NULL';
const COUNT_DEAD = 'SELECT count(*) FROM recipient INDEXED BY recipient_dead WHERE notify_state = 3';
const LAST_PUSH = 'SELECT max(id) FROM push';

/** An open database with all that works on it. */
export interface Room {
  readonly db: Database;
  readonly live: Live;
  /** By the numbers of OP. */
  readonly handlers: readonly Handler[];
}

export function openRoom({ file, driver, now }: ThreadOptions): Room {
  const db = openDatabase(file, driver);
  try {
    for (const pragma of PRAGMAS.split(';')) if (pragma.trim() !== '') db.prepare(pragma).all([]);
    migrate(db);
    const live = new Live();
    recover(db, live, now);
    return { db, live, handlers: handlersOf(db, live) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function recover(db: Database, live: Live, now: number): void {
  db.exec('BEGIN IMMEDIATE');
  db.prepare(RETURN_FLIGHTS).run([now, now]);
  db.prepare(RETURN_NOTIFICATIONS).run([now]);
  db.exec('COMMIT');
  const number = (sql: string): number => Number(db.prepare(sql).get([])?.[0] ?? 0);
  const pending = number(COUNT_LINES);
  const awaiting = number(COUNT_PENDING) - pending;
  live.tally = { pending, awaiting, owed: number(COUNT_OWED), dead: number(COUNT_DEAD) };
  live.nextPush = number(LAST_PUSH) + 1;
}

function handlersOf(db: Database, live: Live): readonly Handler[] {
  const lines = new Lines(db, live);
  const finish = new Finish(db, live);
  const take = acceptance(db, live, lines);
  const byName: Record<keyof typeof OP, Handler> = {
    accept: (args, bodies) => take(args as unknown as AcceptArgs, bodies),
    ...cancelling(db, live, lines, finish, take),
    settle: settlement(db, live, lines, finish),
    ...purging(db, live),
    ...claiming(db, live, lines),
    ...expiry(db, live, lines, finish),
    ...notifying(db, live),
    ...queries(db, live),
    ...registering(db),
    ...operating(db, live, lines, finish),
  };
  const handlers: Handler[] = [];
  for (const [name, number] of Object.entries(OP)) handlers[number] = byName[name as keyof typeof OP];
  return handlers;
}

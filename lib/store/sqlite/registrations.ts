import type { Database, SqlRow, SqlValue } from './driver.ts';
import type { Handler } from './messages.ts';

const SELECT = 'SELECT data FROM registration WHERE aor = ?';
const SAVE = 'INSERT INTO registration (aor, data) VALUES (?, ?) ON CONFLICT (aor) DO UPDATE SET data = excluded.data';

const LOAD_BINDINGS = 'SELECT aor, key, data, expires_at FROM binding';
const PUT_BINDING = `
  INSERT INTO binding (aor, key, data, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (aor, key) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`;
const REMOVE_BINDING = 'DELETE FROM binding WHERE aor = ? AND key = ?';

interface RegistrationHandlers {
  readonly registration: Handler;
  readonly saveRegistration: Handler;
  readonly loadBindings: Handler;
  readonly putBinding: Handler;
  readonly removeBinding: Handler;
}

/** What is known of registrations, and the bindings of the embedded registrar. */
export function registering(db: Database): RegistrationHandlers {
  const select = db.prepare(SELECT);
  const save = db.prepare(SAVE);
  const load = db.prepare(LOAD_BINDINGS);
  const put = db.prepare(PUT_BINDING);
  const remove = db.prepare(REMOVE_BINDING);

  const values = (args: readonly never[]): SqlValue[] => [...(args as readonly SqlValue[])];
  return {
    registration: (args): SqlValue => select.get(values(args))?.[0] ?? null,
    saveRegistration: (args): number => save.run(values(args)),
    loadBindings: (): SqlRow[] => load.all([]),
    putBinding: (args): number => put.run(values(args)),
    removeBinding: (args): number => remove.run(values(args)),
  };
}

import { createRequire } from 'node:module';
import { messageOf, PpgError } from '../../base/errors.ts';

/** What may be bound and what comes back. libsql aborts the whole process on anything else, so it is checked. */
export type SqlValue = string | number | bigint | Buffer | null;
export type SqlRow = readonly SqlValue[];

/** A prepared statement; rows are arrays in the order of the columns, whose names must differ. */
export interface Statement {
  /** Number of rows changed. */
  run(values: SqlValue[]): number;
  get(values: SqlValue[]): SqlRow | undefined;
  all(values: SqlValue[]): SqlRow[];
}

/** An open database, synchronous: it lives in the worker thread. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface LibsqlStatement {
  raw(on: boolean): LibsqlStatement;
  readonly reader: boolean;
  run(values: SqlValue[]): { changes: number };
  get(values: SqlValue[]): SqlRow | undefined;
  all(values: SqlValue[]): SqlRow[];
}

interface NodeStatement {
  run(...values: SqlValue[]): { changes: number | bigint };
  get(...values: SqlValue[]): Record<string, SqlValue | Uint8Array> | undefined;
  all(...values: SqlValue[]): Record<string, SqlValue | Uint8Array>[];
}

type NativeDatabase<S> = { exec(sql: string): void; prepare(sql: string): S; close(): void };

function checked(values: SqlValue[]): SqlValue[] {
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i];
    const type = typeof value;
    if (type === 'string') {
      // libsql stores it whole and reads it back cut.
      if ((value as string).includes('\0')) throw new PpgError('PPG_E_STORE', 'Text with a NUL cannot be stored.');
      continue;
    }
    if (type === 'number' || value === null || type === 'bigint' || Buffer.isBuffer(value)) continue;
    throw new PpgError('PPG_E_STORE', `A ${type} cannot be stored (parameter ${i + 1}).`);
  }
  return values;
}

function overLibsql(db: NativeDatabase<LibsqlStatement>): Database {
  return {
    exec: (sql) => db.exec(sql),
    close: () => db.close(),
    prepare: (sql) => {
      const statement = db.prepare(sql);
      if (statement.reader) statement.raw(true);
      return {
        run: (values) => statement.run(checked(values)).changes,
        get: (values) => statement.get(checked(values)),
        all: (values) => statement.all(checked(values)),
      };
    },
  };
}

const asRow = (row: Record<string, SqlValue | Uint8Array>): SqlRow =>
  Object.values(row).map((value) =>
    value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value,
  );

function overNode(db: NativeDatabase<NodeStatement>): Database {
  return {
    exec: (sql) => db.exec(sql),
    close: () => db.close(),
    prepare: (sql) => {
      const statement = db.prepare(sql);
      return {
        run: (values) => Number(statement.run(...checked(values)).changes),
        get: (values) => {
          const row = statement.get(...checked(values));
          return row === undefined ? undefined : asRow(row);
        },
        all: (values) => statement.all(...checked(values)).map(asRow),
      };
    },
  };
}

/** Loaders in the order they are tried: the one that is tested most, then what the runtime brings along. */
const DRIVERS: Record<DriverName, (load: NodeJS.Require) => (file: string) => Database> = {
  libsql: (load) => {
    const Libsql = load('libsql') as new (file: string) => NativeDatabase<LibsqlStatement>;
    return (file) => overLibsql(new Libsql(file));
  },
  node: (load) => {
    const { DatabaseSync } = load('node:sqlite') as {
      DatabaseSync: new (file: string) => NativeDatabase<NodeStatement>;
    };
    return (file) => overNode(new DatabaseSync(file));
  },
};

export type DriverName = 'libsql' | 'node';

/**
 * Opens a database file with the first SQLite that this machine has: libsql, or node:sqlite (Node 22.13 and later).
 * `only` names one of them.
 */
export function openDatabase(file: string, only?: DriverName): Database {
  const load = createRequire(import.meta.url);
  const reasons: string[] = [];
  for (const name of only === undefined ? (['libsql', 'node'] as const) : [only]) {
    let open: (file: string) => Database;
    try {
      open = DRIVERS[name](load);
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error).split('\n')[0]}`);
      continue;
    }
    return open(file);
  }
  throw new PpgError(
    'PPG_E_STORE',
    `No SQLite can be loaded here (${reasons.join('; ')}). Reinstall the package libsql.`,
  );
}

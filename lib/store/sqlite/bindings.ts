import { systemClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import type { BindingRecord, BindingStore } from '../bindings.ts';
import type { DriverName } from './driver.ts';
import { OP } from './messages.ts';
import { StoreThread } from './thread.ts';

export interface SqliteBindingsOptions {
  /** A database of its own; its folder is made when it is not there. One process at a time. */
  readonly file: string;
  readonly log?: Logger;
  readonly driver?: DriverName;
  /** For tests: the thread's program, already built. */
  readonly workerUrl?: URL;
}

/** Registrar bindings in a SQLite file of their own; the first call opens it. */
export function createSqliteBindings({
  file,
  log = silentLogger,
  driver,
  workerUrl,
}: SqliteBindingsOptions): BindingStore {
  const thread = new StoreThread({
    file,
    log,
    clock: systemClock,
    ...(driver && { driver }),
    ...(workerUrl && { workerUrl }),
  });
  const over = bindingsOver(thread);
  let opening: Promise<void> | undefined;
  let closed = false;
  const opened = (): Promise<void> => {
    // Nothing in flight is kept here, so the time of opening says nothing.
    if (!closed) opening ??= thread.open(0);
    return opening ?? Promise.resolve();
  };
  return {
    load: async () => {
      await opened();
      return over.load();
    },
    put: async (record) => {
      await opened();
      return over.put(record);
    },
    remove: async (aor, key) => {
      await opened();
      return over.remove(aor, key);
    },
    close: async () => {
      closed = true;
      await opening?.catch(() => undefined); // whoever opened it was told
      await thread.close();
    },
  };
}

/** Registrar bindings in the file of an open thread, which is closed by its owner. */
export function bindingsOver(thread: StoreThread): BindingStore {
  return {
    load: async () => {
      const rows = (await thread.call([OP.loadBindings])) as [string, string, string, number][];
      return rows.map(([aor, key, data, expiresAt]): BindingRecord => ({ aor, key, data, expiresAt }));
    },
    put: async ({ aor, key, data, expiresAt }) => {
      await thread.call([OP.putBinding, aor, key, data, expiresAt]);
    },
    remove: async (aor, key) => {
      await thread.call([OP.removeBinding, aor, key]);
    },
    close: async () => undefined,
  };
}

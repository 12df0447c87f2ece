import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../lib/store/sqlite/sqlite-store.ts';
import { builtWorker } from './store-worker.ts';

/** A folder for the databases of one test. */
export interface StoreFolder {
  readonly file: string;
  /** Opens the file; `options` beyond the file as wanted. */
  open(now: number, options?: Partial<SqliteStoreOptions>): Promise<SqliteStore>;
  /** Copies the files as they are, without asking their owner; answers the name of the copy. */
  copy(): string;
  /** Opens what a kill at this moment would leave: the files as they are, without asking their owner. */
  openKilled(now: number, options?: Partial<SqliteStoreOptions>): Promise<SqliteStore>;
  /** Closes every store that was opened here and removes the folder. */
  dispose(): Promise<void>;
}

export function storeFolder(): StoreFolder {
  const folder = mkdtempSync(join(tmpdir(), 'ppg-store-'));
  const opened: SqliteStore[] = [];
  const openFile = async (file: string, now: number, options: Partial<SqliteStoreOptions>): Promise<SqliteStore> => {
    const store = createSqliteStore({ workerUrl: builtWorker(), ...options, file });
    await store.open(now);
    opened.push(store);
    return store;
  };
  const file = join(folder, 'ppg.db');
  let copies = 0;
  const copy = (): string => {
    const name = join(folder, `copy-${copies++}.db`);
    for (const suffix of ['', '-wal']) {
      if (existsSync(file + suffix)) copyFileSync(file + suffix, name + suffix);
    }
    return name;
  };
  return {
    file,
    open: (now, options = {}) => openFile(file, now, options),
    copy,
    openKilled: (now, options = {}) => openFile(copy(), now, options),
    dispose: async () => {
      await Promise.all(opened.map((store) => store.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

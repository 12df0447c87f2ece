import { PpgError } from '../base/errors.ts';
import type { BindingRecord, BindingStore } from './bindings.ts';

/** Bindings that are forgotten with the process; `records` shared between two stores makes the second the first reopened. */
export function createMemoryBindings(records: Map<string, BindingRecord> = new Map()): BindingStore {
  let open = true;
  const check = (): void => {
    if (!open) throw new PpgError('PPG_E_STORE_CLOSED', 'The binding store is closed.');
  };
  const name = (aor: string, key: string): string => JSON.stringify([aor, key]);
  return {
    load: async () => {
      check();
      return [...records.values()];
    },
    put: async (record) => {
      check();
      records.set(name(record.aor, record.key), record);
    },
    remove: async (aor, key) => {
      check();
      records.delete(name(aor, key));
    },
    close: async () => {
      open = false;
    },
  };
}

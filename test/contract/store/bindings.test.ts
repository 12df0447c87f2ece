import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import type { BindingRecord, BindingStore } from '../../../lib/store/bindings.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import { createSqliteBindings } from '../../../lib/store/sqlite/bindings.ts';
import { type StoreFolder, storeFolder } from '../../support/sqlite-store.ts';
import { builtWorker } from '../../support/store-worker.ts';
import { submit, T0 } from './harness.ts';

const record = (aor: string, key: string, data = '{}'): BindingRecord => ({ aor, key, data, expiresAt: T0 + 5 });

const sorted = (records: readonly BindingRecord[]): BindingRecord[] =>
  [...records].sort((a, b) => (a.aor + a.key < b.aor + b.key ? -1 : 1));

/** The rules of BindingStore; `open` opens the same records again each time. */
function bindingContract(name: string, make: () => { open(): BindingStore; dispose(): Promise<void> }): void {
  describe(`binding store contract: ${name}`, () => {
    let place: ReturnType<typeof make>;
    beforeEach(() => {
      place = make();
    });
    afterEach(() => place.dispose());

    it('what was put is there after a restart, and what was removed is not', async () => {
      const store = place.open();
      assert.deepEqual(await store.load(), []);
      const data = '{"contact":"sip:a@192.0.2.1","q":"\\u0000ä"}';
      await Promise.all([
        store.put(record('sip:a@b.c', 'one', data)),
        store.put(record('sip:a@b.c', 'two')),
        store.put(record('sip:x@b.c', 'one')),
      ]);
      await store.remove('sip:a@b.c', 'two');
      await store.remove('sip:nobody@b.c', 'one');
      await store.put({ ...record('sip:x@b.c', 'one', '[1]'), expiresAt: T0 + 9 });
      const expected = [record('sip:a@b.c', 'one', data), { ...record('sip:x@b.c', 'one', '[1]'), expiresAt: T0 + 9 }];
      assert.deepEqual(sorted(await store.load()), expected);
      await store.close();
      const again = place.open();
      assert.deepEqual(sorted(await again.load()), expected);
      await again.close();
    });

    it('every call after close rejects', async () => {
      const store = place.open();
      await store.load();
      await store.close();
      await store.close();
      const closed = { code: 'PPG_E_STORE_CLOSED' };
      await assert.rejects(store.load(), closed);
      await assert.rejects(store.put(record('sip:a@b.c', 'one')), closed);
      await assert.rejects(store.remove('sip:a@b.c', 'one'), closed);
    });

    it('one that was never used closes, too', async () => {
      const store = place.open();
      await store.close();
      await assert.rejects(store.load(), { code: 'PPG_E_STORE_CLOSED' });
    });
  });
}

bindingContract('memory', () => {
  const records = new Map<string, BindingRecord>();
  return { open: () => createMemoryBindings(records), dispose: async () => undefined };
});

bindingContract('sqlite', () => {
  const folder = storeFolder();
  const opened: BindingStore[] = [];
  return {
    open: () => {
      const store = createSqliteBindings({ file: folder.file, workerUrl: builtWorker() });
      opened.push(store);
      return store;
    },
    dispose: async () => {
      for (const store of opened) await store.close();
      await folder.dispose();
    },
  };
});

describe('bindings in SQLite', () => {
  let folder: StoreFolder;
  beforeEach(() => {
    folder = storeFolder();
  });
  afterEach(() => folder.dispose());

  it('may share the file of the pushes', async () => {
    const store = await folder.open(T0);
    const bindings = store.bindings();
    await Promise.all([submit(store, 'k1'), bindings.put(record('sip:a@b.c', 'one'))]);
    await bindings.close();
    assert.equal((await store.counts()).pending, 1, 'the store is closed by its owner only');
    await store.close();
    const again = await folder.open(T0);
    assert.deepEqual(await again.bindings().load(), [record('sip:a@b.c', 'one')]);
  });

  it('a file in use is refused by the first call', async () => {
    await folder.open(T0);
    const bindings = createSqliteBindings({ file: folder.file, workerUrl: builtWorker() });
    await assert.rejects(bindings.load(), { code: 'PPG_E_STORE_LOCKED' });
    await bindings.close();
    assert.ok(statSync(folder.file).isFile());
  });
});

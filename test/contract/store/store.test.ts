import { createMemoryStore } from '../../../lib/store/memory.ts';
import { createMemoryData } from '../../../lib/store/memory-rows.ts';
import type { Store } from '../../../lib/store/store.ts';
import { storeFolder } from '../../support/sqlite-store.ts';
import { storeContract } from './contract.ts';
import { T0 } from './harness.ts';

storeContract('memory', async () => {
  const data = createMemoryData();
  const opened: Store[] = [];
  const open = async (now: number): Promise<Store> => {
    const store = createMemoryStore(data);
    await store.open(now);
    opened.push(store);
    return store;
  };
  const store = await open(T0);
  return {
    store,
    reopen: async (how, now) => {
      if (how === 'closed') await store.close();
      return open(now);
    },
    dispose: async () => {
      for (const one of opened) await one.close();
    },
  };
});

storeContract('sqlite', async () => {
  const folder = storeFolder();
  const store = await folder.open(T0);
  return {
    store,
    reopen: async (how, now) => {
      if (how === 'killed') return folder.openKilled(now);
      await store.close();
      return folder.open(now);
    },
    dispose: folder.dispose,
  };
});

import { orderedIds } from '../../lib/base/ids.ts';
import { createSqliteStore } from '../../lib/store/sqlite/sqlite-store.ts';
import { delivered, lease, settle, submit } from '../contract/store/harness.ts';

/**
 * The victim of store-kill.test.ts: `file workerUrl` as arguments. Submits and settles as fast as it can until it is
 * killed, and writes a line for each thing it was promised: `a KEY` accepted, `d KEY` delivered.
 */
async function main(): Promise<void> {
  const [, , file = '', workerUrl = ''] = process.argv;
  const store = createSqliteStore({ file, workerUrl: new URL(workerUrl) });
  await store.open(Date.now());
  const nextKey = orderedIds(Date.now);
  // A write to a pipe is in the pipe when write() returns: what the parent reads was promised before the kill.
  const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
  const client = async (n: number): Promise<never> => {
    for (let round = 0; ; round++) {
      const key = nextKey();
      const at = Date.now();
      const result = await submit(store, key, {
        users: [`u${n}`],
        at,
        due: at + (round % 3) * 1000,
        lease: lease(at + 60_000),
      });
      tell(`a ${key}`);
      const claim = result.accepted ? result.claims[0] : undefined;
      if (claim === undefined) continue; // two of three are for later, and stay pending
      await settle(store, claim, delivered, { at, notifyLease: lease(at + 60_000) });
      tell(`d ${key}`);
    }
  };
  await Promise.all(Array.from({ length: 40 }, (_, n) => client(n)));
}

void main();

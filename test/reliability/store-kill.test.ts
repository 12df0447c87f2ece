import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../../lib/store/sqlite/driver.ts';
import { T0 } from '../contract/store/harness.ts';
import { type StoreFolder, storeFolder } from '../support/sqlite-store.ts';
import { builtWorker } from '../support/store-worker.ts';

const CHILD = fileURLToPath(new URL('./store-kill-child.ts', import.meta.url));
const ROUNDS = 10;

/** Promises that each child makes before it may be killed: of both kinds, and of the first more. */
const LEAST = 200;

/** Lets the child work for a random while, kills it, and answers what it had been promised. */
async function runAndKill(file: string): Promise<string[]> {
  const child = spawn(process.execPath, ['--import=tsx', CHILD, file, builtWorker().href], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  while (output.split('\n').length < LEAST) await once(child.stdout, 'data');
  const after = Math.random() * 400;
  const timer = setTimeout(() => child.kill('SIGKILL'), after);
  await once(child, 'close');
  clearTimeout(timer);
  // A last line that the kill has cut is no promise.
  return output.slice(0, output.lastIndexOf('\n')).split('\n');
}

describe('kill -9', () => {
  let folder: StoreFolder;
  beforeEach(() => {
    folder = storeFolder();
  });
  afterEach(() => folder.dispose());

  it('loses nothing that was acknowledged, in ten rounds on one file', async function () {
    this.timeout(300_000);
    const accepted = new Set<string>();
    const settled = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const line of await runAndKill(folder.file)) {
        (line.startsWith('a ') ? accepted : settled).add(line.slice(2));
      }
    }
    assert.ok(accepted.size > ROUNDS, `only ${accepted.size} were accepted`);

    const store = await folder.open(T0);
    await store.close();
    const db = openDatabase(folder.file);
    const rows = db.prepare('SELECT r.key, r.state, p.body FROM recipient r JOIN push p ON p.id = r.push').all([]);
    db.close();
    const states = new Map(rows.map(([key, state, body]) => [String(key), { state: Number(state), body }]));
    const lost = [...accepted].filter((key) => !states.has(key));
    assert.deepEqual(lost, []);
    assert.ok(settled.size > ROUNDS && settled.size < accepted.size);
    const undone = [...settled].filter((key) => states.get(key)?.state !== 3);
    assert.deepEqual(undone, [], 'delivered before the kill and not after it');
    const halves = [...states.values()].filter(({ state, body }) => (state === 3) !== (body === null));
    assert.deepEqual(halves, [], 'a final state and the end of its content are one transaction');
    assert.equal([...states.values()].filter(({ state }) => state === 2).length, 0, 'nothing is in flight after open');
  });
});

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { run } from '../support/process.ts';
import type { Standing } from './stack-leak-child.ts';

const CHILD = fileURLToPath(new URL('./stack-leak-child.ts', import.meta.url));
const MESSAGES = 100_000;
const CALLS = 5000;
/** Octets that the second half may add: some 40 for each transaction. An entry of a table with its key takes more. */
const FLAT = 2 * 1024 * 1024;

describe(`${MESSAGES} MESSAGEs and ${CALLS} calls between two stacks`, function () {
  this.timeout(300_000);
  let parts: Standing[];

  before(async () => {
    const args = ['--expose-gc', '--import=tsx', CHILD, String(MESSAGES), String(CALLS)];
    const { code, stdout, stderr } = await run(process.execPath, args);
    assert.equal(code, 0, stderr);
    parts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Standing);
  });

  it('are all answered', () => {
    assert.deepEqual([parts.at(-1)?.messages, parts.at(-1)?.calls], [MESSAGES, CALLS]);
    assert.equal(parts.at(-1)?.good, MESSAGES + CALLS);
  });

  it('leave no transaction, no dialog and no timer', () => {
    for (const { transactions, dialogs, timers } of parts)
      assert.deepEqual({ transactions, dialogs, timers }, { transactions: 0, dialogs: 0, timers: 0 });
  });

  it('leave the heap as it was half-way', () => {
    const [, half, , end] = parts;
    assert.ok(half !== undefined && end !== undefined);
    const grown = end.heap + end.buffers - half.heap - half.buffers;
    assert.ok(grown < FLAT, `${grown} octets more after the second half`);
  });
});

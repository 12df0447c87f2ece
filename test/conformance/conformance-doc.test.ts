import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

describe('docs/conformance.md', () => {
  const rows = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| (REQ|use case|result)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const named = rows.flatMap((cells) => [...(cells[4] ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file));

  it('has every requirement and use case', () => {
    const all = [
      ...Array.from({ length: 22 }, (_, n) => `REQ${n + 1}`),
      ...['A', 'B', 'C', 'D', 'E'].map((letter) => `use case ${letter}`),
    ];
    assert.deepEqual(
      rows.map(([, row]) => row).filter((row) => row !== 'result notification'),
      all,
    );
  });

  it('names files that are there, and every file of test/conformance', () => {
    assert.deepEqual(
      named.filter((file) => !existsSync(join(ROOT, file))),
      [],
    );
    const own = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.test.ts'));
    const missing = own.filter(
      (file) => file !== 'conformance-doc.test.ts' && !named.includes(`test/conformance/${file}`),
    );
    assert.deepEqual(missing, []);
  });

  it('says what is missing where a row is not whole, and names a test where something is there', () => {
    for (const [, row, , mark, tests, missing] of rows) {
      assert.ok(mark === 'yes' || mark === 'part' || mark === 'no', row);
      assert.equal(missing !== '', mark !== 'yes', row);
      assert.equal(tests !== '', mark !== 'no', row);
    }
  });
});

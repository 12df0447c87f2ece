import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { ERROR_KINDS, PpgError } from '../../../lib/base/errors.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

describe('errors', () => {
  it('every code has a heading in docs/errors.md, and every heading a code', () => {
    const headings = [...page.matchAll(/^### (PPG_E_\w+)$/gm)].map((match) => match[1]);
    assert.deepEqual(headings.sort(), Object.keys(ERROR_KINDS).sort());
  });

  it('every code is used: one that nothing throws promises what never comes', () => {
    const root = new URL('../../../', import.meta.url);
    const files = ['lib', 'handlers'].flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    );
    const code = files
      .filter((file) => file.endsWith('.ts') && file !== 'lib/base/errors.ts')
      .map((file) => readFileSync(new URL(file, root), 'utf8').replace(/^ *(\*|\/\/).*$/gm, ''))
      .join('\n');
    assert.deepEqual(
      Object.keys(ERROR_KINDS).filter((kind) => !code.includes(`'${kind}'`)),
      [],
    );
  });

  it('an error has what its kind says, unless it says otherwise', () => {
    const plain = new PpgError('PPG_E_PUSH_REFUSED', 'no');
    const narrowed = new PpgError('PPG_E_PUSH_REFUSED', 'no', { papCode: 3009 });
    assert.deepEqual([plain.papCode, narrowed.papCode, plain.retryable], [2000, 3009, false]);
  });
});

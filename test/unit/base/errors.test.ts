import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ERROR_KINDS, PpgError } from '../../../lib/base/errors.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

describe('errors', () => {
  it('every code has a heading in docs/errors.md, and every heading a code', () => {
    const headings = [...page.matchAll(/^### (PPG_E_\w+)$/gm)].map((match) => match[1]);
    assert.deepEqual(headings.sort(), Object.keys(ERROR_KINDS).sort());
  });

  it('an error has what its kind says, unless it says otherwise', () => {
    const plain = new PpgError('PPG_E_PUSH_REFUSED', 'no');
    const narrowed = new PpgError('PPG_E_PUSH_REFUSED', 'no', { papCode: 3009 });
    assert.deepEqual([plain.papCode, narrowed.papCode, plain.retryable], [2000, 3009, false]);
  });
});

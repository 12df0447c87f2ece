import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readToken, signedToken, tokenSecret } from '../../../lib/security/token-secret.ts';

const NOW = Date.UTC(2026, 8, 21);
const SECRET = tokenSecret('0123456789abcdef0123456789abcdef');
const REF = { push: '01k5n2x8zz0000abcdefgh', index: 3, device: 'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6' };

describe('tokens that name a recipient', () => {
  it('say whom they are about, until they expire', () => {
    const token = signedToken(SECRET, 'imdn', REF, NOW + 1000);
    assert.deepEqual(readToken(SECRET, 'imdn', token, NOW), REF);
    assert.deepEqual(readToken(SECRET, 'imdn', token, NOW + 1000), REF);
    assert.equal(readToken(SECRET, 'imdn', token, NOW + 1001), undefined);
  });

  it('can stand in a URL and in a header as they are', () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (index, device) => {
        const ref = { push: REF.push, index, ...(device !== undefined && { device }) };
        const token = signedToken(SECRET, 'content', ref, NOW);
        assert.match(token, /^[\w.-]+$/);
        const expected = device === undefined ? ref : { ...ref, device: Buffer.from(device).toString() };
        assert.deepEqual(readToken(SECRET, 'content', token, NOW), expected);
      }),
    );
  });

  it('hold for one purpose and one secret only', () => {
    const token = signedToken(SECRET, 'imdn', REF, NOW);
    assert.equal(readToken(SECRET, 'content', token, NOW), undefined);
    assert.equal(readToken(tokenSecret('another secret of 32 octets long'), 'imdn', token, NOW), undefined);
    assert.equal(readToken(tokenSecret(undefined), 'imdn', token, NOW), undefined);
    const same = tokenSecret('0123456789abcdef0123456789abcdef');
    assert.deepEqual(readToken(same, 'imdn', token, NOW), REF, 'a restart with the same secret');
  });

  it('mean nothing once any character is changed', () => {
    const token = signedToken(SECRET, 'imdn', REF, NOW);
    // The last one holds two bits that mean nothing.
    for (let i = 0; i < token.length - 1; i++) {
      const other = token[i] === 'a' ? 'b' : 'a';
      assert.equal(readToken(SECRET, 'imdn', token.slice(0, i) + other + token.slice(i + 1), NOW), undefined);
    }
  });

  it('are nothing when they are nonsense, whatever its length', () => {
    const long = signedToken(SECRET, 'imdn', { ...REF, device: 'x'.repeat(2000) }, NOW);
    for (const nonsense of ['', '.', 'a.b.c', '.'.repeat(40), 'é'.repeat(30), long]) {
      assert.equal(readToken(SECRET, 'imdn', nonsense, NOW), undefined);
    }
    fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => readToken(SECRET, 'imdn', text, NOW) === undefined));
  });
});

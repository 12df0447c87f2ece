import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Coverage, rangeOf } from '../../handlers/content-range.ts';

describe('ranges of content', () => {
  it('whatever is asked for lies within the content', () => {
    const header = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.tuple(fc.nat(), fc.option(fc.nat())).map(([from, to]) => `bytes=${from}-${to ?? ''}`),
      fc.nat().map((length) => `bytes=-${length}`),
      fc
        .array(fc.tuple(fc.nat(99), fc.nat(99)), { minLength: 2 })
        .map((all) => `bytes=${all.map((one) => one.join('-')).join(',')}`),
    );
    fc.assert(
      fc.property(header, fc.nat(2000), (text, size) => {
        const range = rangeOf(text, size);
        if (typeof range === 'string') return;
        assert.ok(0 <= range.start && range.start < range.end && range.end <= size);
      }),
    );
  });

  it('pieces make up the whole exactly when every octet was in one of them', () => {
    const size = 12;
    const piece = fc.tuple(fc.nat(size - 1), fc.integer({ min: 1, max: size })).map(([start, length]) => ({
      start,
      end: Math.min(size, start + length),
    }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const coverage = new Coverage(10);
        const seen = new Set<number>();
        for (const one of pieces) {
          for (let octet = one.start; octet < one.end; octet++) seen.add(octet);
          const whole = coverage.add('key', one, size);
          assert.equal(whole, seen.size === size);
          if (whole) seen.clear();
        }
      }),
    );
  });

  it('is bounded: the oldest content is forgotten, and so are pieces beyond the sixteenth', () => {
    const coverage = new Coverage(2);
    for (const key of ['a', 'b', 'c']) coverage.add(key, { start: 0, end: 1 }, 2);
    assert.equal(coverage.size, 2);
    assert.equal(coverage.add('a', { start: 1, end: 2 }, 2), false);
    for (let start = 0; start < 100; start += 2) coverage.add('d', { start, end: start + 1 }, 100);
    for (let start = 1; start < 99; start += 2) assert.equal(coverage.add('d', { start, end: start + 1 }, 100), false);
    assert.equal(coverage.add('d', { start: 0, end: 100 }, 100), true);
  });
});

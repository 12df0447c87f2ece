import assert from 'node:assert/strict';
import { orderedIds, stableToken } from '../../../lib/base/ids.ts';

describe('ids', () => {
  it('keys sort in the order they were made, within a millisecond and over many', () => {
    let now = 1_790_000_000_000;
    const next = orderedIds(() => now);
    const keys: string[] = [];
    for (let i = 0; i < 5000; i++) {
      if (i % 100 === 0) now++;
      keys.push(next());
    }
    assert.deepEqual([...keys].sort(), keys);
    assert.equal(new Set(keys).size, keys.length);
  });

  it('keys do not go back when the clock does', () => {
    let now = 1_790_000_000_000;
    const next = orderedIds(() => now);
    const before = next();
    now -= 60_000;
    assert.ok(next() > before);
  });

  it('more keys than the counter holds within one millisecond still sort', () => {
    const next = orderedIds(() => 1_790_000_000_000);
    let last = next();
    for (let i = 0; i < 1_100_000; i++) {
      const key = next();
      if (key <= last) assert.fail(`${key} after ${last}`);
      last = key;
    }
  });

  it('two nodes make different keys at the same time', () => {
    assert.notEqual(orderedIds(() => 5)(), orderedIds(() => 5)());
  });

  it('a stable token depends on every part and on where parts end', () => {
    assert.equal(stableToken('a', 'b'), stableToken('a', 'b'));
    assert.notEqual(stableToken('ab', ''), stableToken('a', 'b'));
  });
});

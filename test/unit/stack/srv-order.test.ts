import assert from 'node:assert/strict';
import fc from 'fast-check';
import { orderByWeight } from '../../../lib/stack/srv-order.ts';

const record = (
  name: string,
  priority: number,
  weight: number,
): { name: string; priority: number; weight: number } => ({
  name,
  priority,
  weight,
});

describe('the order of servers (RFC 2782)', () => {
  const names = (records: ReturnType<typeof record>[], random: () => number): string =>
    orderByWeight(records, random)
      .map(({ name }) => name)
      .join('');

  it('goes by priority first, whatever the weights', () => {
    const records = [record('c', 30, 100), record('a', 10, 0), record('b', 20, 50)];
    for (const at of [0, 0.5, 0.999])
      assert.equal(
        names(records, () => at),
        'abc',
      );
  });

  it('draws by weight: 60 to 20 to 10 to 10', () => {
    const records = [record('a', 1, 60), record('b', 1, 20), record('c', 1, 10), record('d', 1, 10)];
    const first: Record<string, number> = {};
    const draws = 1001;
    for (let i = 0; i < draws; i++) {
      let calls = 0;
      const name = names(records, () => (calls++ === 0 ? i / draws : 0))[0] as string;
      first[name] = (first[name] ?? 0) + 1;
    }
    const share = (name: string): number => Math.round((100 * (first[name] ?? 0)) / draws);
    assert.deepEqual(
      [share('a'), share('b'), share('c'), share('d')].map((x) => Math.round(x / 10)),
      [6, 2, 1, 1],
    );
  });

  it('gives those of weight 0 a small chance beside others', () => {
    const records = [record('a', 1, 10), record('z', 1, 0)];
    assert.equal(
      names(records, () => 0),
      'za',
    );
    assert.equal(
      names(records, () => 0.1),
      'az',
    );
  });

  it('loses and invents none', () => {
    const any = fc.record({ priority: fc.integer({ min: 0, max: 3 }), weight: fc.integer({ min: 0, max: 65_535 }) });
    const draws = fc.infiniteStream(fc.double({ min: 0, max: 0.999_999, noNaN: true }));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), draws, (records, stream) => {
        const ordered = orderByWeight(records, () => stream.next().value ?? 0);
        assert.deepEqual(new Set(ordered), new Set(records));
        assert.equal(ordered.length, records.length);
        assert.deepEqual(
          ordered.map(({ priority }) => priority),
          records.map(({ priority }) => priority).sort((a, b) => a - b),
        );
      }),
    );
  });
});

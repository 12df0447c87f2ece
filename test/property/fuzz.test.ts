import assert from 'node:assert/strict';
import { PpgError } from '../../lib/base/errors.ts';
import { type FuzzTarget, fuzz, inputOf } from '../fuzz/fuzz.ts';
import { TARGETS } from '../fuzz/targets.ts';

const MEGABYTE = 2 ** 20;
const OPTIONS = { runs: 1500, seed: 20_260_921, bound: 500, growth: 64 * MEGABYTE };

describe('parsers on mutated inputs (npm run fuzz has more of them)', () => {
  for (const target of TARGETS) {
    it(`${target.name} throws nothing but our own errors, in bounded time`, () => {
      const { failures, read, refused, runs, leaks } = fuzz(target, OPTIONS);
      assert.deepEqual(
        failures.map(({ what, input }) => `${what}\n${JSON.stringify(input.toString('latin1').slice(0, 500))}`),
        [],
      );
      assert.equal(read + refused, runs);
      assert.ok(read > 0, 'its seeds are of its language');
      assert.equal(leaks, false);
    });
  }
});

describe('the fuzzer itself', () => {
  const target = (run: (octets: Buffer) => void): FuzzTarget => ({
    name: 'x',
    seeds: [Buffer.from('hello 123')],
    words: ['!'],
    run,
  });
  const few = { ...OPTIONS, runs: 300 };

  it('finds what is thrown that is not ours, once for each place, with its input', () => {
    const broken = target((octets) => {
      if (octets.includes(0x21)) throw new TypeError('bang');
      if (octets.length === 0) throw new PpgError('PPG_E_SIP_SYNTAX', 'refused');
    });
    const { failures } = fuzz(broken, few);
    assert.deepEqual(
      failures.map(({ kind }) => kind),
      ['threw'],
    );
    const [failure] = failures;
    if (failure === undefined) assert.fail();
    assert.ok(failure.input.includes(0x21));
    assert.deepEqual(inputOf(broken, few.seed, failure.run), failure.input, 'the run alone gives the input again');
  });

  it('finds what takes too long, and what is never let go', () => {
    const slow = fuzz(
      target(() => {
        const end = performance.now() + 3;
        while (performance.now() < end);
      }),
      { ...few, runs: 5, bound: 2 },
    );
    assert.equal(slow.failures[0]?.kind, 'slow');
    const kept: Buffer[] = [];
    const leaking = fuzz(
      target(() => void kept.push(Buffer.alloc(20_000, 1))),
      { ...few, growth: MEGABYTE },
    );
    assert.ok(leaking.leaks, `${leaking.grown}`);
  });

  it('gives other inputs for other seeds, and the same for the same', () => {
    const one = target(() => undefined);
    const of = (seed: number): string =>
      Array.from({ length: 20 }, (_, run) => inputOf(one, seed, run).toString('latin1')).join('|');
    assert.equal(of(1), of(1));
    assert.notEqual(of(1), of(2));
  });
});

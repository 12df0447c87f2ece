import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PpgError } from '../../lib/base/errors.ts';
import { mutated } from './mutate.ts';
import { Random } from './random.ts';

/** A parser under test. */
export interface FuzzTarget {
  readonly name: string;
  /** Sound inputs to begin with. */
  readonly seeds: readonly Buffer[];
  /** Pieces that mean something in its language. */
  readonly words: readonly string[];
  /** Reads the octets; may throw a PpgError. What it promises besides is asserted within. */
  run(octets: Buffer): void;
}

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  /** Milliseconds that one input may take. */
  readonly bound: number;
  /** Octets that the heap may grow, after garbage collection, over all but the first tenth of the runs. */
  readonly growth: number;
  /** Called every so often with the runs done. */
  readonly onProgress?: (done: number) => void;
  /** True ends the run early. */
  readonly stopped?: () => boolean;
}

export interface FuzzFailure {
  readonly kind: 'threw' | 'slow';
  /** Of the run: the input comes again with the same seed. */
  readonly run: number;
  readonly input: Buffer;
  readonly what: string;
}

export interface FuzzResult {
  readonly name: string;
  readonly runs: number;
  /** Inputs that were read, and those refused with an error of ours. */
  readonly read: number;
  readonly refused: number;
  readonly failures: readonly FuzzFailure[];
  readonly seconds: number;
  /** Milliseconds of the slowest input, measured once more when it seemed slow. */
  readonly slowest: number;
  /** Octets by which the heap grew. */
  readonly grown: number;
  readonly leaks: boolean;
}

/** Failures of one target that are kept; more of the same tell nothing new. */
const MOST_FAILURES = 20;

/** Runs between two looks at progress. */
const STRIDE = 1024;

const WORTH_A_SECOND_LOOK = 3;

/** Runs one target on mutated inputs. Nothing that it throws leaves this function. */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzResult {
  const { runs, seed, bound, growth, onProgress, stopped } = options;
  const words = target.words.map((word) => Buffer.from(word, 'latin1'));
  const collect = garbageCollector();
  const failures: FuzzFailure[] = [];
  const seen = new Set<string>();
  const began = performance.now();
  let read = 0;
  let refused = 0;
  let slowest = 0;
  let base = 0;
  let run = 0;

  const fail = (failure: FuzzFailure): void => {
    // The same place fails in a thousand ways; one of each is enough to mend it.
    const place = failure.what.split('\n', 3).slice(0, 2).join('\n');
    if (failures.length >= MOST_FAILURES || seen.has(place)) return;
    seen.add(place);
    failures.push(failure);
  };

  for (; run < runs; run++) {
    if (run % STRIDE === 0) {
      onProgress?.(run);
      if (stopped?.() === true) break;
    }
    if (run === Math.floor(runs / 10)) base = heapAfter(collect);
    const input = inputOf(target, seed, run, words);
    const start = performance.now();
    const outcome = attempt(target, input);
    const took = performance.now() - start;
    if (outcome === undefined) read++;
    else if (outcome === REFUSED) refused++;
    else fail({ kind: 'threw', run, input, what: outcome });
    if (took <= slowest) continue;
    // Other processes and the collector take time too: what counts is the best of several tries.
    const sure = Math.min(took, ...again(target, input));
    if (sure > slowest) slowest = sure;
    if (sure > bound) fail({ kind: 'slow', run, input, what: `${sure.toFixed(1)} ms for ${input.length} octets` });
  }
  onProgress?.(run);
  const grown = Math.max(0, heapAfter(collect) - base);
  const seconds = (performance.now() - began) / 1000;
  return { name: target.name, runs: run, read, refused, failures, seconds, slowest, grown, leaks: grown > growth };
}

/** The input of one run; each has random numbers of its own, so that it can be had without those before it. */
export function inputOf(
  { seeds, words: own }: FuzzTarget,
  seed: number,
  run: number,
  words: readonly Buffer[] = own.map((word) => Buffer.from(word, 'latin1')),
): Buffer {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b));
  return mutated(random, seeds, words);
}

const REFUSED: unique symbol = Symbol('refused');

/** What came of it: undefined for read, REFUSED, or the error that should not be. */
export function attempt(target: FuzzTarget, input: Buffer): undefined | typeof REFUSED | string {
  try {
    target.run(input);
    return undefined;
  } catch (error) {
    if (error instanceof PpgError) return REFUSED;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

function again(target: FuzzTarget, input: Buffer): number[] {
  return Array.from({ length: WORTH_A_SECOND_LOOK }, () => {
    const start = performance.now();
    attempt(target, input);
    return performance.now() - start;
  });
}

function heapAfter(collect: () => void): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** V8's own, which is hidden unless asked for. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return typeof collect === 'function' ? () => void collect() : () => undefined;
}

import type { Clock } from '../base/clock.ts';
import type { Hop } from './types.ts';

/** Milliseconds that a destination rests after its first failure; twice as long after each further one. */
const FIRST_REST = 30_000;
const LONGEST_REST = 5 * 60_000;
const MAX_RESTING = 1000;

interface Rest {
  readonly until: number;
  readonly length: number;
}

const keyOf = ({ protocol, host, port }: Hop): string => `${protocol}|${host}|${port}`;

/**
 * Destinations that failed a short while ago (RFC 3263 section 4.3). They are tried last, never left out: where all
 * rest, the request goes out as if none did.
 */
export class Resting {
  readonly #clock: Clock;
  readonly #rests = new Map<string, Rest>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  failed(hop: Hop): void {
    const key = keyOf(hop);
    const before = this.#rests.get(key);
    if (before !== undefined && before.until > this.#clock.now()) return; // one failure of many requests counts once
    const length = before === undefined ? FIRST_REST : Math.min(2 * before.length, LONGEST_REST);
    if (this.#rests.size >= MAX_RESTING) this.#rests.clear();
    this.#rests.set(key, { until: this.#clock.now() + length, length });
  }

  answered(hop: Hop): void {
    if (this.#rests.size > 0) this.#rests.delete(keyOf(hop));
  }

  /** The same hops, resting ones behind the others. */
  lastOf(hops: readonly Hop[]): readonly Hop[] {
    if (this.#rests.size === 0 || hops.length < 2) return hops;
    const now = this.#clock.now();
    const rests = (hop: Hop): boolean => (this.#rests.get(keyOf(hop))?.until ?? 0) > now;
    const resting = hops.filter(rests);
    return resting.length === 0 ? hops : [...hops.filter((hop) => !rests(hop)), ...resting];
  }
}

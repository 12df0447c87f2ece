import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import type { StoreCounts } from '../store/store.ts';
import type { Observed } from './observed.ts';

/** Counting a large store takes time, and scrapers and probes come as often as they like. */
const FRESH_FOR = 2_000; // ms
const ANSWER_WITHIN = 2_000; // ms

/** Answers the store's counts, at most two seconds old. Rejects with PPG_E_STORE when the store does not answer. */
export function countsReader(ppg: Pick<Observed, 'counts'>, clock: Clock): () => Promise<StoreCounts> {
  let last: Promise<StoreCounts> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let settled = true;
  return () => {
    // one question at a time: a store that hangs is not asked again and again
    if (last !== undefined && (!settled || clock.now() - askedAt < FRESH_FOR)) return within(last, clock);
    askedAt = clock.now();
    settled = false;
    last = ppg.counts();
    last.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
        last = undefined;
      },
    );
    return within(last, clock);
  };
}

function within<T>(promise: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(
      () => reject(new PpgError('PPG_E_STORE', `the store did not answer within ${ANSWER_WITHIN} ms`)),
      ANSWER_WITHIN,
    );
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

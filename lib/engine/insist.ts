import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Settlement, SettleResult, Store } from '../store/store.ts';
import type { Prover } from './prove.ts';

export interface InsistOptions {
  readonly store: Pick<Store, 'settle'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Keeps what is told of the push until the store has the outcome. */
  readonly proofs: Pick<Prover, 'begin' | 'take' | 'again'>;
  /** Told when somebody who waits behind the push may be due now. */
  readonly onDue: (due: number) => void;
  /** Aborted when the gateway is stopped: the store is then asked once more, and no more. */
  readonly stopping?: AbortSignal;
}

/** Waits between two tries, milliseconds: a minute in all, which is less than a lease. */
export const RESTS: readonly number[] = [1000, 2000, 4000, 8000, 15_000, 30_000];

/**
 * Gives the store an outcome until it takes it: forgotten, what a device has would be sent again, and told as if nobody knew.
 * What the first try asked for besides (the next push, a notification) is then left to whoever looks for it, since its
 * leases have begun to run out. Rejects with the store's error when it is not to be had.
 */
export async function insist(settlement: Settlement, options: InsistOptions): Promise<SettleResult> {
  const { store, clock, log, proofs, onDue, stopping } = options;
  const { push, index, attempt, at, outcome, attempts } = settlement;
  let asked = settlement;
  for (let tries = 0; ; tries++) {
    try {
      const result = await store.settle(asked);
      if (tries > 0) {
        proofs.again(settlement, proofs.take(settlement));
        onDue(clock.now());
      }
      return result;
    } catch (error) {
      const last = tries === RESTS.length || (stopping?.aborted === true && tries > 0);
      if (last || isClosed(error)) throw error;
      log.warn(
        { push, attempt, cause: messageOf(error) },
        'the store did not take the outcome of an attempt; it is given it again',
      );
    }
    if (tries === 0) proofs.begin(settlement);
    await pause(clock, RESTS[tries] ?? 0, stopping);
    asked = { push, index, attempt, at, outcome, attempts };
  }
}

export const isClosed = (error: unknown): boolean => error instanceof PpgError && error.code === 'PPG_E_STORE_CLOSED';

/** Ends early at a stop. */
export function pause(clock: Clock, rest: number, stopping: AbortSignal | undefined): Promise<void> {
  if (stopping?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clock.clearTimeout(timer);
      stopping?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimeout(done, rest);
    stopping?.addEventListener('abort', done, { once: true });
  });
}

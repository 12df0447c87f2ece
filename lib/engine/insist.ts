import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Settlement, SettleResult, Store } from '../store/store.ts';
import type { Prover } from './prove.ts';
import { isClosed, pause, RESTS } from './tries.ts';

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
      // Not more than that: the store has told what is wrong, and there may be thousands of attempts.
      log.debug(
        { push, attempt, cause: messageOf(error) },
        'the store did not take the outcome of an attempt; it is given it again',
      );
    }
    if (tries === 0) proofs.begin(settlement);
    await pause(clock, RESTS[tries] ?? 0, stopping);
    asked = { push, index, attempt, at, outcome, attempts };
  }
}

import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';

/** Waits between two tries, milliseconds: a minute in all, which is less than a lease. */
export const RESTS: readonly number[] = [1000, 2000, 4000, 8000, 15_000, 30_000];

/** A store that was closed does not come back. */
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

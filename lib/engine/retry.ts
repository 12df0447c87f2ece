import type { DeliveryResult } from '../model/delivery.ts';
import type { AttemptRecord } from '../model/push.ts';
import type { RetryPolicy } from './limits.ts';

/** `base` doubled `times` times, at most `longest`. */
export const doubled = (base: number, times: number, longest: number): number =>
  Math.min(longest, base * 2 ** Math.min(times, 30));

/** How many attempts in a row, counted back from the last, ended in one of `results`. Records of one attempt count once. */
export function streak(attempts: readonly AttemptRecord[], results: readonly string[]): number {
  let count = 0;
  let last = -1;
  for (let i = attempts.length - 1; i >= 0; i--) {
    const record = attempts[i] as AttemptRecord;
    if (!results.includes(record.result)) break;
    if (record.attempt !== last) count++;
    last = record.attempt;
  }
  return count;
}

export interface Wait {
  readonly policy: RetryPolicy;
  /** 0 to 1; spreads retries by a tenth either way so that they do not come in waves. */
  readonly random: () => number;
}

const spread = (ms: number, random: () => number): number => Math.round(ms * (0.9 + 0.2 * random()));

/**
 * Milliseconds until a recipient that is not offline is tried again, after `earlier` such attempts in a row. `after` 0 is
 * no wait at all, so the ordinary one is: whoever refuses and says "now" each time would be asked without end.
 */
export function backOff(after: number | undefined, earlier: number, { policy, random }: Wait): number {
  if (after !== undefined && after > 0) return Math.min(after, policy.longestRetryAfter);
  return spread(doubled(policy.first, earlier, policy.longest), random);
}

/**
 * Milliseconds until an offline recipient is tried without a registration having been seen. Where nobody tells of
 * registrations, ordinary back-off is all there is.
 */
export function offlineWait(offlineTries: number, covered: boolean, after: number | undefined, wait: Wait): number {
  const { policy, random } = wait;
  const slow = covered
    ? doubled(policy.offlineFirst, offlineTries, policy.offlineLongest)
    : doubled(policy.first, offlineTries, policy.longest);
  return Math.max(spread(slow, random), Math.min(after ?? 0, policy.longestRetryAfter));
}

/** What stands in AttemptRecord.result: the kind, and for a retry its reason. */
export const resultName = (result: DeliveryResult): string => (result.kind === 'retry' ? result.why : result.kind);

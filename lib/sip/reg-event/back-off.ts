import type { SubscriptionEnd } from './subscription.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A subscription that lasted so long did not fail, however it ended. Milliseconds. */
export const LASTED: number = 30 * SECOND;

/** Statuses by which a core says that it does not serve the package, or not to us (RFC 6665 section 4.1.2.1). */
export const NO_SUCH_PACKAGE: ReadonlySet<number> = new Set([403, 405, 489, 501]);

/** Statuses by which it says that it does not know the user. */
const NO_SUCH_USER = new Set([404, 410, 480, 484, 604]);

/** What comes first, and the longest, doubling in between. */
type BackOff = readonly [first: number, longest: number];

const PASSING: BackOff = [5 * SECOND, 10 * MINUTE];
const NOBODY: BackOff = [MINUTE, HOUR];
const FORBIDDEN: BackOff = [HOUR, DAY];

/** RFC 6665 section 4.1.3: what each reason of a terminated subscription says of the next one. */
const BY_REASON: Readonly<Record<string, BackOff>> = {
  deactivated: [0, 10 * MINUTE], // at once
  timeout: [0, 10 * MINUTE],
  probation: [MINUTE, HOUR],
  giveup: [MINUTE, HOUR],
  noresource: [HOUR, DAY], // not again; an hour later the user may have come into being
  rejected: [DAY, DAY],
  invariant: [DAY, DAY],
  gone: [0, 10 * MINUTE],
  expired: [0, 10 * MINUTE],
};

/**
 * Milliseconds after which a subscription may be tried again, after `failures` in a row that did not last. What the core
 * itself says counts, up to a day.
 */
export function againAfter(end: SubscriptionEnd, failures: number): number {
  if (end.retryAfter !== undefined && end.reason !== 'rejected' && end.reason !== 'noresource')
    return Math.min(Math.max(end.retryAfter, SECOND), DAY);
  const [first, longest] = backOffOf(end);
  if (first > 0) return doubled(first, Math.max(0, failures - 1), longest);
  return failures <= 1 ? 0 : doubled(PASSING[0], failures - 2, longest);
}

function backOffOf({ kind, status = 0, reason = '' }: SubscriptionEnd): BackOff {
  if (kind === 'over') return BY_REASON[reason] ?? PASSING;
  if (kind === 'failed') return PASSING;
  if (NO_SUCH_PACKAGE.has(status)) return FORBIDDEN;
  return NO_SUCH_USER.has(status) ? NOBODY : PASSING;
}

const doubled = (first: number, times: number, longest: number): number =>
  Math.min(longest, first * 2 ** Math.min(times, 20));

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Bounds and times of the engine; times in milliseconds. */
export interface EngineLimits {
  /** Without deliver-before a push expires after this long. */
  readonly maxAge: number;
  /** Waiting for a confirmation ends after this long, or at deliver-before if that is sooner. */
  readonly confirmWait: number;
  /** Final pushes are kept for status queries this long. */
  readonly retention: number;
  /** Attempts under way at once. Each waits up to 32 s for a silent device, so it is far above the rate. */
  readonly inFlight: number;
  /** Registrations a second whose waiting pushes are let go, 0: all at once; what comes faster waits its turn. */
  readonly wakeRate: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  maxAge: 7 * DAY,
  confirmWait: DAY,
  retention: 7 * DAY,
  inFlight: 5000,
  wakeRate: 500,
};

/** When a recipient is tried again; times in milliseconds. */
export interface RetryPolicy {
  /** First wait after busy, overload, error or no answer; doubles with every such attempt in a row. */
  readonly first: number;
  readonly longest: number;
  /** Attempts in a row that end in an error (5xx) before the recipient is undeliverable. */
  readonly maxErrors: number;
  /** First wait of a user who is offline, doubling: a missed registration must not strand anybody. */
  readonly offlineFirst: number;
  readonly offlineLongest: number;
  /** A Retry-After beyond this is cut to it: another node's mistake must not park a push for a year. */
  readonly longestRetryAfter: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  first: 2 * SECOND,
  longest: 5 * MINUTE,
  maxErrors: 12,
  offlineFirst: 15 * MINUTE,
  offlineLongest: 6 * HOUR,
  longestRetryAfter: HOUR,
};

/** How long a claim holds unless it is renewed: longer than a SIP transaction (32 s), so that most attempts need one lease. */
export const LEASE: number = 2 * MINUTE;

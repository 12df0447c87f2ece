/** What a pending timer is known by; opaque to everyone but the clock that made it. */
export type TimerHandle = unknown;

/**
 * The only source of time in the gateway. Tests put a fake in its place, so that a 32 s SIP timer or
 * a seven day expiry is a function call and nothing ever sleeps.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Runs `callback` once, `delay` milliseconds from now. The callback must not throw. */
  setTimeout(callback: () => void, delay: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
}

// Node fires a timer at once when its delay exceeds 2^31 - 1 ms, so longer waits are cut: whoever
// sets a timer weeks ahead looks again when it fires.
const LONGEST_DELAY = 2 ** 31 - 1;

/** The clock of production: the system's. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => setTimeout(callback, Math.min(Math.max(0, delay), LONGEST_DELAY)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** Resolves after `delay` milliseconds of `clock`. */
export const wait = (clock: Clock, delay: number): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, delay);
  });

import type { Registration } from '../model/device.ts';

/** What the engine wants to know of subscribers; lib/sip/registrations.ts knows it. */
export interface Subscribers {
  /**
   * What is known of the user now: live devices only. Undefined: nothing is known, which is not the same as offline.
   * Answers without a promise when it can, since every push asks.
   */
  find(aor: string): Registration | undefined | Promise<Registration | undefined>;
  /** True when some source tells of registrations, so that an offline user can be waited for. */
  readonly covers: boolean;
  /** As `covers`, of one user. Default: as `covers`. */
  coversUser?(aor: string): boolean;
}

/** Whether somebody will tell when this user registers. */
export const isCovered = (subscribers: Subscribers, aor: string): boolean =>
  subscribers.coversUser?.(aor) ?? subscribers.covers;

/** The way out: whether requests can leave at all. */
export interface Gate {
  readonly ready: boolean;
  onReady(listener: () => void): void;
}

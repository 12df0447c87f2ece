import type { Device } from '../model/device.ts';

/** Whoever can find out what devices can, see lib/sip/capability-cache.ts. */
export interface CapabilitySource {
  /**
   * Asks those of a user's devices of which nothing is known; what they told is on the devices when the user is looked up
   * again. Resolves after a bounded time, answered or not; never rejects. Undefined: nothing to wait for.
   */
  ask(aor: string, devices: readonly Device[]): Promise<void> | undefined;
}

import type { Clock } from '../base/clock.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { CapabilitySource } from '../engine/capability-source.ts';
import type { Subscribers } from '../engine/subscribers.ts';
import type { Device, Registration } from '../model/device.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Told } from '../sip/capabilities/answer.ts';
import { CapabilityCache, type CapabilityPolicy } from '../sip/capabilities/cache.ts';
import { type CapabilityQueryOptions, createCapabilityQuery } from '../sip/capabilities/query.ts';
import type { Refusal } from '../sip/capabilities/refusal.ts';

export interface CapabilitiesOptions extends CapabilityQueryOptions {
  readonly policy: CapabilityPolicy;
  /** Users whose devices are remembered. */
  readonly size: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
}

/** What is known of devices, for the engine and the bearers. */
export interface Capabilities extends CapabilitySource {
  /** Subscribers with what their devices told. */
  over(subscribers: Subscribers): Subscribers;
  /** A device did not take a push. */
  learnRefusal(aor: string, device: Device, refusal: Refusal): void;
  /** A device told of itself without being asked. */
  learnTold(aor: string, device: Device, told: Told): void;
  forget(aor: string): void;
  /** Devices that were known when a push came, and those that were not. */
  readonly counts: CapabilityCache['counts'];
}

/** Asks by OPTIONS and remembers (docs/routing.md). */
export function createCapabilities(options: CapabilitiesOptions): Capabilities {
  const { policy, size, clock, events } = options;
  const cache = new CapabilityCache({
    query: createCapabilityQuery(options),
    clock,
    policy,
    size,
    onAsked: (asked) => events.emit('capabilities', { at: clock.now(), ...asked }),
  });
  const told = (found: Registration | undefined): Registration | undefined => found && cache.over(found);
  return {
    over: (subscribers) => ({
      find(aor) {
        const found = subscribers.find(aor);
        return found instanceof Promise ? found.then(told) : told(found);
      },
      get covers() {
        return subscribers.covers;
      },
      ...(subscribers.coversUser !== undefined && {
        coversUser: (aor: string) => subscribers.coversUser?.(aor) ?? subscribers.covers,
      }),
    }),
    ask: (aor, devices) => cache.ask(aor, devices),
    learnRefusal: (aor, device, refusal) => cache.learnRefusal(aor, device, refusal),
    learnTold: (aor, device, told) => cache.learnTold(aor, device, told),
    forget: (aor) => cache.forget(aor),
    get counts() {
      return cache.counts;
    },
  };
}

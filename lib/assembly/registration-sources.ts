import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { LimitOptions, SipOptions } from '../options/options.ts';
import { viaServingNode } from '../sip/core-route.ts';
import type { IscHeaders } from '../sip/isc-headers.ts';
import type { RegEventCounts } from '../sip/reg-event/options.ts';
import { RegEvents } from '../sip/reg-event/reg-event.ts';
import { createRegistrations, type Registrations } from '../sip/registrations/registrations.ts';
import { byRegister, type RegisterNews, withRegEvents } from '../sip/registrations/sources.ts';
import type { SipSender } from '../sip/sender.ts';
import type { Store } from '../store/store.ts';

export interface RegistrationSourcesOptions {
  readonly sip: Pick<SipOptions, 'registrations' | 'route'>;
  readonly limits: Pick<LimitOptions, 'registrationCache' | 'regEventSubscriptions'>;
  readonly store: Store;
  /** Sends to the next hop. */
  readonly sender: SipSender;
  readonly identity: string;
  readonly isc: IscHeaders;
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What tells the gateway of its subscribers' devices. */
export interface RegistrationSources {
  readonly registrations: Registrations & RegisterNews;
  /** Sends the way that the options name. */
  readonly sender: SipSender;
  /** What the reg event has done; undefined when it is no source. */
  readonly regEvents: RegEventCounts | undefined;
  stop(): Promise<void>;
}

/** Puts together the sources that the options name, and the way to the core that follows from them. */
export function createRegistrationSources(options: RegistrationSourcesOptions): RegistrationSources {
  const { sip, limits, store, identity, isc, domain, clock, log } = options;
  const source = sip.registrations;
  const known = createRegistrations({ store, clock, log, cacheSize: limits.registrationCache, source });
  const sender = sip.route === 'learned' ? viaServingNode(options.sender, known.find) : options.sender;
  if (source === 'register' || source === 'none')
    return { registrations: byRegister(known), sender, regEvents: undefined, stop: () => Promise.resolve() };
  const regEvents = new RegEvents({
    sender,
    identity,
    isc,
    domain,
    clock,
    log,
    subscriptions: limits.regEventSubscriptions,
    // Beside REGISTERs, which have the tags as the device wrote them, a document never takes one away.
    learn: (update, tellsFeatures) =>
      known.apply(tellsFeatures && source === 'reg-event' ? update : { ...update, withoutFeatures: true }),
  });
  return {
    registrations: withRegEvents(known, regEvents, source),
    sender,
    get regEvents() {
      return regEvents.counts;
    },
    stop: () => regEvents.stop(),
  };
}

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { IscHeaders } from '../isc-headers.ts';
import type { RegistrationUpdate } from '../registrations/update.ts';
import type { SipSender } from '../sender.ts';
import type { NotifyResult } from './subscription.ts';

export interface RegEventLimits {
  /** Subscriptions at a time; the one that nobody asked for longest is ended for a new one. Default 10,000. */
  readonly subscriptions: number;
  /** First SUBSCRIBEs a second; more wait for their turn. Default 50. */
  readonly perSecond: number;
}

export const DEFAULT_REG_EVENT: RegEventLimits = { subscriptions: 10_000, perSecond: 50 };

export interface RegEventsOptions extends Partial<RegEventLimits> {
  readonly sender: Pick<SipSender, 'subscribe'>;
  /** The gateway's identity, a SIP URI. */
  readonly identity: string;
  /** What the core is told of the gateway. Default: identity and charging vector alone. */
  readonly isc?: IscHeaders | undefined;
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Takes over what a NOTIFY told. `tellsFeatures`: the core tells the feature tags of contacts, so that one that is not
   * told is not there. Must not reject.
   */
  readonly learn: (update: RegistrationUpdate, tellsFeatures: boolean) => Promise<void>;
}

/** What the source has done so far. */
export interface RegEventCounts {
  /** Alive now. */
  readonly subscriptions: number;
  /** Users that the core does not tell of for now. */
  readonly refused: number;
  /** First SUBSCRIBEs since the start, by how they ended; `shed` were not sent, because the limits were reached. */
  readonly subscribes: Readonly<Record<'accepted' | 'refused' | 'failed' | 'shed', number>>;
  readonly notifies: Readonly<Record<NotifyResult, number>>;
}

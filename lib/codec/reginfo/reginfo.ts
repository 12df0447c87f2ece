import type { Param } from '../sip/params.ts';

/** Media type of a registration information document (RFC 3680 section 5.3). */
export const REGINFO_TYPE = 'application/reginfo+xml';

/** A registration information document (RFC 3680 section 5). */
export interface RegInfo {
  /** Rises by one with every document of a subscription, from 0 on. */
  readonly version: number;
  /** `full`: everything that the subscription covers; `partial`: registrations and contacts that changed since the last one. */
  readonly state: 'full' | 'partial';
  readonly registrations: readonly RegInfoRegistration[];
}

/** One address-of-record. */
export interface RegInfoRegistration {
  /** A SIP or tel URI, as the registrar writes it. */
  readonly aor: string;
  /** Name of the registration within the subscription; aor and id together are unique. */
  readonly id: string;
  readonly state: 'init' | 'active' | 'terminated';
  readonly contacts: readonly RegInfoContact[];
  /** The wildcarded identity (3GPP TS 24.229 section 5.4.2.1.2) that `aor` is only an example of. */
  readonly wildcard?: string;
}

/** What happened to a contact (RFC 3680 section 5.2, RFC 5628 for none of its own). */
export const CONTACT_EVENTS = [
  'registered',
  'created',
  'refreshed',
  'shortened',
  'expired',
  'deactivated',
  'probation',
  'unregistered',
  'rejected',
] as const;

export type ContactEvent = (typeof CONTACT_EVENTS)[number];

/** One contact of an address-of-record. */
export interface RegInfoContact {
  /** Name of the contact within the subscription. */
  readonly id: string;
  /** Contact URI as written; not checked. */
  readonly uri: string;
  readonly state: 'active' | 'terminated';
  readonly event: ContactEvent;
  /** Seconds that are left. */
  readonly expires?: number;
  /** Seconds; of `probation`. */
  readonly retryAfter?: number;
  readonly q?: string;
  readonly callId?: string;
  readonly cseq?: number;
  /** `unknown-param` elements: Contact header parameters, values without quotes, flags without a value. */
  readonly params: readonly Param[];
  /** RFC 5628 section 5. */
  readonly pubGruu?: string;
  readonly tempGruu?: string;
}

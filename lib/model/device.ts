import type { DeviceCapabilities } from './device-capabilities.ts';

/** One way to a device that registers several (RFC 5626 section 4.2). */
export interface Flow {
  /** `reg-id` of the contact. */
  readonly id: string;
  readonly contact: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A device of a subscriber: one registered contact, or several flows of one `+sip.instance` (RFC 5626). */
export interface Device {
  /** Stable name within the address-of-record: the instance where there is one, else the contact URI. */
  readonly id: string;
  /** Contact URI, without angle brackets and header parameters; of the flow that lasts longest. */
  readonly contact: string;
  /** `+sip.instance` without quotes and angle brackets. */
  readonly instance?: string;
  /** Public GRUU (RFC 5627), when the registrar gave one. */
  readonly gruu?: string;
  /**
   * Values of `+g.oma.pusheventapp`, canonical form. `undefined`: the contact had no such tag, so what it
   * runs is unknown; an empty list cannot occur.
   */
  readonly applications?: readonly string[];
  /** All other feature parameters of the contact, names in lower case, values unquoted (`''` for flags). */
  readonly features: Readonly<Record<string, string>>;
  /** What it told when it was asked; put in when the device is looked up, never stored. */
  readonly capabilities?: DeviceCapabilities;
  /**
   * Applications, canonical form, for which it subscribed to pushes, to the name of the subscription; put in when the
   * device is looked up, never stored. Of others it says nothing.
   */
  readonly subscribed?: ReadonlyMap<string, string>;
  /** Its contacts, when they have a `reg-id`; empty lists cannot occur. */
  readonly flows?: readonly Flow[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What is known of a subscriber's registration. */
export interface Registration {
  /** Canonical address-of-record, see RecipientAddress.aor. */
  readonly aor: string;
  /** False after a de-registration was seen: the user is known to be offline. */
  readonly registered: boolean;
  /** Empty while registered: the source told of the user but not of the devices. */
  readonly devices: readonly Device[];
  readonly updatedAt: number;
  readonly expiresAt: number;
  /** The devices are those that subscribed to pushes: there may be others. */
  readonly partial?: true;
  /** The other addresses-of-record that come and go with this one (implicit registration set), where they were told. */
  readonly identities?: readonly string[];
  /** SIP URI of the S-CSCF that serves the user, as it named itself when it told of the registration. */
  readonly servedBy?: string;
}

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { DigestAlgorithm } from '../../codec/sip/digest.ts';
import type { SipStack } from '../../stack/types.ts';
import type { BindingStore } from '../../store/bindings.ts';

/** What a pocket SIP/IP core is made of. */
export interface CoreOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The stack it answers on. The core takes its request handler, and starts and stops it. */
  readonly stack: SipStack;
  /** The domain whose users register here, as `example.com`. */
  readonly domain: string;
  /** Further names of the domain; the addresses that the stack listens on always count. */
  readonly aliases?: readonly string[];
  /** SIP URI at which others reach the core (default: its first listen point). */
  readonly address?: string;
  /** SIP URIs that get a third-party REGISTER (TS 24.229 5.4.1.7): the gateway's announced SIP addresses. */
  readonly applicationServers: readonly string[];
  /**
   * Public service identities: user part to the SIP URI of its application server, as `{ push: 'sip:127.0.0.1:5070' }`
   * for requests to `sip:push@domain`.
   */
  readonly services?: Readonly<Record<string, string>>;
  /** Where registrations survive a restart. The core closes it on stop. */
  readonly bindings: BindingStore;
  /** Users who may register; the realm is the domain. Without it everyone may (RFC 3261 section 22). */
  readonly digest?: DigestOptions;
  /** Shortest registration that is granted, seconds (default 60); shorter ones get 423. */
  readonly minExpires?: number;
  /** Registration time when none is asked for, seconds (default 3600). */
  readonly defaultExpires?: number;
  /**
   * Milliseconds after which devices that do not answer count as 408 (default 30,000). It is shorter than timer F, as in
   * cores that are deployed: RFC 4320 section 4.2 would have no 408 at all, and leave the sender to its own timer.
   */
  readonly answerTimeout?: number;
  /**
   * The reg event package (RFC 3680), for application servers; false: there is none, and a SUBSCRIBE goes to the device.
   * Default: for the hosts of `applicationServers`.
   */
  readonly regEvent?: false | RegEventOptions;
  readonly limits?: Partial<CoreLimits>;
}

export interface RegEventOptions {
  /** IP addresses besides those of application servers whose SUBSCRIBEs are taken; others get 403. */
  readonly watchers?: readonly string[];
  /** Takes the SUBSCRIBE of anybody. */
  readonly everyone?: boolean;
  /** What is told of a contact: all its parameters (default), or its instance alone, as some cores have it. */
  readonly features?: 'all' | 'instance';
}

export interface DigestOptions {
  /** User part to password. */
  readonly users: Readonly<Record<string, string>>;
  /** Offered in this order; default MD5 alone, since deployed phones refuse a choice that has more than they know. */
  readonly algorithms?: readonly DigestAlgorithm[];
}

/** Bounds against peers that ask too much. */
export interface CoreLimits {
  /** Registered contacts in all; a new one beyond gets 503. */
  readonly bindings: number;
  /** Registered contacts of one user; a new one beyond gets 403. */
  readonly bindingsPerUser: number;
  /** Requests being proxied at one time; more get 503. */
  readonly openRequests: number;
  /** Via elements of a request, which is to say proxies it has passed; more get 483. */
  readonly hops: number;
  /** Octets of a REGISTER; a larger one gets 513. */
  readonly registerBytes: number;
  /** Third-party REGISTERs in flight to one application server. */
  readonly openNotices: number;
}

export const DEFAULT_CORE_LIMITS: CoreLimits = {
  bindings: 100_000,
  bindingsPerUser: 16,
  openRequests: 20_000,
  hops: 20,
  registerBytes: 16 * 1024,
  openNotices: 64,
};

/** Seconds; longest registration that is granted. */
export const MAX_EXPIRES: number = 7 * 24 * 3600;

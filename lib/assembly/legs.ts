import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { isLoopback } from '../base/networks.ts';
import type { DirectLegOptions, SipOptions } from '../options/options.ts';
import { createDirectLeg } from '../sip/direct/direct-leg.ts';
import { createDrachtioLeg } from '../sip/drachtio/drachtio-leg.ts';
import type { SrfLike } from '../sip/drachtio/srf-like.ts';
import type { SipHandler, SipLeg, SubscriptionHandler } from '../sip/leg.ts';
import type { TrustedPeers } from '../sip/trusted-peers.ts';
import type { StackControls } from '../stack/controls.ts';
import { createSipStack } from '../stack/stack.ts';
import type { SipTraceListener } from '../stack/trace.ts';
import type { SipStack } from '../stack/types.ts';
import { sipDebug } from './sip-debug.ts';

export interface LegsOptions {
  readonly srf?: SrfLike | undefined;
  readonly outbound?: SrfLike | undefined;
  readonly direct: false | DirectLegOptions;
  /** The one leg that sends, or `auto`. */
  readonly force: SipOptions['leg'];
  readonly tls?: SipOptions['tls'];
  /** Peers of whose connections there may be any number. */
  readonly trusts: TrustedPeers;
  /** Is told of the direct leg's SIP messages. */
  readonly trace?: SipTraceListener | undefined;
  readonly domain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The ways out that this gateway has. */
export interface Legs {
  readonly all: readonly SipLeg[];
  /** The direct leg's stack; undefined without a direct leg. */
  readonly stack: (SipStack & StackControls) | undefined;
}

/**
 * Makes the legs that the options allow. The drachtio leg never connects or disconnects: its Srfs are the app's.
 * Throws PPG_E_OPTIONS for TLS that cannot be used.
 */
export function createLegs(options: LegsOptions): Legs {
  const { srf, outbound, direct, force, tls, trusts, trace, domain, clock, log } = options;
  const all: SipLeg[] = [];
  if (srf !== undefined) {
    const sends = force !== 'direct';
    all.push(createDrachtioLeg({ srf, sends, clock, log, domain, ...(outbound !== undefined && { outbound }) }));
  }
  if (direct === false) return { all, stack: undefined };
  const { listen, advertise, keepAlive, connectionsPerAddress: maxPerAddress } = direct;
  const sentBy = advertise === undefined ? {} : { sentBy: { host: advertise } };
  const stack = createSipStack({
    clock,
    log,
    listen,
    tls,
    trace,
    ...sentBy,
    tcp: {
      ...(keepAlive !== undefined && { keepAlive }),
      ...(maxPerAddress !== undefined && { maxPerAddress }),
      isExempt: (address) => isLoopback(address) || trusts(address),
    },
  });
  const debug = sipDebug();
  if (debug !== undefined) stack.onTrace(debug);
  all.push(createDirectLeg({ stack, clock, log, domain, ...(advertise !== undefined && { advertise }) }));
  return { all, stack };
}

/** What comes in by the gateway's own legs meets the same handlers as what the app's chain hands over. */
export function receiveOn(legs: readonly SipLeg[], middleware: SipHandler): void {
  for (const leg of legs) if (leg.name === 'direct') leg.onRequest(middleware);
}

/**
 * SUBSCRIBEs outside dialogs meet the handler of the leg that they come by. Answers what the app chains for SUBSCRIBE;
 * undefined without a drachtio leg.
 */
export function subscribeOn(
  legs: readonly SipLeg[],
  handlerFor: (leg: SipLeg) => SubscriptionHandler,
): SipHandler | undefined {
  for (const leg of legs) leg.onSubscribe?.(handlerFor(leg));
  return legs.find((leg) => leg.subscribeMiddleware !== undefined)?.subscribeMiddleware;
}

/**
 * One sentence for start-up that says what cannot be delivered with these legs, by reference (`references`) or without;
 * undefined when everything can.
 */
export function shortcomings(legs: readonly SipLeg[], references: boolean): string | undefined {
  if (legs.length === 0) return 'no SIP leg: nothing can be delivered; give createPpg an srf or set sip.direct';
  if (references || legs.some((leg) => leg.can.binary)) return undefined;
  const most = Math.max(...legs.map((leg) => leg.can.maxRequestBytes));
  return `no direct leg and no content.url: content with NUL or octets that are not UTF-8, and requests over ${most} octets, end as undeliverable 3006; set sip.direct to carry them, or content.url to have them fetched`;
}

import { messageOf } from '../lib/base/errors.ts';
import type { Logger } from '../lib/base/log.ts';
import type { HeaderField } from '../lib/model/push.ts';
import { aorOfUri } from '../lib/sip/aor.ts';
import { assertedIdentity } from '../lib/sip/asserted-identity.ts';
import { readTold, type Told } from '../lib/sip/capabilities/answer.ts';
import type {
  Authorize,
  IncomingSubscription,
  Next,
  RequestLike,
  SipHandler,
  SipLeg,
  SubscriptionHandler,
} from '../lib/sip/leg.ts';
import { isPushPackage, OMA_PUSH, type PushEvent, readPushEvent, writePushEvent } from '../lib/sip/oma-push/event.ts';
import type { OmaPushSubscriptions, PushSubscription } from '../lib/sip/oma-push/oma-push.ts';
import { subscribingDevice } from '../lib/sip/oma-push/overlay.ts';
import type { OwnAddress } from '../lib/sip/own-address.ts';
import { type RegisterContact, readContacts } from '../lib/sip/registrations/register-contacts.ts';
import type { TrustedPeers } from '../lib/sip/trusted-peers.ts';
import { packageOf } from '../lib/stack/notifier.ts';
import { answer } from './answer.ts';

export interface SubscribeHandlerOptions {
  readonly subscriptions: OmaPushSubscriptions;
  readonly own: OwnAddress;
  readonly trusts: TrustedPeers;
  /** Domain of users that are named by a telephone number only. */
  readonly domain: string;
  /** Allow of the 2xx. */
  readonly allow: readonly string[];
  /** False once the gateway stops, or before it runs. */
  readonly running: () => boolean;
  /** Told of what a device said of itself when it subscribed. Must not throw. */
  readonly onTold?: (subscription: PushSubscription, told: Told) => void;
  /** Answers challenges to NOTIFYs, see SipSender.authorizeFor. */
  readonly authorizeFor?: (place: { readonly uri: string }) => Authorize | undefined;
  readonly log: Logger;
}

/** The leg that a SUBSCRIBE came by; `last`: no app is behind the gateway there. */
export type SubscribeLeg = Pick<SipLeg, 'name' | 'can'> & { readonly last: boolean };

/** What a UAProf comes in (RFC 4483), the only body that is read. */
const ACCEPT = 'message/external-body';

/** Seconds after which who found no room may come again. */
const LATER = '60';

const ALLOW_EVENTS: Record<string, string> = { 'Allow-Events': OMA_PUSH };

/**
 * SUBSCRIBE to the package `oma-push` (draft-mdolly; docs/oma-push.md): to the gateway's identity, or, as an initial filter
 * criterion sends it, to the user's own address-of-record. Taken from users whom a trusted peer vouches for
 * (P-Asserted-Identity), from others 403; without event-app-id 400, for too short a time 423. Another package to the
 * gateway itself gets 489 where no app is behind it. Everything else goes to next() untouched.
 */
export function createSubscribeHandler(options: SubscribeHandlerOptions): (leg: SubscribeLeg) => SubscriptionHandler {
  const { own, trusts, domain, running } = options;
  return (leg) => (subscription, next) => {
    const { request, event } = subscription;
    const toUs = own.isIdentity(request.uri);
    if (!isPushPackage(event)) {
      if (leg.last && trusts(request.source_address) && own.isServer(request.uri))
        subscription.reject(489, { headers: ALLOW_EVENTS });
      else next();
      return;
    }
    const aors = assertedIdentity(request, trusts, domain);
    if (!toUs && !isOneself(request, aors, domain)) next();
    else if (!running()) refuse(options, subscription, 480, { 'Retry-After': LATER });
    else if (aors === undefined || aors.length === 0) refuse(options, subscription, 403);
    else take(options, subscription, leg, aors);
  };
}

/** Where somebody else is subscribed to, that is no business of ours. */
function isOneself({ uri }: RequestLike, aors: readonly string[] | undefined, domain: string): boolean {
  try {
    return aors?.includes(aorOfUri(uri, domain)) === true;
  } catch {
    return false; // what names no user is nobody's own
  }
}

function refuse(
  { subscriptions, log }: SubscribeHandlerOptions,
  subscription: IncomingSubscription,
  status: number,
  headers?: Record<string, string>,
  as: 'refused' | 'shed' | 'locked' = 'refused',
): void {
  subscriptions.counted(as);
  log.debug({ peer: subscription.request.source_address, status }, 'a subscription to pushes was refused');
  subscription.reject(status, headers === undefined ? {} : { headers });
}

function take(
  options: SubscribeHandlerOptions,
  subscription: IncomingSubscription,
  leg: SubscribeLeg,
  aors: readonly string[],
): void {
  const { subscriptions, log } = options;
  const { request } = subscription;
  const { expires: most, minExpires } = subscriptions.policy;
  const asked = readAsked(request);
  if (typeof asked === 'string') {
    log.debug({ aor: aors[0], cause: asked }, 'a subscription to pushes cannot be read');
    refuse(options, subscription, 400);
    return;
  }
  const expires = Math.min(subscription.expires ?? most, most);
  const device = subscribingDevice(asked.contact);
  const locked = Math.max(...aors.map((aor) => subscriptions.lockedFor(aor, device.id)));
  if (expires > 0 && expires < minExpires) refuse(options, subscription, 423, { 'Min-Expires': String(minExpires) });
  // 503 would tell the core that the whole application server is down.
  else if (locked > 0)
    refuse(options, subscription, 480, { 'Retry-After': String(Math.ceil(locked / 1000)) }, 'locked');
  else if (!subscriptions.hasRoom) refuse(options, subscription, 500, { 'Retry-After': LATER }, 'shed');
  else {
    const { event, contact } = asked;
    const headers: HeaderField[] = [
      { name: 'Event', value: writePushEvent(event, event.applications.values()) },
      { name: 'Accept', value: ACCEPT },
      { name: 'Allow', value: options.allow.join(', ') },
      { name: 'Allow-Events', value: OMA_PUSH },
    ];
    const authorize = options.authorizeFor?.({ uri: contact.uri });
    void subscription.accept({ expires, minExpires, headers, authorize }).then((notifier) => {
      // A fetch: there is nothing to be had, and its one NOTIFY has said so.
      if (notifier === undefined || expires === 0) return;
      const one = subscriptions.begin({ aors, device, event, notifier, leg });
      options.onTold?.(one, toldBy(request, event));
    });
  }
}

interface Asked {
  readonly event: PushEvent;
  readonly contact: RegisterContact;
}

/** A sentence says why it cannot be taken. */
function readAsked(request: RequestLike): Asked | string {
  try {
    const event = readPushEvent(request.get('Event'));
    const { contacts } = readContacts(request.all?.('Contact') ?? [request.get('Contact')]);
    const [contact] = contacts;
    return contact === undefined || contacts.length > 1 ? 'not one Contact' : { event, contact };
  } catch (error) {
    return messageOf(error);
  }
}

/** What the device says of itself (RFC 3261 section 20, RFC 3840), `dev-cap` where its headers say nothing. */
function toldBy(request: RequestLike, event: PushEvent): Told {
  const { all } = request;
  const { applications: _, ...told } = readTold({
    get: (name) => request.get(name),
    ...(all !== undefined && { all: (name: string) => all.call(request, name) }),
    body: request.rawBody ?? Buffer.from(request.body),
  });
  return { ...event.told, ...told };
}

/**
 * What a mounted gateway chains for SUBSCRIBE. A refresh of a subscription that is gone, as after a restart, is answered
 * 481, so that the device subscribes anew (RFC 6665 section 4.1.2.2).
 */
export function createSubscribeMiddleware(
  middleware: SipHandler,
  { own, log }: Pick<SubscribeHandlerOptions, 'own' | 'log'>,
): SipHandler {
  return (req, res, next) => {
    const pass: Next = (error) => {
      const ours = error === undefined && isPushPackage(packageOf(req.get('Event') ?? '')) && own.isServer(req.uri);
      if (ours && TO_TAG.test(req.get('To') ?? '')) answer(req, res, log, 481);
      else next(error);
    };
    middleware(req, res, pass);
  };
}

const TO_TAG = /;[ \t]*tag[ \t]*=/i;

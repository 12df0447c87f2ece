import { isUtf8 } from 'node:buffer';
import type { Logger } from '../base/log.ts';
import { headerOctets } from '../codec/mime/header-block.ts';
import type { HeaderField } from '../model/push.ts';
import { CREDENTIALS_ROOM, createDigestClient, type SipCredentials } from './digest-client.ts';
import type {
  Authorize,
  DialogAnswer,
  DialogOptions,
  LegAbilities,
  OutboundRequest,
  SipAnswer,
  SipLeg,
} from './leg.ts';

export type LegName = SipLeg['name'];

/** What a request asks of the leg that is to carry it. */
export interface RequestNeeds {
  /** Its body has NUL octets or is not UTF-8. */
  readonly binary: boolean;
  /** It has a Route header. */
  readonly route: boolean;
  /** Whole request, octets. */
  readonly bytes: number;
}

export interface SendOptions {
  /** Whether the body is binary, where the caller knows already; else the body is looked at. */
  readonly binary?: boolean;
  /** Headers that name the leg, as Contact; asked once the leg is chosen. */
  readonly headersFor?: (leg: SipLeg) => readonly HeaderField[];
}

export interface SentRequest {
  readonly answer: SipAnswer;
  /** The leg that carried it; undefined when none did. */
  readonly leg: LegName | undefined;
}

/** The end of a request that was to make a dialog. */
export interface SentDialog {
  readonly answer: DialogAnswer;
  /** The leg that carried it; undefined when none did. */
  readonly leg: LegName | undefined;
}

/** The one place that knows that there are several ways out for a SIP request. */
export interface SipSender {
  /**
   * Sends by the first ready leg that can carry the request, drachtio before direct, and waits for the final answer.
   * Challenges are answered where there are credentials, so that up to CSEQS_PER_ATTEMPT numbers from the request's CSeq
   * on are used. Never rejects. `not-sent` has code PPG_E_LEG_CANNOT when no leg could ever carry it, PPG_E_LEG_DOWN when those
   * that could are not ready.
   */
  request(request: OutboundRequest, options?: SendOptions): Promise<SentRequest>;
  /** Calls, as SipLeg.invite does, by a leg chosen as `request` chooses it; challenges are answered likewise. Never rejects. */
  invite(request: OutboundRequest, options?: SendOptions & DialogOptions): Promise<SentDialog>;
  /** Subscribes, as SipLeg.subscribe does, by a leg chosen as `request` chooses it. Never rejects. */
  subscribe(request: OutboundRequest, options?: SendOptions & DialogOptions): Promise<SentDialog>;
  /**
   * What answers challenges within a dialog that a peer made, for `accept` of an IncomingSubscription; `place` is where
   * its requests go. Undefined without credentials. Dialogs of `invite` and `subscribe` have it already.
   */
  authorizeFor(place: Pick<OutboundRequest, 'uri' | 'nextHop'>): Authorize | undefined;
  /** True when some leg, ready or not, can carry such a request. */
  fits(needs: RequestNeeds): boolean;
  /** What the ready legs can carry between them; no single one need have all of it. */
  readonly can: LegAbilities;
  /** True while some leg has a way out. */
  readonly ready: boolean;
  /** Called whenever a leg becomes ready. */
  onReady(listener: () => void): void;
  /** URI at which a leg takes requests, for Contact; undefined while the leg does not know its address. */
  identityFor(leg: Pick<SipLeg, 'address' | 'transport'>, user?: string): string | undefined;
}

export interface SipSenderOptions {
  readonly legs: readonly SipLeg[];
  /** `auto` chooses by request; a name allows that leg only (tests, benches). */
  readonly force: 'auto' | LegName;
  /** SIP URI of the next hop for requests that name none. */
  readonly nextHop?: string;
  /** For proxies and servers that ask who the gateway is (RFC 3261 section 22); none: their 401 or 407 is the answer. */
  readonly credentials?: readonly SipCredentials[];
  readonly log: Logger;
}

/** How a leg carries a request: as one of its own, or as the beginning of a dialog. */
type Carry<A> = (leg: SipLeg, request: OutboundRequest) => Promise<A>;

const byRequest: Carry<SipAnswer> = (leg, request) => leg.request(request);

const ORDER: readonly LegName[] = ['drachtio', 'direct'];

/** Room for what a leg adds: Via, Max-Forwards, Content-Length, User-Agent, and the framing of the drachtio protocol. */
const LEG_OVERHEAD = 320;

/** UTF-16 units to UTF-8 octets, at the most. */
const MAX_OCTETS_PER_UNIT = 3;

export function createSipSender(options: SipSenderOptions): SipSender {
  const { force, nextHop, log, credentials = [] } = options;
  const overhead = LEG_OVERHEAD + (credentials.length === 0 ? 0 : CREDENTIALS_ROOM);
  const digest = credentials.length === 0 ? undefined : createDigestClient(credentials);
  const legs = options.legs
    .filter((leg) => force === 'auto' || leg.name === force)
    .sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name));

  /** The legs that can carry it, in order; looks at body and size only as far as some leg needs to know. */
  function able(request: OutboundRequest, binary: boolean | undefined): SipLeg[] {
    const route = hasRoute(request.headers);
    let isBinary = binary;
    return legs.filter(({ can }) => {
      if (route && !can.route) return false;
      if (!can.binary) {
        isBinary ??= isBinaryBody(request.body);
        if (isBinary) return false;
      }
      return isWithin(request, can.maxRequestBytes);
    });
  }

  async function sendOnce<A extends DialogAnswer>(
    request: OutboundRequest,
    carry: Carry<A>,
    { binary, headersFor }: SendOptions,
  ): Promise<{ readonly answer: A | SipAnswer; readonly leg: LegName | undefined }> {
    const candidates = able(request, binary);
    if (candidates.length === 0)
      return { answer: notSent('PPG_E_LEG_CANNOT', `no SIP leg can carry ${describe(request)}`), leg: undefined };
    let answer: A | SipAnswer = notSent('PPG_E_LEG_DOWN', 'no SIP leg that can carry the request is ready');
    for (const leg of candidates) {
      if (!leg.ready) continue;
      const outgoing: OutboundRequest =
        headersFor === undefined ? request : { ...request, headers: [...request.headers, ...headersFor(leg)] };
      try {
        answer = await carry(leg, outgoing);
      } catch (error) {
        // A leg promises not to reject; if it does, whether the request left is not known.
        log.error({ err: error, leg: leg.name }, 'a SIP leg failed');
        answer = { kind: 'unknown', cause: 'the SIP leg failed' };
      }
      // What did not leave by one leg may leave by the next.
      if (answer.kind !== 'not-sent') return { answer, leg: leg.name };
    }
    return { answer, leg: undefined };
  }

  function send<A extends DialogAnswer>(
    request: OutboundRequest,
    carry: Carry<A>,
    options: SendOptions,
  ): Promise<{ readonly answer: A | SipAnswer; readonly leg: LegName | undefined }> {
    const outgoing = withHop(request);
    if (digest === undefined) return sendOnce(outgoing, carry, options);
    // Credentials make a request larger, so that each repetition chooses its leg anew.
    return digest.exchange(outgoing, (one) => sendOnce(one, carry, options));
  }

  /** Credentials for the requests of a dialog that went, or came, by `place`. */
  const authorizer = (place: Pick<OutboundRequest, 'uri' | 'nextHop'>): Authorize | undefined =>
    digest === undefined ? undefined : (request, sendOne) => digest.within(place, request, sendOne);

  function withinDialog(request: OutboundRequest, options: DialogOptions): DialogOptions {
    const authorize = options.authorize ?? authorizer(withHop(request));
    return authorize === undefined ? options : { ...options, authorize };
  }

  const withHop = (request: OutboundRequest): OutboundRequest =>
    nextHop === undefined || request.nextHop !== undefined ? request : { ...request, nextHop };

  return {
    request: (request, options = {}) => send(request, byRequest, options),
    invite(request, options = {}) {
      const within = withinDialog(request, options);
      return send(request, (leg, one) => leg.invite(one, within), options);
    },
    subscribe(request, options = {}) {
      const within = withinDialog(request, options);
      return send(request, (leg, one) => leg.subscribe(one, within), options);
    },
    authorizeFor: (place) => authorizer(place),
    fits: (needs) =>
      legs.some(
        ({ can }) =>
          (can.binary || !needs.binary) && (can.route || !needs.route) && needs.bytes + overhead <= can.maxRequestBytes,
      ),
    get can() {
      const ready = legs.filter((leg) => leg.ready);
      return {
        binary: ready.some((leg) => leg.can.binary),
        route: ready.some((leg) => leg.can.route),
        maxRequestBytes: ready.reduce((most, leg) => Math.max(most, leg.can.maxRequestBytes), 0),
      };
    },
    get ready() {
      return legs.some((leg) => leg.ready);
    },
    onReady(listener) {
      for (const leg of legs) leg.onReady(listener);
    },
    identityFor(leg, user) {
      if (leg.address === undefined) return undefined;
      const transport = leg.transport === undefined ? '' : `;transport=${leg.transport}`;
      return `sip:${user === undefined ? '' : `${user}@`}${leg.address}${transport}`;
    },
  };
}

/** True for octets that drachtio-server cuts or changes: NUL, and what is not UTF-8. */
export const isBinaryBody = (body: Buffer | undefined): boolean =>
  body !== undefined && (body.includes(0) || !isUtf8(body));

const notSent = (code: 'PPG_E_LEG_CANNOT' | 'PPG_E_LEG_DOWN', cause: string): SipAnswer => ({
  kind: 'not-sent',
  code,
  cause: `${code}: ${cause}`,
});

const describe = (request: OutboundRequest): string =>
  `this ${request.method} (${requestBytes(request)} octets${isBinaryBody(request.body) ? ', binary body' : ''}${
    hasRoute(request.headers) ? ', Route' : ''
  })`;

const hasRoute = (headers: readonly HeaderField[]): boolean =>
  headers.some(({ name }) => name.length === 5 && name.toLowerCase() === 'route');

/** Whether the whole request stays within `limit` octets; counts octets only when characters leave it open. */
function isWithin(request: OutboundRequest, limit: number): boolean {
  let units = request.method.length + request.uri.length;
  for (const { name, value } of request.headers) units += name.length + value.length;
  const fixed = LEG_OVERHEAD + request.headers.length * 4 + (request.body?.length ?? 0);
  if (fixed + units > limit) return false;
  if (fixed + units * MAX_OCTETS_PER_UNIT <= limit) return true;
  return requestBytes(request) <= limit;
}

/** Octets of the request with what the leg adds to it, at the most. */
function requestBytes(request: OutboundRequest): number {
  const { method, uri, headers, body } = request;
  return LEG_OVERHEAD + method.length + Buffer.byteLength(uri) + headerOctets(headers) + (body?.length ?? 0);
}

import { isIPv6 } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { messageOf, PpgError } from '../../base/errors.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import { headerOctets } from '../../codec/mime/header-block.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../../codec/sip/host.ts';
import { canonicalName, SipHeaders, type SipRequest } from '../../codec/sip/message.ts';
import type { DnsLike } from '../../stack/dns.ts';
import { Locator, type Target } from '../../stack/locator.ts';
import { reachableHost } from '../../stack/sent-by.ts';
import { tokenMaker } from '../../stack/tokens.ts';
import type { Hop, ListenPoint, Protocol, ServerTransaction, SipStack } from '../../stack/types.ts';
import { UserAgent } from '../../stack/user-agent.ts';
import type {
  DialogAnswer,
  DialogOptions,
  LegAbilities,
  Next,
  OutboundRequest,
  SipAnswer,
  SipHandler,
  SipLeg,
  SubscriptionHandler,
} from '../leg.ts';
import { answerOf, failureOf, notSent, permanent } from './answer.ts';
import { DirectDialogs } from './dialogs.ts';
import { hopsFor, requestUri, targetOf } from './hop.ts';
import { DirectResponse, receive } from './inbound.ts';
import { beginsSubscription, directSubscription } from './notifier.ts';

export interface DirectLegOptions {
  /** The leg starts and stops it, and takes its inbound requests. */
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly log?: Logger;
  /** Host of the SIP URI that stands for a tel: URI. */
  readonly domain?: string;
  /** Host, or host and port, to name to peers instead of what is bound; as text `host` or `host:port`. */
  readonly advertise?: HostPort | string;
  /** Finds the servers of domains (RFC 3263); default the system's. */
  readonly dns?: DnsLike | undefined;
  /** Draws among servers by their weight; default Math.random. */
  readonly random?: (() => number) | undefined;
}

const MAX_REQUEST = 16 * 1024 * 1024;

const DIRECT_CAN: LegAbilities = { binary: true, route: true, maxRequestBytes: MAX_REQUEST };

/** Via with branch, Max-Forwards and Content-Length: what is added to the caller's headers, at the most. */
const ADDED = 220;

/** The leg writes these itself. */
const LEGS_OWN = new Set(['via', 'content-length']);

const NO_BODY = Buffer.alloc(0);

/** A leg over the gateway's own SIP stack: byte-clean bodies, preloaded Route sets, large requests over TCP. */
export function createDirectLeg(options: DirectLegOptions): SipLeg {
  return new DirectLeg(options);
}

class DirectLeg implements SipLeg {
  readonly name = 'direct';
  readonly can: LegAbilities = DIRECT_CAN;
  readonly #stack: SipStack;
  readonly #domain: string | undefined;
  readonly #advertise: HostPort | undefined;
  readonly #log: Logger;
  readonly #readyListeners: (() => void)[] = [];
  readonly #locator: Locator;
  readonly #agent: UserAgent;
  readonly #dialogs: DirectDialogs;
  #handler: SipHandler | undefined;
  #subscribed: SubscriptionHandler | undefined;
  /** Transports to send by, best first. TCP and TLS need no port of their own. */
  #protocols: readonly Protocol[] = ['tcp', 'tls'];
  #family: 0 | 4 | 6 = 0;
  #ready = false;

  constructor({ stack, clock, log = silentLogger, domain, advertise, dns, random }: DirectLegOptions) {
    this.#stack = stack;
    this.#domain = domain;
    this.#advertise = typeof advertise === 'string' ? parseHostPort(advertise) : advertise;
    this.#log = log;
    this.#locator = new Locator({ clock, protocols: () => this.#protocols, family: () => this.#family, dns, random });
    const toTag = tokenMaker();
    this.#agent = new UserAgent({
      ...{ stack, clock, log },
      contact: () => this.#contact,
      findHop: (uri, bytes) => this.#hopOf(uri, bytes),
    });
    this.#agent.onRequest((transaction) => {
      const handler = beginsSubscription(transaction) ? this.#subscriptionHandler(transaction) : this.#handler;
      receive(transaction, handler, toTag(), clock, log);
    });
    this.#dialogs = new DirectDialogs(this.#agent, clock, log);
  }

  get ready(): boolean {
    return this.#ready;
  }

  get address(): string | undefined {
    const { listening } = this.#stack;
    const point =
      listening.find(({ protocol }) => protocol === 'udp') ??
      listening.find(({ protocol }) => protocol === 'tcp') ??
      listening[0];
    if (point === undefined) return undefined;
    const { host = reachableHost(point.host), port = point.port } = this.#advertise ?? {};
    return formatHostPort({ host, port });
  }

  get addresses(): readonly string[] {
    const { address } = this;
    const named = this.#advertise?.host;
    const all = this.#stack.listening.flatMap(({ host, port }) =>
      [reachableHost(host), ...(named === undefined ? [] : [named])].map((one) => formatHostPort({ host: one, port })),
    );
    return [...new Set(address === undefined ? all : [address, ...all])];
  }

  async start(): Promise<void> {
    if (this.#stack.listening.length === 0) await this.#stack.start();
    const { listening } = this.#stack;
    this.#protocols = listening.some(({ protocol }) => protocol === 'udp') ? ['udp', 'tcp', 'tls'] : ['tcp', 'tls'];
    this.#family = familyOf(listening);
    this.#ready = true;
    for (const listener of this.#readyListeners) listener();
  }

  async stop(): Promise<void> {
    this.#ready = false;
    this.#agent.stop();
    await this.#stack.stop();
  }

  onReady(listener: () => void): void {
    this.#readyListeners.push(listener);
  }

  onRequest(handler: SipHandler): void {
    this.#handler = handler;
  }

  onSubscribe(handler: SubscriptionHandler): void {
    this.#subscribed = handler;
  }

  /** What the handler of subscriptions passes on meets the one of requests. */
  #subscriptionHandler(transaction: ServerTransaction): SipHandler | undefined {
    const subscribed = this.#subscribed;
    if (subscribed === undefined) return this.#handler;
    return (req, res, next) => {
      const other: Next = (error) => {
        if (error === undefined && this.#handler !== undefined) this.#handler(req, res, next);
        else next(error);
      };
      if (!(res instanceof DirectResponse)) other();
      else return subscribed(directSubscription(transaction, req, res, this.#agent, this.#log), other);
    };
  }

  async request(request: OutboundRequest): Promise<SipAnswer> {
    if (!this.#ready) return notSent('PPG_E_LEG_DOWN', 'the direct leg is not started');
    try {
      const target = targetOf(request);
      const finding = this.#find(target);
      const found = finding instanceof Promise ? await finding : finding;
      if (found instanceof Error) return notSent('PPG_E_LEG_DOWN', found.message);
      const hops = hopsFor(found, target, sizeOf(request), this.#protocols.includes('udp'));
      if (hops.length === 0) return notSent('PPG_E_LEG_CANNOT', 'the request is too large for its transport');
      return await this.#tryEach(this.#messageOf(request), hops);
    } catch (error) {
      return notSent(error instanceof PpgError ? permanent(error.code) : 'PPG_E_LEG_CANNOT', messageOf(error));
    }
  }

  invite(request: OutboundRequest, options: DialogOptions = {}): Promise<DialogAnswer> {
    return this.#begin(request, (message, hop) => this.#dialogs.invite(message, hop, options));
  }

  subscribe(request: OutboundRequest, options: DialogOptions = {}): Promise<DialogAnswer> {
    return this.#begin(request, (message, hop) => this.#dialogs.subscribe(message, hop, options));
  }

  /** Tries one hop after the other until the request could leave. */
  async #begin(
    request: OutboundRequest,
    send: (message: SipRequest, hop: Hop) => Promise<DialogAnswer>,
  ): Promise<DialogAnswer> {
    if (!this.#ready) return notSent('PPG_E_LEG_DOWN', 'the direct leg is not started');
    let answer: DialogAnswer = notSent('PPG_E_LEG_DOWN', 'there is nowhere to send the request');
    try {
      const target = targetOf(request);
      const found = await this.#find(target);
      if (found instanceof Error) return notSent('PPG_E_LEG_DOWN', found.message);
      const message = this.#messageOf(request);
      for (const hop of hopsFor(found, target, sizeOf(request), this.#protocols.includes('udp'))) {
        answer = await send(message, hop);
        if (answer.kind !== 'not-sent' || answer.code === 'PPG_E_SIP_HEADER') return answer;
        this.#locator.failed(hop);
      }
      return answer;
    } catch (error) {
      return notSent(error instanceof PpgError ? permanent(error.code) : 'PPG_E_LEG_CANNOT', messageOf(error));
    }
  }

  /** Where a request within a dialog goes. */
  async #hopOf(uri: string, bytes: number): Promise<Hop> {
    const target = targetOf({ method: '', uri, headers: [] });
    const found = await this.#locator.locate(target);
    const [hop] = hopsFor(found, target, bytes, this.#protocols.includes('udp'));
    if (hop === undefined) throw new PpgError('PPG_E_SIP_TRANSPORT', 'there is nowhere to send the request');
    return hop;
  }

  /** A leg without UDP says so, TCP before TLS. */
  get transport(): string | undefined {
    const { listening } = this.#stack;
    const listens = (protocol: Protocol): boolean => listening.some((point) => point.protocol === protocol);
    if (listening.length === 0 || listens('udp')) return undefined;
    return listens('tcp') ? 'tcp' : listening[0]?.protocol;
  }

  /** What peers reach us at within dialogs. */
  get #contact(): string {
    const { transport } = this;
    return `sip:${this.address ?? 'invalid'}${transport === undefined ? '' : `;transport=${transport}`}`;
  }

  /** At once where nothing has to be looked up. */
  #find(target: Target): readonly Hop[] | Error | Promise<readonly Hop[] | Error> {
    try {
      const located = this.#locator.locate(target);
      return located instanceof Promise ? located.catch(asError) : located;
    } catch (error) {
      return asError(error);
    }
  }

  /**
   * Tries one hop after the other until one answers (RFC 3263 section 4.3): the next comes when the request could not
   * leave, and at another address when a server says 503. What may have arrived is not sent again: that is for the
   * caller, who knows how to tell the device that it is the same.
   */
  async #tryEach(message: SipRequest, hops: readonly Hop[]): Promise<SipAnswer> {
    let answer: SipAnswer | undefined;
    let unavailable: Hop | undefined;
    for (const hop of hops) {
      if (unavailable !== undefined && isSamePlace(unavailable, hop)) continue;
      const next = await this.#exchange(message, hop);
      if (next.kind === 'not-sent' && next.code === 'PPG_E_SIP_HEADER') return next;
      if (isFailure(next)) this.#locator.failed(hop);
      else this.#locator.answered(hop);
      if (answer === undefined || next.kind !== 'not-sent') answer = next;
      if (next.kind === 'not-sent') this.#log.debug({ hop, cause: next.cause }, 'a request could not be sent');
      else if (next.kind === 'response' && next.status === 503) unavailable = hop;
      else return next;
    }
    return answer ?? notSent('PPG_E_LEG_DOWN', 'there is nowhere to send the request');
  }

  #messageOf({ method, uri, headers, body = NO_BODY }: OutboundRequest): SipRequest {
    const fields = headers.filter(({ name }) => !LEGS_OWN.has(canonicalName(name)));
    const all = new SipHeaders(fields);
    if (!all.has('Max-Forwards')) all.prepend('Max-Forwards', '70'); // RFC 3261 section 8.1.1.6
    return { kind: 'request', method, uri: requestUri(uri, this.#domain), headers: all, body };
  }

  #exchange(message: SipRequest, hop: Hop): Promise<SipAnswer> {
    return new Promise((resolve) => {
      const transaction = this.#stack.request(message, hop, {
        onResponse: (response) => {
          if (response.status >= 200) resolve(answerOf(response));
        },
        onFailure: (failure, cause) => {
          resolve(failureOf(failure, cause, transaction.sent === true));
        },
      });
    });
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(messageOf(error)));

const isSamePlace = (a: Hop, b: Hop): boolean => a.host === b.host && a.port === b.port;

/** RFC 3263 section 4.3: what makes another server of the domain the better one for a while. */
function isFailure(answer: SipAnswer): boolean {
  return answer.kind !== 'response' || answer.local || answer.status === 503;
}

/** The one family of addresses that is listened on, 0 for both. */
function familyOf(points: readonly ListenPoint[]): 0 | 4 | 6 {
  const six = points.some(({ host }) => isIPv6(host));
  const four = points.some(({ host }) => !isIPv6(host));
  return six === four ? 0 : six ? 6 : 4;
}

/** Octets of the whole request, at the most. */
function sizeOf({ method, uri, headers, body = NO_BODY }: OutboundRequest): number {
  return method.length + Buffer.byteLength(uri) + headerOctets(headers) + body.length + ADDED;
}

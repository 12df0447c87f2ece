import type { Clock, TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { silentLogger } from '../../base/log.ts';
import type {
  DialogAnswer,
  DialogOptions,
  LegAbilities,
  OutboundRequest,
  SipAnswer,
  SipHandler,
  SipLeg,
  SubscriptionHandler,
} from '../leg.ts';
import { guardedHandler } from '../safe-handler.ts';
import { answerOfSrf, isUnreachable, notSent, refusal, unknown } from './answer.ts';
import { DrachtioDialogs } from './dialogs.ts';
import { toSrfCall } from './frame.ts';
import { connectionTo, HopOpening } from './hop-opening.ts';
import { DrachtioNotifiers } from './notifier.ts';
import { type Place, SendWindow } from './send-window.ts';
import { type SrfConnectOptions, type SrfLike, type SrfRequestOptions, type SrfResponse, srfPort } from './srf-like.ts';
import { breakLink, connectSrf, disconnectSrf, type SrfLink, watchSrf } from './srf-link.ts';

/** Longer than the server's own 408 after 32.0 s, so that the server's word comes first when there is one. */
const DEFAULT_GUARD = 36_000; // ms

/** A request of this size leaves room in a frame of 4,000 octets for the protocol's own words and a next hop. */
const LARGEST_REQUEST = 3_850;

const DRACHTIO_CAN: LegAbilities = { binary: false, route: false, maxRequestBytes: LARGEST_REQUEST };

export interface DrachtioLegOptions {
  /** Takes inbound requests, and sends when there is no `outbound`. */
  readonly srf: SrfLike;
  /** A second connection to send over, without routes, so that large frames of the host's never meet ours. */
  readonly outbound?: SrfLike;
  /** False: nothing is sent by this leg, so nobody needs to hear of a missing `outbound`. Default true. */
  readonly sends?: boolean;
  /** Connects on start and disconnects on stop. Without it the Srfs are the host's, who connects them. */
  readonly connect?: SrfConnectOptions & { readonly within?: number };
  readonly clock: Clock;
  readonly log?: Logger;
  /** Milliseconds after which a request without a final answer is `unknown`. Default 36,000. */
  readonly guard?: number;
  /** Methods that `onRequest` routes to its handler, lower case. Default none: the host mounts middleware. */
  readonly methods?: readonly string[];
  /** Host of the SIP URI that stands for a tel: URI; without it a tel: URI is refused. */
  readonly domain?: string;
  /** `host:port` to announce; without it the first listen point that the server names. */
  readonly address?: string;
}

/**
 * A leg over drachtio-srf that never meets the limits of drachtio-server: what cannot pass is refused before it is
 * sent (`not-sent` with PPG_E_LEG_CANNOT or PPG_E_SIP_HEADER), what is lost on the way ends as `unknown`.
 */
export function createDrachtioLeg(options: DrachtioLegOptions): SipLeg {
  return new DrachtioLeg(options);
}

class DrachtioLeg implements SipLeg {
  readonly name = 'drachtio';
  readonly can: LegAbilities = DRACHTIO_CAN;
  readonly #options: DrachtioLegOptions;
  readonly #log: Logger;
  readonly #guard: number;
  readonly #sender: SrfLike;
  readonly #link: SrfLink;
  readonly #inboundLink: SrfLink;
  readonly #inFlight = new Set<Flight>();
  readonly #dialogs: DrachtioDialogs;
  readonly #notifiers: DrachtioNotifiers;
  readonly #hops: HopOpening;
  readonly #window = new SendWindow();
  #handler: SipHandler | undefined;
  #routed = false;
  #stopped = false;

  constructor(options: DrachtioLegOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#guard = options.guard ?? DEFAULT_GUARD;
    this.#sender = options.outbound ?? options.srf;
    if (options.outbound === undefined && options.connect === undefined && options.sends !== false)
      this.#log.warn(
        'no outbound connection to drachtio: pushes share the one of the app, whose large messages may corrupt them',
      );
    const { clock, domain } = options;
    this.#hops = new HopOpening(clock);
    this.#dialogs = new DrachtioDialogs({
      ...{ srf: this.#sender, clock, log: this.#log, guard: this.#guard, domain, hops: this.#hops },
      ready: () => this.ready,
    });
    this.#notifiers = new DrachtioNotifiers({ srf: options.srf, clock, log: this.#log, guard: this.#guard, domain });
    this.#link = watchSrf(this.#sender, this.#log);
    this.#inboundLink = this.#sender === options.srf ? this.#link : watchSrf(options.srf, this.#log);
    this.#link.onDown((cause) => this.#settleAll(cause));
    this.#inboundLink.onDown(() => this.#notifiers.lost('link lost'));
  }

  get ready(): boolean {
    return this.#link.up && !this.#stopped;
  }

  get address(): string | undefined {
    return this.#options.address ?? hostPortOf(this.#inboundLink.listenPoints[0]);
  }

  get addresses(): readonly string[] {
    const { address } = this.#options;
    const server = this.#inboundLink.listenPoints.flatMap((point) => hostPortOf(point) ?? []);
    return [...new Set(address === undefined ? server : [address, ...server])];
  }

  async start(): Promise<void> {
    const { connect, clock, srf, outbound } = this.#options;
    this.#stopped = false;
    if (connect === undefined) return;
    const open = outbound === undefined || outbound === srf ? [srf] : [srf, outbound];
    try {
      await Promise.all(open.map((one) => connectSrf(one, { clock, ...connect })));
    } catch (error) {
      for (const one of open) disconnectSrf(one);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#settleAll('the gateway is stopping');
    this.#notifiers.lost('stopped');
    this.#link.close();
    this.#inboundLink.close();
    if (this.#options.connect === undefined) return;
    disconnectSrf(this.#options.srf);
    if (this.#sender !== this.#options.srf) disconnectSrf(this.#sender);
  }

  onReady(listener: () => void): void {
    this.#link.onUp(listener);
  }

  onRequest(handler: SipHandler): void {
    this.#handler = handler;
    if (this.#routed) return;
    this.#routed = true;
    const guarded = guardedHandler((req, res, next) => this.#handler?.(req, res, next), this.#log);
    for (const method of this.#options.methods ?? []) srfPort(this.#options.srf).use(method.toLowerCase(), guarded);
  }

  onSubscribe(handler: SubscriptionHandler): void {
    const first = this.#notifiers.handler === undefined;
    this.#notifiers.handler = handler;
    // Before the handler of requests, which is to have what this one passes on.
    const routed = this.#options.methods?.some((method) => method.toLowerCase() === 'subscribe') === true;
    if (first && routed) srfPort(this.#options.srf).use('subscribe', this.subscribeMiddleware);
  }

  get subscribeMiddleware(): SipHandler {
    return this.#notifiers.middleware;
  }

  request(request: OutboundRequest): Promise<SipAnswer> {
    if (!this.ready) return Promise.resolve(notSent('PPG_E_LEG_DOWN', 'no link to the drachtio server'));
    const call = toSrfCall(request, this.#options.domain);
    if (call.kind === 'cannot') return Promise.resolve(notSent(call.code, call.reason));
    const { uri, options, ifRefused } = call;
    if (ifRefused === undefined) return this.#send(uri, options);
    return this.#send(uri, options).then((answer) =>
      isUnreachable(answer) && this.ready ? this.#send(uri, ifRefused) : answer,
    );
  }

  #send(uri: string, options: SrfRequestOptions): Promise<SipAnswer> {
    const hop = connectionTo(options.proxy ?? uri);
    if (hop === undefined) {
      const place = this.#window.enter();
      return place instanceof Promise
        ? place.then((one) => this.#sendByUdp(uri, options, one))
        : this.#sendByUdp(uri, options, place);
    }
    const heard = (reached: boolean): void => this.#hops.heard(hop, reached);
    const opened = this.#hops.enter(hop);
    return opened === undefined
      ? this.#sendNow(uri, options, heard)
      : opened.then(() => this.#sendNow(uri, options, heard));
  }

  #sendByUdp(uri: string, options: SrfRequestOptions, place: Place | undefined): Promise<SipAnswer> {
    if (place === undefined) return Promise.resolve(notSent('PPG_E_LEG_DOWN', 'the link to the drachtio server fails'));
    const confirmed = (): void => this.#window.confirmed(place);
    return this.#sendNow(uri, options, () => this.#window.leave(place), confirmed);
  }

  /**
   * `heard` is told of the first answer to it, whether somebody beyond the server made it, and of its end; `confirmed`
   * when the server has executed the command.
   */
  #sendNow(
    uri: string,
    options: SrfRequestOptions,
    heard: (reached: boolean) => void,
    confirmed?: () => void,
  ): Promise<SipAnswer> {
    if (!this.ready) {
      heard(false);
      return Promise.resolve(notSent('PPG_E_LEG_DOWN', 'no link to the drachtio server'));
    }
    return new Promise((resolve) => {
      const settle = (answer: SipAnswer): void => {
        heard(answer.kind === 'response' && !answer.local);
        resolve(answer);
      };
      const flight = new Flight(this.#options.clock, this.#inFlight, settle);
      flight.guard(this.#guard, () => this.#suspect());
      try {
        // the callback form: an await here would let a response in the same read slip by before anyone listens
        srfPort(this.#sender).request(uri, options, (error, sent) => {
          flight.confirmed = true;
          confirmed?.();
          if (error) flight.settle(refusal(error));
          else if (sent === undefined) flight.settle(unknown('drachtio-srf named no request'));
          else
            sent.on('response', (response) => {
              if (response.status < 200) heard(true);
              flight.take(response);
            });
        });
      } catch (error) {
        // drachtio-srf throws before it writes, and only while the link is down
        flight.settle(notSent('PPG_E_LEG_DOWN', messageOf(error)));
      }
    });
  }

  invite(request: OutboundRequest, options: DialogOptions = {}): Promise<DialogAnswer> {
    return this.#begin(request, options);
  }

  subscribe(request: OutboundRequest, options: DialogOptions = {}): Promise<DialogAnswer> {
    return this.#begin(request, options);
  }

  #begin(request: OutboundRequest, options: DialogOptions): Promise<DialogAnswer> {
    if (!this.ready) return Promise.resolve(notSent('PPG_E_LEG_DOWN', 'no link to the drachtio server'));
    return this.#dialogs.begin(request, options);
  }

  /** The server did not even confirm a command in all that time: the link is half open. A host's is left alone. */
  #suspect(): void {
    this.#log.warn({ guard: this.#guard }, 'the drachtio server confirms nothing: its link hangs');
    // what waits for a confirmation has not been sent
    this.#window.clear();
    if (this.#options.connect !== undefined) breakLink(this.#sender);
  }

  #settleAll(cause: string): void {
    this.#hops.clear();
    this.#window.clear();
    for (const flight of [...this.#inFlight]) flight.settle(unknown(cause));
    this.#dialogs.lost(cause);
  }
}

/** A request on its way: settles once, whatever comes first; what comes later is ignored. */
class Flight {
  readonly #clock: Clock;
  readonly #flights: Set<Flight>;
  readonly #resolve: (answer: SipAnswer) => void;
  #timer: TimerHandle | undefined;
  /** True once the server has answered the command, whatever it said. */
  confirmed = false;

  constructor(clock: Clock, flights: Set<Flight>, resolve: (answer: SipAnswer) => void) {
    this.#clock = clock;
    this.#flights = flights;
    this.#resolve = resolve;
    flights.add(this);
  }

  guard(after: number, onSilence: () => void): void {
    this.#timer = this.#clock.setTimeout(() => {
      // first, or its end would let another follow it to where nobody hears
      if (!this.confirmed) onSilence();
      this.settle(unknown(`no answer within ${after} ms`));
    }, after);
  }

  take(response: SrfResponse): void {
    if (response.status >= 200) this.settle(answerOfSrf(response));
  }

  settle(answer: SipAnswer): void {
    if (!this.#flights.delete(this)) return;
    this.#clock.clearTimeout(this.#timer);
    this.#resolve(answer);
  }
}

/** `10.0.0.1:5060` of `udp/10.0.0.1:5060`. */
function hostPortOf(listenPoint: string | undefined): string | undefined {
  const slash = listenPoint?.indexOf('/') ?? -1;
  return slash < 0 ? undefined : listenPoint?.slice(slash + 1);
}

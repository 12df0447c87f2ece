import type { ErrorCode } from '../base/errors.ts';
import type { HeaderField } from '../model/push.ts';
import type { Termination } from '../stack/notifier.ts';

/** A request that a leg is to send outside any dialog. */
export interface OutboundRequest {
  readonly method: string;
  /** Request URI: sip: or sips:, never tel: (drachtio-server dies of it). */
  readonly uri: string;
  /** Everything but Via, Max-Forwards and Content-Length, which the leg adds. From, To, Call-ID and CSeq are the caller's. */
  readonly headers: readonly HeaderField[];
  readonly body?: Buffer;
  /** Next hop as a SIP URI (`sip:host:port;transport=tcp`); without it the request goes where its URI says. */
  readonly nextHop?: string;
}

/** The final answer to a request, or the lack of one. */
export type SipAnswer =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly reason: string;
      /** First value of a header, any case. */
      get(name: string): string | undefined;
      /** Every value of a header, one element a field; without it, as over drachtio, `get` has them all in one. */
      all?(name: string): string[];
      readonly body: Buffer;
      /** True for a 408 or 503 that the sending side made itself: nobody answered. */
      readonly local: boolean;
    }
  /** The request never left: it may be sent again as if for the first time. */
  | {
      readonly kind: 'not-sent';
      readonly cause: string;
      /** PPG_E_LEG_DOWN: later may do; PPG_E_LEG_CANNOT, PPG_E_SIP_HEADER: never by this leg. */
      readonly code?: ErrorCode;
    }
  /** It left, or may have left, and nothing is known of its end (link lost, guard timer). */
  | { readonly kind: 'unknown'; readonly cause: string };

/** What a leg can carry. */
export interface LegAbilities {
  /** Bodies with NUL and octets that are not UTF-8. */
  readonly binary: boolean;
  /** Preloaded Route headers. */
  readonly route: boolean;
  /** Whole request, octets. */
  readonly maxRequestBytes: number;
}

/** Structural request as drachtio-srf gives it to a handler; the direct leg makes the same. */
export interface RequestLike {
  readonly method: string;
  readonly uri: string;
  /** Body as text (drachtio) or latin1-decoded octets (direct leg, where `rawBody` has the octets). */
  readonly body: string;
  readonly rawBody?: Buffer;
  readonly source_address: string;
  /** A number; drachtio-srf declares a string. */
  readonly source_port: number | string;
  readonly protocol: string;
  get(name: string): string | undefined;
  /** Every value of a header, one element a field; without it, as over drachtio, `get` has them all in one. */
  all?(name: string): string[];
  has(name: string): boolean;
}

/** Structural response as drachtio-srf gives it to a handler. */
export interface ResponseLike {
  send(status: number, options?: { headers?: Record<string, string>; body?: string }): unknown;
  once?(event: 'end', listener: (result: { status: number }) => void): unknown;
  readonly finalResponseSent?: boolean;
}

export type Next = (error?: unknown) => void;

/** A handler in drachtio's form. Arity 3: a fourth parameter would make it an error handler. */
export type SipHandler = (req: RequestLike, res: ResponseLike, next: Next) => void;

/** A SipHandler for a chain of drachtio-srf, whose declarations know no more of `next` than that it is a function. */
// biome-ignore lint/complexity/noBannedTypes: drachtio-srf's own type
export type SipMiddleware = (req: RequestLike, res: ResponseLike, next: Function) => void;

/** What a request within a dialog carries. */
export interface DialogRequest {
  /** Without those that make the dialog: From, To, Call-ID, CSeq, Route. */
  readonly headers?: readonly HeaderField[];
  readonly body?: Buffer;
}

/** A dialog of ours, made by INVITE or SUBSCRIBE. */
export interface SipDialog {
  readonly callId: string;
  /** The body of the 2xx that made it: the peer's SDP; empty when a NOTIFY came first. */
  readonly remoteBody: Buffer;
  readonly ended: boolean;
  /** Sends a request within the dialog and waits for its final answer. Never rejects. */
  request(method: string, options?: DialogRequest): Promise<SipAnswer>;
  /** The one handler of the peer's requests: NOTIFY, INFO, MESSAGE, re-INVITE and others; ACK, BYE and PRACK are not shown. */
  on(event: 'request', handler: SipHandler): this;
  /** Called once, at once when the dialog has ended already; the reason is for the log. */
  on(event: 'end', listener: (reason: string) => void): this;
  /** BYE for a call, SUBSCRIBE with Expires 0 for a subscription. Never rejects. */
  end(): Promise<void>;
}

/** A request as far as its credentials depend on it. */
export interface Challenged {
  readonly method: string;
  /** The request URI. */
  readonly uri: string;
  readonly body?: Buffer | undefined;
}

/** Has a request sent, and sent again with credentials where it is challenged (RFC 3261 section 22). */
export type Authorize = <S extends { readonly answer: SipAnswer }>(
  request: Challenged,
  send: (credentials: readonly HeaderField[]) => Promise<S>,
) => Promise<S>;

export interface DialogOptions {
  /** Answers challenges to our requests within the dialog; SipSender gives its own. Default: a 401 or 407 is the answer. */
  readonly authorize?: Authorize;
  /** Handler of the peer's requests from the first one on, which may come before the answer does. */
  readonly onRequest?: SipHandler;
  /** Every provisional response. */
  onProvisional?(status: number, get: (name: string) => string | undefined): void;
  /** Aborted, an INVITE is cancelled: the answer is 487 then, unless another came first. A SUBSCRIBE is left alone. */
  readonly signal?: AbortSignal;
}

/** The end of a request that was to make a dialog: the dialog, or what became of the request. A 2xx is never an answer. */
export type DialogAnswer = { readonly kind: 'dialog'; readonly dialog: SipDialog; readonly status: number } | SipAnswer;

/** How a SUBSCRIBE is accepted. */
export interface AcceptOptions {
  /** Seconds that the 2xx grants, and the most that a refresh is granted; 0 answers a fetch: one NOTIFY, and the end. */
  readonly expires: number;
  /** Seconds; a refresh that asks for less is answered 423. Default 1. */
  readonly minExpires?: number;
  /** Of the 2xx; Expires and Contact are added. */
  readonly headers?: readonly HeaderField[];
  /**
   * The state of what is subscribed to. It goes out when the subscription begins, with each refresh and when it is ended
   * by the subscriber (RFC 6665 section 4.2.1.2). Default: a NOTIFY without a body.
   */
  readonly current?: () => DialogRequest;
  /** Answers challenges to the NOTIFYs; of SipSender.authorizeFor. */
  readonly authorize?: Authorize | undefined;
}

/** A subscription of a peer's that was accepted (RFC 6665 section 4.2). */
export interface SipNotifier {
  readonly callId: string;
  /** The Event header, as the subscriber wrote it. */
  readonly event: string;
  readonly ended: boolean;
  /** Seconds that it has left. */
  readonly expires: number;
  /**
   * Sends a NOTIFY, behind those that have no answer yet; Subscription-State is added, and Event, where `headers` have none
   * of their own with other parameters. A refusal without
   * Retry-After, or silence, ends the subscription. Never rejects.
   */
  notify(body?: Buffer, headers?: readonly HeaderField[]): Promise<SipAnswer>;
  /** Each SUBSCRIBE within the dialog, with the seconds it was granted; 0: it unsubscribed. It is answered already. */
  on(event: 'refresh', listener: (refresh: { readonly request: RequestLike; readonly expires: number }) => void): this;
  /** Called once, at once when it has ended already; the reason is for the log. */
  on(event: 'end', listener: (reason: string) => void): this;
  /** Ends it by a last NOTIFY, with `reason` in its Subscription-State; default noresource. Never rejects. */
  end(reason?: Termination, parts?: DialogRequest & { readonly retryAfter?: number }): Promise<void>;
}

/** A SUBSCRIBE outside any dialog. It is to be accepted or rejected within 25 s. */
export interface IncomingSubscription {
  readonly request: RequestLike;
  /** The package, lower case and without parameters; empty without Event. */
  readonly event: string;
  /** Seconds asked for; undefined when the package's default is meant. */
  readonly expires: number | undefined;
  /**
   * Answers with a 2xx (200; drachtio-srf sends 202); the first NOTIFY follows by itself. Undefined when there is no
   * dialog after all: the peer has its refusal, the link was lost, or it was answered before. Never rejects.
   */
  accept(options: AcceptOptions): Promise<SipNotifier | undefined>;
  /** Answers with 300 to 699: 489 for a package that is not known, 423, 403. */
  reject(status: number, options?: { headers?: Record<string, string> }): void;
}

/** Takes or passes on a SUBSCRIBE. */
export type SubscriptionHandler = (subscription: IncomingSubscription, next: Next) => void;

/** One way for SIP requests to leave and come in. */
export interface SipLeg {
  readonly name: 'drachtio' | 'direct';
  readonly can: LegAbilities;
  /** False while the leg has no way out (link down, not started). */
  readonly ready: boolean;
  /** SIP URI host:port at which this leg takes requests, for Contact and P-Asserted-Identity; undefined when not known. */
  readonly address: string | undefined;
  /** Every host:port at which it takes requests, by any transport; default `address` alone. */
  readonly addresses?: readonly string[];
  /** The transport that a URI of `address` must name, where it is not taken by UDP; undefined: none. */
  readonly transport?: string | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Sends and waits for the final answer. Never rejects. */
  request(request: OutboundRequest): Promise<SipAnswer>;
  /**
   * Calls: the ACK is sent here, other branches of a fork are ended. `request` is an INVITE with an offer; its Contact is
   * added where it is missing. Rings for 3 minutes at the most. Never rejects.
   */
  invite(request: OutboundRequest, options?: DialogOptions): Promise<DialogAnswer>;
  /**
   * Subscribes; `request` is a SUBSCRIBE with Event and Expires. The caller refreshes, by `dialog.request('SUBSCRIBE')` with
   * both headers, before it expires. Never rejects.
   */
  subscribe(request: OutboundRequest, options?: DialogOptions): Promise<DialogAnswer>;
  /** The handler of requests that come in by this leg; the drachtio leg of a mounted gateway has none of its own. */
  onRequest(handler: SipHandler): void;
  /** The handler of SUBSCRIBEs outside dialogs; those that it passes on meet the handler of requests. */
  onSubscribe?(handler: SubscriptionHandler): void;
  /**
   * drachtio leg: what the host chains for SUBSCRIBE, so that `onSubscribe`'s handler meets what comes by the host's
   * Srf. Passes on what came by another leg, and everything without a handler.
   */
  readonly subscribeMiddleware?: SipHandler;
  /** Called when `ready` becomes true. */
  onReady(listener: () => void): void;
}

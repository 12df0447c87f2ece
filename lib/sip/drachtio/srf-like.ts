import type { RequestLike, ResponseLike } from '../leg.ts';

/**
 * Any Srf of drachtio-srf 5. The members are as loose as TypeScript allows, because the types that drachtio-srf ships
 * do not describe what it takes (its `request` asks for five arguments): an instance fits with those types, with
 * better ones, and with none. {@link srfPort} names what is really called.
 */
export interface SrfLike {
  request(...args: never[]): unknown;
  use(...args: never[]): unknown;
  on(...args: never[]): unknown;
  removeListener(...args: never[]): unknown;
  connect?(...args: never[]): unknown;
  disconnect?(...args: never[]): unknown;
  createUAC?(...args: never[]): unknown;
  createUAS?(...args: never[]): unknown;
}

/** What `srf.request` is given. drachtio-srf writes into it. */
export interface SrfRequestOptions {
  method: string;
  headers: Record<string, string>;
  body?: string;
  /** Next hop: a SIP URI. No Route header is made of it. */
  proxy?: string;
}

export interface SrfResponse {
  readonly status: number;
  readonly reason?: string;
  readonly body?: string;
  /** Empty when the server made the response itself. */
  readonly source_address?: string;
  get(name: string): string | undefined;
}

/** A request that the server took and sent. */
export interface SrfSentRequest {
  on(event: 'response', listener: (response: SrfResponse) => void): unknown;
}

/** An INVITE or SUBSCRIBE that the server took and sent. */
export interface SrfInvite {
  /** Throws while the link is down. */
  cancel(options: object, callback: (error: unknown) => void): unknown;
}

/** A dialog of drachtio-srf, as far as it is used. Its own methods throw, or call back with an error, when the link is down. */
export interface SrfDialog {
  readonly sip: { readonly callId: string };
  /** `uri` is that of the peer's Contact. */
  readonly remote: { readonly sdp?: string; readonly uri?: string };
  readonly res?: { readonly status: number };
  request(
    options: { method: string; headers: Record<string, string>; body?: string },
    callback: (error: unknown, response?: SrfResponse) => void,
  ): unknown;
  destroy(options: object, callback: (error: unknown) => void): unknown;
  on(event: string, listener: (req: RequestLike, res: ResponseLike) => void): unknown;
}

/** What `srf.createUAC` is given; a body of SUBSCRIBE is its localSdp too. */
export interface SrfUacOptions {
  uri: string;
  method: string;
  headers: Record<string, string>;
  localSdp?: string;
  proxy?: string;
}

export interface SrfConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly reconnect?: { readonly retryMaxDelay?: number; readonly maxAttempts?: number };
}

/** What the gateway calls of a Srf. */
export interface SrfPort {
  /** Throws when the link is down; the callback runs before any response is emitted. */
  request(
    uri: string,
    options: SrfRequestOptions,
    callback: (error: unknown, request?: SrfSentRequest) => void,
  ): unknown;
  /** Throws when the link is down. */
  createUAC?(
    options: SrfUacOptions,
    progress: {
      cbRequest(error: unknown, request?: SrfInvite): void;
      cbProvisional(response: SrfResponse): void;
    },
    callback: (error: unknown, dialog?: SrfDialog) => void,
  ): unknown;
  /** Answers a SUBSCRIBE by 202, an INVITE by 200, and makes the dialog. */
  createUAS?(
    req: RequestLike,
    res: ResponseLike,
    options: { headers: Record<string, string> },
    callback: (error: unknown, dialog?: SrfDialog) => void,
  ): unknown;
  /** Takes a dialog out of drachtio-srf's table. */
  removeDialog?(dialog: SrfDialog): unknown;
  use(method: string, handler: (req: RequestLike, res: ResponseLike, next: (error?: unknown) => void) => void): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  removeListener(event: string, listener: (...args: unknown[]) => void): unknown;
  connect?(options: SrfConnectOptions): unknown;
  disconnect?(): unknown;
  /** drachtio-srf has no public word for "is the link up", nor one that ends its reconnecting; both are in here. */
  readonly app?: {
    readonly client?: {
      readonly mapServer?: ReadonlyMap<unknown, { readonly ready?: boolean; readonly hostport?: string | null }>;
      readonly wp?: { closing?: boolean };
    };
  };
}

export const srfPort = (srf: SrfLike): SrfPort => srf as unknown as SrfPort;

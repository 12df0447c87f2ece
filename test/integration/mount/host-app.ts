import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import express from 'express';
import type { PapHttpHandler } from '../../../handlers/pap.ts';
import { connectSrf } from '../../../lib/sip/drachtio/srf-link.ts';
import type { RequestLike, ResponseLike, SipHandler } from '../../../lib/sip/leg.ts';
import { Endpoint } from '../../support/pap-endpoint.ts';
import { carriedOut, type RealSrf, type SipdNet } from '../../support/sipd-net.ts';

const require = createRequire(import.meta.url);

/** Its types are those of the other major, as far as these tests go. */
const express4 = require('express4') as typeof express;

/** The Express that a test runs on, by major. */
const EXPRESS = { 5: express, 4: express4 };
export type ExpressMajor = 4 | 5;

const digestAuth = require('drachtio-mw-digest-auth') as (options: {
  realm: string;
  passwordLookup: (user: string, realm: string, callback: (error: unknown, password?: string) => void) => void;
}) => SipHandler;

export const DOMAIN = 'ims.test';
export const PASSWORD = 'secret of the user';

/** What drachtio-srf gives beyond the gateway's own view of it. */
type HostRequest = RequestLike & {
  getParsedHeader(name: string): { uri: string };
  readonly msg: { readonly headers: Readonly<Record<string, string>> };
};

/** How drachtio-srf takes handlers, besides the one form that the gateway itself uses. */
export interface Router {
  use(method: string, ...handlers: (SipHandler | readonly SipHandler[])[]): unknown;
}

/** Puts a gateway into the app: in front of a method's handlers, and at a path of the Express app. */
export interface Mounted {
  /** The handlers to chain in front of `method`'s own; none where the gateway was mounted beforehand. */
  readonly front: readonly SipHandler[];
  readonly pap?: PapHttpHandler;
  /** Where the PAP endpoint stands among the app's own parsers. Default before them. */
  readonly papAt?: 'before' | 'after';
}

export interface HostAppOptions {
  readonly express?: ExpressMajor;
  /** Mounts the gateway on the app's Srf, before the app's own handlers are there. */
  readonly mount?: (srf: RealSrf) => Mounted;
}

/**
 * The kind of app that the gateway moves into: registrar with digest authentication, a relay of MESSAGEs between its
 * users, OPTIONS, handlers that fail in each of the ways there are, and JSON routes. It knows nothing of a gateway.
 */
export class HostApp {
  readonly srf: RealSrf;
  readonly bindings: Map<string, string> = new Map();
  /** What its handlers were given, as they were given it. */
  readonly saw: { method: string; uri: string; headers: Readonly<Record<string, string>>; body: string }[] = [];
  /** What its error handlers were given. */
  readonly errors: string[] = [];
  #endpoint: Endpoint | undefined;
  readonly #net: SipdNet;
  readonly #options: HostAppOptions;

  constructor(net: SipdNet, options: HostAppOptions = {}) {
    this.#net = net;
    this.#options = options;
    this.srf = net.srf();
    this.srf.on('error', () => undefined);
  }

  get http(): Endpoint {
    if (this.#endpoint === undefined) throw new Error('the app has not been started');
    return this.#endpoint;
  }

  async start(): Promise<this> {
    const mounted = this.#options.mount?.(this.srf) ?? { front: [] };
    this.#routes(mounted.front);
    this.#endpoint = await Endpoint.of(createServer(this.#web(mounted)));
    await connectSrf(this.srf, this.#net.connectOptions());
    await carriedOut(this.srf);
    return this;
  }

  async stop(): Promise<void> {
    await this.#endpoint?.close();
  }

  #routes(front: readonly SipHandler[]): void {
    const app = this.srf as unknown as Router;
    const auth = digestAuth({
      realm: DOMAIN,
      passwordLookup: (user, _realm, callback) =>
        setImmediate(() => callback(null, user === 'mallory' ? undefined : PASSWORD)),
    });
    const note: SipHandler = (req, _res, next) => {
      const { method, uri, body, msg } = req as HostRequest;
      this.saw.push({ method, uri, body, headers: msg.headers });
      next();
    };
    app.use('register', [...front, note, auth, (req, res) => this.#register(req as HostRequest, res)]);
    app.use('message', [...front, note], (req, res, next) => this.#relay(req as HostRequest, res, next));
    app.use('options', ...front, note, (_req, res) => res.send(200, { headers: { Allow: 'MESSAGE', Accept: 'a/b' } }));
    app.use('info', note, (_req, _res, next) => next(Object.assign(new Error('INFO was refused'), { status: 488 })));
    const onError = (error: Error, req: RequestLike, res: ResponseLike, next: (error?: unknown) => void): void => {
      this.errors.push(`${req.method}: ${error.message}`);
      if (error.message.includes('nobody knows')) next(error);
      else res.send(488, { headers: { 'X-Error': error.message } });
    };
    for (const method of ['register', 'message', 'info']) app.use(method, onError as unknown as SipHandler);
  }

  #register(req: HostRequest, res: ResponseLike): void {
    const aor = req.getParsedHeader('to').uri;
    const contact = req.get('Contact');
    const expires = /expires=(\d+)/.exec(contact ?? '')?.[1] ?? req.get('Expires') ?? '3600';
    if (contact !== undefined && expires === '0') this.bindings.delete(aor);
    else if (contact !== undefined) this.bindings.set(aor, /<([^>]+)>/.exec(contact)?.[1] ?? contact);
    const bound = this.bindings.get(aor);
    res.send(200, { headers: bound === undefined ? {} : { Contact: `<${bound}>;expires=${expires}` } });
  }

  #relay(req: HostRequest, res: ResponseLike, next: (error?: unknown) => void): void {
    if (req.body === 'throw') throw new Error('the relay fell over');
    if (req.body === 'throw hard') throw new Error('the relay fell over, nobody knows why');
    const contact = this.bindings.get(req.uri);
    if (req.body === 'refuse') next(new Error('the relay refused'));
    else if (contact === undefined) res.send(480, { headers: { 'Retry-After': '7' } });
    else this.#forward(req, res, contact);
  }

  #forward(req: HostRequest, res: ResponseLike, contact: string): void {
    const headers = {
      from: req.get('From')?.replace(/;tag=.*/, '') ?? '',
      to: `<${req.uri}>`,
      'content-type': req.get('Content-Type') ?? 'text/plain',
    };
    this.srf.request(contact, { method: 'MESSAGE', headers, body: req.body }, (error, sent) => {
      if (error || sent === undefined) return void res.send(500);
      sent.on('response', ({ status }) => status >= 200 && res.send(status));
    });
  }

  #web({ pap, papAt = 'before' }: Mounted): ReturnType<typeof express> {
    const framework = EXPRESS[this.#options.express ?? 5];
    const app = framework();
    app.disable('x-powered-by');
    if (pap !== undefined && papAt === 'before') app.use('/pap', pap);
    app.use(framework.json());
    if (pap !== undefined && papAt === 'after') app.use('/pap', pap);
    app.get('/health', (_req, res) => void res.json({ bindings: this.bindings.size }));
    app.post('/echo', (req, res) => void res.json({ got: req.body as unknown }));
    app.use(((error: { status?: number; type?: string }, _req: unknown, res: express.Response, _next: unknown) => {
      res.status(error.status ?? 500).json({ error: error.type });
    }) as express.ErrorRequestHandler);
    return app;
  }
}

import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../../lib/base/clock.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../lib/codec/sip/message.ts';
import { createSipd, type Sipd } from '../../lib/embedded/sipd/sipd.ts';
import type { CallListener } from '../../lib/stack/client-call.ts';
import type { Dialog, DialogListener } from '../../lib/stack/dialog.ts';
import type { DialogEnd } from '../../lib/stack/dialog-host.ts';
import type { MessageParts } from '../../lib/stack/dialog-state.ts';
import type { ServerCall } from '../../lib/stack/server-call.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { TimerValues } from '../../lib/stack/timers.ts';
import type { Hop, ServerTransaction, SipStack } from '../../lib/stack/types.ts';
import { UserAgent } from '../../lib/stack/user-agent.ts';

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

export const offer = (port = 4000): MessageParts => ({
  headers: [{ name: 'Content-Type', value: 'application/sdp' }],
  body: Buffer.from(SDP.replace('4000', String(port))),
});

// What the tests call of drachtio-srf, which has no types that hold.

export interface AppRequest {
  readonly method: string;
  readonly body: string;
  readonly source: string;
  readonly socket: Socket;
  get(name: string): string;
  has(name: string): boolean;
  on(event: string, listener: (...args: never[]) => void): unknown;
  cancel(callback?: (error: unknown) => void): void;
}

export interface AppResponse {
  readonly status: number;
  send(
    status: number,
    options?: object,
    callback?: (error: unknown) => void,
    ack?: (request: AppRequest) => void,
  ): void;
}

export interface AppDialogOf {
  readonly id: string;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { readonly sdp: string };
  readonly remote: { readonly sdp: string };
  on(event: string, listener: (...args: never[]) => void): unknown;
  modify(sdp: string): Promise<string>;
  request(options: { method: string; headers?: object; body?: string }): Promise<AppResponse>;
  destroy(): Promise<unknown>;
}

export interface ProxyResults {
  readonly connected: boolean;
  readonly finalStatus: number;
  readonly responses: readonly { readonly msgs: readonly { readonly status: number }[] }[];
}

export interface App {
  use(method: string, handler: (req: AppRequest, res: AppResponse) => void): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  connect(options: object): void;
  disconnect(): void;
  request(uri: string, options: object, callback: (error: unknown, request: AppRequest) => void): void;
  createUAS(req: AppRequest, res: AppResponse, options?: object): Promise<AppDialogOf>;
  createUAC(uri: string, options: object, events?: object): Promise<AppDialogOf>;
  createB2BUA(
    req: AppRequest,
    res: AppResponse,
    uri: string,
    options?: object,
  ): Promise<{ uas: AppDialogOf; uac: AppDialogOf }>;
  proxyRequest(req: AppRequest, destination: string | readonly string[], options?: object): Promise<ProxyResults>;
}

const Srf = createRequire(import.meta.url)('drachtio-srf') as new (tags?: readonly string[]) => App;

/** How a call of a phone went. */
export interface Placed {
  /** Statuses as they came; one that is repeated, since the INVITE was, counts once (RFC 3261 section 17.2.1). */
  readonly provisional: number[];
  /** The 2xx and its dialog, or the refusal. */
  readonly final: Promise<{ readonly response: SipResponse; readonly dialog?: Dialog }>;
  readonly ended: Promise<DialogEnd>;
  cancel(): void;
}

/** A phone: a user agent on a port of its own that takes calls as a test says. */
export class Phone {
  readonly name: string;
  readonly stack: SipStack;
  readonly agent: UserAgent;
  port = 0;
  /** Requests outside of dialogs and calls that came. */
  readonly calls: ServerCall[] = [];
  onCall: (call: ServerCall) => void = (call) => void call.accept(offer(5000), this.inDialog);
  inDialog: DialogListener = {};
  #serial = 0;

  constructor(name: string, clock: Clock, timers: Partial<TimerValues>) {
    this.name = name;
    this.stack = createSipStack({ clock, timers, listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });
    this.agent = new UserAgent({ stack: this.stack, clock, timers, contact: () => this.uri });
    this.agent.onInvite((call) => {
      this.calls.push(call);
      this.onCall(call);
    });
  }

  async start(): Promise<this> {
    await this.stack.start();
    this.port = this.stack.listening[0]?.port ?? 0;
    return this;
  }

  get uri(): string {
    return `sip:${this.name}@127.0.0.1:${this.port}`;
  }

  /** A request to the server's port, as the phone would send it. */
  request(method: string, port: number, parts: MessageParts = {}): SipRequest {
    const headers = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<${this.uri}>;tag=${this.agent.newTag()}` },
      { name: 'To', value: '<sip:service@example.com>' },
      { name: 'Call-ID', value: `${this.name}-${++this.#serial}-${this.port}` },
      { name: 'CSeq', value: `10 ${method}` },
      ...(parts.headers ?? []),
    ]);
    return {
      kind: 'request',
      method,
      uri: `sip:service@127.0.0.1:${port}`,
      headers,
      body: parts.body ?? Buffer.alloc(0),
    };
  }

  call(port: number, parts: MessageParts = offer(), more: Partial<CallListener> = {}): Placed {
    const provisional: number[] = [];
    let ended: (reason: DialogEnd) => void = () => undefined;
    const end = new Promise<DialogEnd>((resolve) => {
      ended = resolve;
    });
    let cancel = (): void => undefined;
    const final = new Promise<{ response: SipResponse; dialog?: Dialog }>((resolve, reject) => {
      const call = this.agent.invite(this.request('INVITE', port, parts), hopTo(port), {
        onProvisional: ({ status }) => {
          if (provisional.at(-1) !== status) provisional.push(status);
        },
        onAnswer: (dialog, response) => resolve({ response, dialog }),
        onRefused: (response) => resolve({ response }),
        onFailure: (failure, cause) => reject(new Error(failure, { cause })),
        dialog: { ...this.inDialog, onEnd: (reason) => ended(reason) },
        ...more,
      });
      cancel = () => call.cancel();
    });
    return { provisional, final, ended: end, cancel: () => cancel() };
  }

  async stop(): Promise<void> {
    this.agent.stop();
    await this.stack.stop();
  }
}

export const hopTo = (port: number): Hop => ({ protocol: 'udp', host: '127.0.0.1', port });

export interface CallNetOptions {
  readonly clock?: Clock;
  readonly timers?: Partial<TimerValues>;
}

/** sipd, three phones, and applications of the real drachtio-srf. */
export class CallNet {
  readonly stack: SipStack;
  readonly sipd: Sipd;
  readonly alice: Phone;
  readonly bob: Phone;
  readonly carol: Phone;
  readonly apps: App[] = [];

  constructor({ clock = systemClock, timers = {} }: CallNetOptions = {}) {
    const listen = ['udp', 'tcp'].map((protocol) => ({
      protocol: protocol as 'udp' | 'tcp',
      host: '127.0.0.1',
      port: 0,
    }));
    this.stack = createSipStack({ clock, timers, listen });
    this.sipd = createSipd({ clock, stack: this.stack, secret: 'cymru', port: 0, timers });
    this.alice = new Phone('alice', clock, timers);
    this.bob = new Phone('bob', clock, timers);
    this.carol = new Phone('carol', clock, timers);
  }

  async start(): Promise<this> {
    await this.stack.start();
    await this.sipd.start();
    await this.alice.start();
    await this.bob.start();
    await this.carol.start();
    return this;
  }

  /** UDP port of sipd. */
  get port(): number {
    return this.stack.listening[0]?.port ?? 0;
  }

  /** A connected application whose routes the server has. */
  async app(prepare: (app: App) => void = () => undefined): Promise<App> {
    const app = new Srf();
    this.apps.push(app);
    app.on('error', () => undefined);
    prepare(app);
    const connected = once(app as unknown as NodeJS.EventEmitter, 'connect');
    app.connect({ host: '127.0.0.1', port: this.sipd.port, secret: 'cymru' });
    await connected;
    // The routes went out before this: when it is answered, they are there.
    await new Promise<void>((resolve) => app.request('urn:x', { method: 'OPTIONS' }, () => resolve()));
    return app;
  }

  async stop(): Promise<void> {
    for (const app of this.apps) disconnect(app);
    await this.sipd.stop();
    await Promise.all([this.alice, this.bob, this.carol].map((phone) => phone.stop()));
    await this.stack.stop();
  }
}

/** drachtio-srf throws when its connection is gone already. */
export function disconnect(app: App): void {
  try {
    app.disconnect();
  } catch {
    // that is what was wanted
  }
}

/** Answers a request within a dialog and notes it. */
export const noting =
  (seen: string[], answer: (transaction: ServerTransaction) => void): NonNullable<DialogListener['onRequest']> =>
  (transaction) => {
    seen.push(transaction.request.method);
    answer(transaction);
  };

/** Waits, without sleeping, until something is so. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}

import { createRequire } from 'node:module';
import { systemClock } from '../../lib/base/clock.ts';
import type { SipRequest } from '../../lib/codec/sip/message.ts';
import { SipHeaders } from '../../lib/codec/sip/message.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { createSipd, type Sipd } from '../../lib/embedded/sipd/sipd.ts';
import type { HeaderField } from '../../lib/model/push.ts';
import type { SrfLike, SrfPort } from '../../lib/sip/drachtio/srf-like.ts';
import { connectSrf, disconnectSrf } from '../../lib/sip/drachtio/srf-link.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { TimerValues } from '../../lib/stack/timers.ts';
import type { Protocol, ServerTransaction, SipStack } from '../../lib/stack/types.ts';
import { LinkRelay } from './link-relay.ts';
import { freePorts } from './ports.ts';

export const SECRET = 'cymru';

/** An instance of the real drachtio-srf, and what else a test calls of it. */
export type RealSrf = SrfLike &
  Required<Pick<SrfPort, 'request' | 'use' | 'on' | 'connect' | 'disconnect'>> & {
    once(event: string, listener: (...args: unknown[]) => void): unknown;
  };

const Srf = createRequire(import.meta.url)('drachtio-srf') as new () => RealSrf;

export const newSrf = (): RealSrf => new Srf();

/** Resolves when the server has done what the application asked of it so far: it refuses a request behind all that. */
export const carriedOut = (srf: RealSrf): Promise<void> =>
  new Promise((resolve) => {
    srf.request('urn:nowhere', { method: 'OPTIONS', headers: {} }, () => resolve());
  });

/** A stack on loopback ports of the system's choice. */
export const newStack = (timers: Partial<TimerValues> = {}): SipStack =>
  createSipStack({
    clock: systemClock,
    timers,
    listen: [
      { protocol: 'udp', host: '127.0.0.1', port: 0 },
      { protocol: 'tcp', host: '127.0.0.1', port: 0 },
    ],
  });

/** A device or another server on the network: a stack whose requests are answered by a function. */
export class Peer {
  readonly stack: SipStack = newStack();
  readonly requests: SipRequest[] = [];
  /** Answers 200 unless a test says otherwise. */
  onRequest: (transaction: ServerTransaction) => void = (transaction) =>
    transaction.respond(respondTo(transaction.request, 200));

  async start(): Promise<this> {
    this.stack.onRequest((transaction) => {
      this.requests.push(transaction.request);
      this.onRequest(transaction);
    });
    await this.stack.start();
    return this;
  }

  port(protocol: Protocol): number {
    return this.stack.listening.find((point) => point.protocol === protocol)?.port ?? 0;
  }

  uri(protocol: Protocol = 'udp', user = 'bob'): string {
    return `sip:${user}@127.0.0.1:${this.port(protocol)}${protocol === 'tcp' ? ';transport=tcp' : ''}`;
  }

  /** Sends a request and waits for its final status; 0 when there is none. */
  send(
    method: string,
    to: { protocol: Protocol; port: number },
    more: readonly HeaderField[] = [],
    body: Buffer = Buffer.alloc(0),
  ): Promise<{ status: number; headers: SipHeaders; body: Buffer }> {
    const uri = `sip:gateway@127.0.0.1:${to.port}`;
    const headers = new SipHeaders([
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: '<sip:bob@example.com>;tag=b' },
      { name: 'To', value: '<sip:gateway@example.com>' },
      { name: 'Call-ID', value: `call-${Math.random()}` },
      { name: 'CSeq', value: `1 ${method}` },
      ...more,
    ]);
    return new Promise((resolve) => {
      this.stack.request(
        { kind: 'request', method, uri, headers, body },
        { ...to, host: '127.0.0.1' },
        {
          onResponse: (response) => response.status >= 200 && resolve(response),
          onFailure: () => resolve({ status: 0, headers: new SipHeaders(), body: Buffer.alloc(0) }),
        },
      );
    });
  }
}

/**
 * A running drachtio-server to test against instead of sipd, by DRACHTIO_HOST, DRACHTIO_PORT and DRACHTIO_SECRET. Its
 * SIP must be on 127.0.0.1, UDP and TCP, and no other application may be on it.
 */
export const realServer: { readonly host: string; readonly port: number; readonly secret: string } | undefined =
  process.env['DRACHTIO_HOST'] === undefined
    ? undefined
    : {
        host: process.env['DRACHTIO_HOST'],
        port: Number(process.env['DRACHTIO_PORT'] ?? 9022),
        secret: process.env['DRACHTIO_SECRET'] ?? SECRET,
      };

/** A test of what only sipd does, or of what only it can be made to do; skipped on a real server. */
export const onSipd = (title: string, test: () => unknown): unknown =>
  realServer === undefined
    ? it(title, async () => {
        await test();
      })
    : it.skip(title);

/**
 * A sipd on loopback ports of the system's choice, with its stack, a peer, and the Srfs that a test made. With
 * {@link realServer} that server is in the place of sipd.
 */
export class SipdNet {
  readonly stack: SipStack;
  readonly peer: Peer = new Peer();
  readonly srfs: SrfLike[] = [];
  appPort = 0;
  #sipd: Sipd | undefined;
  #relay: LinkRelay | undefined;
  #listening: readonly { readonly protocol: Protocol; readonly port: number }[] = [];

  /** `timers` shortens those of sipd's SIP side. */
  constructor(timers: Partial<TimerValues> = {}) {
    this.stack = newStack(timers);
  }

  async start(): Promise<this> {
    if (realServer === undefined) await this.#startSipd();
    else await this.#findServer(realServer);
    await this.peer.start();
    return this;
  }

  async #startSipd(): Promise<void> {
    await this.stack.start();
    [this.appPort = 0] = await freePorts(1); // `sipdUp` needs it again
    this.#sipd = this.#newSipd(this.appPort);
    await this.#sipd.start();
    this.#listening = this.stack.listening;
  }

  /** Its own port cannot be closed: applications come through a relay, which can. */
  async #findServer(server: { readonly host: string; readonly port: number }): Promise<void> {
    this.#relay = await new LinkRelay(server).start();
    this.appPort = this.#relay.port;
    const srf = newSrf();
    const hostPorts = await connectSrf(srf, this.connectOptions());
    disconnectSrf(srf);
    this.#listening = hostPorts.split(',').map((point) => ({
      protocol: point.slice(0, point.indexOf('/')) as Protocol,
      port: Number(point.slice(point.lastIndexOf(':') + 1)),
    }));
    while (this.clients > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  #newSipd(port: number): Sipd {
    return createSipd({ clock: systemClock, stack: this.stack, secret: SECRET, port });
  }

  /** Throws on a real server: tests that look into sipd are made with {@link onSipd}. */
  get sipd(): Sipd {
    if (this.#sipd === undefined) throw new Error('there is no sipd here');
    return this.#sipd;
  }

  /** Applications that are connected. */
  get clients(): number {
    return this.#relay === undefined ? this.sipd.clients : this.#relay.links;
  }

  sipPort(protocol: Protocol): number {
    return this.#listening.find((point) => point.protocol === protocol)?.port ?? 0;
  }

  /** sipd goes away; `sipdUp` brings another to the same port. */
  sipdDown(): Promise<void> {
    return this.#relay === undefined ? this.sipd.stop() : this.#relay.stop();
  }

  async sipdUp(): Promise<void> {
    if (this.#relay !== undefined) {
      await this.#relay.start();
      return;
    }
    this.#sipd = this.#newSipd(this.appPort);
    await this.#sipd.start();
  }

  srf(): RealSrf {
    const srf = newSrf();
    this.srfs.push(srf);
    return srf;
  }

  connectOptions(secret: string = realServer?.secret ?? SECRET): { host: string; port: number; secret: string } {
    return { host: '127.0.0.1', port: this.appPort, secret };
  }

  async stop(): Promise<void> {
    for (const srf of this.srfs) disconnectSrf(srf);
    await this.#relay?.stop();
    await this.#sipd?.stop();
    await Promise.all([this.stack.stop(), this.peer.stack.stop()]);
  }
}

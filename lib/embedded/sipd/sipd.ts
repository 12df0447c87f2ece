import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { messageOf, PpgError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { silentLogger } from '../../base/log.ts';
import { bracketed } from '../../codec/sip/host.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { DEFAULT_TIMERS, type TimerValues } from '../../stack/timers.ts';
import type { SipStack } from '../../stack/types.ts';
import { type AppMessage, readAppMessage } from './app-message.ts';
import { CallRecords } from './call-records.ts';
import { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { Dialogs } from './dialogs.ts';
import { Forwarder } from './forwarder.ts';
import type { Frame } from './frame.ts';
import { sendInDialog } from './in-dialog.ts';
import { Inbound } from './inbound.ts';
import { DEFAULT_LIMITS, type SipdLimits } from './limits.ts';
import { type Command, nokMeta, noMeta, okMeta, parseCommand } from './meta.ts';
import { Outbound } from './outbound.ts';
import { localPoint } from './own-address.ts';
import { frameRefusal } from './refusals.ts';
import { Routes } from './routes.ts';

/** drachtio-srf reads what the server can do from its version; this is the one that is stood in for. */
const VERSION = 'v0.9.10';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 9022;

export interface SipdOptions {
  readonly clock: Clock;
  readonly log?: Logger;
  /** The SIP side. Its owner starts and stops it; its requests come here. */
  readonly stack: SipStack;
  /** Where applications connect. Default 127.0.0.1: the port is nothing for a network. */
  readonly host?: string;
  /** Default 9022; 0 lets the system choose. */
  readonly port?: number;
  readonly secret: string;
  /** Host that applications and peers are told instead of the one that is listened on; give the stack the same. */
  readonly advertise?: string | undefined;
  readonly limits?: Partial<SipdLimits>;
  /** Those of the stack. */
  readonly timers?: Partial<TimerValues>;
}

/** What stands in for drachtio-server on a bare machine. */
export interface Sipd {
  /** Listens for applications; rejects with PPG_E_SIP_TRANSPORT. */
  start(): Promise<void>;
  /** Closes every application connection and the port. The stack stays as it is. */
  stop(): Promise<void>;
  /** The port that applications connect to; 0 before start. */
  readonly port: number;
  /** Applications that are connected, and inbound requests that wait for them. */
  readonly clients: number;
  readonly held: number;
  /** Dialogs open now, early ones too. */
  readonly dialogs: number;
}

/** The protocol port of the embedded server; docs/embedded-server.md says what it does. Throws PPG_E_OPTIONS. */
export function createSipd(options: SipdOptions): Sipd {
  if (options.secret === '') throw new PpgError('PPG_E_OPTIONS', 'sipd: secret must not be empty');
  return new ProtocolServer(options);
}

class ProtocolServer implements Sipd {
  readonly #options: SipdOptions;
  readonly #log: Logger;
  readonly #limits: SipdLimits;
  readonly #routes = new Routes<Client>();
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #forwarder: Forwarder;
  readonly #context: SipdContext;
  readonly #clients = new Set<Client>();
  readonly #secret: Buffer;
  #server: Server | undefined;

  constructor(options: SipdOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#secret = digest(options.secret);
    const { clock, stack } = options;
    this.#context = {
      clock,
      log: this.#log,
      limits: this.#limits,
      timers: { ...DEFAULT_TIMERS, ...options.timers },
      stack,
      advertise: options.advertise,
      routes: this.#routes,
      dialogs: new Dialogs(this.#limits.maxDialogs),
      records: new CallRecords(this.#routes, clock),
    };
    this.#outbound = new Outbound(this.#context);
    this.#forwarder = new Forwarder(this.#context);
    this.#inbound = new Inbound(this.#context, this.#forwarder);
    stack.onRequest((transaction) => this.#inbound.take(transaction));
  }

  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get clients(): number {
    return this.#clients.size;
  }

  get held(): number {
    return this.#inbound.size;
  }

  get dialogs(): number {
    return this.#context.dialogs.size;
  }

  start(): Promise<void> {
    const { host = DEFAULT_HOST, port = DEFAULT_PORT } = this.#options;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) =>
        reject(new PpgError('PPG_E_SIP_TRANSPORT', `sipd cannot listen on ${host}:${port}`, { cause: error })),
      );
      server.listen(port, host, () => {
        this.#log.info({ host, port: this.port }, 'sipd takes drachtio applications');
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    const server = this.#server;
    for (const client of [...this.#clients]) {
      client.destroy();
      this.#onClose(client);
    }
    this.#inbound.clear();
    this.#context.dialogs.clear();
    if (server === undefined || !server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
    });
  }

  #accept(socket: Socket): void {
    if (this.#clients.size >= this.#limits.maxClients) {
      this.#log.warn({ clients: this.#clients.size }, 'sipd has too many applications: one more is turned away');
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const context = { clock: this.#options.clock, log: this.#log, limits: this.#limits };
    const client = new Client(socket, context, {
      onFrame: (from, frame) => this.#onFrame(from, frame),
      onClose: (from) => this.#onClose(from),
    });
    this.#clients.add(client);
  }

  #onClose(client: Client): void {
    this.#clients.delete(client);
    this.#routes.remove(client);
    this.#inbound.forget(client);
    this.#outbound.forget(client);
    this.#context.dialogs.forget(client);
  }

  #onFrame(client: Client, frame: Frame): void {
    const command = parseCommand(frame.payload);
    const reply = client.authenticated ? this.#replyTo(client, command, frame) : this.#authenticate(client, command);
    if (reply === undefined) return;
    if (reply.kind === 'OK') {
      client.send(okMeta(command.id, ...reply.tokens));
      return;
    }
    // drachtio-srf acknowledges every refusal and does not listen to the answer
    const level = reply.reason === NO_ACK ? 'debug' : 'warn';
    this.#log[level]({ peer: client.peer, reason: reply.reason }, 'sipd refuses what an application asks');
    if (reply.kind === 'NOK') client.send(nokMeta(command.id, reply.reason));
    else {
      client.send(noMeta(command.id, reply.reason));
      client.end();
    }
  }

  /** drachtio-server serves clients that never authenticate; this one does not. */
  #authenticate(client: Client, command: Command): Reply {
    if (command.kind !== 'authenticate') return no('not authenticated');
    if (!timingSafeEqual(digest(command.secret), this.#secret)) return no('incorrect secret');
    client.authenticated = true;
    const { listening } = this.#options.stack;
    const hostPorts = listening
      .map((point) => localPoint([point], point.protocol, this.#options.advertise))
      .map(({ protocol, host, port }) => `${protocol}/${bracketed(host)}:${port}`)
      .join(',');
    return ok(hostPorts, VERSION, hostPorts);
  }

  #replyTo(client: Client, command: Command, frame: Frame): Reply | undefined {
    const refusal = frameRefusal(frame);
    if (refusal !== undefined) return nok(refusal);
    try {
      return this.#carryOut(client, command);
    } catch (error) {
      this.#log.error({ err: error, peer: client.peer }, 'sipd failed on a command');
      return nok(`Server error: ${messageOf(error)}`);
    }
  }

  #carryOut(client: Client, command: Command): Reply | undefined {
    switch (command.kind) {
      case 'authenticate':
        return no('authenticated already');
      case 'ping':
        return ok('pong');
      case 'route':
        if (this.#routes.countOf(client) >= this.#limits.maxRoutes) return nok('too many routes');
        this.#routes.add(command.verb, client);
        return ok();
      case 'remove_route':
        // all verbs of the client go, as on drachtio-server
        this.#routes.remove(client);
        return ok();
      case 'proxy':
        return this.#forward(client, command);
      case 'sip':
        return this.#sip(client, command);
      case 'unknown':
        return no(`invalid message type: ${command.type}`);
    }
  }

  #forward(client: Client, command: Command & { kind: 'proxy' }): Reply | undefined {
    const message = readAppMessage(command.message);
    if (typeof message === 'string') return nok(message);
    const held = this.#inbound.release(client, command.transaction);
    if (held === undefined) return nok('Request not proxied due to unknown transaction');
    const reason = this.#forwarder.start(client, command, held, message);
    if (reason === undefined) return undefined;
    held.respond(respondTo(held.request, 500));
    return nok(reason);
  }

  /** Undefined when the message was sent and the command answered. */
  #sip(client: Client, command: Command & { kind: 'sip' }): Reply | undefined {
    const message = readAppMessage(command.message);
    if (typeof message === 'string') return nok(message);
    let reason: string | undefined;
    if (message.start.kind === 'response') {
      if (command.transaction === '') return no('a response without a transaction id');
      reason = this.#inbound.answer(client, command.id, command.transaction, message);
    } else reason = this.#request(client, command, message);
    return reason === undefined ? undefined : nok(reason);
  }

  /** Within the dialog that is named; a CANCEL; within the live dialog of its Call-ID; or outside of any. */
  #request(client: Client, command: Command & { kind: 'sip' }, message: AppMessage): string | undefined {
    const { dialogs } = this.#context;
    const method = message.start.kind === 'request' ? message.start.method : '';
    if (command.dialog !== '') {
      const dialog = dialogs.ofClient(client, command.dialog);
      if (dialog === undefined) return method === 'ACK' ? NO_ACK : NO_DIALOG;
      return sendInDialog(this.#context, this.#outbound, dialog, command.id, message);
    }
    if (command.transaction !== '')
      return method === 'CANCEL'
        ? this.#outbound.cancel(client, command.id, command.transaction, message)
        : 'Server error: only a CANCEL is sent within a transaction';
    const callId = message.fields.find((field) => field.name === 'Call-ID')?.value;
    const dialog = callId === undefined ? undefined : dialogs.ofCall(client, callId);
    if (dialog !== undefined) return sendInDialog(this.#context, this.#outbound, dialog, command.id, message);
    return this.#outbound.send(client, command.id, message, command.route);
  }
}

const NO_ACK = 'Server error: ACK for non-success final response is automatically generated by server';

const NO_DIALOG = 'Server error: unable to find dialog for dialog id provided';

/** NOK: this could not be done. NO: the protocol is broken, and the connection ends. */
type Reply =
  | { readonly kind: 'OK'; readonly tokens: readonly string[] }
  | { readonly kind: 'NOK' | 'NO'; readonly reason: string };

const ok = (...tokens: string[]): Reply => ({ kind: 'OK', tokens });
const nok = (reason: string): Reply => ({ kind: 'NOK', reason });
const no = (reason: string): Reply => ({ kind: 'NO', reason });

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

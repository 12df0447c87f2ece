import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Clock, TimerHandle } from '../base/clock.ts';
import { PeerRoom } from '../base/peer-room.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { listenOn, streamKey } from './stream-kind.ts';
import type { TlsKind } from './tls-kind.ts';
import type { Sender, TransportListener } from './transport.ts';
import type { TcpOptions } from './transport-tcp.ts';
import type { Hop, ListenPoint } from './types.ts';
import { WsConnection, type WsConnectionHost } from './ws-connection.ts';

/** The subprotocol of SIP (RFC 7118 section 4). */
const SUBPROTOCOL = 'sip';

/** Octets of one message. */
const MAX_MESSAGE = 256 * 1024;

/** Octets of one unfinished message with what it takes to keep its fragments. */
const MAX_HELD = 2 * MAX_MESSAGE;

/** How often idle and slow connections are looked for, ms. */
const SWEEP = 5_000;

/**
 * SIP over WebSocket (RFC 7118), server side: phones in browsers connect, and requests for them go by the connection
 * that they made. `ws` in the clear, `wss` with the certificates of TLS.
 */
export class WsTransport implements WsConnectionHost {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  readonly #options: TcpOptions;
  readonly #clock: Clock;
  readonly #tls: TlsKind;
  readonly #onError: (error: Error) => void;
  readonly #servers: Server[] = [];
  readonly #connections = new Map<string, WsConnection>();
  #upgrader: WebSocketServer | undefined;
  readonly #room: PeerRoom;
  /** Octets of unfinished messages. */
  #held = 0;
  #sweeper: TimerHandle | undefined;
  #stopped = false;

  constructor(
    listener: TransportListener,
    limits: SipLimits,
    options: TcpOptions,
    clock: Clock,
    tls: TlsKind,
    onError: (error: Error) => void,
  ) {
    this.listener = listener;
    this.limits = limits;
    this.#options = options;
    this.#room = new PeerRoom(options, clock);
    this.#clock = clock;
    this.#tls = tls;
    this.#onError = onError;
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(point: ListenPoint): Promise<ListenPoint> {
    this.#upgrader ??= await makeUpgrader();
    const { connectTime } = this.#options;
    const timing = {
      headersTimeout: connectTime,
      requestTimeout: connectTime,
      connectionsCheckingInterval: connectTime,
    };
    const refuse = (_request: IncomingMessage, response: import('node:http').ServerResponse): void => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
    };
    const server =
      point.protocol === 'wss'
        ? this.#tls.register(
            createHttpsServer({ ...this.#tls.serverOptions(), ...timing, handshakeTimeout: connectTime }, refuse),
          )
        : createServer(timing, refuse);
    const protocol = point.protocol === 'wss' ? 'wss' : 'ws';
    // Before node begins a handshake or reads, so that peers without room cost none.
    server.prependListener('connection', (socket: Socket) => {
      if (!this.#admits(socket)) socket.destroy();
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(protocol, request, socket, head),
    );
    this.#servers.push(server);
    return listenOn(server, point, this.#onError);
  }

  /** Only over a connection that the peer has made. */
  send(octets: Buffer, address: string, hop: Hop, sender: Sender | undefined): void {
    const connection = this.#connections.get(streamKey(address, hop.port));
    if (connection === undefined) sender?.onSendError(new Error('the WebSocket is gone'));
    else connection.send(octets, sender);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#sweeper);
    this.#room.close();
    for (const connection of [...this.#connections.values()]) connection.close(new Error('the stack has stopped'));
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  now(): number {
    return this.#clock.now();
  }

  hold(own: number, change: number): boolean {
    this.#held += change;
    return change <= 0 || (own <= MAX_HELD && this.#held <= this.#options.maxHeld);
  }

  onClosed(connection: WsConnection): void {
    const key = streamKey(connection.flow.host, connection.flow.port);
    if (this.#connections.get(key) === connection) this.#connections.delete(key);
  }

  #admits(socket: Socket): boolean {
    if (this.#stopped || !this.#room.enter(socket)) return false;
    const isFull = this.#connections.size + this.#room.arriving >= this.#options.maxConnections;
    if (isFull && !this.#room.makeRoom(this.#connections.values())) return false;
    this.#room.awaitHandshake(socket);
    this.#sweeper ??= this.#clock.setTimeout(this.#sweep, SWEEP);
    return true;
  }

  #onUpgrade(protocol: 'ws' | 'wss', request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
    if (this.#stopped) {
      turnAway(socket, '503 Service Unavailable');
    } else if (!offered.includes(SUBPROTOCOL)) {
      turnAway(socket, '400 Bad Request');
    } else {
      this.#upgrader?.handleUpgrade(request, socket, head, (open) => this.#onOpen(protocol, request, open));
    }
  }

  #onOpen(protocol: 'ws' | 'wss', { socket }: IncomingMessage, open: WebSocket): void {
    const { remoteAddress: host, remotePort: port, localAddress = '', localPort = 0 } = socket;
    if (host === undefined || port === undefined || this.#stopped) {
      open.terminate();
      return;
    }
    const verified = protocol === 'wss' ? this.#tls.verified(socket) : undefined;
    const flow = {
      protocol,
      host,
      port,
      localHost: localAddress,
      localPort,
      ...(verified !== undefined && { verified }),
    };
    this.#room.settle(socket);
    this.#connections.set(streamKey(host, port), new WsConnection(open, socket, flow, this));
  }

  readonly #sweep = (): void => {
    this.#sweeper = undefined;
    const now = this.#clock.now();
    const { idle, messageTime } = this.#options;
    this.#room.sweep();
    for (const connection of this.#connections.values()) {
      const { unfinishedSince = now } = connection;
      if (now - unfinishedSince >= messageTime) connection.close(new Error('a message was not finished in time'));
      else if (now - connection.lastUsed >= idle && !connection.busy) connection.close(new Error('idle'));
      else connection.pingIfSilent(now);
    }
    if (this.#connections.size + this.#room.arriving > 0) this.#sweeper = this.#clock.setTimeout(this.#sweep, SWEEP);
  };
}

/** Node leaves half of the connection open for the peer to close, who may not. */
function turnAway(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

/** The library is loaded by those alone who listen by WebSocket. */
async function makeUpgrader(): Promise<WebSocketServer> {
  const { WebSocketServer: Upgrader } = await import('ws');
  return new Upgrader({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
}

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, TimerHandle } from '../base/clock.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { type ConnectionHost, TcpConnection } from './tcp-connection.ts';
import type { Sender, TransportListener } from './transport.ts';
import type { ListenPoint } from './types.ts';

export interface TcpOptions {
  /** Connections of both directions together. */
  readonly maxConnections: number;
  /** Octets of unfinished messages that all connections together may hold. */
  readonly maxHeld: number;
  /** Octets of requests that may wait in one connection for a peer who does not read. */
  readonly maxUnsent: number;
  /** A connection without traffic and without open requests is closed after this, ms. */
  readonly idle: number;
  /** A message must be whole this long after its first octet, ms. */
  readonly messageTime: number;
  /** A connection must be there this long after it was asked for, ms. */
  readonly connectTime: number;
}

export const DEFAULT_TCP: TcpOptions = {
  maxConnections: 4096,
  maxHeld: 64 * 1024 * 1024,
  maxUnsent: 32 * 1024 * 1024,
  idle: 10 * 60_000,
  messageTime: 30_000,
  connectTime: 10_000,
};

/** A connection that has been given up must be gone this long afterwards, ms. */
const LINGER = 5_000;

/** How often idle and slow connections are looked for, ms. */
const SWEEP = 5_000;

const STOPPED = new Error('the stack has stopped');
const GONE = new Error('the connection is gone');

/**
 * All TCP of a stack: listeners, and one pool of connections by peer address. A request to an address from which a
 * connection came goes over that connection, and the other way round.
 */
export class TcpTransport implements ConnectionHost {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  readonly maxUnsent: number;
  readonly #options: TcpOptions;
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;
  readonly #servers: Server[] = [];
  readonly #connections = new Map<string, TcpConnection>();
  /** Given up, with octets still on their way out. */
  readonly #retired = new Set<TcpConnection>();
  #held = 0;
  #sweeper: TimerHandle | undefined;
  #stopped = false;

  constructor(
    listener: TransportListener,
    limits: SipLimits,
    options: TcpOptions,
    clock: Clock,
    onError: (error: Error) => void,
  ) {
    this.listener = listener;
    this.limits = limits;
    this.maxUnsent = options.maxUnsent;
    this.#options = options;
    this.#clock = clock;
    this.#onError = onError;
  }

  get connections(): number {
    return this.#connections.size + this.#retired.size;
  }

  listen(point: ListenPoint): Promise<ListenPoint> {
    const server = createServer((socket) => this.#accept(socket));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: point.host, port: point.port, ipv6Only: point.host.includes(':') }, () => {
        server.off('error', reject);
        server.on('error', this.#onError);
        const address = server.address();
        resolve({ ...point, port: typeof address === 'object' && address !== null ? address.port : point.port });
      });
    });
  }

  /** `existing`: only over a connection that is there, see Hop. */
  send(octets: Buffer, host: string, port: number, sender: Sender | undefined, existing = false): void {
    const connection = this.#connections.get(`${host}|${port}`) ?? (existing ? GONE : this.#connect(host, port));
    if (connection instanceof Error) sender?.onSendError(connection);
    else connection.send(octets, sender);
  }

  sendAnew(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    this.send(octets, host, port, sender);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#sweeper);
    for (const connection of [...this.#connections.values(), ...this.#retired]) connection.close(STOPPED);
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  now(): number {
    return this.#clock.now();
  }

  hold(change: number): boolean {
    this.#held += change;
    return change <= 0 || this.#held <= this.#options.maxHeld;
  }

  onRetired(connection: TcpConnection): void {
    this.#leavePool(connection);
    this.#retired.add(connection);
  }

  onClosed(connection: TcpConnection): void {
    this.#leavePool(connection);
    this.#retired.delete(connection);
  }

  #leavePool(connection: TcpConnection): void {
    if (this.#connections.get(connection.key) === connection) this.#connections.delete(connection.key);
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#stopped || this.#isFull() || remoteAddress === undefined || remotePort === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#add(socket, remoteAddress, remotePort);
  }

  #connect(host: string, port: number): TcpConnection | Error {
    if (this.#stopped) return STOPPED;
    if (this.#isFull()) return new Error(`${this.connections} connections are open`);
    const connection = this.#add(connect({ host, port, noDelay: true }), host, port);
    return connection;
  }

  #isFull(): boolean {
    return this.connections >= this.#options.maxConnections;
  }

  #add(socket: Socket, host: string, port: number): TcpConnection {
    const key = `${host}|${port}`;
    const flow = {
      protocol: 'tcp' as const,
      host,
      port,
      localHost: socket.localAddress ?? '',
      localPort: socket.localPort ?? 0,
    };
    const connection = new TcpConnection(key, socket, flow, this);
    this.#connections.set(key, connection);
    this.#sweeper ??= this.#clock.setTimeout(this.#sweep, SWEEP);
    return connection;
  }

  readonly #sweep = (): void => {
    this.#sweeper = undefined;
    const now = this.#clock.now();
    for (const connection of this.#connections.values()) {
      const reason = this.#overdue(connection, now);
      if (reason !== undefined) connection.close(new Error(reason));
    }
    for (const connection of this.#retired) {
      if (now - connection.lastUsed >= LINGER) connection.close(new Error('the peer does not read'));
    }
    if (this.connections > 0) this.#sweeper = this.#clock.setTimeout(this.#sweep, SWEEP);
  };

  #overdue(connection: TcpConnection, now: number): string | undefined {
    if (connection.connecting) {
      return now - connection.lastUsed >= this.#options.connectTime ? 'no connection in time' : undefined;
    }
    if (connection.partialSince !== undefined && now - connection.partialSince >= this.#options.messageTime)
      return 'a message was not finished in time';
    return !connection.busy && now - connection.lastUsed >= this.#options.idle ? 'idle' : undefined;
  }
}

import type { Server, Socket } from 'node:net';
import type { Clock, TimerHandle } from '../base/clock.ts';
import { isLoopback } from '../base/networks.ts';
import { PeerRoom, type PeerRoomOptions } from '../base/peer-room.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { type AcceptsStreams, listenOn, type StreamKind, streamKey, TCP_KIND } from './stream-kind.ts';
import { type ConnectionHost, TcpConnection } from './tcp-connection.ts';
import type { Sender, TransportListener } from './transport.ts';
import type { Hop, ListenPoint } from './types.ts';

export interface TcpOptions extends PeerRoomOptions {
  /** Connections of both directions together; of them an eighth is for those that this side makes. */
  readonly maxConnections: number;
  /** Octets of unfinished messages that all connections together may hold. */
  readonly maxHeld: number;
  /** Octets of requests that may wait in one connection for a peer who does not read. */
  readonly maxUnsent: number;
  /** A connection without traffic and without open requests is closed after this, ms. */
  readonly idle: number;
  /** A message must be whole this long after its first octet, ms. */
  readonly messageTime: number;
  /**
   * Keep-alive of connections that this side makes (RFC 5626 section 4.4.1), ms between two at the most: one that is not
   * answered within 10 s ends its connection, one that is answered stays open. RFC 5626 proposes 120,000; 0: none.
   */
  readonly keepAlive: number;
}

export const DEFAULT_TCP: TcpOptions = {
  maxConnections: 4096,
  maxPerAddress: 512,
  isExempt: isLoopback,
  maxHeld: 64 * 1024 * 1024,
  maxUnsent: 32 * 1024 * 1024,
  idle: 10 * 60_000,
  messageTime: 30_000,
  connectTime: 10_000,
  keepAlive: 0,
};

/** A connection that has been given up must be gone this long afterwards, ms. */
const LINGER = 5_000;

/** How often idle and slow connections are looked for, ms. */
const SWEEP = 5_000;

const STOPPED = new Error('the stack has stopped');
const GONE = new Error('the connection is gone');

/**
 * All streams of one kind, TCP or TLS: listeners, and one pool of connections by peer address. A request to an address
 * from which a connection came goes over that connection where the kind allows it, and the other way round.
 */
export class TcpTransport implements ConnectionHost, AcceptsStreams {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  readonly maxUnsent: number;
  readonly keepAlive: number;
  readonly clock: Clock;
  readonly kind: StreamKind;
  readonly #options: TcpOptions;
  readonly #onError: (error: Error) => void;
  readonly #servers: Server[] = [];
  readonly #connections = new Map<string, TcpConnection>();
  /** By an address that the peer says it listens on (RFC 5923). */
  readonly #aliases = new Map<string, TcpConnection>();
  readonly #room: PeerRoom;
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
    kind: StreamKind = TCP_KIND,
  ) {
    this.listener = listener;
    this.limits = limits;
    this.maxUnsent = options.maxUnsent;
    this.keepAlive = options.keepAlive;
    this.#options = options;
    this.#room = new PeerRoom(options, clock);
    this.clock = clock;
    this.#onError = onError;
    this.kind = kind;
  }

  get connections(): number {
    return this.#connections.size + this.#retired.size + this.#room.arriving;
  }

  async listen(point: ListenPoint): Promise<ListenPoint> {
    const server = this.kind.createServer(this);
    this.#servers.push(server);
    return listenOn(server, point, this.#onError);
  }

  /** `address` is the hop's, looked up. */
  send(octets: Buffer, address: string, hop: Hop, sender: Sender | undefined): void {
    const connection = this.#find(address, hop) ?? (hop.existing === true ? GONE : this.#connect(address, hop));
    if (connection instanceof Error) sender?.onSendError(connection);
    else connection.send(octets, sender);
  }

  sendAnew(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    this.send(octets, host, { protocol: this.kind.protocol, host, port }, sender);
  }

  /** RFC 5923 section 8: the peer listens at `port` of its address, and may be reached there by this connection. */
  alias(connection: TcpConnection, port: number): void {
    if (connection.alias !== undefined || this.#connections.get(connection.key) !== connection) return;
    connection.alias = streamKey(connection.flow.host, port);
    this.#aliases.set(connection.alias, connection);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    this.clock.clearTimeout(this.#sweeper);
    this.#room.close();
    for (const connection of [...this.#connections.values(), ...this.#retired]) connection.close(STOPPED);
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
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
    const { alias } = connection;
    if (alias !== undefined && this.#aliases.get(alias) === connection) this.#aliases.delete(alias);
  }

  /** A connection that is there or being made and may carry requests for the hop. */
  #find(address: string, hop: Hop): TcpConnection | undefined {
    const own = this.#connections.get(this.kind.keyOf(address, hop));
    if (own !== undefined || this.kind === TCP_KIND) return own;
    const key = streamKey(address, hop.port);
    const peers = this.#connections.get(key) ?? this.#aliases.get(key);
    return peers !== undefined && (hop.existing === true || peers.mayCarry(address, hop)) ? peers : undefined;
  }

  onArriving(socket: Socket): boolean {
    if (!this.#admits(socket)) return false;
    this.#room.awaitHandshake(socket);
    this.#sweeper ??= this.clock.setTimeout(this.#sweep, SWEEP);
    return true;
  }

  onRejected(socket: Socket, error: Error): void {
    socket.destroy();
    if (!this.#stopped) this.listener.onHandshakeFailed?.(error);
  }

  onAccepted(socket: Socket): void {
    const { remoteAddress: host, remotePort: port } = socket;
    const admitted = this.kind === TCP_KIND ? this.#admits(socket) : !this.#stopped;
    this.#room.settle(socket);
    if (!admitted || host === undefined || port === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const key = streamKey(host, port);
    // One from that port to another of ours is there, or this side connects to it: that one keeps carrying requests.
    const own = this.#connections.has(key) ? `${key}|${socket.localAddress}|${socket.localPort}` : key;
    this.#add(own, socket, { protocol: this.kind.protocol, host, port });
  }

  /** There is room for one more of its address, and in all. */
  #admits(socket: Socket): boolean {
    if (this.#stopped || !this.#room.enter(socket)) return false;
    return !this.#isFullForPeers() || this.#room.makeRoom(this.#guests());
  }

  *#guests(): Iterable<TcpConnection> {
    yield* this.#retired;
    yield* this.#connections.values();
  }

  #connect(address: string, hop: Hop): TcpConnection | Error {
    if (this.#stopped) return STOPPED;
    if (this.#isFull()) return new Error(`${this.connections} connections are open`);
    const { protocol, port, domain } = hop;
    const flow = { protocol, host: address, port, ...(domain !== undefined && { domain }) };
    return this.#add(this.kind.keyOf(address, hop), this.kind.connect(address, hop), flow);
  }

  #isFull(): boolean {
    return this.connections >= this.#options.maxConnections;
  }

  /** Peers who connect and say nothing must not keep requests of ours from leaving. */
  #isFullForPeers(): boolean {
    const { maxConnections } = this.#options;
    return this.connections >= maxConnections - Math.floor(maxConnections / 8);
  }

  #add(key: string, socket: Socket, peer: Hop): TcpConnection {
    const flow = { ...peer, localHost: socket.localAddress ?? '', localPort: socket.localPort ?? 0 };
    const connection = new TcpConnection(key, socket, flow, this);
    this.#connections.set(key, connection);
    this.#sweeper ??= this.clock.setTimeout(this.#sweep, SWEEP);
    return connection;
  }

  readonly #sweep = (): void => {
    this.#sweeper = undefined;
    const now = this.clock.now();
    for (const connection of this.#connections.values()) {
      const reason = this.#overdue(connection, now);
      if (reason !== undefined) connection.close(new Error(reason));
    }
    for (const connection of this.#retired) {
      if (now - connection.lastUsed >= LINGER) connection.close(new Error('the peer does not read'));
    }
    this.#room.sweep();
    if (this.connections > 0) this.#sweeper = this.clock.setTimeout(this.#sweep, SWEEP);
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

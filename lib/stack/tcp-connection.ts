import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { SipLimits } from '../codec/sip/limits.ts';
import { StreamFramer } from '../codec/sip/stream-framer.ts';
import { KeepAlive } from './keep-alive.ts';
import type { StreamKind } from './stream-kind.ts';
import type { Endpoint, Link, Sender, TransportListener } from './transport.ts';
import type { Flow, Hop } from './types.ts';

const PONG = Buffer.from('\r\n');
const PING = Buffer.from('\r\n\r\n');

/**
 * Octets of responses and keep-alives that may wait for a peer who does not read. He decides how many requests he sends,
 * so this is far below what our own requests may take.
 */
const MAX_UNREAD_REPLIES = 1024 * 1024;

/** What a connection needs of the transport that holds it. */
export interface ConnectionHost {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  readonly kind: StreamKind;
  /** Octets of our requests that may wait for a peer who does not read. */
  readonly maxUnsent: number;
  readonly clock: Clock;
  /** Milliseconds between keep-alives on connections that this side made, at the most; 0: none. */
  readonly keepAlive: number;
  /** Counts octets held of unfinished messages; false when all connections together hold too many. */
  hold(change: number): boolean;
  /** It takes no more messages; what has been written is still on its way out. */
  onRetired(connection: TcpConnection): void;
  onClosed(connection: TcpConnection): void;
  /** The peer listens at that port of its address, too. */
  alias(connection: TcpConnection, port: number): void;
  /** For responses when this connection is gone. */
  sendAnew(octets: Buffer, host: string, port: number, sender: Sender | undefined): void;
}

interface Waiting {
  readonly octets: Buffer;
  readonly sender: Sender | undefined;
}

/** One TCP or TLS connection, made by either side; requests and responses go over it both ways. */
export class TcpConnection implements Endpoint, Link {
  readonly key: string;
  /** Key by which it is found besides its own (RFC 5923). */
  alias: string | undefined;
  readonly flow: { -readonly [K in keyof Flow]: Flow[K] };
  lastUsed: number;
  /** When the unfinished message began. */
  partialSince: number | undefined;
  /** A message has come by it. */
  heard = false;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #byPeer: boolean;
  readonly #framer: StreamFramer;
  /** Who is told when the connection breaks. */
  readonly #senders = new Set<Sender>();
  #state: 'connecting' | 'open' | 'retired' | 'closed';
  #waiting: Waiting[] = [];
  #unsent = 0;
  #held = 0;
  #corked = false;
  #keepAlive: KeepAlive | undefined;
  #error: Error | undefined;

  /** `socket` is connected (made by the peer) or connecting (made by us). */
  constructor(key: string, socket: Socket, flow: Flow, host: ConnectionHost) {
    this.key = key;
    this.flow = { ...flow };
    this.#socket = socket;
    this.#host = host;
    this.#state = socket.connecting ? 'connecting' : 'open';
    this.#byPeer = this.#state === 'open';
    if (this.#byPeer) this.#noteVerified();
    this.lastUsed = host.clock.now();
    this.#framer = new StreamFramer(
      {
        onMessage: (message, raw) => {
          this.partialSince = undefined;
          this.heard = true;
          this.#note('in', raw);
          host.listener.onMessage(message, raw, { flow: this.flow, endpoint: this });
        },
        onPing: () => this.#offer(PONG, undefined, MAX_UNREAD_REPLIES),
        onPong: () => this.#keepAlive?.onPong(),
      },
      host.limits,
    );
    socket.setNoDelay(true);
    socket.on(host.kind.ready, () => this.#onConnect());
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('end', () => this.retire(new Error('the peer closed the connection')));
    socket.on('close', () => this.close(this.#error ?? new Error('the peer closed the connection')));
  }

  get connecting(): boolean {
    return this.#state === 'connecting';
  }

  /** True while requests wait for answers over it. */
  get busy(): boolean {
    return this.#senders.size > 0 || this.#waiting.length > 0;
  }

  /** The peer made it and nothing waits for it, so another peer may have its place. */
  get mayGo(): boolean {
    return this.#byPeer && !this.busy;
  }

  /** Whether a request for `hop` may leave by this connection, which the peer made. */
  mayCarry(address: string, hop: Hop): boolean {
    return this.#state === 'open' && this.#host.kind.mayCarry(this.#socket, address, hop);
  }

  /** The peer says that it takes requests at this port of its address, by this connection. */
  onAlias(port: number): void {
    this.#host.alias(this, port);
  }

  /** Sends a request. */
  send(octets: Buffer, sender: Sender | undefined): void {
    this.#offer(octets, sender, this.#host.maxUnsent);
  }

  /** `limit` is for what waits already, so that one message of any size may always be sent. */
  #offer(octets: Buffer, sender: Sender | undefined, limit: number): void {
    if (this.#state === 'closed' || this.#state === 'retired') {
      sender?.onSendError(this.#error ?? new Error('the connection is closed'));
      return;
    }
    this.lastUsed = this.#host.clock.now();
    if (this.#unsent + this.#socket.writableLength > limit) {
      const error = new Error('the peer does not read');
      sender?.onSendError(error);
      if (this.#state === 'open') this.close(error);
    } else if (this.#state === 'connecting') {
      this.#waiting.push({ octets, sender });
      this.#unsent += octets.length;
    } else this.#write(octets, sender);
  }

  reply(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    if (this.#state === 'closed' || this.#state === 'retired') this.#host.sendAnew(octets, host, port, sender);
    else this.#offer(octets, sender, MAX_UNREAD_REPLIES);
  }

  release(sender: Sender): void {
    this.#senders.delete(sender);
  }

  /** Closes; whoever waits on the connection is told why. */
  close(reason: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.destroy();
    this.#host.onClosed(this);
    this.#letGo(reason);
  }

  /** Lets what has been written arrive, then closes; nothing more is read, so nobody waits for an answer any longer. */
  retire(reason: Error): void {
    if (this.#state === 'closed' || this.#state === 'retired') return;
    this.#state = 'retired';
    this.lastUsed = this.#host.clock.now();
    this.#host.onRetired(this);
    this.#socket.end();
    this.#letGo(reason);
  }

  #letGo(reason: Error): void {
    this.#error ??= reason;
    this.#keepAlive?.stop();
    this.#framer.stop();
    this.#settleHeld(0);
    const waiting = this.#waiting;
    const senders = [...this.#senders];
    this.#waiting = [];
    this.#senders.clear();
    for (const { sender } of waiting) sender?.onSendError(reason);
    for (const sender of senders) sender.onSendError(reason);
  }

  #noteVerified(): void {
    const verified = this.#host.kind.verified(this.#socket);
    if (verified !== undefined) this.flow.verified = verified;
  }

  #onConnect(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#noteVerified();
    this.flow.localHost = this.#socket.localAddress ?? '';
    this.flow.localPort = this.#socket.localPort ?? 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#unsent = 0;
    for (const { octets, sender } of waiting) this.#write(octets, sender);
    const { clock, keepAlive } = this.#host;
    if (keepAlive > 0)
      this.#keepAlive = new KeepAlive(
        clock,
        keepAlive,
        () => this.#ping(),
        () => this.close(new Error('no answer to a keep-alive')),
      );
  }

  #ping(): void {
    this.#framer.expectPong();
    this.#offer(PING, undefined, MAX_UNREAD_REPLIES);
  }

  /** Messages of one turn of the event loop leave in one system call. */
  #write(octets: Buffer, sender: Sender | undefined): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(octets);
    if (octets !== PONG && octets !== PING) this.#note('out', octets);
    if (sender === undefined) return;
    this.#senders.add(sender);
    sender.onSent(this);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  #note(direction: 'in' | 'out', octets: Buffer): void {
    const { tap } = this.#host.listener;
    if (tap.active) tap.note(direction, this.flow, octets);
  }

  #onData(chunk: Buffer): void {
    this.lastUsed = this.#host.clock.now();
    try {
      this.#framer.push(chunk);
    } catch (error) {
      const octets = this.#framer.pending;
      this.#note('in', octets);
      this.#host.listener.onMalformed(error, octets, { flow: this.flow, endpoint: this });
      this.retire(new Error('the stream lost its frame', { cause: error }));
      return;
    }
    if (this.#state === 'retired' || this.#state === 'closed') return;
    const held = this.#framer.buffered;
    if (held === 0) this.partialSince = undefined;
    else this.partialSince ??= this.lastUsed;
    if (!this.#settleHeld(held)) this.close(new Error('too many octets of unfinished messages are held'));
  }

  #settleHeld(held: number): boolean {
    const change = held - this.#held;
    if (change === 0) return true;
    this.#held = held;
    return this.#host.hold(change);
  }
}

import type { Socket } from 'node:net';
import type { SipLimits } from '../codec/sip/limits.ts';
import { StreamFramer } from '../codec/sip/stream-framer.ts';
import type { Endpoint, Link, Sender, TransportListener } from './transport.ts';
import type { Flow } from './types.ts';

const PONG = Buffer.from('\r\n');

/** What a connection needs of the transport that holds it. */
export interface ConnectionHost {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  /** Octets that may wait for a peer who does not read. */
  readonly maxUnsent: number;
  now(): number;
  /** Counts octets held of unfinished messages; false when all connections together hold too many. */
  hold(change: number): boolean;
  onClosed(connection: TcpConnection): void;
  /** For responses when this connection is gone. */
  sendAnew(octets: Buffer, host: string, port: number, sender: Sender | undefined): void;
}

interface Waiting {
  readonly octets: Buffer;
  readonly sender: Sender | undefined;
}

/** One TCP connection, made by either side; requests and responses go over it both ways. */
export class TcpConnection implements Endpoint, Link {
  readonly key: string;
  readonly flow: { -readonly [K in keyof Flow]: Flow[K] };
  lastUsed: number;
  /** When the unfinished message began. */
  partialSince: number | undefined;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #framer: StreamFramer;
  /** Who is told when the connection breaks. */
  readonly #senders = new Set<Sender>();
  #state: 'connecting' | 'open' | 'closed';
  #waiting: Waiting[] = [];
  #unsent = 0;
  #held = 0;
  #corked = false;
  #error: Error | undefined;

  /** `socket` is connected (made by the peer) or connecting (made by us). */
  constructor(key: string, socket: Socket, flow: Flow, host: ConnectionHost) {
    this.key = key;
    this.flow = { ...flow };
    this.#socket = socket;
    this.#host = host;
    this.#state = socket.connecting ? 'connecting' : 'open';
    this.lastUsed = host.now();
    this.#framer = new StreamFramer(
      {
        onMessage: (message, raw) => host.listener.onMessage(message, raw, { flow: this.flow, endpoint: this }),
        onPing: () => this.send(PONG, undefined),
      },
      host.limits,
    );
    socket.setNoDelay(true);
    socket.on('connect', () => this.#onConnect());
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.close(this.#error ?? new Error('the peer closed the connection')));
  }

  get connecting(): boolean {
    return this.#state === 'connecting';
  }

  /** True while requests wait for answers over it. */
  get busy(): boolean {
    return this.#senders.size > 0 || this.#waiting.length > 0;
  }

  send(octets: Buffer, sender: Sender | undefined): void {
    if (this.#state === 'closed') {
      sender?.onSendError(this.#error ?? new Error('the connection is closed'));
      return;
    }
    this.lastUsed = this.#host.now();
    if (this.#unsent + this.#socket.writableLength + octets.length > this.#host.maxUnsent) {
      const error = new Error('the peer does not read');
      sender?.onSendError(error);
      if (this.#state === 'open') this.close(error);
    } else if (this.#state === 'connecting') {
      this.#waiting.push({ octets, sender });
      this.#unsent += octets.length;
    } else this.#write(octets, sender);
  }

  reply(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    if (this.#state === 'closed') this.#host.sendAnew(octets, host, port, sender);
    else this.send(octets, sender);
  }

  release(sender: Sender): void {
    this.#senders.delete(sender);
  }

  /** Closes; whoever waits on the connection is told why. */
  close(reason: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#error ??= reason;
    this.#framer.stop();
    this.#settleHeld(0);
    this.#socket.destroy();
    this.#host.onClosed(this);
    const waiting = this.#waiting;
    const senders = [...this.#senders];
    this.#waiting = [];
    this.#senders.clear();
    for (const { sender } of waiting) sender?.onSendError(reason);
    for (const sender of senders) sender.onSendError(reason);
  }

  /** Lets what has been written arrive, then closes. */
  end(reason: Error): void {
    this.#framer.stop();
    this.#settleHeld(0);
    this.#socket.end(() => this.close(reason));
  }

  #onConnect(): void {
    this.#state = 'open';
    this.flow.localHost = this.#socket.localAddress ?? '';
    this.flow.localPort = this.#socket.localPort ?? 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#unsent = 0;
    for (const { octets, sender } of waiting) this.#write(octets, sender);
  }

  /** Messages of one turn of the event loop leave in one system call. */
  #write(octets: Buffer, sender: Sender | undefined): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#socket.write(octets);
    if (sender === undefined) return;
    this.#senders.add(sender);
    sender.onSent(this);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  #onData(chunk: Buffer): void {
    this.lastUsed = this.#host.now();
    try {
      this.#framer.push(chunk);
    } catch (error) {
      const octets = this.#framer.pending;
      this.#host.listener.onMalformed(error, octets, { flow: this.flow, endpoint: this });
      this.end(new Error('the stream lost its frame', { cause: error }));
      return;
    }
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

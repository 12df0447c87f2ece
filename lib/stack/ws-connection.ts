import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { SipLimits } from '../codec/sip/limits.ts';
import { parseSip } from '../codec/sip/parse.ts';
import type { Endpoint, Link, Sender, TransportListener } from './transport.ts';
import type { Flow } from './types.ts';
import { FrameWatch } from './ws-frames.ts';

const CR = 0x0d;
const LF = 0x0a;
const PONG = Buffer.from('\r\n');

/** Octets that may wait for a peer who does not read. */
const MAX_UNREAD = 4 * 1024 * 1024;

/** One that was silent for so long is asked for a sign of life, ms. */
const SILENCE = 30_000;

/** What a connection needs of the transport that holds it. */
export interface WsConnectionHost {
  readonly listener: TransportListener;
  readonly limits: SipLimits;
  now(): number;
  /** Counts octets held of unfinished messages, `own` of them here; false when that is too many. */
  hold(own: number, change: number): boolean;
  onClosed(connection: WsConnection): void;
}

/** One WebSocket that a peer has opened: every message of it is one SIP message (RFC 7118 section 5). */
export class WsConnection implements Endpoint, Link {
  readonly flow: Flow;
  lastUsed: number;
  /** A message has come by it. */
  heard = false;
  readonly #socket: WebSocket;
  readonly #host: WsConnectionHost;
  /** Who is told when the connection breaks. */
  readonly #senders = new Set<Sender>();
  readonly #frames = new FrameWatch();
  #held = 0;
  #lastPing: number;
  #closed = false;

  /** `stream`: what the frames come by. */
  constructor(socket: WebSocket, stream: Duplex, flow: Flow, host: WsConnectionHost) {
    this.flow = flow;
    this.#socket = socket;
    this.#host = host;
    this.lastUsed = host.now();
    this.#lastPing = this.lastUsed;
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data) => this.#onMessage(data as Buffer));
    socket.on('ping', () => this.#onPing());
    socket.on('pong', () => this.#used());
    // What is wrong with the frames closes the socket, which is told below.
    socket.on('error', () => undefined);
    socket.on('close', () => this.close(new Error('the peer closed the WebSocket')));
  }

  /** True while requests wait for answers over it. */
  get busy(): boolean {
    return this.#senders.size > 0;
  }

  get mayGo(): boolean {
    return !this.busy;
  }

  /** When the message began that is not whole yet. */
  get unfinishedSince(): number | undefined {
    return this.#frames.since;
  }

  send(octets: Buffer, sender: Sender | undefined): void {
    if (this.#closed) {
      sender?.onSendError(new Error('the WebSocket is closed'));
      return;
    }
    if (this.#socket.bufferedAmount > MAX_UNREAD) {
      const error = new Error('the peer does not read');
      sender?.onSendError(error);
      this.close(error);
      return;
    }
    this.#used();
    if (octets !== PONG) this.#note('out', octets);
    // RFC 7118 section 5: binary frames carry any octets, text frames UTF-8 alone.
    this.#socket.send(octets, { binary: true });
    if (sender === undefined) return;
    this.#senders.add(sender);
    sender.onSent(this);
  }

  /** Only ever by this connection: a peer with a WebSocket cannot be connected to. */
  reply(octets: Buffer, _host: string, _port: number, sender: Sender | undefined): void {
    this.send(octets, sender);
  }

  release(sender: Sender): void {
    this.#senders.delete(sender);
  }

  /** Asks for a sign of life where there was none for a while; the answer counts as use. */
  pingIfSilent(now: number): void {
    if (this.#closed || now - this.lastUsed < SILENCE || now - this.#lastPing < SILENCE) return;
    this.#lastPing = now;
    this.#socket.ping();
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.terminate();
    this.#settleHeld(0);
    this.#host.onClosed(this);
    const senders = [...this.#senders];
    this.#senders.clear();
    for (const sender of senders) sender.onSendError(reason);
  }

  #used(): void {
    this.lastUsed = this.#host.now();
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#frames.push(chunk, this.#host.now());
    if (!this.#settleHeld(this.#frames.held)) this.close(new Error('too many octets of unfinished messages are held'));
  }

  #settleHeld(held: number): boolean {
    const change = held - this.#held;
    if (change === 0) return true;
    this.#held = held;
    return this.#host.hold(held, change);
  }

  /** The socket has answered it by itself, whether or not the peer reads the answers. */
  #onPing(): void {
    this.#used();
    if (this.#socket.bufferedAmount > MAX_UNREAD) this.close(new Error('the peer does not read'));
  }

  #onMessage(octets: Buffer): void {
    if (this.#closed) return;
    this.#used();
    if (isKeepAlive(octets)) {
      if (octets.length >= 4) this.send(PONG, undefined);
      return;
    }
    this.#note('in', octets);
    const origin = { flow: this.flow, endpoint: this };
    try {
      const message = parseSip(octets, this.#host.limits);
      this.heard = true;
      const end = message.body.byteOffset - octets.byteOffset + message.body.length;
      this.#host.listener.onMessage(message, octets.subarray(0, end), origin);
    } catch (error) {
      this.#host.listener.onMalformed(error, octets, origin);
    }
  }

  #note(direction: 'in' | 'out', octets: Buffer): void {
    const { tap } = this.#host.listener;
    if (tap.active) tap.note(direction, this.flow, octets);
  }
}

/** Some clients keep a connection open as over TCP: two CRLFs, answered by one (RFC 5626 section 4.4.1). */
function isKeepAlive(octets: Buffer): boolean {
  for (const octet of octets) if (octet !== CR && octet !== LF) return false;
  return true;
}

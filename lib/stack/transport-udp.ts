import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { SipLimits } from '../codec/sip/limits.ts';
import { parseSip } from '../codec/sip/parse.ts';
import { answerStun, isStun } from './stun.ts';
import type { Endpoint, Sender, TransportListener } from './transport.ts';
import type { Flow, ListenPoint } from './types.ts';

const CR = 0x0d;
const LF = 0x0a;

/** Octets of socket buffer asked for, so that a burst waits for the event loop; the system gives what it allows. */
const SOCKET_BUFFER = 4 * 1024 * 1024;

/** One bound UDP socket. */
export class UdpTransport implements Endpoint {
  readonly family: 4 | 6;
  readonly #point: ListenPoint;
  readonly #socket: Socket;
  readonly #listener: TransportListener;
  readonly #limits: SipLimits;
  readonly #onError: (error: Error) => void;
  #local: ListenPoint;
  #open = false;

  constructor(point: ListenPoint, listener: TransportListener, limits: SipLimits, onError: (error: Error) => void) {
    this.#point = point;
    this.#local = point;
    this.#listener = listener;
    this.#limits = limits;
    this.family = isIPv6(point.host) ? 6 : 4;
    this.#socket = createSocket({
      type: this.family === 6 ? 'udp6' : 'udp4',
      ipv6Only: this.family === 6,
      // Addresses only come here: Node's own look-up would put a tick between every send and its datagram.
      lookup: (host, _options, callback) => callback(null, host, this.family),
    });
    this.#socket.on('message', (octets, peer) => this.#receive(octets, peer.address, peer.port));
    this.#onError = onError;
  }

  /** Binds; answers the point with its real port. Rejects with the socket's error, which `onError` then is not told. */
  listen(): Promise<ListenPoint> {
    return new Promise((resolve, reject) => {
      const onRefused = (error: Error): void => {
        this.#socket.on('error', this.#onError);
        reject(error);
      };
      this.#socket.once('error', onRefused);
      this.#socket.bind({ port: this.#point.port, address: this.#point.host }, () => {
        this.#socket.off('error', onRefused);
        this.#socket.on('error', this.#onError);
        this.#local = { protocol: 'udp', host: this.#point.host, port: this.#socket.address().port };
        this.#enlargeBuffers();
        this.#open = true;
        resolve(this.#local);
      });
    });
  }

  #enlargeBuffers(): void {
    try {
      this.#socket.setRecvBufferSize(SOCKET_BUFFER);
      this.#socket.setSendBufferSize(SOCKET_BUFFER);
    } catch {
      // Only a wish: where the system refuses it, its own sizes stay.
    }
  }

  send(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    if (!this.#open) {
      sender?.onSendError(new Error('the UDP socket is closed'));
      return;
    }
    const { tap } = this.#listener;
    if (tap.active) tap.note('out', this.#flow(host, port), octets);
    if (sender === undefined) {
      this.#socket.send(octets, 0, octets.length, port, host);
    } else {
      this.#socket.send(octets, 0, octets.length, port, host, (error) => {
        if (error) sender.onSendError(error);
        else sender.onSent(undefined);
      });
    }
  }

  reply(octets: Buffer, host: string, port: number, sender: Sender | undefined): void {
    this.send(octets, host, port, sender);
  }

  close(): Promise<void> {
    this.#open = false;
    return new Promise((resolve) => {
      try {
        this.#socket.close(() => resolve());
      } catch {
        // It was never bound or is closed already, which is what was asked for.
        resolve();
      }
    });
  }

  #flow(host: string, port: number): Flow {
    const { host: localHost, port: localPort } = this.#local;
    return { protocol: 'udp', host, port, localHost, localPort };
  }

  #receive(octets: Buffer, host: string, port: number): void {
    if (isKeepAlive(octets)) return;
    if (isStun(octets)) {
      const answer = answerStun(octets, host, port);
      if (answer !== undefined && this.#open) this.#socket.send(answer, port, host);
      return;
    }
    const flow = this.#flow(host, port);
    const { tap } = this.#listener;
    if (tap.active) tap.note('in', flow, octets);
    const origin = { flow, endpoint: this };
    try {
      const message = parseSip(octets, this.#limits);
      const end = message.body.byteOffset - octets.byteOffset + message.body.length;
      this.#listener.onMessage(message, octets.subarray(0, end), origin);
    } catch (error) {
      this.#listener.onMalformed(error, octets, origin);
    }
  }
}

/** Empty datagrams and runs of CRLF keep a NAT binding open and carry nothing. */
function isKeepAlive(octets: Buffer): boolean {
  for (const octet of octets) if (octet !== CR && octet !== LF && octet !== 0) return false;
  return true;
}

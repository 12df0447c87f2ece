import type { Socket } from 'node:net';
import type { Clock } from './clock.ts';
import { networkOf } from './networks.ts';

/** What of the connections of peers is bounded. */
export interface PeerRoomOptions {
  /** Connections from one address, or from one IPv6 network of 64 bits. */
  readonly maxPerAddress: number;
  /** Addresses that are not counted. */
  readonly isExempt: (address: string) => boolean;
  /** A connection must be good for messages after this, ms. */
  readonly connectTime: number;
}

/** A connection, as far as its giving way to another goes. */
export interface Guest {
  readonly lastUsed: number;
  /** A peer made it, and nothing waits for it. */
  readonly mayGo: boolean;
  /** A message has come by it. */
  readonly heard: boolean;
  close(reason: Error): void;
}

const NO_ROOM = new Error('it made room for a newcomer');

/**
 * Room for the connections that peers make: so many from one address, and for a newcomer when there is no more, since the
 * connection goes that was silent longest. One by which no message ever came goes before one by which some did.
 */
export class PeerRoom {
  readonly #options: PeerRoomOptions;
  readonly #clock: Clock;
  readonly #perAddress = new Map<string, number>();
  /** Peers whose handshake is under way, eldest first. */
  readonly #arriving = new Map<string, { readonly socket: Socket; readonly since: number }>();

  constructor(options: PeerRoomOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** How many have not settled. */
  get arriving(): number {
    return this.#arriving.size;
  }

  /** A peer has connected; false: there are too many of its address. Counts it until its socket is closed. */
  enter(socket: Socket): boolean {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return false;
    if (this.#options.isExempt(remoteAddress)) return true;
    const network = networkOf(remoteAddress);
    const before = this.#perAddress.get(network) ?? 0;
    if (before >= this.#options.maxPerAddress) return false;
    this.#perAddress.set(network, before + 1);
    socket.once('close', () => this.#leave(network));
    return true;
  }

  /** A handshake follows: it is to settle within `connectTime`. */
  awaitHandshake(socket: Socket): void {
    const key = keyOf(socket);
    this.#arriving.set(key, { socket, since: this.#clock.now() });
    socket.once('close', () => {
      if (this.#arriving.get(key)?.socket === socket) this.#arriving.delete(key);
    });
  }

  /** `socket` may be the one with TLS above the one that arrived. */
  settle(socket: Socket): void {
    this.#arriving.delete(keyOf(socket));
  }

  /** Ends a connection that may go, of those that arrive or of `settled`; false: there is none. */
  makeRoom(settled: Iterable<Guest>): boolean {
    const [eldest] = this.#arriving;
    let first: Guest | undefined;
    for (const guest of settled) if (guest.mayGo && (first === undefined || goesBefore(guest, first))) first = guest;
    if (eldest !== undefined && (first === undefined || first.heard || first.lastUsed >= eldest[1].since)) {
      this.#arriving.delete(eldest[0]);
      eldest[1].socket.destroy();
      return true;
    }
    first?.close(NO_ROOM);
    return first !== undefined;
  }

  /** Ends those whose handshake takes too long. */
  sweep(): void {
    const latest = this.#clock.now() - this.#options.connectTime;
    for (const { socket, since } of this.#arriving.values()) if (since <= latest) socket.destroy();
  }

  close(): void {
    for (const { socket } of this.#arriving.values()) socket.destroy();
  }

  #leave(network: string): void {
    const left = (this.#perAddress.get(network) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(network, left);
    else this.#perAddress.delete(network);
  }
}

const goesBefore = (one: Guest, other: Guest): boolean =>
  one.heard === other.heard ? one.lastUsed < other.lastUsed : other.heard;

const keyOf = ({ remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 }: Socket): string =>
  `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;

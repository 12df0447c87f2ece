import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../../lib/base/clock.ts';

export interface Losses {
  readonly seed: number;
  /** Parts of one. */
  readonly loss?: number;
  readonly duplication?: number;
  /** A datagram is held back up to 300 ms of the clock, so that later ones overtake it. */
  readonly reorder?: number;
}

const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** Mulberry32: the same seed gives the same numbers. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A bad network between two UDP peers, a and b: each reaches the other at the relay's port for it. Loses, repeats and
 * reorders by a seed; `filter` may drop more.
 */
export class LossyRelay {
  /** a sends here to reach b, and b to reach a. */
  toB = 0;
  toA = 0;
  dropped = 0;
  passed = 0;
  /** False drops the datagram. */
  filter: (datagram: Buffer, from: 'a' | 'b') => boolean = () => true;
  readonly #clock: Clock;
  readonly #losses: Losses;
  readonly #random: () => number;
  readonly #facing: { a: Socket; b: Socket } = { a: createSocket('udp4'), b: createSocket('udp4') };
  readonly #ports: { a: number; b: number };
  #open = true;

  constructor(clock: Clock, a: number, b: number, losses: Losses) {
    this.#clock = clock;
    this.#ports = { a, b };
    this.#losses = losses;
    this.#random = seeded(losses.seed);
  }

  async start(): Promise<this> {
    this.toB = await this.#listen('a');
    this.toA = await this.#listen('b');
    return this;
  }

  async close(): Promise<void> {
    this.#open = false;
    await Promise.all(
      Object.values(this.#facing).map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
    );
  }

  async #listen(from: 'a' | 'b'): Promise<number> {
    const socket = this.#facing[from];
    socket.on('message', (datagram) => this.#pass(datagram, from));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(RECEIVE_BUFFER); // what it loses is for the seed to say
    return socket.address().port;
  }

  #pass(datagram: Buffer, from: 'a' | 'b'): void {
    const { loss = 0, duplication = 0, reorder = 0 } = this.#losses;
    if (!this.filter(datagram, from) || this.#random() < loss) {
      this.dropped++;
      return;
    }
    this.passed++;
    const copies = this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < reorder) this.#clock.setTimeout(() => this.#send(datagram, from), this.#random() * 300);
      else this.#send(datagram, from);
    }
  }

  #send(datagram: Buffer, from: 'a' | 'b'): void {
    if (!this.#open) return;
    const to = from === 'a' ? 'b' : 'a';
    this.#facing[to].send(datagram, this.#ports[to], '127.0.0.1');
  }
}

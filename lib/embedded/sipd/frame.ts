/** Longest frame that drachtio-server can hold, `<count>#` included: its read buffer is a ring of this size. */
export const LONGEST_FRAME = 12_228;

/**
 * Longest frame that may share the connection's buffer with another: the ring of 12,228 octets less one read of
 * 8,192. A longer one that does not come alone is overwritten in part by what follows.
 */
export const LONGEST_SHARED_FRAME: number = LONGEST_FRAME - 8_192;

/** The count has at most five digits; a sixth makes drachtio-server reset the connection. */
const COUNT_DIGITS = 5;

/** How much of a frame that is too long is kept: enough of its meta line to answer it. */
const KEPT_OF_TOO_LONG = 512;

const HASH = 0x23;
const ZERO = 0x30;
const EMPTY: Buffer = Buffer.alloc(0);

export interface Frame {
  /** What follows the `#`; of a frame that is too long only its first 512 octets. */
  readonly payload: Buffer;
  /** Octets of the frame, `<count>#` included. */
  readonly size: number;
  /** False when octets of another frame came in the same read. */
  readonly alone: boolean;
  readonly tooLong: boolean;
}

/**
 * Cuts the octets of a connection into frames `<decimal count>#<payload>`. Holds one frame at most. Once `broken` it
 * gives nothing more: there is no way to find the next frame.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  #pending: Buffer = EMPTY;
  /** True when `#pending` began with a read. */
  #pendingAlone = true;
  /** Octets still to pass over of a frame that is too long, its size, and its beginning. */
  #skip = 0;
  #skipSize = 0;
  #skipHead: Buffer = EMPTY;
  #broken: string | undefined;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Why the stream cannot be read on, or undefined. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Takes one read and hands out every frame that it completes. */
  push(chunk: Buffer): void {
    const data = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    const firstAlone = this.#pending.length > 0 ? this.#pendingAlone : this.#skip === 0;
    this.#pending = EMPTY;
    let at = 0;
    while (at < data.length && this.#broken === undefined) {
      if (this.#skip > 0) {
        at = this.#passOver(data, at);
        continue;
      }
      const hash = this.#countEnd(data, at);
      if (hash === undefined) break;
      const count = decimal(data, at, hash);
      const end = hash + 1 + count;
      const size = end - at;
      if (size > LONGEST_FRAME) {
        this.#skip = count;
        this.#skipSize = size;
        this.#skipHead = EMPTY;
        at = hash + 1;
        continue;
      }
      if (end > data.length) break;
      const alone = firstAlone && at === 0 && end === data.length;
      this.#onFrame({ payload: data.subarray(hash + 1, end), size, alone, tooLong: false });
      at = end;
    }
    if (at >= data.length || this.#broken !== undefined) return;
    this.#pending = data.subarray(at);
    this.#pendingAlone = firstAlone && at === 0;
  }

  /** Where the count that begins at `at` ends; undefined when more octets are needed or there is none. */
  #countEnd(data: Buffer, at: number): number | undefined {
    for (let i = at; i < data.length; i++) {
      const octet = data[i] as number;
      if (octet === HASH && i > at && decimal(data, at, i) > 0) return i;
      if (octet < ZERO || octet > ZERO + 9 || i - at >= COUNT_DIGITS) {
        this.#broken = `frame without a count of one to ${COUNT_DIGITS} digits`;
        return undefined;
      }
    }
    return undefined;
  }

  #passOver(data: Buffer, at: number): number {
    const step = Math.min(this.#skip, data.length - at);
    const wanted = Math.min(step, KEPT_OF_TOO_LONG - this.#skipHead.length);
    if (wanted > 0) this.#skipHead = Buffer.concat([this.#skipHead, data.subarray(at, at + wanted)]);
    this.#skip -= step;
    if (this.#skip === 0) {
      this.#onFrame({ payload: this.#skipHead, size: this.#skipSize, alone: false, tooLong: true });
    }
    return at + step;
  }
}

function decimal(data: Buffer, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + (data[i] as number) - ZERO;
  return value;
}

/** What a frame or a piece of one costs besides its octets, while it is kept. */
const PIECE = 128;

const FIN = 0x80;
const OPCODE = 0x0f;
const FIRST_CONTROL = 0x8;
const MASKED = 0x80;
const LENGTH = 0x7f;
const LENGTH_IS_16_BITS = 126;
const LENGTH_IS_64_BITS = 127;

/** The longest head of a frame (RFC 6455 section 5.2). */
const MAX_HEAD = 14;

/**
 * Follows the frames that come by a WebSocket (RFC 6455 section 5.2), and keeps none: how much memory the message that
 * is not whole yet takes where its frames are kept, and since when. Control frames in the midst of it count, since
 * they stay in memory with the octets around them.
 */
export class FrameWatch {
  /** Octets; 0 between two messages. */
  held = 0;
  since: number | undefined;
  readonly #head = Buffer.alloc(MAX_HEAD);
  #headLength = 0;
  /** Octets of the frame's payload that are still to come. */
  #left = 0;
  /** The message goes on in another frame. */
  #open = false;

  /** `now`: clock time. */
  push(chunk: Buffer, now: number): void {
    this.held += chunk.length + PIECE;
    this.since ??= now;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      } else {
        this.#head[this.#headLength++] = chunk[at++] ?? 0;
        if (!this.#isHeadWhole()) continue;
        this.#left = this.#payload();
      }
      if (this.#left === 0) this.#endFrame(at === chunk.length ? 0 : chunk.length + PIECE, now);
    }
  }

  #endFrame(rest: number, now: number): void {
    const [first = 0] = this.#head;
    this.#headLength = 0;
    if ((first & OPCODE) < FIRST_CONTROL) this.#open = (first & FIN) === 0;
    if (this.#open) {
      this.held += PIECE;
      return;
    }
    this.held = rest;
    this.since = rest === 0 ? undefined : now;
  }

  #isHeadWhole(): boolean {
    const [, second = 0] = this.#head;
    if (this.#headLength < 2) return false;
    const length = second & LENGTH;
    const extended = length === LENGTH_IS_64_BITS ? 8 : length === LENGTH_IS_16_BITS ? 2 : 0;
    return this.#headLength === 2 + extended + ((second & MASKED) === 0 ? 0 : 4);
  }

  #payload(): number {
    const length = (this.#head[1] ?? 0) & LENGTH;
    if (length === LENGTH_IS_64_BITS) return Number(this.#head.readBigUInt64BE(2));
    return length === LENGTH_IS_16_BITS ? this.#head.readUInt16BE(2) : length;
  }
}

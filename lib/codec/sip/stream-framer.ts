import { DEFAULT_SIP_LIMITS, type SipLimits } from './limits.ts';
import type { SipMessage } from './message.ts';
import { messageOf, parseHead, type SipHead, tooLarge } from './parse.ts';
import { syntaxError } from './syntax.ts';

const CR = 0x0d;
const LF = 0x0a;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

export interface FrameListener {
  /** A whole message and its octets. */
  onMessage(message: SipMessage, raw: Buffer): void;
  /** A keep-alive of two CRLFs, to be answered by one (RFC 5626 section 4.4.1). */
  onPing(): void;
  /** The CRLF that answers a keep-alive of ours, after `expectPong`. */
  onPong?(): void;
}

/**
 * Cuts a byte stream into SIP messages by Content-Length (RFC 3261 section 18.3), however the stream arrives. Holds at
 * most one message that is not yet whole. After an error the stream has lost its frame: the connection must be closed.
 */
export class StreamFramer {
  readonly #limits: SipLimits;
  readonly #listener: FrameListener;
  /** Octets of the message to come: `#held.subarray(0, #length)`; grows by doubling, so that single octets cost no more than one copy. */
  #held: Buffer = EMPTY;
  #length = 0;
  /** Where to go on looking for the end of the head. */
  #scanned = 0;
  #head: SipHead | undefined;
  #bodyStart = 0;
  /** One CRLF of a keep-alive has been seen. */
  #halfPing = false;
  #pongExpected = false;
  #stopped = false;

  constructor(listener: FrameListener, limits: SipLimits = DEFAULT_SIP_LIMITS) {
    this.#listener = listener;
    this.#limits = limits;
  }

  /** Octets held of a message that is not whole. */
  get buffered(): number {
    return this.#length;
  }

  /** The held octets, for answering a request whose head was refused. */
  get pending(): Buffer {
    return this.#held.subarray(0, this.#length);
  }

  /** A keep-alive of ours has left: the next CRLF between messages is its answer, not half a keep-alive of the peer's. */
  expectPong(): void {
    this.#pongExpected = true;
  }

  /** Ignores all further octets. */
  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /**
   * Takes the next octets of the stream, which must not be changed afterwards.
   * Throws PPG_E_SIP_SYNTAX or PPG_E_SIP_TOO_LARGE; `pending` then holds the guilty message.
   */
  push(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#length > 0) {
      this.#append(chunk);
    } else {
      this.#held = chunk;
      this.#length = chunk.length;
    }
    let at = 0;
    while (!this.#stopped && at < this.#length) {
      const next = this.#take(at);
      if (next === at) break;
      at = next;
    }
    if (!this.#stopped) this.#keep(at);
  }

  /** Takes one keep-alive or message that begins at `at`; answers where the next begins, `at` when more octets are needed. */
  #take(at: number): number {
    const first = this.#held[at];
    if (this.#head === undefined && (first === CR || first === LF)) return this.#takeLineEnd(at);
    this.#head ??= this.#readHead(at);
    if (this.#head === undefined) return at;
    const head = this.#head;
    const end = this.#bodyStart + (head.contentLength ?? 0);
    if (end > this.#length) return at;
    this.#head = undefined;
    this.#halfPing = false;
    this.#scanned = end;
    this.#listener.onMessage(messageOf(head, this.#held.subarray(this.#bodyStart, end)), this.#held.subarray(at, end));
    return end;
  }

  #takeLineEnd(at: number): number {
    if (this.#held[at] === LF) throw this.#lost(at, 'a line feed alone between messages');
    if (at + 1 === this.#length) return at;
    if (this.#held[at + 1] !== LF) throw this.#lost(at, 'a carriage return alone between messages');
    this.#scanned = at + 2;
    if (this.#pongExpected) {
      this.#pongExpected = false;
      this.#listener.onPong?.();
      return at + 2;
    }
    if (this.#halfPing) this.#listener.onPing();
    this.#halfPing = !this.#halfPing;
    return at + 2;
  }

  #readHead(at: number): SipHead | undefined {
    const found = this.#held.subarray(0, this.#length).indexOf(END_OF_HEAD, Math.max(at, this.#scanned - 3));
    if (found < 0) {
      this.#scanned = this.#length;
      if (this.#length - at > this.#limits.headerBytes) throw this.#fail(at, tooLarge('a head without end'));
      return undefined;
    }
    try {
      const head = parseHead(this.#held, at, found + 2, this.#limits);
      if (head.contentLength === undefined) throw syntaxError('a message on a stream has no Content-Length');
      if (head.contentLength > this.#limits.bodyBytes) throw tooLarge(`a body of ${head.contentLength} octets`);
      this.#bodyStart = found + 4;
      return head;
    } catch (error) {
      throw this.#fail(at, error);
    }
  }

  #lost(at: number, what: string): unknown {
    return this.#fail(at, syntaxError(what));
  }

  /** Leaves the guilty message in `pending`. */
  #fail(at: number, error: unknown): unknown {
    this.#held = this.#held.subarray(at, this.#length);
    this.#length = this.#held.length;
    this.#stopped = true;
    return error;
  }

  /** Lets go of what has been taken. The rest has no room behind it, so nothing is written where views were handed out. */
  #keep(at: number): void {
    if (at === this.#length) {
      this.#drop();
    } else if (at > 0) {
      this.#held = this.#held.subarray(at, this.#length);
      this.#length -= at;
      this.#scanned = Math.max(0, this.#scanned - at);
      this.#bodyStart -= at;
    }
  }

  #drop(): void {
    this.#held = EMPTY;
    this.#length = 0;
    this.#scanned = 0;
  }

  #append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#held.length) {
      // No more room than the message is known to need, so that a claimed length alone costs no memory.
      const end =
        this.#head === undefined ? Number.POSITIVE_INFINITY : this.#bodyStart + (this.#head.contentLength ?? 0);
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#length * 2, end)));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    this.#held.set(chunk, this.#length);
    this.#length = needed;
  }
}

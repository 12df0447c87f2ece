import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { headerOctets } from '../codec/mime/header-block.ts';
import { type ByteRange, Coverage } from '../codec/msrp/byte-range.ts';
import { endLine, writeSendHead } from '../codec/msrp/write.ts';
import type { HeaderField } from '../model/push.ts';
import type { MsrpConnection } from './connection.ts';

/** A message that is to be sent. */
export interface OutgoingMessage {
  /** 4 to 32 letters, digits, `.-+%=`; the same when the same message is sent again. */
  readonly messageId: string;
  readonly contentType: string;
  /** Further headers; they stand in the first chunk. */
  readonly headers: readonly HeaderField[];
  /** Never copied: chunks are views of it. */
  readonly body: Buffer;
  /** Ask for a success report and wait for it. */
  readonly successReport: boolean;
}

/**
 * What became of a message. `complete`: all of its octets were handed to the connection, so that the peer may have it.
 * - `sent`: every chunk was answered 200; `reported`: the receiver has reported that it has all of it.
 * - `refused`: an answer or a failure report with another status.
 * - `lost`: connection gone, no answer in time, or given up on this side.
 * - `violation`: the peer said what cannot be, as a report of octets that were never sent.
 */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly reported: boolean }
  | { readonly kind: 'refused'; readonly status: number; readonly comment: string; readonly complete: boolean }
  | { readonly kind: 'lost'; readonly cause: string; readonly begun: boolean; readonly complete: boolean }
  | { readonly kind: 'violation'; readonly cause: string; readonly complete: boolean };

export interface SendTimes {
  /** Octets of content in a chunk, less those of further headers in the first. */
  readonly chunkBytes: number;
  /** Without an answer, or room for the next chunk, for so long the peer is gone, ms (RFC 4975 section 7.1.2: 30 s). */
  readonly transactionTime: number;
  /** How long after the last answer the success report may come, ms. */
  readonly reportTime: number;
}

/** Chunks that may be unanswered at a time. */
const WINDOW = 32;

/** RFC 4975 section 7.1.1: a larger chunk must be interruptible, so that it does not tell where it ends. */
const MOST_UNINTERRUPTIBLE = 2048;

/** Gaps between the parts that were reported; a receiver has as many as its chunks came out of order. */
const MOST_PIECES = 256;

/** Of content in the first chunk, however many headers it has. */
const LEAST = 1024;

/** One message on its way: chunks, their answers, reports about it. */
export class Outgoing {
  readonly message: OutgoingMessage;
  readonly result: Promise<SendOutcome>;
  readonly #times: SendTimes;
  readonly #clock: Clock;
  readonly #covered = new Coverage();
  readonly #unanswered = new Set<string>();
  #settle: (outcome: SendOutcome) => void = () => undefined;
  #outcome: SendOutcome | undefined;
  #connection: MsrpConnection | undefined;
  /** Octets handed to the connection. */
  #offset = 0;
  #begun = false;
  #whole = false;
  #wake: (() => void) | undefined;
  #timer: TimerHandle;
  #progressAt: number;

  constructor(message: OutgoingMessage, times: SendTimes, clock: Clock) {
    this.message = message;
    this.#times = times;
    this.#clock = clock;
    this.#progressAt = clock.now();
    this.result = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Sends all chunks by the connection; what becomes of it is in `result`. Never rejects. */
  async run(connection: MsrpConnection, toPath: string, fromPath: string): Promise<void> {
    this.#connection = connection;
    this.#progressAt = this.#clock.now();
    this.#watch(this.#times.transactionTime);
    try {
      while (!this.#whole && this.#outcome === undefined) {
        if (this.#unanswered.size >= WINDOW) await new Promise<void>((resolve) => (this.#wake = resolve));
        else if (!(await connection.writable())) this.lost(connection.closed ?? 'the connection is gone');
        else if (this.#outcome === undefined) this.#sendChunk(connection, toPath, fromPath);
      }
    } catch (error) {
      this.lost(messageOf(error));
    }
  }

  #sendChunk(connection: MsrpConnection, toPath: string, fromPath: string): void {
    const { body, messageId, contentType, headers, successReport } = this.message;
    const start = this.#offset;
    const room = start === 0 ? Math.max(this.#times.chunkBytes - headerOctets(headers), LEAST) : this.#times.chunkBytes;
    const end = Math.min(start + room, body.length);
    const octets = body.subarray(start, end);
    const transaction = connection.nextTransaction(octets);
    const known = octets.length <= MOST_UNINTERRUPTIBLE;
    const range: ByteRange = { start: start + 1, end: known ? end : undefined, total: body.length };
    const first = start === 0 ? { headers } : {};
    const head = { transaction, toPath, fromPath, messageId, range, contentType, successReport, ...first };
    const text = writeSendHead(head);
    this.#begun = true;
    this.#offset = end;
    this.#whole = end === body.length;
    this.#unanswered.add(transaction);
    connection.write(
      [text, octets, endLine(transaction, this.#whole ? '$' : '+', true)],
      transaction,
      ({ status, comment }) => this.#onResponse(transaction, status, comment),
      () => {
        this.#progressAt = this.#clock.now();
      },
    );
  }

  #onResponse(transaction: string, status: number, comment: string): void {
    this.#unanswered.delete(transaction);
    this.#progressAt = this.#clock.now();
    if (status < 200 || status > 299) this.#end({ kind: 'refused', status, comment, complete: this.#whole });
    else if (this.#whole && this.#unanswered.size === 0) this.#answered();
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Every chunk has its 200. */
  #answered(): void {
    if (this.#outcome !== undefined) return;
    if (!this.message.successReport) this.#end({ kind: 'sent', reported: false });
    else {
      this.#clock.clearTimeout(this.#timer);
      const none = (): void => this.#end({ kind: 'sent', reported: false });
      this.#timer = this.#clock.setTimeout(none, this.#times.reportTime);
    }
  }

  /** A REPORT about this message. Parts may come in any order and overlap (RFC 4975 section 7.1.2). */
  onReport(range: ByteRange, status: number, comment: string): void {
    if (this.#outcome !== undefined) return;
    const { length } = this.message.body;
    if (status < 200 || status > 299) {
      this.#end({ kind: 'refused', status, comment, complete: this.#whole });
      return;
    }
    const end = range.end ?? range.total ?? length;
    if ((range.total !== undefined && range.total !== length) || end > this.#offset || (length === 0 && !this.#whole)) {
      const told = `${range.start} to ${end} of ${range.total ?? 'an unknown number'}`;
      this.violated(`a report of octets ${told}, when ${this.#offset} of ${length} were sent`);
      return;
    }
    this.#progressAt = this.#clock.now();
    this.#covered.add(range.start, end);
    if (this.#covered.pieces > MOST_PIECES) this.violated(`reports of more than ${MOST_PIECES} pieces`);
    else if (this.#covered.has(1, length)) this.#end({ kind: 'sent', reported: true });
  }

  /** The peer said what cannot be. */
  violated(cause: string): void {
    this.#end({ kind: 'violation', cause, complete: this.#whole });
  }

  lost(cause: string): void {
    this.#end({ kind: 'lost', cause, begun: this.#begun, complete: this.#whole });
  }

  #end(outcome: SendOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#clock.clearTimeout(this.#timer);
    for (const transaction of this.#unanswered) this.#connection?.forget(transaction);
    this.#unanswered.clear();
    this.#wake?.();
    this.#settle(outcome);
  }

  /** One timer looks at the last sign of life, rather than one for each chunk. */
  #watch(after: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      const left = this.#progressAt + this.#times.transactionTime - this.#clock.now();
      if (left > 0) this.#watch(left);
      else this.lost(`no answer for ${Math.round(this.#times.transactionTime / 1000)} s`);
    }, after);
  }
}

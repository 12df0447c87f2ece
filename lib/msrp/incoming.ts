import { messageOf } from '../base/errors.ts';
import { Coverage, parseByteRange, WHOLE } from '../codec/msrp/byte-range.ts';
import { type EndFlag, headerOf, type MsrpRequestHead } from '../codec/msrp/message.ts';
import type { HeaderField } from '../model/push.ts';
import type { MsrpConnection, Receiver } from './connection.ts';
import type { MessageTaker, MsrpSession } from './session.ts';

/** A message that has come as a whole. */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly contentType: string;
  /** Of the first chunk. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
  readonly chunks: number;
  /** The SEND that began it, for a report. */
  readonly head: MsrpRequestHead;
  /** True when the sender asked for a success report. */
  readonly wantsReport: boolean;
}

export interface IncomingOptions {
  /** Octets of the largest message; beyond it 413. */
  readonly maxSize: number;
  readonly onMessage: (message: ReceivedMessage, session: MsrpSession) => void;
  /** Refuses a message by its first chunk; undefined takes it. */
  readonly refuses?: (head: MsrpRequestHead) => { status: number; comment: string } | undefined;
  /** Told of octets as they come, with how many of the message there are. */
  readonly onOctets?: (count: number, connection: MsrpConnection) => void;
}

/** Messages of one session that are under way at a time. */
const MOST_MESSAGES = 8;
/** Gaps between the parts of a message that came out of order. */
const MOST_PIECES = 256;

interface Unfinished {
  readonly head: MsrpRequestHead;
  readonly parts: { start: number; octets: Buffer }[];
  readonly covered: Coverage;
  received: number;
  total: number | undefined;
  chunks: number;
}

/** Puts messages together of the chunks of one session, in whatever order they come (RFC 4975 section 7.3.1). */
export class Incoming implements MessageTaker {
  readonly #options: IncomingOptions;
  readonly #messages = new Map<string, Unfinished>();

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  onSend(head: MsrpRequestHead, session: MsrpSession, connection: MsrpConnection): Receiver {
    const refuse = (status: number, comment: string): Receiver => {
      this.#messages.delete(headerOf(head.headers, 'Message-ID') ?? '');
      session.respond(head, status, comment);
      return session.unwanted(connection);
    };
    const id = headerOf(head.headers, 'Message-ID');
    if (id === undefined || headerOf(head.headers, 'Content-Type') === undefined)
      return refuse(400, 'A header is missing');
    const refusal = this.#options.refuses?.(head);
    if (refusal !== undefined) return refuse(refusal.status, refusal.comment);
    const text = headerOf(head.headers, 'Byte-Range');
    let range = WHOLE;
    try {
      range = text === undefined ? WHOLE : parseByteRange(text);
    } catch (error) {
      return refuse(400, messageOf(error));
    }
    if ((range.total ?? range.start - 1) > this.#options.maxSize) return refuse(413, 'Message too large');
    const message = this.#messageOf(id, head);
    if (message === undefined) return refuse(413, 'Too many messages at once');
    if (range.total !== undefined) {
      if (message.total !== undefined && message.total !== range.total) return refuse(400, 'Another total than before');
      message.total = range.total;
    }
    message.chunks++;
    return this.#chunk(message, id, head, range.start, range.end, session, connection);
  }

  #chunk(
    message: Unfinished,
    id: string,
    head: MsrpRequestHead,
    start: number,
    end: number | undefined,
    session: MsrpSession,
    connection: MsrpConnection,
  ): Receiver {
    const { maxSize, onOctets } = this.#options;
    let next = start;
    let failed = false;
    const unwanted = session.unwanted(connection);
    const fail = (status: number, comment: string): void => {
      failed = true;
      this.#messages.delete(id);
      session.respond(head, status, comment);
    };
    const onBody = (octets: Buffer): void => {
      if (failed) {
        unwanted.onBody(octets);
        return;
      }
      const last = next + octets.length - 1;
      if (last > (message.total ?? Number.POSITIVE_INFINITY) || last > (end ?? Number.POSITIVE_INFINITY))
        fail(400, 'Octets beyond the Byte-Range');
      else if (last > maxSize || message.covered.pieces > MOST_PIECES) fail(413, 'Message too large');
      else {
        // What came before is not taken again: a sender may repeat a chunk.
        if (!message.covered.has(next, last)) {
          message.parts.push({ start: next, octets });
          message.received += octets.length;
          message.covered.add(next, last);
        }
        next = last + 1;
        if (message.received > 2 * maxSize) fail(413, 'Message too large');
        onOctets?.(message.received, connection);
      }
    };
    const onEnd = (flag: EndFlag): void => {
      if (failed) return;
      if (flag === '#') this.#messages.delete(id);
      if (flag === '$') message.total ??= next - 1;
      session.respond(head, 200, 'OK');
      if (flag !== '#' && message.total !== undefined && message.covered.has(1, message.total))
        this.#whole(id, message, session);
    };
    return { onBody, onEnd };
  }

  #whole(id: string, message: Unfinished, session: MsrpSession): void {
    this.#messages.delete(id);
    const { head, chunks } = message;
    this.#options.onMessage(
      {
        messageId: id,
        contentType: headerOf(head.headers, 'Content-Type') ?? '',
        headers: head.headers,
        body: joined(message),
        chunks,
        head,
        wantsReport: headerOf(head.headers, 'Success-Report')?.toLowerCase() === 'yes',
      },
      session,
    );
  }

  #messageOf(id: string, head: MsrpRequestHead): Unfinished | undefined {
    const known = this.#messages.get(id);
    if (known !== undefined) return known;
    if (this.#messages.size >= MOST_MESSAGES) return undefined;
    const made = { head, parts: [], covered: new Coverage(), received: 0, total: undefined, chunks: 0 };
    this.#messages.set(id, made);
    return made;
  }
}

/** The parts in their order; where they overlap the earlier octets stay. */
function joined({ parts, total = 0 }: Unfinished): Buffer {
  const inOrder = parts.every(({ start }, at) => {
    const before = parts[at - 1];
    return start === (before === undefined ? 1 : before.start + before.octets.length);
  });
  if (inOrder)
    return Buffer.concat(
      parts.map(({ octets }) => octets),
      total,
    );
  const body = Buffer.alloc(total);
  for (const { start, octets } of [...parts].reverse()) octets.copy(body, start - 1);
  return body;
}

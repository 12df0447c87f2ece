import { PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';
import { DEFAULT_MSRP_LIMITS, type MsrpLimits } from './limits.ts';
import type { EndFlag, MsrpRequestHead, MsrpResponse } from './message.ts';

/** Is told of messages while their octets come in. For a request: onRequest, any number of onBody, onEnd. */
export interface MsrpListener {
  onRequest(head: MsrpRequestHead): void;
  /** Octets of the content as they came: views of what was pushed, never copied. */
  onBody(octets: Buffer): void;
  onEnd(flag: EndFlag): void;
  onResponse(response: MsrpResponse): void;
}

const CR = 13;
const LF = 10;
const CRLF = Buffer.from('\r\n');
const DASHES = '-------'; // seven, RFC 4975 section 9: end-line
const NOTHING = Buffer.alloc(0);
/** Of end-line behind the transaction id: flag and CRLF. */
const TAIL = 3;

// RFC 4975 section 9: ident = ALPHANUM 3*31ident-char
const START = /^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}) (?:(\d{3})(?: ([^\r\n]*))?|([A-Z]{1,32}))$/;
const HEADER = /^([A-Za-z][A-Za-z0-9\-!%'*+.^_`{|}~#$&]{0,127}):[ \t]*(.*)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;

interface Unfinished {
  readonly transaction: string;
  readonly endLine: string;
  readonly request: string | undefined;
  readonly status: number;
  readonly comment: string;
  readonly headers: HeaderField[];
  malformed?: string;
}

/**
 * Reads a stream of MSRP messages (RFC 4975 section 9), however it is cut. Octets of content are handed on as they come;
 * only what may be the beginning of an end-line is held back. A request whose headers cannot be read is handed on as `malformed`.
 */
export class MsrpReader {
  readonly #listener: MsrpListener;
  readonly #limits: MsrpLimits;
  /** Octets that are not understood yet: part of a head, or what may be part of an end-line. */
  #rest: Buffer = NOTHING;
  /** Where what is held back grows. */
  #room: Buffer = NOTHING;
  /** Where in `#rest` the next line begins, and where its end has not been found before. */
  #line = 0;
  #searched = 0;
  #head: Unfinished | undefined;
  /** CRLF, dashes and transaction id: what ends the content that is being read. */
  #delimiter: Buffer | undefined;
  #failed = false;

  constructor(listener: MsrpListener, limits: MsrpLimits = DEFAULT_MSRP_LIMITS) {
    this.#listener = listener;
    this.#limits = limits;
  }

  /** Octets held back. */
  get held(): number {
    return this.#rest.length;
  }

  /** True between two messages: an end of the stream here cuts nothing. */
  get idle(): boolean {
    return this.#delimiter === undefined && this.#head === undefined && this.#rest.length === 0;
  }

  /** Takes the next octets. Throws PPG_E_MSRP_SYNTAX, after which the stream cannot be read any more. */
  push(octets: Buffer): void {
    if (this.#failed) return;
    let data = this.#rest.length === 0 ? octets : this.#append(octets);
    this.#rest = NOTHING;
    try {
      while (data.length > 0) {
        const used = this.#delimiter === undefined ? this.#readHead(data) : this.#readBody(data, this.#delimiter);
        if (used === undefined) return;
        data = data.subarray(used);
      }
    } catch (error) {
      this.#failed = true;
      this.#rest = NOTHING;
      throw error;
    }
  }

  /**
   * What was held back and what came behind it. There is room to grow, so that a peer who sends octet by octet does not have
   * all of a head copied for each; octets that were handed on stand before it and are never written over.
   */
  #append(octets: Buffer): Buffer {
    const rest = this.#rest;
    const length = rest.length + octets.length;
    const at = rest.byteOffset - this.#room.byteOffset;
    if (rest.buffer === this.#room.buffer && at + length <= this.#room.length) {
      octets.copy(this.#room, at + rest.length);
      return this.#room.subarray(at, at + length);
    }
    this.#room = Buffer.allocUnsafeSlow(length * 2);
    rest.copy(this.#room);
    octets.copy(this.#room, rest.length);
    return this.#room.subarray(0, length);
  }

  /** Octets used up by a head that is whole; undefined when more must come. */
  #readHead(data: Buffer): number | undefined {
    for (;;) {
      const end = data.indexOf(CRLF, this.#searched);
      if ((end < 0 ? data.length : end) > this.#limits.headBytes) throw refused('start line and headers are too large');
      if (end < 0) {
        this.#searched = Math.max(this.#line, data.length - 1);
        this.#rest = data;
        return undefined;
      }
      const line = data.toString('utf8', this.#line, end);
      const next = end + CRLF.length;
      // Empty lines before a message are no message: peers send them to keep their way open.
      if (this.#head === undefined && line === '') return next;
      this.#line = next;
      this.#searched = next;
      if (this.#head === undefined) this.#head = startOf(line);
      else if (this.#readLine(this.#head, line)) {
        this.#head = undefined;
        this.#line = 0;
        this.#searched = 0;
        return next;
      }
    }
  }

  /** Takes one line of a head; true when it was the last. */
  #readLine(head: Unfinished, line: string): boolean {
    if (line === '') {
      if (head.request === undefined) throw refused('a response has no content');
      this.#delimiter = Buffer.from(`\r\n${head.endLine}`, 'latin1');
      this.#listener.onRequest(requestOf(head, head.request, true));
      return true;
    }
    const flag = line.startsWith(head.endLine) ? line.slice(head.endLine.length) : undefined;
    if (flag === '$' || flag === '+' || flag === '#') {
      if (head.request === undefined) this.#listener.onResponse(responseOf(head));
      else {
        this.#listener.onRequest(requestOf(head, head.request, false));
        this.#listener.onEnd(flag);
      }
      return true;
    }
    const match = HEADER.exec(line);
    // Not the end of the stream: a relay hands on what others wrote (RFC 4976), and all they sent comes by this connection.
    if (match === null || FORBIDDEN.test(line)) head.malformed ??= 'A header cannot be read';
    else if (head.headers.length === this.#limits.headerCount) head.malformed ??= 'Too many headers';
    else head.headers.push({ name: match[1] ?? '', value: (match[2] ?? '').trimEnd() });
    return false;
  }

  #readBody(data: Buffer, delimiter: Buffer): number | undefined {
    let from = 0;
    for (;;) {
      const at = data.indexOf(delimiter, from);
      if (at < 0) break;
      const flagAt = at + delimiter.length;
      if (flagAt + TAIL > data.length) return this.#hold(data, at, delimiter);
      const flag = String.fromCharCode(data[flagAt] ?? 0);
      if ((flag === '$' || flag === '+' || flag === '#') && data[flagAt + 1] === CR && data[flagAt + 2] === LF) {
        this.#give(data, at);
        this.#delimiter = undefined;
        this.#listener.onEnd(flag);
        return flagAt + TAIL;
      }
      from = at + 1;
    }
    return this.#hold(data, Math.max(from, data.length - delimiter.length + 1), delimiter);
  }

  /** Hands on all but what may be the beginning of an end-line, looked for from `from` on. */
  #hold(data: Buffer, from: number, delimiter: Buffer): undefined {
    let at = data.indexOf(CR, from);
    while (at >= 0) {
      const length = Math.min(delimiter.length, data.length - at);
      if (data.compare(delimiter, 0, length, at, at + length) === 0) break;
      at = data.indexOf(CR, at + 1);
    }
    this.#give(data, at < 0 ? data.length : at);
    if (at >= 0) this.#rest = data.subarray(at);
    return undefined;
  }

  #give(data: Buffer, length: number): void {
    if (length > 0) this.#listener.onBody(length === data.length ? data : data.subarray(0, length));
  }
}

function startOf(line: string): Unfinished {
  const match = START.exec(line);
  if (match === null) throw refused('a start line cannot be read');
  const [, transaction = '', status, comment = '', request] = match;
  if (FORBIDDEN.test(comment)) throw refused('a start line cannot be read');
  return {
    transaction,
    endLine: DASHES + transaction,
    request,
    status: Number(status ?? 0),
    comment,
    headers: [],
  };
}

const requestOf = (
  { transaction, headers, malformed }: Unfinished,
  method: string,
  hasBody: boolean,
): MsrpRequestHead => ({
  kind: 'request',
  transaction,
  method,
  headers,
  hasBody,
  ...(malformed !== undefined && { malformed }),
});

const responseOf = ({ transaction, status, comment, headers }: Unfinished): MsrpResponse => ({
  kind: 'response',
  transaction,
  status,
  comment,
  headers,
});

const refused = (what: string): PpgError => new PpgError('PPG_E_MSRP_SYNTAX', `MSRP: ${what}`);

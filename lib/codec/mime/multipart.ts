import { PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';
import { type MediaType, parseMediaType } from './content-type.ts';
import { readPartHeaders } from './part-headers.ts';

/** Parts of one body; a push has two or three (WAP-247 section 8.1). */
export const MAX_PARTS = 16;
/** Longest boundary, characters. RFC 2046 section 5.1.1 says 70; clients are not held to that. */
export const MAX_BOUNDARY = 200;

/** One part of a multipart body. */
export interface MimePart {
  /** Header fields in order, as written. */
  readonly headers: readonly HeaderField[];
  /** Value of the first field of that name, any case. */
  get(name: string): string | undefined;
  /** The part's octets as they were sent, still in their Content-Transfer-Encoding: a view into the message. */
  readonly body: Buffer;
}

export interface Multipart {
  readonly parts: readonly MimePart[];
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const HYPHEN = 0x2d;

/** A line of the body that delimits parts. */
interface Delimiter {
  /** Where the part before it ends: in front of the line break that belongs to the delimiter. */
  readonly partEnd: number;
  /** Where the next part begins. */
  readonly next: number;
  readonly closing: boolean;
  readonly indented: boolean;
}

/**
 * Cuts a multipart body (RFC 2046 section 5.1) into its parts without touching an octet of them.
 *
 * Real clients are met half-way where their meaning is clear: bare LF, blanks before a delimiter, delimiters that are
 * all written as closing ones, no closing delimiter, text before the first. Everything after the last closing
 * delimiter is ignored.
 *
 * @throws PPG_E_MULTIPART with what and where, when it can be read in two ways or has lost its end.
 */
export function readMultipart(body: Buffer, contentType: string | MediaType): Multipart {
  const boundary = boundaryOf(typeof contentType === 'string' ? parseMediaType(contentType) : contentType);
  const delimiters = chooseDelimiters(findDelimiters(body, Buffer.from(`--${boundary}`, 'latin1')));
  const parts: MimePart[] = [];
  for (let i = 0; i < delimiters.length; i++) {
    const delimiter = delimiters[i] as Delimiter;
    const following = delimiters[i + 1];
    // The last delimiter ends the body when it says so, or when there is nothing but blank lines behind it.
    if (following === undefined && (delimiter.closing || isBlankFrom(body, delimiter.next))) break;
    if (following === undefined) refuseCutDelimiter(body, boundary);
    if (parts.length === MAX_PARTS) throw bad(`has more than ${MAX_PARTS} parts`, delimiter.next);
    parts.push(readPart(body, delimiter, following, parts.length));
  }
  if (parts.length === 0) throw bad('ends after its first delimiter', body.length);
  return { parts };
}

function boundaryOf(media: MediaType | undefined): string {
  if (media?.conflict === 'boundary')
    throw new PpgError('PPG_E_MULTIPART', 'Content-Type has two different boundaries');
  const boundary = media?.parameters.get('boundary');
  if (boundary === undefined || boundary === '') {
    throw new PpgError('PPG_E_MULTIPART', 'Content-Type has no boundary');
  }
  if (boundary.length > MAX_BOUNDARY) {
    throw new PpgError('PPG_E_MULTIPART', `the boundary is longer than ${MAX_BOUNDARY} characters`);
  }
  return boundary;
}

function findDelimiters(body: Buffer, dashBoundary: Buffer): Delimiter[] {
  const found: Delimiter[] = [];
  for (let at = body.indexOf(dashBoundary); at >= 0; at = body.indexOf(dashBoundary, at + dashBoundary.length)) {
    let lineStart = at;
    while (lineStart > 0 && isBlank(body[lineStart - 1])) lineStart--;
    if (lineStart > 0 && body[lineStart - 1] !== LF) continue;
    let end = at + dashBoundary.length;
    const closing = body[end] === HYPHEN && body[end + 1] === HYPHEN;
    if (closing) end += 2;
    while (isBlank(body[end])) end++;
    if (body[end] === CR && (body[end + 1] === LF || end + 1 === body.length)) end++;
    if (end < body.length && body[end] !== LF) {
      // RFC 2046 calls such a line a delimiter, its writer may not have: content would be cut or grown by a guess.
      throw bad('has a delimiter with other text on its line', at);
    }
    const crlf = lineStart > 1 && body[lineStart - 2] === CR ? 2 : 1;
    found.push({
      partEnd: lineStart === 0 ? 0 : lineStart - crlf,
      next: Math.min(end + 1, body.length),
      closing,
      indented: lineStart !== at,
    });
    if (found.length > 2 * (MAX_PARTS + 1)) throw bad(`has more than ${MAX_PARTS} parts`, at);
  }
  if (found.length === 0) throw bad('does not hold its boundary', 0);
  return found;
}

/**
 * Indented delimiters count only when those at the line start do not make a whole by themselves: text inside
 * the content may look like one.
 */
function chooseDelimiters(found: Delimiter[]): Delimiter[] {
  const flush = found.filter((delimiter) => !delimiter.indented);
  if (flush.length === found.length) return found;
  const whole = flush.length >= 3 && flush.findIndex((delimiter) => delimiter.closing) === flush.length - 1;
  return whole ? flush : found;
}

/** A body whose last line is the beginning of its delimiter has been cut on the way. */
function refuseCutDelimiter(body: Buffer, boundary: string): void {
  const lineStart = body.lastIndexOf(LF) + 1;
  const line = body.subarray(lineStart).toString('latin1');
  if (line.startsWith('--') && `--${boundary}--`.startsWith(line))
    throw bad('is cut within its last delimiter', lineStart);
}

function readPart(body: Buffer, opening: Delimiter, closing: Delimiter | undefined, index: number): MimePart {
  // Two delimiters in a row share a line break: the part between them is empty, not negative.
  const end = Math.max(opening.next, closing?.partEnd ?? body.length);
  const { headers, bodyStart } = readPartHeaders(body, opening.next, end, index, closing !== undefined);
  return new Part(headers, body.subarray(bodyStart, end));
}

class Part implements MimePart {
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;

  constructor(headers: readonly HeaderField[], body: Buffer) {
    this.headers = headers;
    this.body = body;
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    for (const field of this.headers) if (field.name.toLowerCase() === wanted) return field.value;
    return undefined;
  }
}

function isBlankFrom(body: Buffer, from: number): boolean {
  for (let at = from; at < body.length; at++) {
    const octet = body[at];
    if (octet !== CR && octet !== LF && !isBlank(octet)) return false;
  }
  return true;
}

const isBlank = (octet: number | undefined): boolean => octet === SPACE || octet === TAB;

const bad = (what: string, at: number): PpgError =>
  new PpgError('PPG_E_MULTIPART', `the multipart body ${what} (octet ${at})`);

import { isUtf8 } from 'node:buffer';
import { PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';

/** Octets of the headers of one part. */
export const MAX_HEADER_BYTES: number = 16 * 1024;
/** Header fields of one part. */
export const MAX_HEADER_FIELDS = 64;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const LESS_THAN = 0x3c;

const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const BEYOND_ASCII = /[\u0080-\u00ff]/;

export interface PartHeaders {
  readonly headers: readonly HeaderField[];
  /** Offset of the first octet of the part's body. */
  readonly bodyStart: number;
}

/**
 * Reads the header fields of a part that lies in `body` from `start` up to `end`. Folded fields are unfolded with one
 * space; in a body that is indented as a whole, a line is folded when it is indented more than the first. The blank
 * line may hold blanks, and may be missing before XML: no header field begins with `<`. Without a blank line the part
 * has no body, which is said only of a part that a delimiter ends (`closed`).
 *
 * @throws PPG_E_MULTIPART a line that is no header field, control characters, no end, or a limit passed.
 */
export function readPartHeaders(body: Buffer, start: number, end: number, part: number, closed: boolean): PartHeaders {
  const headers: HeaderField[] = [];
  let indent = 0;
  let at = start;
  while (at < end) {
    const lineFeed = body.indexOf(LF, at);
    const lineEnd = lineFeed < 0 || lineFeed >= end ? end : lineFeed;
    let first = at;
    while (first < lineEnd && isBlank(body[first])) first++;
    const last = lineEnd > first && body[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (first === last && (closed || lineEnd < end)) return { headers, bodyStart: Math.min(lineEnd + 1, end) };
    if (body[first] === LESS_THAN) return { headers, bodyStart: first };
    if (lineEnd - start > MAX_HEADER_BYTES)
      throw broken(part, at, `has more than ${MAX_HEADER_BYTES} octets of headers`);
    if (headers.length === 0) indent = first - at;
    const line = text(body, first, last);
    if (FORBIDDEN.test(line)) throw broken(part, at, 'has a control character in its headers');
    if (headers.length > 0 && first - at > indent) unfold(headers, line);
    else headers.push(field(line, part, at));
    if (headers.length > MAX_HEADER_FIELDS) throw broken(part, at, `has more than ${MAX_HEADER_FIELDS} header fields`);
    at = lineEnd + 1;
  }
  if (closed) return { headers, bodyStart: end };
  throw broken(part, end, 'ends within its headers');
}

function field(line: string, part: number, at: number): HeaderField {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon)).trimEnd();
  if (!NAME.test(name)) throw broken(part, at, 'has a line among its headers that is no header field');
  return { name, value: line.slice(colon + 1).trim() };
}

function unfold(headers: HeaderField[], line: string): void {
  const previous = headers.pop() as HeaderField;
  headers.push({ name: previous.name, value: `${previous.value} ${line.trim()}`.trim() });
}

/** Header octets are UTF-8 where they can be (RFC 6532), else each octet is a character: nothing is lost. */
function text(body: Buffer, start: number, end: number): string {
  const characters = body.toString('latin1', start, end);
  if (!BEYOND_ASCII.test(characters)) return characters;
  const octets = body.subarray(start, end);
  return isUtf8(octets) ? octets.toString('utf8') : characters;
}

const isBlank = (octet: number | undefined): boolean => octet === SPACE || octet === TAB;

const broken = (part: number, at: number, what: string): PpgError =>
  new PpgError('PPG_E_MULTIPART', `part ${part + 1} of the multipart body ${what} (octet ${at})`);

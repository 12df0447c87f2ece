import { PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';
import { readHeaderBlock } from '../mime/header-block.ts';

/** A message in Common Presence and Instant Messaging format (RFC 3862): `message/cpim`. */
export interface CpimMessage {
  /** Headers of the message itself, in order; names as written, a prefix of a name space included (`imdn.Message-ID`). */
  readonly headers: readonly HeaderField[];
  /** Headers of the entity inside. */
  readonly entity: readonly HeaderField[];
  /** Its octets: a view. */
  readonly body: Buffer;
}

export const CPIM_TYPE = 'message/cpim';

/** Octets that are read for headers, those of the message and of the entity together. */
const MAX_HEAD = 16 * 1024;
const MAX_HEADERS = 64;

/** RFC 3862 section 3.6: Token of NAMECHAR and `.`; no control characters in values. */
const NAME = /^[!#-'*+\-^_`|~0-9A-Za-z.]{1,128}$/;
/** RFC 3862 section 3.1: these are escaped in values, and so is the backslash that does it. */
const ESCAPED = /\\(u[0-9A-Fa-f]{4}|.)/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass
const CONTROL = /[\u0000-\u001f\u007f]/g;
const LETTERS: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', r: '\r' };

/**
 * Writes the head of a message; the octets of the entity follow it as they are. Values are escaped where RFC 3862
 * section 3.1 wants it.
 */
export function writeCpimHead(headers: readonly HeaderField[], entity: Buffer): Buffer {
  let text = '';
  for (const { name, value } of headers) text += `${name}: ${writeValue(value)}\r\n`;
  return Buffer.concat([Buffer.from(`${text}\r\n`), entity]);
}

const writeValue = (value: string): string =>
  value
    .replace(/\\/g, '\\\\')
    .replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Reads a message; lines may end in LF alone. Throws PPG_E_CPIM for what is none, or is beyond its limits. */
export function readCpim(octets: Buffer): CpimMessage {
  const end = endOfBlock(octets);
  const headers: HeaderField[] = [];
  for (const line of octets.toString('utf8', 0, end.at).split('\n')) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '') continue;
    const colon = text.indexOf(':');
    // `Name:;lang=fi value`: parameters of a header say nothing that is needed here (RFC 3862 section 2.3).
    const name = text.slice(0, Math.max(0, colon));
    if (!NAME.test(name)) throw unreadable('a header line has no name');
    if (headers.length === MAX_HEADERS) throw unreadable(`more than ${MAX_HEADERS} headers`);
    headers.push({ name, value: readValue(text.slice(colon + 1).trim()) });
  }
  if (headers.length === 0) throw unreadable('no headers');
  try {
    const { fields, rest } = readHeaderBlock(octets.subarray(end.next));
    return { headers, entity: fields, body: rest };
  } catch (cause) {
    throw new PpgError('PPG_E_CPIM', 'the entity in a message/cpim has no headers that can be read', { cause });
  }
}

/** Where the headers end, and what follows the blank line. */
function endOfBlock(octets: Buffer): { readonly at: number; readonly next: number } {
  const head = octets.subarray(0, MAX_HEAD);
  for (let at = head.indexOf(0x0a); at >= 0; at = head.indexOf(0x0a, at + 1)) {
    if (head[at + 1] === 0x0a) return { at: at + 1, next: at + 2 };
    if (head[at + 1] === 0x0d && head[at + 2] === 0x0a) return { at: at + 1, next: at + 3 };
  }
  throw unreadable('no blank line behind its headers');
}

const readValue = (value: string): string =>
  value.includes('\\')
    ? value.replace(ESCAPED, (_, code: string) =>
        code.length === 5 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (LETTERS[code] ?? code),
      )
    : value;

/** A header's first value; names count with case, as RFC 3862 section 2.3 has it, but for what real clients write. */
export const cpimHeader = (headers: readonly HeaderField[], name: string): string | undefined =>
  headers.find((field) => field.name.length === name.length && field.name.toLowerCase() === name.toLowerCase())?.value;

const unreadable = (what: string): PpgError => new PpgError('PPG_E_CPIM', `a message/cpim cannot be read: ${what}`);

import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { PpgError } from '../../base/errors.ts';

/** Charsets that are written as well as read, by their preferred MIME name in lower case. */
export const WRITABLE_CHARSETS: readonly string[] = ['utf-8', 'us-ascii', 'iso-8859-1', 'utf-16'];

const ALIASES: Readonly<Record<string, string>> = {
  ascii: 'us-ascii',
  'ansi_x3.4-1968': 'us-ascii',
  'iso646-us': 'us-ascii',
  utf8: 'utf-8',
  latin1: 'iso-8859-1',
  'iso8859-1': 'iso-8859-1',
  'iso_8859-1': 'iso-8859-1',
  l1: 'iso-8859-1',
  cp1252: 'windows-1252',
  'iso-10646-ucs-2': 'utf-16',
  'ucs-2': 'utf-16',
};

/** One name for the charsets that have several; others in lower case. */
export function charsetName(name: string): string {
  const lower = name.trim().toLowerCase();
  return Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? lower) : lower;
}

/** IANA MIBenum of a charset, as WBXML and WSP have it. */
const MIB_ENUMS: Readonly<Record<number, string>> = {
  3: 'us-ascii',
  4: 'iso-8859-1',
  5: 'iso-8859-2',
  6: 'iso-8859-3',
  7: 'iso-8859-4',
  8: 'iso-8859-5',
  9: 'iso-8859-6',
  10: 'iso-8859-7',
  11: 'iso-8859-8',
  17: 'shift_jis',
  18: 'euc-jp',
  38: 'euc-kr',
  106: 'utf-8',
  113: 'gbk',
  114: 'gb18030',
  1000: 'utf-16', // ISO-10646-UCS-2
  1013: 'utf-16be',
  1014: 'utf-16le',
  1015: 'utf-16',
  2025: 'gbk', // GB2312, of which it is the superset that is in use
  2026: 'big5',
  2084: 'koi8-r',
  2252: 'windows-1252',
};

/** Name of the charset with a MIBenum; undefined when it is not known. */
export const charsetOfMib = (mib: number): string | undefined => MIB_ENUMS[mib];

/** Whether a character has two octets, so that a NUL has two as well. */
export const isWide = (charset: string): boolean => charset.startsWith('utf-16');

const LONGEST_NAME = 40;

/**
 * Octets as text. A byte order mark is taken off, and says of `utf-16` which octet is first (the higher one without it,
 * RFC 2781 section 4.3).
 *
 * @throws PPG_E_CHARSET a charset that is not known, or octets that are not in it.
 */
export function decodeCharset(octets: Buffer, charset: string): string {
  const name = charsetName(charset);
  switch (name) {
    case 'us-ascii':
      if (!isAscii(octets)) throw notIn(name);
      return octets.toString('latin1');
    case 'iso-8859-1': // what TextDecoder takes for it is windows-1252
      return octets.toString('latin1');
    case 'windows-1252': // what TextDecoder of Node 20 takes for it is iso-8859-1
      return octets.toString('latin1').replace(C1, (each) => WINDOWS_C1[each.charCodeAt(0) - 0x80] ?? each);
    case 'utf-8':
      if (!isUtf8(octets)) throw notIn(name);
      return withoutMark(octets.toString('utf8'));
    case 'utf-16':
      return octets[0] === 0xff && octets[1] === 0xfe ? decoded(octets, 'utf-16le') : decoded(octets, 'utf-16be');
    default:
      return decoded(octets, name);
  }
}

const C1 = /[\x80-\x9f]/g;
const WINDOWS_C1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

function decoded(octets: Buffer, name: string): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(name, { fatal: true });
  } catch (cause) {
    throw new PpgError('PPG_E_CHARSET', `the charset ${name.slice(0, LONGEST_NAME)} is not known`, { cause });
  }
  try {
    return decoder.decode(octets);
  } catch (cause) {
    throw notIn(name, cause);
  }
}

const withoutMark = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);

const notIn = (name: string, cause?: unknown): PpgError =>
  new PpgError(
    'PPG_E_CHARSET',
    `the octets are not in ${name.slice(0, LONGEST_NAME)}`,
    cause === undefined ? {} : { cause },
  );

// biome-ignore lint/suspicious/noControlCharactersInRegex: every character of the charset
const NOT_ASCII = /[^\x00-\x7f]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: every character of the charset
const NOT_LATIN1 = /[^\x00-\xff]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Text as octets of one of {@link WRITABLE_CHARSETS}; `utf-16` with its byte order mark, the higher octet first.
 *
 * @throws PPG_E_CHARSET another charset, or a character that it does not have: nothing is written in its place.
 */
export function encodeCharset(text: string, charset: string): Buffer {
  const name = charsetName(charset);
  const missing = missingIn(text, name);
  if (missing !== undefined) {
    const point = missing.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    throw new PpgError('PPG_E_CHARSET', `${name} has no character U+${point}`);
  }
  switch (name) {
    case 'utf-8':
      return Buffer.from(text, 'utf8');
    case 'us-ascii':
    case 'iso-8859-1':
      return Buffer.from(text, 'latin1');
    case 'utf-16':
      return Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
    default:
      throw new PpgError('PPG_E_CHARSET', `${name.slice(0, LONGEST_NAME)} is not written here`);
  }
}

function missingIn(text: string, name: string): string | undefined {
  const pattern = name === 'us-ascii' ? NOT_ASCII : name === 'iso-8859-1' ? NOT_LATIN1 : LONE_SURROGATE;
  return pattern.exec(text)?.[0];
}

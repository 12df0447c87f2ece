import { PpgError } from '../../base/errors.ts';

/** RFC 3261 section 25.1, token. */
const TOKEN = /^[!%'*+\-.0-9A-Z_`a-z~]+$/;

/** Longest piece of hostile text that an error message repeats. */
const EXCERPT = 60;

export const isToken = (text: string): boolean => TOKEN.test(text);

/** A piece of a message, short and printable, for an error message. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > EXCERPT ? `${text.slice(0, EXCERPT)}...` : text);
}

/** PPG_E_SIP_SYNTAX; `sipStatus` where it is not 400 (416 for a URI scheme, 505 for a version). */
export function syntaxError(message: string, sipStatus?: number): PpgError {
  return new PpgError('PPG_E_SIP_SYNTAX', message, sipStatus === undefined ? {} : { sipStatus });
}

/** Index of the first character from `at` on that is neither space nor tab. */
export function skipBlank(text: string, at: number): number {
  let i = at;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x09) break;
    i++;
  }
  return i;
}

/** Index just behind the quoted string that opens at `at`; throws PPG_E_SIP_SYNTAX when it never closes. */
export function endOfQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x22) return i + 1;
  }
  throw syntaxError(`a quoted string is never closed: ${excerpt(text.slice(at))}`);
}

/** The text of a quoted string without quotes and backslashes; other text as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || text[0] !== '"' || text.at(-1) !== '"') return text;
  const inner = text.slice(1, -1);
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner;
}

/** A quoted string of `text` (RFC 3261 section 25.1, quoted-string). */
export const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

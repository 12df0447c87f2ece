import { createHash } from 'node:crypto';
import { splitList } from '../codec/sip/list.ts';
import { syntaxError, unquote } from '../codec/sip/syntax.ts';

/** The parameters of a Digest challenge or answer, names in lower case, values unquoted. */
export type DigestParams = ReadonlyMap<string, string>;

const SCHEME = /^Digest[ \t]+/i;

/** Reads `Digest name="value", …` (RFC 3261 section 25.1); undefined for another scheme. Throws PPG_E_SIP_SYNTAX. */
export function parseDigest(value: string): DigestParams | undefined {
  const scheme = SCHEME.exec(value);
  if (scheme === null) return undefined;
  return new Map(
    splitList(value.slice(scheme[0].length)).map((part) => {
      const equals = part.indexOf('=');
      if (equals < 1) throw syntaxError('a Digest parameter has no value');
      return [part.slice(0, equals).trim().toLowerCase(), unquote(part.slice(equals + 1).trim())];
    }),
  );
}

export interface DigestInput {
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  /** digest-uri, as the answer has it. */
  readonly uri: string;
  readonly nonce: string;
  /** For qop=auth; undefined computes as RFC 2069 did. */
  readonly auth?: { readonly nc: string; readonly cnonce: string };
}

/** request-digest with MD5, which is what phones speak (RFC 2617 section 3.2.2, RFC 3261 section 22.4). */
export function digestResponse({ username, realm, password, method, uri, nonce, auth }: DigestInput): string {
  const who = md5(`${username}:${realm}:${password}`);
  const what = md5(`${method}:${uri}`);
  return md5(auth === undefined ? `${who}:${nonce}:${what}` : `${who}:${nonce}:${auth.nc}:${auth.cnonce}:auth:${what}`);
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

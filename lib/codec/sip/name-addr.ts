import { splitList } from './list.ts';
import { formatParams, type Param, paramOf, parseParams } from './params.ts';
import { endOfQuoted, excerpt, isToken, quote, skipBlank, syntaxError, unquote } from './syntax.ts';

/** A value of From, To, Contact, Route, Record-Route, P-Asserted-Identity and their like (RFC 3261 section 20.10). */
export interface NameAddr {
  /** Without quotes and backslashes. */
  readonly displayName?: string;
  /** The URI as written, without angle brackets; `*` for the Contact of section 10.2.2 and in RFC 3841. */
  readonly uri: string;
  /** Header parameters, as tag, expires, q and feature tags; those of the URI stay in it. */
  readonly params: readonly Param[];
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** Characters that end a URI outside angle brackets, or that no URI has. */
const NOT_IN_URI = /[\s<>"\\^`{|}]/;

/** Reads one value; throws PPG_E_SIP_SYNTAX. */
export function parseNameAddr(value: string): NameAddr {
  const at = skipBlank(value, 0);
  if (value.charCodeAt(at) === 0x22) {
    const end = endOfQuoted(value, at);
    const open = skipBlank(value, end);
    if (value.charCodeAt(open) !== 0x3c) throw syntaxError(`no "<" behind a display name: ${excerpt(value)}`);
    return bracketed(value, open, unquote(value.slice(at, end)));
  }
  const open = value.indexOf('<', at);
  if (open < 0) return bare(value, at);
  const displayName = value.slice(at, open).trim();
  if (displayName === '') return bracketed(value, open, undefined);
  for (const word of displayName.split(/[ \t]+/)) {
    if (!isToken(word)) throw syntaxError(`a display name needs quotes: ${excerpt(value)}`);
  }
  return bracketed(value, open, displayName);
}

function bracketed(value: string, open: number, displayName: string | undefined): NameAddr {
  const close = value.indexOf('>', open);
  if (close < 0) throw syntaxError(`no ">" in ${excerpt(value)}`);
  const uri = checkedUri(value.slice(open + 1, close));
  const params = close + 1 === value.length ? [] : parseParams(value, close + 1);
  return displayName === undefined ? { uri, params } : { displayName, uri, params };
}

/** Without brackets every parameter belongs to the header, and the URI has no comma and no question mark (20.10). */
function bare(value: string, at: number): NameAddr {
  const semicolon = value.indexOf(';', at);
  const uri = (semicolon < 0 ? value.slice(at) : value.slice(at, semicolon)).trim();
  const params = semicolon < 0 ? [] : parseParams(value, semicolon);
  if (uri === '*') return { uri, params };
  if (uri.includes(',') || uri.includes('?')) throw syntaxError(`a URI needs angle brackets: ${excerpt(value)}`);
  return { uri: checkedUri(uri), params };
}

function checkedUri(uri: string): string {
  if (!SCHEME.test(uri) || NOT_IN_URI.test(uri)) throw syntaxError(`not a URI: ${excerpt(uri)}`);
  return uri;
}

/** Reads all values of a header, each a comma-separated list. Throws PPG_E_SIP_SYNTAX. */
export const parseNameAddrs = (values: readonly string[]): NameAddr[] =>
  values.flatMap((value) => splitList(value)).map(parseNameAddr);

/** Always with angle brackets, so that the URI's parameters stay its own. */
export function formatNameAddr({ displayName, uri, params }: NameAddr): string {
  if (uri === '*') return `*${formatParams(params)}`;
  const name = displayName === undefined ? '' : `${quote(displayName)} `;
  return `${name}<${uri}>${formatParams(params)}`;
}

/** The tag of a From or To; throws PPG_E_SIP_SYNTAX when the value is none. */
export const tagOf = (value: string): string | undefined => paramOf(parseNameAddr(value).params, 'tag');

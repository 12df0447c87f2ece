import { formatHostPort, parseHostPort } from './host.ts';
import { formatParams, type Param, paramOf } from './params.ts';
import { excerpt, syntaxError } from './syntax.ts';

/** A SIP or SIPS URI (RFC 3261 section 19.1.1). User, password, parameters and headers stay escaped as written. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  readonly user?: string;
  readonly password?: string;
  /** As written; IPv6 without brackets. */
  readonly host: string;
  readonly port?: number;
  readonly params: readonly Param[];
  /** The `?name=value&...` part. */
  readonly headers: readonly Param[];
}

/** A telephone URI (RFC 3966). */
export interface TelUri {
  readonly scheme: 'tel';
  /** With its visual separators. */
  readonly number: string;
  readonly params: readonly Param[];
}

export type Uri = SipUri | TelUri;

const MAX_URI = 8192;
const MAX_PARAMS = 128;

/** Section 25.1: unreserved, escaped and user-unreserved; `#` and others are seen in telephone-subscribers, and refused. */
const USER = /^(?:[0-9A-Za-z\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
const PASSWORD = /^(?:[0-9A-Za-z\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*$/;
/** paramchar: unreserved, escaped and param-unreserved. */
const PARAM = /^(?:[0-9A-Za-z\-_.!~*'()[\]/:&+$]|%[0-9A-Fa-f]{2})+$/;
/** hname and hvalue: unreserved, escaped and hnv-unreserved. */
const HEADER_PART = /^(?:[0-9A-Za-z\-_.!~*'()[\]/?:+$]|%[0-9A-Fa-f]{2})*$/;
/** phonedigits and visual separators of RFC 3966 section 3; a number has at least one digit. */
const TEL_NUMBER = /^\+?[0-9A-Fa-f*#().-]+$/;
const DIGIT = /[0-9A-Fa-f*#]/;

/** Reads a sip:, sips: or tel: URI. Throws PPG_E_SIP_SYNTAX, for another scheme with SIP status 416. */
export function parseUri(text: string): Uri {
  if (text.length > MAX_URI) throw syntaxError('a URI is too long', 414);
  const colon = text.indexOf(':');
  const scheme = text.slice(0, Math.max(0, colon)).toLowerCase();
  if (scheme === 'tel') return parseTel(text.slice(4));
  if (scheme !== 'sip' && scheme !== 'sips')
    throw syntaxError(`not a sip, sips or tel URI: ${excerpt(text)}`, /^[a-z][a-z0-9+.-]*$/.test(scheme) ? 416 : 400);
  return parseSipUri(scheme, text.slice(colon + 1));
}

/** As {@link parseUri}, for what must be a SIP or SIPS URI. */
export function parseSipOnly(text: string): SipUri {
  const uri = parseUri(text);
  if (uri.scheme === 'tel') throw syntaxError(`not a sip or sips URI: ${excerpt(text)}`, 416);
  return uri;
}

/** As {@link parseUri}, for a Request-URI, which has no headers (RFC 3261 section 19.1.1, table 1). */
export function parseRequestUri(text: string): Uri {
  const uri = parseUri(text);
  if (uri.scheme !== 'tel' && uri.headers.length > 0) throw syntaxError(`headers in a Request-URI: ${excerpt(text)}`);
  return uri;
}

function parseSipUri(scheme: 'sip' | 'sips', text: string): SipUri {
  // No "@" is legal behind the host part, and a user may have ";" and "?" in it: the last "@" ends it.
  const at = text.lastIndexOf('@');
  const question = text.indexOf('?', at + 1);
  const headers = question < 0 ? [] : parseUriHeaders(text.slice(question + 1));
  const rest = text.slice(at + 1, question < 0 ? text.length : question);
  const semicolon = rest.indexOf(';');
  const hostPort = parseHostPort(semicolon < 0 ? rest : rest.slice(0, semicolon));
  const params = semicolon < 0 ? [] : parseUriParams(rest.slice(semicolon + 1));
  if (at < 0) return { scheme, ...hostPort, params, headers };
  return { scheme, ...parseUserInfo(text.slice(0, at)), ...hostPort, params, headers };
}

function parseUserInfo(text: string): { user: string; password?: string } {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  if (!USER.test(user)) throw syntaxError(`not a user: ${excerpt(text)}`);
  if (colon < 0) return { user };
  const password = text.slice(colon + 1);
  if (!PASSWORD.test(password)) throw syntaxError('not a password');
  return { user, password };
}

function parseUriParams(text: string): Param[] {
  const params: Param[] = [];
  for (const piece of pieces(text, ';')) {
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    const value = equals < 0 ? undefined : piece.slice(equals + 1);
    if (!PARAM.test(name) || (value !== undefined && !PARAM.test(value)))
      throw syntaxError(`not a URI parameter: ${excerpt(piece)}`);
    // A name must not come twice (section 19.1.1): with two values, two readers would see two URIs.
    const known = params.length === 0 ? undefined : paramOf(params, name);
    if (known !== undefined && known !== (value ?? '')) throw syntaxError(`a URI parameter twice: ${excerpt(piece)}`);
    params.push(value === undefined ? { name } : { name, value });
  }
  return params;
}

function parseUriHeaders(text: string): Param[] {
  return pieces(text, '&').map((piece) => {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, Math.max(0, equals));
    const value = piece.slice(equals + 1);
    if (name === '' || !HEADER_PART.test(name) || !HEADER_PART.test(value))
      throw syntaxError(`not a header in a URI: ${excerpt(piece)}`);
    return { name, value };
  });
}

function pieces(text: string, separator: string): string[] {
  const found = text.split(separator, MAX_PARAMS + 1);
  if (found.length > MAX_PARAMS) throw syntaxError('a URI has too many parameters');
  return found;
}

function parseTel(text: string): TelUri {
  const semicolon = text.indexOf(';');
  const number = semicolon < 0 ? text : text.slice(0, semicolon);
  if (!TEL_NUMBER.test(number) || !DIGIT.test(number)) throw syntaxError(`not a telephone number: ${excerpt(text)}`);
  return { scheme: 'tel', number, params: semicolon < 0 ? [] : parseUriParams(text.slice(semicolon + 1)) };
}

export function formatUri(uri: Uri): string {
  if (uri.scheme === 'tel') return `tel:${uri.number}${formatParams(uri.params)}`;
  const password = uri.password === undefined ? '' : `:${uri.password}`;
  const userInfo = uri.user === undefined ? '' : `${uri.user}${password}@`;
  const headers = uri.headers.map(({ name, value }) => `${name}=${value ?? ''}`).join('&');
  const query = headers === '' ? '' : `?${headers}`;
  return `${uri.scheme}:${userInfo}${formatHostPort(uri)}${formatParams(uri.params)}${query}`;
}

/** A URI parameter's value, `''` for a flag, undefined when it is not there. */
export const uriParam = (uri: Uri, name: string): string | undefined => paramOf(uri.params, name);

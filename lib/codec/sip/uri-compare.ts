import { bracketed } from './host.ts';
import { type Param, paramOf } from './params.ts';
import { parseUri, type SipUri, type TelUri, type Uri } from './uri.ts';

/**
 * URI parameters that never match their absence. RFC 3261 section 19.1.4 names user, ttl, method and maddr; transport
 * follows from its examples, where the URI without one can resolve to another transport.
 */
const TELLING = ['user', 'ttl', 'method', 'maddr', 'transport'];

/** Visual separators of RFC 3966 section 5.1.1. */
const SEPARATORS = /[-.()]/g;

/** What needs no escape in a user part: unreserved and user-unreserved (section 25.1). */
const PLAIN_IN_USER = /[0-9A-Za-z\-_.!~*'()&=+$,;?/]/;

const ESCAPE = /%([0-9A-Fa-f]{2})/g;

/** Whether two URIs are equivalent by RFC 3261 section 19.1.4, tel: URIs by RFC 3966 section 4. */
export function sameUri(a: Uri, b: Uri): boolean {
  if (a.scheme === 'tel' || b.scheme === 'tel') return a.scheme === 'tel' && b.scheme === 'tel' && sameTel(a, b);
  return (
    a.scheme === b.scheme &&
    plainOf(a.user) === plainOf(b.user) &&
    plainOf(a.password) === plainOf(b.password) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    sameParams(a.params, b.params) &&
    sameHeaders(a, b)
  );
}

function sameTel(a: TelUri, b: TelUri): boolean {
  const flat = (uri: TelUri): string => uri.number.replace(SEPARATORS, '').toLowerCase();
  return flat(a) === flat(b) && a.params.length === b.params.length && includesAll(a.params, b.params);
}

function sameParams(a: readonly Param[], b: readonly Param[]): boolean {
  for (const name of TELLING) if ((paramOf(a, name) === undefined) !== (paramOf(b, name) === undefined)) return false;
  return a.every(({ name, value }) => {
    const other = paramOf(b, name);
    return other === undefined || sameText(value ?? '', other);
  });
}

const includesAll = (a: readonly Param[], b: readonly Param[]): boolean =>
  a.every(({ name, value }) => {
    const other = paramOf(b, name);
    return other !== undefined && sameText(value ?? '', other);
  });

/** Headers are never ignored (section 19.1.4), and one name may come several times. */
const sameHeaders = (a: SipUri, b: SipUri): boolean =>
  a.headers.length === b.headers.length && (a.headers.length === 0 || allHeaders(a) === allHeaders(b));

const allHeaders = ({ headers }: SipUri): string =>
  headers
    .map(({ name, value = '' }) => normalEscapes(`${name}=${value}`).toLowerCase())
    .sort()
    .join('&');

const sameText = (a: string, b: string): boolean => normalEscapes(a).toLowerCase() === normalEscapes(b).toLowerCase();

const plainOf = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : normalEscapes(text);

/** Escapes that need not be are taken back, the others written in upper case. */
function normalEscapes(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(ESCAPE, (escaped, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return PLAIN_IN_USER.test(character) ? character : escaped.toUpperCase();
  });
}

/**
 * The form under which a registrar or a subscriber table keeps an address-of-record (RFC 3261 section 10.3, step 5):
 * no parameters, headers or password, escapes taken back, host in lower case. sips: and sip: name one user (RFC 5630
 * section 5.3). Telephone numbers lose their visual separators. Throws PPG_E_SIP_SYNTAX.
 */
export function canonicalAor(text: string): string {
  const uri = parseUri(text);
  if (uri.scheme === 'tel') return `tel:${uri.number.replace(SEPARATORS, '')}`;
  const host = bracketed(uri.host.toLowerCase());
  const port = uri.port === undefined ? '' : `:${uri.port}`;
  if (uri.user === undefined) return `sip:${host}${port}`;
  const user = normalEscapes(uri.user);
  const isNumber = user.startsWith('+') || paramOf(uri.params, 'user')?.toLowerCase() === 'phone';
  return `sip:${isNumber ? plainNumber(user) : user}@${host}${port}`;
}

/** Only the number has separators; parameters behind it, as phone-context, tell numbers apart. */
function plainNumber(user: string): string {
  const end = user.indexOf(';');
  const number = end < 0 ? user : user.slice(0, end);
  return number.replace(SEPARATORS, '') + user.slice(number.length);
}

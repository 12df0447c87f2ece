import { createHash } from 'node:crypto';
import { splitList } from './list.ts';
import { endOfQuoted, excerpt, isToken, quote, skipBlank, syntaxError, unquote } from './syntax.ts';

/** RFC 8760 section 2.2; `-sess` as in RFC 7616 section 3.4.2. */
export type DigestAlgorithm = 'MD5' | 'MD5-sess' | 'SHA-256' | 'SHA-256-sess' | 'SHA-512-256' | 'SHA-512-256-sess';

/** How much a response protects: the method and URI, or the body besides (RFC 7616 section 3.4.3). */
export type DigestQop = 'auth' | 'auth-int';

interface AlgorithmFacts {
  readonly hash: 'md5' | 'sha256' | 'sha512-256';
  readonly session: boolean;
  readonly strength: number;
}

const ALGORITHMS: Readonly<Record<DigestAlgorithm, AlgorithmFacts>> = {
  MD5: { hash: 'md5', session: false, strength: 1 },
  'MD5-sess': { hash: 'md5', session: true, strength: 1 },
  'SHA-256': { hash: 'sha256', session: false, strength: 2 },
  'SHA-256-sess': { hash: 'sha256', session: true, strength: 2 },
  'SHA-512-256': { hash: 'sha512-256', session: false, strength: 3 },
  'SHA-512-256-sess': { hash: 'sha512-256', session: true, strength: 3 },
};

/** Algorithm names are tokens and fold case. */
const BY_NAME: ReadonlyMap<string, DigestAlgorithm> = new Map(
  (Object.keys(ALGORITHMS) as DigestAlgorithm[]).map((name) => [name.toLowerCase(), name]),
);

/** One challenge that a client of ours could answer. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** The protection to answer with, `auth` where it is offered; undefined: none was named, as in RFC 2069. */
  readonly qop: DigestQop | undefined;
  readonly opaque: string | undefined;
  /** The nonce was too old, the password is not in doubt. */
  readonly stale: boolean;
}

/** What an Authorization or Proxy-Authorization says. */
export interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  /** request-digest, lower case hexadecimal. */
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  readonly protection: DigestProtection | undefined;
  readonly opaque: string | undefined;
}

/** What goes with a qop. */
export interface DigestProtection {
  readonly qop: DigestQop;
  /** Nonce count, eight hexadecimal digits as sent. */
  readonly nc: string;
  readonly cnonce: string;
}

/** What a request-digest is computed of. */
export interface DigestInput {
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  /** digest-uri, as the credentials have it. */
  readonly uri: string;
  readonly nonce: string;
  /** Default MD5 (RFC 7616 section 3.3). */
  readonly algorithm?: DigestAlgorithm;
  /** Undefined computes as RFC 2069 did, which has no session algorithms. */
  readonly protection?: DigestProtection | undefined;
  /** Read for `auth-int` only. */
  readonly body?: Uint8Array;
}

const NO_BODY = Buffer.alloc(0);

/** request-digest (RFC 7616 section 3.4.1; RFC 3261 section 22.4 for SIP). */
export function digestResponse(input: DigestInput): string {
  const { username, realm, password, method, uri, nonce, algorithm = 'MD5', protection, body = NO_BODY } = input;
  const { hash, session } = ALGORITHMS[algorithm];
  const h = (text: string | Uint8Array): string => createHash(hash).update(text).digest('hex');
  const secret = h(`${username}:${realm}:${password}`);
  const who = session ? h(`${secret}:${nonce}:${protection?.cnonce ?? ''}`) : secret;
  const what = h(protection?.qop === 'auth-int' ? `${method}:${uri}:${h(body)}` : `${method}:${uri}`);
  if (protection === undefined) return h(`${who}:${nonce}:${what}`);
  const { nc, cnonce, qop } = protection;
  return h(`${who}:${nonce}:${nc}:${cnonce}:${qop}:${what}`);
}

/** Challenges that one response is believed to make; a forking proxy collects those of its branches. */
const MAX_CHALLENGES = 32;

/**
 * The challenges of all WWW-Authenticate or Proxy-Authenticate values that can be answered, in their order; other
 * schemes, algorithms and protections are left out. SIP gives each challenge a field of its own (RFC 3261 section
 * 20.44), but several in one value, as HTTP has them, are read too. Throws PPG_E_SIP_SYNTAX.
 */
export function parseChallenges(values: readonly string[]): DigestChallenge[] {
  return values
    .flatMap(schemesOf)
    .slice(0, MAX_CHALLENGES)
    .flatMap(({ scheme, params }) => {
      const challenge = scheme === 'digest' ? challengeOf(params) : undefined;
      return challenge === undefined ? [] : [challenge];
    });
}

function challengeOf(params: Params): DigestChallenge | undefined {
  const algorithm = algorithmOf(params);
  if (algorithm === undefined) return undefined;
  const [realm, nonce, offered] = [params.get('realm'), params.get('nonce'), params.get('qop')];
  if (realm === undefined || nonce === undefined) throw syntaxError('a Digest challenge without realm or nonce');
  const qop = offered === undefined ? undefined : qopOf(offered);
  // Without a qop that we know there is no answer, and without any there is no cnonce for a session.
  if (qop === undefined && (offered !== undefined || ALGORITHMS[algorithm].session)) return undefined;
  const stale = params.get('stale')?.toLowerCase() === 'true';
  return { realm, nonce, algorithm, qop, opaque: params.get('opaque'), stale };
}

function qopOf(offered: string): DigestQop | undefined {
  const all = offered.split(',', 16).map((one) => one.trim().toLowerCase());
  if (all.includes('auth')) return 'auth';
  return all.includes('auth-int') ? 'auth-int' : undefined;
}

/**
 * The challenge to answer among those of one realm: the strongest hash, the first among equals. RFC 8760 section 2.4
 * has clients take the topmost they support unless local policy says otherwise; ours is not to be talked down.
 */
export function strongest(challenges: readonly DigestChallenge[]): DigestChallenge | undefined {
  let best: DigestChallenge | undefined;
  for (const one of challenges) {
    if (best === undefined || ALGORITHMS[one.algorithm].strength > ALGORITHMS[best.algorithm].strength) best = one;
  }
  return best;
}

/** A WWW-Authenticate or Proxy-Authenticate value. */
export function formatChallenge({ realm, nonce, algorithm, qop, opaque, stale }: DigestChallenge): string {
  return [
    `Digest realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(stale ? ['stale=TRUE'] : []),
    `algorithm=${algorithm}`,
    ...(qop === undefined ? [] : [`qop="${qop}"`]),
  ].join(', ');
}

/** Reads an Authorization value; undefined for another scheme or an algorithm we do not know. Throws PPG_E_SIP_SYNTAX. */
export function parseCredentials(value: string): DigestCredentials | undefined {
  const [first, ...more] = schemesOf(value);
  if (first?.scheme !== 'digest') return undefined;
  if (more.length > 0) throw syntaxError('more than one set of credentials in one value');
  const { params } = first;
  const algorithm = algorithmOf(params);
  if (algorithm === undefined) return undefined;
  const text = (name: string): string => {
    const found = params.get(name);
    if (found === undefined) throw syntaxError(`Digest credentials without ${name}`);
    return found;
  };
  const qop = params.get('qop')?.toLowerCase();
  if (qop !== undefined && qop !== 'auth' && qop !== 'auth-int') throw syntaxError(`not a qop: ${excerpt(qop)}`);
  if (qop !== undefined && !NONCE_COUNT.test(text('nc'))) throw syntaxError('not a nonce count');
  const response = text('response').toLowerCase();
  if (!LHEX.test(response)) throw syntaxError('not a request-digest');
  return {
    username: text('username'),
    realm: text('realm'),
    nonce: text('nonce'),
    uri: text('uri'),
    response,
    algorithm,
    protection: qop === undefined ? undefined : { qop, nc: text('nc'), cnonce: text('cnonce') },
    opaque: params.get('opaque'),
  };
}

const LHEX = /^[0-9a-f]{1,128}$/;
const NONCE_COUNT = /^[0-9a-f]{8}$/i;

/** An Authorization or Proxy-Authorization value (RFC 3261 section 25.1, dig-resp). */
export function formatCredentials(credentials: DigestCredentials): string {
  const { username, realm, nonce, uri, response, algorithm, protection, opaque } = credentials;
  return [
    `Digest username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    ...(protection === undefined
      ? []
      : [`cnonce=${quote(protection.cnonce)}`, `qop=${protection.qop}`, `nc=${protection.nc}`]),
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
  ].join(', ');
}

/** The nonce that an Authentication-Info names for the next request (RFC 7616 section 3.5). Throws PPG_E_SIP_SYNTAX. */
export function nextNonce(authenticationInfo: string): string | undefined {
  const params: Params = new Map();
  for (const element of splitList(authenticationInfo)) addParam(element, params);
  return params.get('nextnonce');
}

/** Eight hexadecimal digits (RFC 7616 section 3.4). */
export const nonceCount = (count: number): string => count.toString(16).padStart(8, '0');

// ---- `scheme name=value, name="value"`

/** Names in lower case, values unquoted. */
type Params = Map<string, string>;

interface Scheme {
  /** Lower case. */
  readonly scheme: string;
  readonly params: Params;
}

/** An element that opens a scheme: a token alone or with blanks behind it, where a parameter has its "=". */
const OPENS = /^([!%'*+\-.0-9A-Z_`a-z~]+)(?:[ \t]+(?=[^ \t=])|$)/;

function schemesOf(value: string): Scheme[] {
  const schemes: Scheme[] = [];
  for (const element of splitList(value)) {
    const opens = OPENS.exec(element);
    if (opens !== null) schemes.push({ scheme: (opens[1] ?? '').toLowerCase(), params: new Map() });
    const current = schemes.at(-1);
    if (current === undefined) throw syntaxError(`not an authentication scheme: ${excerpt(element)}`);
    // Other schemes have other forms; only ours must be readable.
    const param = opens === null ? element : element.slice(opens[0].length);
    if (current.scheme === 'digest' && param !== '') addParam(param, current.params);
  }
  return schemes;
}

/** A token and what real nonces have besides; with a quote or blank in it, it would be two things. */
const UNQUOTED = /^[^\s"\\,]+$/;

function addParam(text: string, params: Params): void {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim().toLowerCase();
  const at = skipBlank(text, equals + 1);
  const value = text.slice(at).trim();
  const whole = value[0] === '"' ? endOfQuoted(value, 0) === value.length : UNQUOTED.test(value);
  if (!isToken(name) || !whole) throw syntaxError(`not a Digest parameter: ${excerpt(text)}`);
  // Two nonces or realms let two readers see two challenges.
  if (params.has(name)) throw syntaxError(`a Digest parameter twice: ${excerpt(name)}`);
  params.set(name, unquote(value));
}

function algorithmOf(params: Params): DigestAlgorithm | undefined {
  return BY_NAME.get(params.get('algorithm')?.toLowerCase() ?? 'md5');
}

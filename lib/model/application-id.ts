import { PpgError } from '../base/errors.ts';
import { APPLICATION_NUMBERS } from './application-numbers.ts';
import type { HeaderField } from './push.ts';

/** A push application as X-Wap-Application-Id names it (WAP-251). */
export interface ApplicationId {
  /**
   * Value that devices register in `+g.oma.pusheventapp`: the name without `x-wap-application:` or
   * `x-oma-application:`, any other URN whole. `*` means every application.
   */
  readonly tag: string;
  /** The absolute URI, where one is known. */
  readonly urn?: string;
  /** Number over the air (OMNA registry, or `app-encoding` of the header). */
  readonly number?: number;
}

/** Longest X-Wap-Application-Id that is read, characters. */
export const MAX_APPLICATION_ID = 256;

const HEADER = 'x-wap-application-id';

const NUMBER = /^(?:0x)?[0-9a-f]{1,8}$/i;
const ENCODING = /^\s*app-encoding\s*=\s*"?(?:0x)?([0-9a-f]{1,8})"?\s*$/i;
const NAME = /^[A-Za-z0-9\-.!%*_+`'~]+$/; // token of RFC 3261
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/;
/** URN name spaces whose members stand in feature tags without their prefix (`mms.ua`, `ulp.ua`). */
const OWN_PREFIX = /^x-(?:wap|oma)-application:/i;

/** token-nobang of RFC 3840 section 9: what a tag value may hold outside the `<...>` string form. */
export const TAG_TOKEN: RegExp = /^[A-Za-z0-9.\-%*_+`'~]+$/;

const BY_NUMBER: ReadonlyMap<number, string> = new Map(APPLICATION_NUMBERS);
/** First entry of a name wins: the registry lists push.sia twice. */
const BY_URN: ReadonlyMap<string, { urn: string; number: number }> = new Map(
  [...APPLICATION_NUMBERS].reverse().map(([number, urn]) => [urn.toLowerCase(), { urn, number }]),
);

/** The application of a push that names none: the WML user agent (WAP-251). */
export const DEFAULT_APPLICATION: ApplicationId = { tag: 'wml.ua', urn: 'x-wap-application:wml.ua', number: 2 };

/**
 * Reads an X-Wap-Application-Id value: a URN, a bare name, a hexadecimal number, each with an optional
 * `;app-encoding=`. A lone `/`, which clients write, means the default.
 *
 * @throws PPG_E_PUSH_REFUSED (2000) for what is none of these.
 */
export function parseApplicationId(value: string | undefined): ApplicationId {
  if (value === undefined) return DEFAULT_APPLICATION;
  const known = READ.get(value);
  if (known !== undefined) return known;
  const read = readApplicationId(value);
  if (READ.size >= MAX_READ) READ.clear();
  READ.set(value, read);
  return read;
}

/** What has been read, by its text: there are few applications, and every push names one. Bounded, since anybody may. */
const READ = new Map<string, ApplicationId>();
const MAX_READ = 256;

function readApplicationId(value: string): ApplicationId {
  if (value.length > MAX_APPLICATION_ID) throw refused();
  const [name = '', ...parameters] = value.split(';');
  const id = name.trim();
  if (id === '' || id === '/') return DEFAULT_APPLICATION;
  const encoding = parameters.length === 0 ? undefined : ENCODING.exec(parameters.join(';'));
  if (encoding === null) throw refused();
  const number = encoding === undefined ? undefined : Number.parseInt(encoding[1] as string, 16);
  if (NUMBER.test(id)) return ofNumber(Number.parseInt(id.replace(/^0x/i, ''), 16));
  if (NAME.test(id)) return ofUrn(registeredUrn(id), number);
  if (ABSOLUTE_URI.test(id)) return ofUrn(id, number);
  throw refused();
}

/** The tag of the application that a content entity's headers name; `wml.ua` when they name none. Throws as parseApplicationId. */
export function applicationIdOf(headers: readonly HeaderField[]): string {
  const field = headers.find(({ name }) => name.length === HEADER.length && name.toLowerCase() === HEADER);
  return parseApplicationId(field?.value).tag;
}

function ofNumber(number: number): ApplicationId {
  const urn = BY_NUMBER.get(number);
  return urn === undefined
    ? { tag: `0x${number.toString(16)}`, number }
    : { tag: canonicalApplication(urn), urn, number };
}

function ofUrn(written: string, encoding: number | undefined): ApplicationId {
  const known = BY_URN.get(written.toLowerCase());
  const urn = known?.urn ?? written;
  const number = known?.number ?? encoding;
  return { tag: canonicalApplication(urn), urn, ...(number !== undefined && { number }) };
}

/** A bare name stands for the registered URN that ends in it, else for one of WAP's own. */
function registeredUrn(name: string): string {
  if (BY_URN.has(name.toLowerCase())) return name;
  const oma = `x-oma-application:${name}`;
  return BY_URN.has(oma.toLowerCase()) ? oma : `x-wap-application:${name}`;
}

/**
 * One application id in the form in which two of them compare equal, and in which devices register it: ids of the WAP
 * and OMA name spaces without prefix and in lower case (RFC 3840 compares tokens without regard to case), every other
 * URN as it is written (RFC 3840 compares `<...>` strings literally). Angle brackets are taken off.
 */
export function canonicalApplication(id: string): string {
  const bare = id.startsWith('<') && id.endsWith('>') ? id.slice(1, -1) : id;
  if (OWN_PREFIX.test(bare)) return bare.slice(bare.indexOf(':') + 1).toLowerCase();
  return TAG_TOKEN.test(bare) ? bare.toLowerCase() : bare;
}

/** True when two application ids, in any of their forms, name the same application. */
export const sameApplication = (a: string, b: string): boolean => canonicalApplication(a) === canonicalApplication(b);

const refused = (): PpgError =>
  new PpgError('PPG_E_PUSH_REFUSED', 'X-Wap-Application-Id is neither a URI nor a name nor a hexadecimal number');

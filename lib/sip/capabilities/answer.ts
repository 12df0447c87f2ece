import { parseMediaType } from '../../codec/mime/content-type.ts';
import { isToken } from '../../codec/sip/syntax.ts';
import type { DeviceCapabilities } from '../../model/device-capabilities.ts';
import { toldValues } from '../../model/device-knowledge.ts';
import { deviceOf, readContacts } from '../registrations/register-contacts.ts';
import { readMsrp } from './msrp.ts';

export interface TellingHeaders {
  get(name: string): string | undefined;
  /** Every value of a header; without it `get` has them all in one. */
  all?(name: string): string[];
}

/** The parts of a SIP answer that tell of whoever gave it; a response of a SipAnswer is one. */
export interface TellingAnswer extends TellingHeaders {
  readonly body: Buffer;
}

/** What was told, without how long it is believed. */
export type Told = Omit<DeviceCapabilities, 'until'>;

/** A longer list is no list of a device; nothing is then known rather than half of it. */
const MAX_LIST = 4096;
const MAX_VALUES = 64;
const MAX_VALUE_LENGTH = 127;
const MAX_USER_AGENT = 128;
const MAX_URL = 512;

/**
 * What a device tells in a 200 to OPTIONS (RFC 3261 section 11.2, RFC 3840 section 7): features and applications of its
 * contact, Allow, Accept, Accept-Charset, Accept-Encoding, Accept-Language, Supported, User-Agent or Server, X-Wap-Profile, the MSRP of its
 * session description. What is missing, empty, too long or cannot be read is not known. Never throws.
 *
 * An Accept of `application/sdp` alone counts as missing: it is about the bodies of calls, and says nothing of MESSAGE.
 */
export function readTold(answer: TellingAnswer): Told {
  const contacts = readContacts(valuesOf(answer, 'Contact')).contacts;
  // Several contacts are several devices: whoever answered is not the one that was asked.
  const [contact] = contacts.length === 1 ? contacts : [];
  const device = contact === undefined ? undefined : deviceOf(contact, 0);
  const accepted = readAccept(answer);
  const aboutCalls = accepted?.types.every((type) => ABOUT_CALLS.has(type)) === true;
  const media = parseMediaType(answer.get('Content-Type') ?? '');
  return {
    ...known('applications', device?.applications),
    ...known('methods', readTokens(answer, 'Allow') ?? toldValues(device?.features['methods']), upper),
    ...known('types', accepted === undefined || aboutCalls ? toldValues(device?.features['type']) : accepted.types),
    ...known('refusedTypes', accepted?.refused),
    ...known('charsets', readTokens(answer, 'Accept-Charset'), lower),
    ...known('encodings', readTokens(answer, 'Accept-Encoding'), lower),
    ...known('languages', readTokens(answer, 'Accept-Language') ?? toldValues(device?.features['language']), lower),
    ...known('supported', readTokens(answer, 'Supported'), lower),
    ...single('userAgent', userAgentOf(answer)),
    ...single('profile', profileOf(answer, media?.type === EXTERNAL ? media.parameters.get('url') : undefined)),
    ...single('msrp', media?.type === 'application/sdp' ? readMsrp(answer.body) : undefined),
  };
}

const ABOUT_CALLS = new Set(['application/sdp', 'application/isup', 'message/sipfrag', 'application/dtmf-relay']);
const EXTERNAL = 'message/external-body';

const upper = (text: string): string => text.toUpperCase();
const lower = (text: string): string => text.toLowerCase();

type Lists =
  | 'applications'
  | 'methods'
  | 'types'
  | 'refusedTypes'
  | 'charsets'
  | 'encodings'
  | 'languages'
  | 'supported';

const known = (
  name: Lists,
  values: readonly string[] | undefined,
  spelled: (text: string) => string = (text) => text,
): Told => (values === undefined || values.length === 0 ? {} : { [name]: [...new Set(values.map(spelled))] });

const single = <K extends 'userAgent' | 'profile' | 'msrp'>(name: K, value: Told[K] | undefined): Told =>
  value === undefined ? {} : { [name]: value };

const valuesOf = (answer: TellingHeaders, name: string): readonly (string | undefined)[] =>
  answer.all?.(name) ?? [answer.get(name)];

/** The elements of a list header, trimmed, empty ones left out; undefined when it is missing or past the bounds. */
function elementsOf(answer: TellingHeaders, name: string): string[] | undefined {
  const text = valuesOf(answer, name)
    .filter((value) => value !== undefined)
    .join(',');
  if (text.length > MAX_LIST) return undefined;
  const elements = text.split(',').flatMap((each) => each.trim() || []);
  return elements.length === 0 || elements.length > MAX_VALUES ? undefined : elements;
}

/** Values of a list of tokens, parameters (`;q=0.5`) taken off; undefined when it is missing or cannot be read as a whole. */
export function readTokens(answer: TellingHeaders, name: string): string[] | undefined {
  const tokens = elementsOf(answer, name)
    ?.filter((element) => !isRefusal(element))
    .map((element) => (element.split(';', 1)[0] ?? '').trim());
  return tokens?.every((token) => isToken(token) && token.length <= MAX_VALUE_LENGTH) ? tokens : undefined;
}

/** `q=0` says that it is not taken (RFC 2616 section 3.9). */
const isRefusal = (element: string): boolean => /;\s*q\s*=\s*0(?:\.0{0,3})?\s*(?:;|$)/i.test(element);

/** Media ranges of Accept, those with `q=0` apart; undefined when it is missing or cannot be read as a whole. */
export function readAccept(
  answer: TellingHeaders,
): { readonly types: readonly string[]; readonly refused: readonly string[] } | undefined {
  const types: string[] = [];
  const refused: string[] = [];
  for (const element of elementsOf(answer, 'Accept') ?? []) {
    const type = parseMediaType(element)?.type;
    if (type === undefined || type.length > MAX_VALUE_LENGTH) return undefined;
    (isRefusal(element) ? refused : types).push(type);
  }
  return types.length === 0 ? undefined : { types, refused };
}

function userAgentOf(answer: TellingHeaders): string | undefined {
  const text = (answer.get('User-Agent') ?? answer.get('Server') ?? '')
    .slice(0, MAX_USER_AGENT)
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim();
  return text === '' ? undefined : text;
}

/** The first URL of X-Wap-Profile (WAP-248 section 9.1), which may stand in quotes and among digests; else `indirect`. */
function profileOf(answer: TellingHeaders, indirect: string | undefined): string | undefined {
  const header = answer.get('X-Wap-Profile') ?? answer.get('Profile');
  return [header, indirect].map((value) => URL_IN.exec(value?.slice(0, MAX_LIST) ?? '')?.[0]).find(isShort);
}

const URL_IN = /https?:\/\/[^\s"<>,;\p{Cc}]+/iu;
const isShort = (url: string | undefined): boolean => url !== undefined && url.length <= MAX_URL;

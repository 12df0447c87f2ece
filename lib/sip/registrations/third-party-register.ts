import { parseMediaType } from '../../codec/mime/content-type.ts';
import { readMultipart } from '../../codec/mime/multipart.ts';
import { splitList } from '../../codec/sip/list.ts';
import type { SipHeaders } from '../../codec/sip/message.ts';
import { parseHead, type SipHead } from '../../codec/sip/parse.ts';
import type { Device } from '../../model/device.ts';
import { aorOfHeader } from '../aor.ts';
import type { RequestLike } from '../leg.ts';
import {
  DEFAULT_EXPIRES,
  departed,
  deviceOf,
  isSameContact,
  type RegisterContacts,
  type RegisterContext,
  readContacts,
  readSeconds,
} from './register-contacts.ts';
import { type Departed, oneOfEach, type RegistrationUpdate } from './update.ts';

/** Octets of body that are looked at: a REGISTER and its 200 have 2 to 4 KB; more is taken for no body. */
const MAX_BODY = 64 * 1024;

/** Identities of one implicit registration set (3GPP TS 23.228 section 5.2.1a); cores configure a handful. */
const MAX_IDENTITIES = 32;

const HEAD_LIMITS = { startLine: 4096, headerCount: 128, headerBytes: 32 * 1024, bodyBytes: 0 };

/** What the messages in the body told. */
interface Told {
  readonly register: RegisterContacts;
  /** Lifetime that the first REGISTER asked for by Expires, seconds. */
  readonly asked: number | undefined;
  readonly answer: RegisterContacts;
  /** P-Associated-URI of the 200: the implicit registration set (RFC 7315 section 4.1). Some cores copy it to their REGISTER. */
  readonly identities: readonly string[];
}

/**
 * Reads a third-party REGISTER (3GPP TS 24.229 section 5.4.1.7): To is the user, Contact the S-CSCF, Expires the lifetime
 * (0: left), unless that contact names one itself. The body is what the filter criteria asked for: the UE's REGISTER and its
 * 200 as `message/sip`, service information, several of them as multipart, or nothing; what cannot be read counts as nothing.
 * Undefined when To names no user.
 */
export function readThirdPartyRegister(
  request: Pick<RequestLike, 'get' | 'body' | 'rawBody'>,
  context: RegisterContext,
): RegistrationUpdate | undefined {
  const aor = aorOfHeader(request.get('To'), context.domain);
  if (aor === undefined) return undefined;
  const told = readBody(request);
  const [scscf] = readContacts([request.get('Contact')]).contacts;
  const expires = scscf?.expires ?? readSeconds(request.get('Expires')) ?? told.asked ?? DEFAULT_EXPIRES;
  const beside = request.get('P-Associated-URI');
  const identities = beside === undefined ? told.identities : [...told.identities, ...elements(beside)];
  const aors = implicitSet(aor, identities, context.domain);
  const isWholeSet = identities.length > 0;
  const named = told.register.contacts.length > 0 ? told.register : told.answer;
  // Of who left without a word on which device the registrar's answer has those that are left (RFC 3261 section 10.3 step 8).
  const bare = expires === 0 && told.register.contacts.length === 0;
  const complete = bare && told.answer.contacts.some((contact) => (contact.expires ?? 0) > 0);
  if (told.register.star || (bare && !complete))
    return { aors, isWholeSet, kind: 'deregistered', devices: [], removed: [], expiresAt: 0 };

  const devices: Device[] = [];
  const removed: Departed[] = [];
  for (const contact of named.contacts) {
    const granted = told.answer.contacts.find((answered) => isSameContact(answered, contact));
    const wished = expires === 0 && !complete ? 0 : (contact.expires ?? expires);
    // Without the registrar's word the S-CSCF's Expires bounds what the UE asked for.
    const seconds = wished === 0 ? 0 : (granted?.expires ?? Math.min(wished, expires));
    if (seconds === 0) removed.push(departed(contact));
    else devices.push(deviceOf(contact, context.now + seconds * 1000, granted));
  }
  return {
    aors,
    isWholeSet,
    kind: 'registered',
    ...(scscf !== undefined && { servedBy: scscf.uri }),
    devices: oneOfEach(devices),
    removed,
    expiresAt: expires === 0 ? 0 : context.now + expires * 1000,
    ...(told.register.contacts.length === 0 && { withoutFeatures: true }),
    ...(complete && { complete }),
  };
}

/** The user and the identities registered along with it; a wildcard (`sip:chat-!.*!@…`) names nobody to push to. */
function implicitSet(aor: string, identities: readonly string[], domain: string): string[] {
  const set = new Set([aor]);
  for (const identity of identities) {
    const other = identity.includes('!') ? undefined : aorOfHeader(identity, domain);
    if (other !== undefined && set.size < MAX_IDENTITIES) set.add(other);
  }
  return [...set];
}

function readBody(request: Pick<RequestLike, 'get' | 'body' | 'rawBody'>): Told {
  const registers: SipHeaders[] = [];
  const answers: SipHeaders[] = [];
  for (const { start, headers } of innerMessages(request)) {
    if (start.kind === 'request' && start.method === 'REGISTER') registers.push(headers);
    if (start.kind === 'response' && start.status === 200) answers.push(headers);
  }
  const asked = registers.map(contactsOf);
  return {
    register: { contacts: asked.flatMap(({ contacts }) => contacts), star: asked.some(({ star }) => star) },
    asked: readSeconds(registers[0]?.get('Expires')),
    answer: { contacts: answers.flatMap((headers) => contactsOf(headers).contacts), star: false },
    identities: answers.flatMap((headers) => headers.all('P-Associated-URI')).flatMap(elements),
  };
}

/** The contacts of a message, each with the lifetime that it or the message names. */
function contactsOf(headers: SipHeaders): RegisterContacts {
  const { contacts, star } = readContacts(headers.all('Contact'));
  const expires = readSeconds(headers.get('Expires'));
  if (expires === undefined) return { contacts, star };
  return { contacts: contacts.map((contact) => ({ expires, ...contact })), star };
}

function elements(value: string): string[] {
  try {
    return splitList(value);
  } catch {
    return []; // an implicit set that cannot be read is as good as none
  }
}

function innerMessages(request: Pick<RequestLike, 'get' | 'body' | 'rawBody'>): SipHead[] {
  const contentType = request.get('Content-Type');
  const body = request.rawBody ?? Buffer.from(request.body ?? '', 'utf8');
  if (contentType === undefined || body.length === 0 || body.length > MAX_BODY) return [];
  const heads: SipHead[] = [];
  for (const octets of sipBodies(contentType, body)) {
    const head = readHead(octets);
    if (head !== undefined) heads.push(head);
  }
  return heads;
}

function sipBodies(contentType: string, body: Buffer): Buffer[] {
  const type = parseMediaType(contentType)?.type;
  if (isSipType(type)) return [body];
  if (type === undefined || !type.startsWith('multipart/')) return [];
  try {
    return readMultipart(body, contentType)
      .parts.filter((part) => isSipType(parseMediaType(part.get('Content-Type') ?? '')?.type))
      .map((part) => part.body);
  } catch {
    return []; // a multipart that does not hold together tells no devices; To and Expires still count
  }
}

/** RFC 3261 section 27.5; fragments (RFC 3420) leave out what does not matter here. */
const isSipType = (type: string | undefined): boolean => type === 'message/sip' || type === 'message/sipfrag';

/**
 * Start line and headers of a message inside a body. Cores cut its last empty line off (it looks like the line break
 * of the boundary) and text may have lost its CRs; the body, if any, does not matter.
 */
function readHead(octets: Buffer): SipHead | undefined {
  const text = octets.toString('latin1').replace(/^\s+/, '').replace(/\r?\n/g, '\r\n');
  const end = text.indexOf('\r\n\r\n');
  const head = Buffer.from(`${end < 0 ? text.trimEnd() : text.slice(0, end)}\r\n`, 'latin1');
  try {
    return parseHead(head, 0, head.length, HEAD_LIMITS);
  } catch {
    return undefined; // what is no SIP message tells no devices
  }
}

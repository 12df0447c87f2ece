import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { messageOf, PpgError } from '../../base/errors.ts';
import { decodeXml } from '../pap/encoding.ts';
import type { Param } from '../sip/params.ts';
import { unquote } from '../sip/syntax.ts';
import {
  CONTACT_EVENTS,
  type ContactEvent,
  type RegInfo,
  type RegInfoContact,
  type RegInfoRegistration,
} from './reginfo.ts';

/** Limits of a document; one with more is refused. Implicit sets have a handful of identities with a few contacts each. */
export const REGINFO_LIMITS: {
  readonly bytes: number;
  readonly depth: number;
  readonly elements: number;
  readonly registrations: number;
  readonly contacts: number;
  readonly params: number;
  readonly text: number;
} = {
  /** Octets of the document. */
  bytes: 256 * 1024,
  /** Elements within elements. */
  depth: 8,
  elements: 8000,
  registrations: 64,
  /** Of one registration. */
  contacts: 64,
  /** Of one contact. */
  params: 64,
  /** Characters of one attribute or text. */
  text: 4096,
};

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type OpenContact = Writable<Omit<RegInfoContact, 'params'>> & { readonly params: Param[] };
type OpenRegistration = Writable<Omit<RegInfoRegistration, 'contacts'>> & { readonly contacts: OpenContact[] };

/**
 * Reads a registration information document (RFC 3680 section 5, GRUUs of RFC 5628). Elements count by their local names,
 * since cores in use leave prefixes unbound; what is not known is passed over. Values of `unknown-param` may come with or
 * without the quotes of the header.
 *
 * @throws PPG_E_REGINFO for what is no well-formed XML, no such document, or beyond {@link REGINFO_LIMITS}.
 */
export function readRegInfo(octets: Buffer): RegInfo {
  if (octets.length > REGINFO_LIMITS.bytes) throw tooMuch(`${REGINFO_LIMITS.bytes} octets`);
  try {
    return new Reader().read(decodeXml(octets).trimStart());
  } catch (error) {
    if (error instanceof PpgError && error.code === 'PPG_E_REGINFO') throw error;
    throw new PpgError('PPG_E_REGINFO', `no well-formed XML: ${messageOf(error)}`, { cause: error });
  }
}

/** Gathers the document while the parser walks through it. */
class Reader {
  readonly #open: string[] = [];
  readonly #registrations: OpenRegistration[] = [];
  #elements = 0;
  #text = '';
  #version = 0;
  #state: RegInfo['state'] | undefined;
  #param: string | undefined;

  read(text: string): RegInfo {
    const parser = new SaxesParser({ xmlns: false as const, position: false });
    parser.on('doctype', () => {
      throw new PpgError('PPG_E_REGINFO', 'the document has a DTD');
    });
    parser.on('attribute', ({ value }) => {
      if (value.length > REGINFO_LIMITS.text) throw tooMuch(`${REGINFO_LIMITS.text} characters an attribute`);
    });
    parser.on('opentag', (tag) => this.#onOpen(tag));
    parser.on('closetag', () => this.#onClose());
    const gather = (piece: string): void => {
      if (this.#text.length + piece.length > REGINFO_LIMITS.text) throw tooMuch(`${REGINFO_LIMITS.text} characters`);
      this.#text += piece;
    };
    parser.on('text', gather);
    parser.on('cdata', gather);
    parser.on('error', (error) => {
      throw error;
    });
    parser.write(text).close();
    if (this.#state === undefined) throw new PpgError('PPG_E_REGINFO', 'the document has no reginfo element');
    return { version: this.#version, state: this.#state, registrations: this.#registrations };
  }

  #onOpen({ name, attributes }: SaxesTagPlain): void {
    if (++this.#elements > REGINFO_LIMITS.elements) throw tooMuch(`${REGINFO_LIMITS.elements} elements`);
    if (this.#open.length === REGINFO_LIMITS.depth) throw tooMuch(`${REGINFO_LIMITS.depth} levels`);
    const parent = this.#open.at(-1);
    const local = localName(name);
    this.#open.push(local);
    this.#text = '';
    if (parent === undefined) this.#onRoot(local, attributes);
    else if (local === 'registration' && parent === 'reginfo') this.#onRegistration(attributes);
    else if (local === 'contact' && parent === 'registration') this.#onContact(attributes);
    else if (parent === 'contact') this.#onDetail(local, attributes);
  }

  #onRoot(local: string, attributes: Attributes): void {
    if (local !== 'reginfo') throw new PpgError('PPG_E_REGINFO', `the document is ${local.slice(0, 60)}, not reginfo`);
    this.#state = oneOf<RegInfo['state']>(attributes, 'state', ['full', 'partial']);
    this.#version = numberIn(attributes, 'version') ?? 0;
  }

  #onRegistration(attributes: Attributes): void {
    if (this.#registrations.length === REGINFO_LIMITS.registrations)
      throw tooMuch(`${REGINFO_LIMITS.registrations} registrations`);
    const aor = needed(attributes, 'aor').trim();
    const state = oneOf<RegInfoRegistration['state']>(attributes, 'state', ['init', 'active', 'terminated']);
    this.#registrations.push({ aor, id: attributes['id'] ?? aor, state, contacts: [] });
  }

  #onContact(attributes: Attributes): void {
    const contacts = this.#registrations.at(-1)?.contacts ?? [];
    if (contacts.length === REGINFO_LIMITS.contacts) throw tooMuch(`${REGINFO_LIMITS.contacts} contacts`);
    const { id = '', q, callid } = attributes;
    const [expires, retryAfter, cseq] = ['expires', 'retry-after', 'cseq'].map((name) => numberIn(attributes, name));
    const state = oneOf<RegInfoContact['state']>(attributes, 'state', ['active', 'terminated']);
    contacts.push({
      id,
      uri: '',
      state,
      event: eventIn(attributes, state),
      ...(expires !== undefined && { expires }),
      ...(retryAfter !== undefined && { retryAfter }),
      ...(q !== undefined && { q }),
      ...(callid !== undefined && { callId: callid }),
      ...(cseq !== undefined && { cseq }),
      params: [],
    });
  }

  #onDetail(local: string, attributes: Attributes): void {
    const contact = this.#contact;
    if (contact === undefined) return;
    const { uri, name } = attributes;
    if (local === 'pub-gruu' && uri !== undefined) contact.pubGruu = uri;
    else if (local === 'temp-gruu' && uri !== undefined) contact.tempGruu = uri;
    else if (local === 'unknown-param') this.#param = name;
  }

  #onClose(): void {
    const local = this.#open.pop();
    const parent = this.#open.at(-1);
    const text = this.#text.trim();
    this.#text = '';
    const registration = this.#registrations.at(-1);
    if (parent === 'registration' && local === 'wildcardedIdentity' && registration !== undefined)
      registration.wildcard = text;
    if (parent !== 'contact') return;
    const contact = this.#contact;
    if (contact === undefined) return;
    if (local === 'uri') contact.uri = text;
    else if (local === 'unknown-param' && this.#param !== undefined) {
      if (contact.params.length === REGINFO_LIMITS.params) throw tooMuch(`${REGINFO_LIMITS.params} parameters`);
      const value = unquote(text);
      contact.params.push(text === '' ? { name: this.#param } : { name: this.#param, value });
      this.#param = undefined;
    }
  }

  /** The contact that is open; only asked for within one. */
  get #contact(): OpenContact | undefined {
    return this.#registrations.at(-1)?.contacts.at(-1);
  }
}

type Attributes = Readonly<Record<string, string>>;

const localName = (name: string): string => name.slice(name.indexOf(':') + 1);

function needed(attributes: Attributes, name: string): string {
  const value = attributes[name];
  if (value === undefined) throw new PpgError('PPG_E_REGINFO', `the attribute ${name} is missing`);
  return value;
}

function oneOf<T extends string>(attributes: Attributes, name: string, known: readonly T[]): T {
  const value = needed(attributes, name);
  const found = known.find((one) => one === value);
  if (found === undefined) throw new PpgError('PPG_E_REGINFO', `${name} is neither of ${known.join(', ')}`);
  return found;
}

/** An event of a later specification says no more than the state does. */
function eventIn(attributes: Attributes, state: RegInfoContact['state']): ContactEvent {
  const value = attributes['event'];
  return CONTACT_EVENTS.find((one) => one === value) ?? (state === 'active' ? 'registered' : 'unregistered');
}

/** Undefined for what is no number: none of them is worth the whole document. */
function numberIn(attributes: Attributes, name: string): number | undefined {
  const value = attributes[name]?.trim();
  return value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}

const tooMuch = (limit: string): PpgError => new PpgError('PPG_E_REGINFO', `the document passes the limit of ${limit}`);

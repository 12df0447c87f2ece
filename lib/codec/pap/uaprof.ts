import { SaxesParser } from 'saxes';
import { create } from 'xmlbuilder2';
import { messageOf, PpgError } from '../../base/errors.ts';
import { canonicalApplication, parseApplicationId } from '../../model/application-id.ts';
import type { ClientCapabilities } from '../../model/client-capabilities.ts';
import { PAP } from '../../model/result-codes.ts';
import { decodeXml } from './encoding.ts';

/** Media type of a capabilities entity (WAP-247 section 8.1). */
export const CAPABILITIES_CONTENT_TYPE = 'application/xml; charset=utf-8';

/** Limits of a capabilities entity; a whole profile of a device has some 10,000 octets. */
export const UAPROF_LIMITS: {
  readonly bytes: number;
  readonly depth: number;
  readonly elements: number;
  readonly valueLength: number;
} = { bytes: 64 * 1024, depth: 16, elements: 1000, valueLength: 256 };

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
/** Vocabulary of WAP-248 (UAProf 2001). */
const PRF = 'http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#';
/** Vocabularies of other years, WAP Forum's and OMA's, name the same attributes. */
const ANY_PRF =
  /^https?:\/\/www\.(?:wapforum\.org\/profiles|openmobilealliance\.org\/tech\/profiles)\/UAPROF\/ccppschema-/i;

/** Attributes that are compared with what devices tell; everything else cannot be matched here. */
const MATCHED: Readonly<Record<string, 'applications' | 'types'>> = {
  'Push-Accept': 'types',
  CcppAccept: 'types',
  'Push-Accept-AppID': 'applications',
};
/** Elements of the vocabulary that only hold others. */
const STRUCTURE = new Set(['component', 'defaults', 'Defaults']);

/**
 * Writes capabilities as UAProf (WAP-248): what is known of pushes as PushCharacteristics, with the profile of the
 * client that it refines, where there is one; its name as BrowserUA. Applications are written as the URIs of their
 * registration.
 */
export function writeCapabilities(capabilities: ClientCapabilities): string {
  const { applications, types, languages, encodings, maxBytes, userAgent, profile } = capabilities;
  const document = create({ version: '1.0', encoding: 'UTF-8' });
  const client = document
    .ele(RDF, 'rdf:RDF')
    .att('http://www.w3.org/2000/xmlns/', 'xmlns:prf', PRF)
    .ele(RDF, 'rdf:Description')
    .att(RDF, 'rdf:ID', 'Client');
  const component = (name: string): typeof client => {
    const description = client.ele(PRF, 'prf:component').ele(RDF, 'rdf:Description').att(RDF, 'rdf:ID', name);
    description.ele(RDF, 'rdf:type').att(RDF, 'rdf:resource', `${PRF}${name}`);
    return description;
  };
  const push = component('PushCharacteristics');
  if (profile !== undefined) push.ele(PRF, 'prf:Defaults').att(RDF, 'rdf:resource', printable(profile));
  const bag = (name: string, values: readonly string[] | undefined): void => {
    if (values === undefined || values.length === 0) return;
    const list = push.ele(PRF, `prf:${name}`).ele(RDF, 'rdf:Bag');
    for (const value of values) list.ele(RDF, 'rdf:li').txt(printable(value));
  };
  bag('Push-Accept', types);
  bag('Push-Accept-Encoding', encodings);
  bag('Push-Accept-Language', languages);
  bag('Push-Accept-AppID', applications?.map(writtenApplication));
  if (maxBytes !== undefined) push.ele(PRF, 'prf:Push-MsgSize').txt(String(maxBytes));
  if (userAgent !== undefined) component('BrowserUA').ele(PRF, 'prf:BrowserName').txt(printable(userAgent));
  return document.end();
}

function writtenApplication(tag: string): string {
  try {
    return tag === '*' ? tag : (parseApplicationId(tag).urn ?? tag);
  } catch {
    return tag; // what a device has registered is told as it is
  }
}

/** What XML does not have at all is dropped: features come from devices. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]/g, '');

/**
 * Reads the capabilities that a Push Initiator takes for granted. What can be matched here are the media types
 * (Push-Accept, CcppAccept) and the applications (Push-Accept-AppID).
 *
 * @throws PPG_E_CAPABILITIES with 2000 for what is no RDF of UAProf, with 3004 for an attribute that is not matched or a
 *   profile that is only referred to; PPG_E_PAP_TOO_LARGE past {@link UAPROF_LIMITS}.
 */
export function readCapabilities(octets: Buffer, charset?: string): ClientCapabilities {
  if (octets.length > UAPROF_LIMITS.bytes) throw tooLarge(`${UAPROF_LIMITS.bytes} octets`);
  const reader = new ProfileReader();
  try {
    reader.read(decodeXml(octets, charset).trimStart());
  } catch (error) {
    if (error instanceof PpgError) throw error;
    throw malformed(`is not well-formed XML: ${messageOf(error)}`, error);
  }
  return reader.capabilities;
}

class ProfileReader {
  readonly #found = { applications: new Set<string>(), types: new Set<string>() };
  readonly #open: string[] = [];
  #elements = 0;
  /** The attribute of the vocabulary that is open, and how deep it lies. */
  #attribute: { readonly name: 'applications' | 'types'; readonly depth: number } | undefined;
  #text = '';

  get capabilities(): ClientCapabilities {
    const { applications, types } = this.#found;
    return {
      ...(applications.size > 0 && { applications: [...applications] }),
      ...(types.size > 0 && { types: [...types] }),
    };
  }

  read(text: string): void {
    const parser = new SaxesParser({ xmlns: true as const, position: false });
    parser.on('opentag', ({ uri, local, attributes }) => {
      this.#enter(uri, local);
      const resource = Object.values(attributes).find((each) => each.uri === RDF && each.local === 'resource');
      const isType = uri === RDF && local === 'type';
      if (resource !== undefined && !isType) throw unmatched('a profile that is only referred to');
    });
    parser.on('text', (value) => this.#add(value));
    parser.on('cdata', (value) => this.#add(value));
    parser.on('closetag', () => this.#leave());
    parser.on('error', (error) => {
      throw error;
    });
    parser.write(text).close();
  }

  #enter(uri: string, local: string): void {
    if (++this.#elements > UAPROF_LIMITS.elements) throw tooLarge(`${UAPROF_LIMITS.elements} elements`);
    if (this.#open.length === UAPROF_LIMITS.depth) throw tooLarge(`${UAPROF_LIMITS.depth} levels`);
    if (this.#open.length === 0 && (uri !== RDF || local !== 'RDF')) throw malformed('is no rdf:RDF');
    this.#open.push(local);
    this.#text = '';
    if (uri === RDF) return;
    if (!ANY_PRF.test(uri) || this.#attribute !== undefined) throw unmatched(local);
    if (STRUCTURE.has(local)) return;
    const name = Object.hasOwn(MATCHED, local) ? MATCHED[local] : undefined;
    if (name === undefined) throw unmatched(local);
    this.#attribute = { name, depth: this.#open.length };
  }

  #add(text: string): void {
    if (this.#text.length + text.length > UAPROF_LIMITS.valueLength) {
      if (text.trim() === '') return; // white space between elements
      throw tooLarge(`${UAPROF_LIMITS.valueLength} characters a value`);
    }
    this.#text += text;
  }

  #leave(): void {
    const value = this.#text.trim();
    this.#text = '';
    const attribute = this.#attribute;
    if (value !== '') {
      if (attribute === undefined) throw malformed('has text where none may stand');
      if (attribute.name === 'applications') this.#found.applications.add(applicationOf(value));
      else this.#found.types.add(mediaTypeOf(value));
    }
    if (attribute?.depth === this.#open.length) this.#attribute = undefined;
    this.#open.pop();
  }
}

const applicationOf = (value: string): string => (value === '*' ? value : canonicalApplication(readable(value)));

/** A number stands for the application that is registered under it. */
function readable(value: string): string {
  try {
    return parseApplicationId(value).tag;
  } catch (error) {
    throw malformed('names an application that is neither URI, name nor number', error);
  }
}

const MEDIA_RANGE = /^[!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function mediaTypeOf(value: string): string {
  const type = (value.split(';', 1)[0] as string).trim().toLowerCase();
  if (!MEDIA_RANGE.test(type)) throw malformed('names a type that is no media type');
  return type;
}

const malformed = (what: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_CAPABILITIES', `the capabilities entity ${what}`, {
    papCode: PAP.BAD_REQUEST,
    ...(cause !== undefined && { cause }),
  });

const unmatched = (what: string): PpgError =>
  new PpgError('PPG_E_CAPABILITIES', `of the capabilities entity ${what.slice(0, 60)} cannot be matched here`, {
    papCode: PAP.CAPABILITY_MATCHING_NOT_SUPPORTED,
  });

const tooLarge = (limit: string): PpgError =>
  new PpgError('PPG_E_PAP_TOO_LARGE', `the capabilities entity passes the limit of ${limit}`);

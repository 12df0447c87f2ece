import { decodeDatetime } from './datetime.ts';
import {
  isXmlName,
  isXmlText,
  refused,
  tooLarge,
  WBXML_LIMITS,
  type XmlDocument,
  type XmlElement,
} from './document.ts';
import { GLOBAL, isExtension, TAG } from './globals.ts';
import { OctetReader } from './octet-reader.ts';
import { tableOfKind, tableOfNumber, tableOfPublicId } from './tables.ts';
import { type DocumentKind, type TokenTable, tokenKey } from './token-table.ts';

export interface DecodeOptions {
  /** What the document is when its prologue does not say (public identifier 1, "unknown"); as the media type tells. */
  readonly kind?: DocumentKind;
  /** Charset of the transport, for a document that names none. */
  readonly charset?: string;
}

/** Number of a public identifier that is not told (WAP-192 section 7.2). */
const UNKNOWN_PUBLIC_ID = 1;

/**
 * Reads the binary form (WAP-192), versions 1.1 to 1.3: tokens of the document type, literals, inline strings, string
 * table, entities, opaque data, code pages; processing instructions are passed over. Everything is bounded by
 * {@link WBXML_LIMITS}.
 *
 * @throws PPG_E_WBXML telling the octet: what is no such document, or has extension tokens, which mean nothing in these
 *   types; PPG_E_CHARSET a string that is not in the document's charset.
 */
export function decode(octets: Buffer, options: DecodeOptions = {}): XmlDocument {
  if (octets.length > WBXML_LIMITS.bytes) throw tooLarge(`${WBXML_LIMITS.bytes} octets`);
  const reader = new OctetReader(octets);
  const version = reader.octet();
  if (version < 1 || version > 3) reader.fail(`version octet ${version} is not WBXML 1.1 to 1.3`, 0);
  const number = reader.uintvar();
  const index = number === 0 ? reader.uintvar() : undefined;
  reader.charset(options.charset);
  reader.stringTable();
  const table =
    index !== undefined
      ? tableOfPublicId(reader.stringAt(index))
      : number === UNKNOWN_PUBLIC_ID && options.kind !== undefined
        ? tableOfKind(options.kind)
        : tableOfNumber(number);
  if (table === undefined) return reader.fail('a document type that is not known', 1);
  if (options.kind !== undefined && options.kind !== table.kind) {
    reader.fail(`the document is ${table.kind}, not ${options.kind}`, 1);
  }
  return { kind: table.kind, root: new BodyReader(reader, table).document() };
}

class BodyReader {
  readonly #in: OctetReader;
  readonly #table: TokenTable;
  #tagPage = 0;
  #attributePage = 0;
  #elements = 0;

  constructor(reader: OctetReader, table: TokenTable) {
    this.#in = reader;
    this.#table = table;
  }

  /** body = *pi element *pi */
  document(): XmlElement {
    while (this.#in.peek() === GLOBAL.PI) this.#instruction();
    this.#switchTagPage();
    const root = this.#element(1);
    if (root.name !== this.#table.root) throw refused(`the document element is ${root.name}, not ${this.#table.root}`);
    while (this.#in.peek() === GLOBAL.PI) this.#instruction();
    if (!this.#in.atEnd) this.#in.fail('something stands behind the document');
    return root;
  }

  #switchTagPage(): void {
    while (this.#in.peek() === GLOBAL.SWITCH_PAGE) {
      this.#in.octet();
      this.#tagPage = this.#in.octet();
    }
  }

  #element(depth: number): XmlElement {
    if (depth > WBXML_LIMITS.depth) throw tooLarge(`${WBXML_LIMITS.depth} levels`);
    if (++this.#elements > WBXML_LIMITS.elements) throw tooLarge(`${WBXML_LIMITS.elements} elements`);
    const token = this.#in.octet();
    const name = this.#tagName(token & TAG.CODE);
    const attributes = (token & TAG.ATTRIBUTES) === 0 ? [] : this.#attributes();
    const children = (token & TAG.CONTENT) === 0 ? [] : this.#content(depth);
    return { name, attributes, children };
  }

  #tagName(code: number): string {
    if (code === GLOBAL.LITERAL) return this.#name(this.#in.reference());
    const name = this.#table.tagAt.get(tokenKey(this.#tagPage, code));
    return name ?? this.#in.fail(`no tag has the token ${hex(code)} of page ${this.#tagPage}`);
  }

  #name(name: string): string {
    return isXmlName(name) ? name : this.#in.fail(`${JSON.stringify(name.slice(0, 40))} is no name`);
  }

  #content(depth: number): (XmlElement | string)[] {
    const children: (XmlElement | string)[] = [];
    let text = '';
    const endText = (): void => {
      if (text !== '') children.push(this.#sound(text));
      text = '';
    };
    for (;;) {
      const next = this.#in.peek();
      if (next === GLOBAL.END) {
        this.#in.octet();
        endText();
        return children;
      }
      if (next === GLOBAL.SWITCH_PAGE) this.#switchTagPage();
      else if (next === GLOBAL.PI) this.#instruction();
      else if (next !== undefined && isText(next)) {
        this.#in.octet();
        text += next === GLOBAL.OPAQUE ? this.#in.text(this.#opaque()) : this.#string(next);
      } else {
        if (next !== undefined && isExtension(next)) this.#in.fail(`extension token ${hex(next)}`);
        endText();
        children.push(this.#element(depth + 1));
      }
    }
  }

  #attributes(): [string, string][] {
    const attributes: [string, string][] = [];
    do {
      if (attributes.length === WBXML_LIMITS.attributes)
        throw tooLarge(`${WBXML_LIMITS.attributes} attributes an element`);
      const { name, prefix } = this.#attributeStart();
      const value = this.#sound(prefix + this.#value(this.#table.dates.has(name)));
      if (attributes.some(([known]) => known === name)) this.#in.fail(`${name} stands twice in one element`);
      attributes.push([name, value]);
    } while (this.#in.peek() !== GLOBAL.END);
    this.#in.octet();
    return attributes;
  }

  #attributeStart(): { readonly name: string; readonly prefix: string } {
    this.#switchAttributePage();
    const code = this.#in.octet();
    if (code === GLOBAL.LITERAL) return { name: this.#name(this.#in.reference()), prefix: '' };
    const start = this.#table.startAt.get(tokenKey(this.#attributePage, code));
    return start ?? this.#in.fail(`no attribute has the token ${hex(code)} of page ${this.#attributePage}`);
  }

  #switchAttributePage(): void {
    while (this.#in.peek() === GLOBAL.SWITCH_PAGE) {
      this.#in.octet();
      this.#attributePage = this.#in.octet();
    }
  }

  /** *attrValue; ends before END or the start of another attribute. */
  #value(isDate: boolean): string {
    let value = '';
    for (;;) {
      this.#switchAttributePage();
      const next = this.#in.peek();
      if (next === undefined || next === GLOBAL.END || (next < 0x80 && !isText(next) && !isExtension(next)))
        return value;
      this.#in.octet();
      if (next === GLOBAL.OPAQUE) {
        const octets = this.#opaque();
        value += isDate ? decodeDatetime(octets) : this.#in.text(octets);
      } else if (isText(next)) value += this.#string(next);
      else if (isExtension(next)) this.#in.fail(`extension token ${hex(next)}`);
      else {
        const known = this.#table.valueAt.get(tokenKey(this.#attributePage, next));
        value += known ?? this.#in.fail(`no value has the token ${hex(next)} of page ${this.#attributePage}`);
      }
    }
  }

  #string(token: number): string {
    if (token === GLOBAL.STR_I) return this.#in.inline();
    return token === GLOBAL.STR_T ? this.#in.reference() : this.#in.entity();
  }

  #opaque(): Buffer {
    return this.#in.bytes(this.#in.uintvar());
  }

  #sound(text: string): string {
    return isXmlText(text) ? text : this.#in.fail('a character that XML has no way to write');
  }

  /** PI attrStart *attrValue END: meant for somebody who reads XML with a program behind it. */
  #instruction(): void {
    this.#in.octet();
    this.#attributeStart();
    this.#value(false);
    if (this.#in.octet() !== GLOBAL.END) this.#in.fail('a processing instruction without an end');
  }
}

const isText = (token: number): boolean =>
  token === GLOBAL.STR_I || token === GLOBAL.STR_T || token === GLOBAL.ENTITY || token === GLOBAL.OPAQUE;

const hex = (token: number): string => `0x${token.toString(16).padStart(2, '0')}`;

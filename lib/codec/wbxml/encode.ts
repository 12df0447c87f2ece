import { encodeDatetime } from './datetime.ts';
import { refused, tooLarge, WBXML_LIMITS, type XmlDocument, type XmlElement } from './document.ts';
import { GLOBAL, TAG, UTF_8 } from './globals.ts';
import { OctetWriter } from './octet-writer.ts';
import { type OctetElement, StringTable, startFor } from './string-table.ts';
import { tableOfKind } from './tables.ts';
import type { Token, TokenTable } from './token-table.ts';

export interface EncodeOptions {
  /** Minor version of WBXML 1.x; default what the document's own specification writes. */
  readonly minor?: 1 | 2 | 3;
  /**
   * `shared` (default): what stands in the document more than once goes into the string table. `inline`: every string
   * stands where it is used; only names that have no token are in the table.
   */
  readonly strings?: 'shared' | 'inline';
}

/**
 * Writes the binary form (WAP-192): octet for octet what libwbxml's xml2wbxml writes, but for what
 * docs/transformations.md lists. Elements and attributes without a token go as literals; nothing is left out.
 *
 * @throws PPG_E_WBXML a date that is none, or a document past a limit.
 */
export function encode(document: XmlDocument, options: EncodeOptions = {}): Buffer {
  const table = tableOfKind(document.kind);
  if (table === undefined) throw refused(`no document type ${document.kind}`);
  const strings = new StringTable();
  const root = octetsOf(document.root, 0, { elements: 0, characters: 0 });
  if (options.strings !== 'inline') strings.share(root, table);

  // The table is complete only when the body is written.
  const body = new BodyWriter(table, strings, options.strings !== 'inline');
  body.element(root);

  const out = new OctetWriter();
  out.octet(options.minor ?? table.version);
  out.uintvar(table.publicNumber);
  out.uintvar(UTF_8);
  out.uintvar(strings.length);
  for (const text of strings.entries.keys()) {
    out.latin1(text);
    out.octet(0);
  }
  out.bytes(body.out.take());
  return out.take();
}

/** Part of a value: text, or what stands for a piece of it. */
type Piece = string | { readonly offset: number } | { readonly token: Token };

class BodyWriter {
  readonly out: OctetWriter = new OctetWriter();
  readonly #table: TokenTable;
  readonly #strings: StringTable;
  readonly #refers: boolean;
  #tagPage = 0;
  #attributePage = 0;

  constructor(table: TokenTable, strings: StringTable, refers: boolean) {
    this.#table = table;
    this.#strings = strings;
    this.#refers = refers;
  }

  element({ name, attributes, children }: OctetElement): void {
    const bits = (attributes.length > 0 ? TAG.ATTRIBUTES : 0) | (children.length > 0 ? TAG.CONTENT : 0);
    this.#tag(name, bits);
    for (const [attribute, value] of attributes) this.#attribute(attribute, value);
    if (attributes.length > 0) this.out.octet(GLOBAL.END);
    for (const child of children) {
      if (typeof child === 'string') this.#pieces([child]);
      else this.element(child);
    }
    if (children.length > 0) this.out.octet(GLOBAL.END);
  }

  #tag(name: string, bits: number): void {
    const tokens = this.#table.tagsOf.get(name);
    const token = tokens?.find(({ page }) => page === this.#tagPage) ?? tokens?.[0];
    if (token === undefined) {
      this.out.octet(GLOBAL.LITERAL | bits);
      this.out.uintvar(this.#strings.add(name));
      return;
    }
    if (token.page !== this.#tagPage) {
      this.out.octet(GLOBAL.SWITCH_PAGE);
      this.out.octet(token.page);
      this.#tagPage = token.page;
    }
    this.out.octet(token.code | bits);
  }

  #attribute(name: string, value: string): void {
    const start = startFor(this.#table, name, value);
    if (start === undefined) {
      this.out.octet(GLOBAL.LITERAL);
      this.out.uintvar(this.#strings.add(name));
    } else {
      this.#attributeToken(start);
    }
    const rest = start === undefined ? value : value.slice(start.prefix.length);
    if (rest === '') return;
    if (start !== undefined && this.#table.dates.has(name)) {
      const date = encodeDatetime(value);
      this.out.octet(GLOBAL.OPAQUE);
      this.out.uintvar(date.length);
      this.out.bytes(date);
      return;
    }
    const pieces: Piece[] = [rest];
    if (this.#table.hasValue(rest)) {
      for (const token of this.#table.values) split(pieces, token.text, { token });
    }
    this.#pieces(pieces);
  }

  #attributeToken({ page, code }: Token): void {
    if (page !== this.#attributePage) {
      this.out.octet(GLOBAL.SWITCH_PAGE);
      this.out.octet(page);
      this.#attributePage = page;
    }
    this.out.octet(code);
  }

  #pieces(pieces: Piece[]): void {
    if (this.#refers) {
      for (const [text, offset] of this.#strings.entries) split(pieces, text, { offset });
    }
    for (const piece of pieces) {
      if (typeof piece !== 'string') {
        if ('token' in piece) this.#attributeToken(piece.token);
        else {
          this.out.octet(GLOBAL.STR_T);
          this.out.uintvar(piece.offset);
        }
      } else if (piece !== '') {
        this.out.octet(GLOBAL.STR_I);
        this.out.latin1(piece);
        this.out.octet(0);
      }
    }
  }
}

/** Puts `instead` in the place of every `text` in the strings among the pieces. */
function split(pieces: Piece[], text: string, instead: Piece): void {
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    const at = typeof piece === 'string' ? piece.indexOf(text) : -1;
    if (typeof piece !== 'string' || at < 0) continue;
    // The rest comes by again two steps on.
    pieces.splice(i, 1, piece.slice(0, at), instead, piece.slice(at + text.length));
    i++;
  }
}

interface Count {
  elements: number;
  characters: number;
}

function octetsOf(element: XmlElement, depth: number, count: Count): OctetElement {
  if (depth === WBXML_LIMITS.depth) throw tooLarge(`${WBXML_LIMITS.depth} levels`);
  if (++count.elements > WBXML_LIMITS.elements) throw tooLarge(`${WBXML_LIMITS.elements} elements`);
  const text = (value: string): string => {
    count.characters += value.length;
    if (count.characters > WBXML_LIMITS.characters) throw tooLarge(`${WBXML_LIMITS.characters} characters`);
    if (value.includes('\0')) throw refused('a NUL cannot stand in a document');
    return octets(value);
  };
  return {
    name: octets(element.name),
    attributes: element.attributes.map(([name, value]) => [octets(name), text(value)]),
    children: element.children.map((child) =>
      typeof child === 'string' ? text(child) : octetsOf(child, depth + 1, count),
    ),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is its own UTF-8
const ASCII = /^[\x00-\x7f]*$/;

const octets = (text: string): string => (ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1'));

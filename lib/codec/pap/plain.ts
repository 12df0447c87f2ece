import type { PAP_LIMITS, PapElement } from './element.ts';

/** What a plain document is made of, see {@link readPlain}. */
export interface PlainDocument {
  /** The text between `<!DOCTYPE` and its `>`; undefined without one. */
  readonly doctype: string | undefined;
  readonly root: PapElement;
}

const DECLARATION =
  /<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(?: standalone=(?:"(?:yes|no)"|'(?:yes|no)'))? ?\?>[ \t\r\n]*/y;

/** With nothing in its internal subset but the version instruction of WAP-247 section 8. */
const DOCTYPE =
  /<!DOCTYPE((?: |\r?\n)(?:[\w /.:-]|"[\w /.:-]*"|'[\w /.:-]*'){0,500}(?:\[ ?(?:<\?wap-pap-ver supported-versions=(?:"[\d.,* ]*"|'[\d.,* ]*') ?\?> ?)?\] ?)?)>[ \t\r\n]*/y;

/** Printable ASCII that stands for itself in the value of an attribute. */
const PLAIN = /^[ -%'-;=-~]*$/;

const SPACE = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const HYPHEN = 0x2d;
const SLASH = 0x2f;
const LESS = 0x3c;
const EQUALS = 0x3d;
const GREATER = 0x3e;

/**
 * Reads a document of the plainest kind: ASCII, elements and attributes with names in lower case, no reference, comment,
 * instruction or text. So is what nearly every client writes, and to read it takes a third of what XML takes. Undefined
 * for all else, whether well-formed or not, and for what passes a limit: that is for the XML parser to read or to refuse.
 */
export function readPlain(text: string, limits: typeof PAP_LIMITS): PlainDocument | undefined {
  DECLARATION.lastIndex = 0;
  const start = DECLARATION.test(text) ? DECLARATION.lastIndex : 0;
  DOCTYPE.lastIndex = start;
  const doctype = DOCTYPE.exec(text)?.[1];
  const reader = new PlainReader(text, doctype === undefined ? start : DOCTYPE.lastIndex, limits);
  const root = reader.element(1);
  return root === undefined || !reader.atEnd ? undefined : { doctype, root };
}

class PlainReader {
  readonly #text: string;
  readonly #limits: typeof PAP_LIMITS;
  #at: number;
  #elements = 0;

  constructor(text: string, at: number, limits: typeof PAP_LIMITS) {
    this.#text = text;
    this.#at = at;
    this.#limits = limits;
  }

  /** Nothing but white space is left. */
  get atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#text.length;
  }

  /** An element and all it holds. */
  element(depth: number): PapElement | undefined {
    const text = this.#text;
    const { elements, depth: deepest } = this.#limits;
    if (depth > deepest || ++this.#elements > elements || text.charCodeAt(this.#at) !== LESS) return undefined;
    this.#at++;
    const name = this.#name();
    const attributes = name === undefined ? undefined : this.#attributes();
    if (name === undefined || attributes === undefined) return undefined;
    const children: PapElement[] = [];
    const element = { name, attributes, children };
    if (text.charCodeAt(this.#at) === SLASH) return this.#take('/>') ? element : undefined;
    if (!this.#take('>')) return undefined;
    for (;;) {
      this.#skipSpace();
      if (text.charCodeAt(this.#at + 1) === SLASH) break;
      const child = this.element(depth + 1);
      if (child === undefined) return undefined;
      children.push(child);
    }
    if (!this.#take('</') || !this.#take(name)) return undefined;
    this.#skipSpace();
    return this.#take('>') ? element : undefined;
  }

  /** Up to the `>` or `/>` of the tag. */
  #attributes(): Record<string, string> | undefined {
    const text = this.#text;
    const { attributesPerElement, attributeLength } = this.#limits;
    const attributes: Record<string, string> = {};
    for (let count = 0; ; count++) {
      const before = this.#at;
      this.#skipSpace();
      const code = text.charCodeAt(this.#at);
      if (code === GREATER || code === SLASH) return attributes;
      const name = this.#at === before || count === attributesPerElement ? undefined : this.#name();
      // Twice, or a name that every object has.
      if (name === undefined || attributes[name] !== undefined) return undefined;
      if (text.charCodeAt(this.#at++) !== EQUALS) return undefined;
      const quote = text.charCodeAt(this.#at++);
      if (quote !== QUOTE && quote !== APOSTROPHE) return undefined;
      const end = text.indexOf(quote === QUOTE ? '"' : "'", this.#at);
      if (end < 0 || end - this.#at > attributeLength) return undefined;
      const value = text.slice(this.#at, end);
      if (!PLAIN.test(value)) return undefined;
      attributes[name] = value;
      this.#at = end + 1;
    }
  }

  /** Lower-case letters, and hyphens behind the first. */
  #name(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    for (let code = text.charCodeAt(at); isLetter(code) || (code === HYPHEN && at > start); )
      code = text.charCodeAt(++at);
    this.#at = at;
    return at === start ? undefined : text.slice(start, at);
  }

  #take(what: string): boolean {
    const there = this.#text.startsWith(what, this.#at);
    if (there) this.#at += what.length;
    return there;
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

const isLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;

const isSpace = (code: number): boolean => code === SPACE || code === 0x0a || code === 0x0d || code === 0x09;

import type { AttributeStart, TokenTable } from './token-table.ts';

/** An element with its strings in UTF-8, each octet a latin1 character: offsets in the binary form count octets. */
export interface OctetElement {
  readonly name: string;
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly children: readonly (OctetElement | string)[];
}

/** A string that is no longer than this costs as much as a reference to it. */
const SHORTEST = 4;

const BLANK = /^[ \t\n\v\f\r]*$/;
const WORD = /[^ \t\n\v\f\r]+/g;

/** The string table of a document that is being written (WAP-192 section 5.5). */
export class StringTable {
  readonly #offsets = new Map<string, number>();
  #length = 0;

  /** Strings with their offsets, in the order of the table. */
  get entries(): ReadonlyMap<string, number> {
    return this.#offsets;
  }

  /** Octets, the NUL behind each string included. */
  get length(): number {
    return this.#length;
  }

  /** Offset of a string, which is put into the table when it is not there. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#length;
    this.#offsets.set(text, offset);
    this.#length += text.length + 1;
    return offset;
  }

  /**
   * Takes in what stands in the document more than once: first whole texts and attribute values that no token
   * shortens, then words of those that stand once. It chooses as libwbxml does, so that both write the same octets.
   */
  share(root: OctetElement, table: TokenTable): void {
    const words = this.#shareOf(stringsOf(root, table)).flatMap((text) => text.match(WORD) ?? []);
    this.#shareOf(words);
  }

  /** Puts into the table what is there twice and long enough; answers the others, each once. */
  #shareOf(strings: readonly string[]): string[] {
    const counts = new Map<string, number>();
    for (const each of strings) counts.set(each, (counts.get(each) ?? 0) + 1);
    const others: string[] = [];
    for (const [text, count] of counts) {
      if (count > 1 && text.length >= SHORTEST) this.add(text);
      else others.push(text);
    }
    return others;
  }
}

function stringsOf(element: OctetElement, table: TokenTable, found: string[] = []): string[] {
  for (const [name, value] of element.attributes) {
    if (value.length < SHORTEST || table.hasValue(value)) continue;
    const start = startFor(table, name, value);
    if (start === undefined || start.prefix === '') found.push(value);
  }
  for (const child of element.children) {
    if (typeof child !== 'string') stringsOf(child, table, found);
    else if (child.length >= SHORTEST && !BLANK.test(child)) found.push(child);
  }
  return found;
}

/** The token that says most of an attribute: the whole value or the longest beginning of it, else the name alone. */
export const startFor = (table: TokenTable, name: string, value: string): AttributeStart | undefined =>
  table.startsOf.get(name)?.find(({ prefix }) => value.startsWith(prefix));

/** A token of a code page (WAP-192 section 5.8.1). */
export interface Token {
  readonly page: number;
  readonly code: number;
}

export interface AttributeStart extends Token {
  readonly name: string;
  /** What the value begins with; `''` for the token of the name alone. */
  readonly prefix: string;
}

export interface AttributeValue extends Token {
  readonly text: string;
}

/** What is told of a document type: its names and its tokens. */
export interface TokenTableSource {
  readonly kind: DocumentKind;
  /** Number that stands for the public identifier in the prologue (WAP-192 section 7.2). */
  readonly publicNumber: number;
  readonly publicId: string;
  readonly systemId: string;
  /** The document element. */
  readonly root: string;
  /** Version octet that the specification of the document writes: 0x02 for WBXML 1.2, 0x03 for 1.3. */
  readonly version: number;
  /** Elements that hold text; white space in others is none of the document's (its DTD). */
  readonly textElements: readonly string[];
  /** Attributes whose value is a date, carried as binary coded decimals. */
  readonly dates: readonly string[];
  readonly tags: readonly (readonly [page: number, code: number, name: string])[];
  readonly starts: readonly (readonly [page: number, code: number, name: string, prefix?: string])[];
  /** In the order in which values are searched for them: of two that overlap the earlier wins. */
  readonly values: readonly (readonly [page: number, code: number, text: string])[];
}

export type DocumentKind = 'si' | 'sl' | 'co' | 'emn' | 'prov';

/** A document type with its tokens, made ready for both ways. */
export interface TokenTable extends Omit<TokenTableSource, 'tags' | 'starts' | 'values' | 'textElements' | 'dates'> {
  readonly textElements: ReadonlySet<string>;
  readonly dates: ReadonlySet<string>;
  readonly values: readonly AttributeValue[];
  /** Whether a text has any of `values` in it. */
  readonly hasValue: (text: string) => boolean;
  /** Tokens of an element name, in the order of the table. */
  readonly tagsOf: ReadonlyMap<string, readonly Token[]>;
  /** Tokens of an attribute name, those with the longest prefix first. */
  readonly startsOf: ReadonlyMap<string, readonly AttributeStart[]>;
  readonly tagAt: ReadonlyMap<number, string>;
  readonly startAt: ReadonlyMap<number, AttributeStart>;
  readonly valueAt: ReadonlyMap<number, string>;
}

/** Key of a token in the maps of a table. */
export const tokenKey = (page: number, code: number): number => page * 256 + code;

/** Makes a table ready; a mistake in it (a token twice) is thrown at once. */
export function defineTable(source: TokenTableSource): TokenTable {
  const tagsOf = new Map<string, Token[]>();
  const tagAt = new Map<number, string>();
  for (const [page, code, name] of source.tags) {
    add(tagAt, page, code, name);
    tagsOf.set(name, [...(tagsOf.get(name) ?? []), { page, code }]);
  }
  const startsOf = new Map<string, AttributeStart[]>();
  const startAt = new Map<number, AttributeStart>();
  for (const [page, code, name, prefix = ''] of source.starts) {
    const start = { page, code, name, prefix };
    add(startAt, page, code, start);
    startsOf.set(name, [...(startsOf.get(name) ?? []), start]);
  }
  // Array.sort is stable: of equal prefixes on two pages the first of the table stays first.
  for (const starts of startsOf.values()) starts.sort((a, b) => b.prefix.length - a.prefix.length);
  const valueAt = new Map<number, string>();
  for (const [page, code, text] of source.values) add(valueAt, page, code, text);
  const anyValue = new RegExp(source.values.map(([, , text]) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'));
  return {
    ...source,
    textElements: new Set(source.textElements),
    dates: new Set(source.dates),
    values: source.values.map(([page, code, text]) => ({ page, code, text })),
    hasValue: (text) => source.values.length > 0 && anyValue.test(text),
    tagsOf,
    startsOf,
    tagAt,
    startAt,
    valueAt,
  };
}

function add<T>(map: Map<number, T>, page: number, code: number, value: T): void {
  const key = tokenKey(page, code);
  if (map.has(key)) throw new Error(`token ${code.toString(16)} of page ${page} stands twice`);
  map.set(key, value);
}

import * as fc from 'fast-check';
import type { XmlDocument, XmlElement } from '../../lib/codec/wbxml/document.ts';
import { TABLES } from '../../lib/codec/wbxml/tables.ts';
import type { DocumentKind, TokenTable } from '../../lib/codec/wbxml/token-table.ts';

type Attribute = readonly [string, string];

/** What texts and values are put together of: words that repeat, what XML escapes, other scripts, and blanks. */
const WORDS = [
  'internet',
  'repeated',
  'words',
  'mail',
  'abc',
  'x',
  '4',
  '&',
  '<b>',
  '"\'',
  'é',
  'Ünïcode',
  '漢字かな',
  '😀',
  '&amp;',
  ']]>',
  'a'.repeat(200),
  '\t',
  '\n',
  '\r',
];

const words = (separator: string): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 12, size: 'max' }).map((each) => each.join(separator));

/** Text of an element: anything XML can write, blanks around it too. */
const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: words(' ') },
  { weight: 2, arbitrary: words('') },
  { weight: 1, arbitrary: words('  ').map((each) => ` ${each}\n`) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter(isWritable) },
);

function isWritable(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML cannot write
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(value);
}

/** Values with the tokens of the table in them: whole, in the middle, twice, and nearly. */
function attributeValue(table: TokenTable, name: string): fc.Arbitrary<string> {
  if (table.dates.has(name))
    return fc.oneof({ weight: 9, arbitrary: datetime }, { weight: 1, arbitrary: fc.constant('') });
  const prefixes = table.startsOf.get(name)?.map(({ prefix }) => prefix) ?? [''];
  // libwbxml spells TETRA wrong: docs/transformations.md
  const texts = table.values.map(({ text: each }) => each).filter((each) => !each.startsWith('TETRA-'));
  const piece = fc.oneof(
    fc.constantFrom(...(texts.length === 0 ? ['/'] : texts)),
    fc.constantFrom('/', '.', 'www.', '?a=1&b=2', '.com', '10.0.0.1', 'w2', 'HTTP-', '8080'),
    fc.constantFrom(...WORDS),
  );
  const pieces = fc
    .tuple(fc.constantFrom(...prefixes), fc.array(piece, { maxLength: 5, size: 'max' }))
    .map(([prefix, some]) => prefix + some.join(''));
  return fc.oneof({ weight: 3, arbitrary: pieces }, { weight: 2, arbitrary: words(' ') }, fc.constantFrom(...WORDS));
}

const datetime: fc.Arbitrary<string> = fc
  .record({
    day: fc.integer({ min: 0, max: 40_000 }),
    seconds: fc.constantFrom(0, 0, 3600 * 10, 3600 * 23 + 60 * 59, 3600 * 12 + 60 * 30 + 45, 86_399),
  })
  .map(({ day, seconds }) => `${new Date((day * 86_400 + seconds) * 1000).toISOString().slice(0, 19)}Z`);

/** Attributes of the given names, some of them, in any order. */
const attributesOf = (table: TokenTable, names: readonly string[]): fc.Arbitrary<Attribute[]> =>
  fc
    .shuffledSubarray([...names], { minLength: names.length >> 1 })
    .chain((some) =>
      fc.tuple(...some.map((name) => attributeValue(table, name).map((value): Attribute => [name, value]))),
    );

interface Shape {
  readonly attributes: readonly string[];
  readonly text?: boolean;
  readonly children?: readonly string[];
}

/** Elements of each type, as its DTD has them, with a name or two that it does not have. */
const SHAPES: Readonly<Record<DocumentKind, Readonly<Record<string, Shape>>>> = {
  si: {
    si: { attributes: [], children: ['indication', 'info'] },
    indication: { attributes: ['href', 'si-id', 'created', 'si-expires', 'action', 'own'], text: true },
    info: { attributes: [], children: ['item', 'item', 'item'] },
    item: { attributes: ['class'], text: true },
  },
  sl: { sl: { attributes: ['href', 'action', 'own'] } },
  co: {
    co: { attributes: [], children: ['invalidate-object', 'invalidate-service', 'invalidate-object', 'own'] },
    'invalidate-object': { attributes: ['uri'] },
    'invalidate-service': { attributes: ['uri'] },
    own: { attributes: ['uri'] },
  },
  emn: { emn: { attributes: ['mailbox', 'timestamp'] } },
  prov: {
    'wap-provisioningdoc': { attributes: ['version'], children: ['characteristic', 'characteristic'] },
    characteristic: { attributes: ['type'], children: ['parm', 'parm', 'parm', 'characteristic'] },
    parm: { attributes: ['name', 'value'] },
  },
};

function element(table: TokenTable, name: string, depth: number): fc.Arbitrary<XmlElement> {
  const shape = SHAPES[table.kind][name] ?? { attributes: [] };
  const children: fc.Arbitrary<(XmlElement | string)[]> =
    shape.text === true
      ? fc.option(text, { nil: undefined, freq: 8 }).map((value) => (value === undefined ? [] : [value]))
      : depth === 0 || shape.children === undefined
        ? fc.constant([])
        : fc
            .array(fc.constantFrom(...shape.children), { maxLength: 6, size: 'max' })
            .chain((some) => fc.tuple(...some.map((child) => element(table, child, depth - 1))));
  return fc
    .record({ attributes: attributesOf(table, shape.attributes), children })
    .map(({ attributes, children: all }) => ({ name, attributes, children: all }));
}

/** Documents of a type, all that can be said in it. */
export const documentOf = (table: TokenTable): fc.Arbitrary<XmlDocument> =>
  element(table, table.root, 3).map((root) => ({ kind: table.kind, root }));

export const anyDocument: fc.Arbitrary<XmlDocument> = fc.oneof(...TABLES.map(documentOf));

/** Documents that have every attribute start and every attribute value token of a table, whole and with more behind it. */
export function everyToken(table: TokenTable): XmlDocument[] {
  const holder: Readonly<Record<DocumentKind, (attribute: Attribute) => XmlElement>> = {
    si: ([name, value]) =>
      name === 'class'
        ? {
            name: 'si',
            attributes: [],
            children: [{ name: 'info', attributes: [], children: [leaf('item', name, value)] }],
          }
        : { name: 'si', attributes: [], children: [leaf('indication', name, value)] },
    sl: ([name, value]) => leaf('sl', name, value),
    co: ([name, value]) => ({ name: 'co', attributes: [], children: [leaf('invalidate-object', name, value)] }),
    emn: ([name, value]) => leaf('emn', name, value),
    prov: ([name, value]) =>
      name === 'version'
        ? leaf(table.root, name, value)
        : {
            name: table.root,
            attributes: [],
            children: [leaf(name === 'type' ? 'characteristic' : 'parm', name, value)],
          },
  };
  const starts = [...table.startAt.values()].flatMap(({ name, prefix }): Attribute[] =>
    table.dates.has(name)
      ? [[name, '2026-11-22T10:20:30Z']]
      : [
          [name, prefix],
          [name, `${prefix}more`],
        ],
  );
  const [url = ''] = [...table.startsOf.keys()].filter((name) => ['href', 'uri', 'mailbox', 'value'].includes(name));
  const values = table.values.flatMap(({ text: value }): Attribute[] => [
    [url, value],
    [url, `a${value}b${value}`],
  ]);
  return [...starts, ...values].map((attribute) => ({ kind: table.kind, root: holder[table.kind](attribute) }));
}

const leaf = (name: string, attribute: string, value: string): XmlElement => ({
  name,
  attributes: [[attribute, value]],
  children: [],
});

import { SaxesParser } from 'saxes';
import { messageOf, PpgError } from '../../base/errors.ts';
import { refused, tooLarge, WBXML_LIMITS, type XmlDocument, type XmlElement } from './document.ts';
import { tableOfPublicId, tableOfRoot } from './tables.ts';
import type { TokenTable } from './token-table.ts';

interface OpenElement extends XmlElement {
  readonly attributes: [string, string][];
  readonly children: (XmlElement | string)[];
}

/**
 * Reads the text form: well-formed XML with a document element (and a DOCTYPE, where there is one) of a known type.
 * Comments, processing instructions and white space between elements are no part of the document; CDATA is text.
 * No entity but the five of XML itself, and no internal subset, which could define more.
 *
 * @throws PPG_E_WBXML saying what and where.
 */
export function readXml(text: string): XmlDocument {
  if (text.length > WBXML_LIMITS.bytes) throw tooLarge(`${WBXML_LIMITS.bytes} characters`);
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof PpgError) throw error;
    throw refused(`no well-formed XML: ${messageOf(error)}`, error);
  }
}

function parse(text: string): XmlDocument {
  const parser = new SaxesParser({ xmlns: false as const, position: true });
  const open: OpenElement[] = [];
  let table: TokenTable | undefined;
  let root: OpenElement | undefined;
  let elements = 0;
  let declared: string | undefined;

  parser.on('doctype', (doctype) => {
    if (doctype.includes('[')) throw refused('the document type declaration has an internal subset');
    declared = /\sPUBLIC\s+(?:"([^"]*)"|'([^']*)')/
      .exec(doctype)
      ?.slice(1)
      .find((each) => each !== undefined);
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (++elements > WBXML_LIMITS.elements) throw tooLarge(`${WBXML_LIMITS.elements} elements`);
    if (open.length === WBXML_LIMITS.depth) throw tooLarge(`${WBXML_LIMITS.depth} levels`);
    const pairs = Object.entries(attributes);
    if (pairs.length > WBXML_LIMITS.attributes) throw tooLarge(`${WBXML_LIMITS.attributes} attributes an element`);
    const element: OpenElement = { name, attributes: pairs, children: [] };
    if (root === undefined) {
      root = element;
      table = tableOfRoot(name);
      if (table === undefined) throw refused(`${name.slice(0, 60)} is no document type that has a binary form here`);
      const type = declared === undefined ? table : tableOfPublicId(declared);
      if (type !== table) throw refused(`the DOCTYPE is not that of ${name}`);
    }
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => {
    const element = open.pop();
    if (element !== undefined && table !== undefined) dropBlanks(element, table);
  });
  const takeText = (value: string): void => {
    const children = open.at(-1)?.children;
    if (children === undefined || value === '') return; // white space around the document element
    const last = children.at(-1);
    if (typeof last === 'string') children[children.length - 1] = last + value;
    else children.push(value);
  };
  parser.on('text', takeText);
  parser.on('cdata', takeText);
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  if (root === undefined || table === undefined) throw new Error('no element');
  return { kind: table.kind, root };
}

const BLANK = /^[ \t\r\n]*$/;

/** White space where the DTD has elements only is layout (XML 1.0 section 2.10). */
function dropBlanks(element: OpenElement, table: TokenTable): void {
  const { children } = element;
  const known = table.tagsOf.has(element.name);
  if (known ? table.textElements.has(element.name) : children.length === 1) return;
  if (!children.some((child) => typeof child === 'string' && BLANK.test(child))) return;
  const kept = children.filter((child) => typeof child !== 'string' || !BLANK.test(child));
  children.splice(0, children.length, ...kept);
}

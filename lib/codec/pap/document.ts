import { SaxesParser } from 'saxes';
import { messageOf, PpgError } from '../../base/errors.ts';
import { isMessageName, type MessageName } from './dtd.ts';
import { PAP_LIMITS, type PapElement } from './element.ts';
import { decodeXml } from './encoding.ts';
import { isIdentifier } from './identifier.ts';
import { readPlain } from './plain.ts';
import { type DeclaredVersion, readDoctype } from './version.ts';

/** A well-formed document that has not been held against the DTD. */
export interface PapDocument {
  readonly declared: DeclaredVersion;
  readonly root: PapElement;
}

/**
 * Reads a control document as XML: strictly well-formed, no entity but the five of XML itself, an internal subset
 * looked at for its version instruction only, limits of {@link PAP_LIMITS}. White space before the XML declaration
 * is forgiven.
 *
 * @throws PPG_E_PAP_XML with line and column; PPG_E_PAP_TOO_LARGE naming the limit.
 */
export function parsePapDocument(octets: Buffer, charset?: string): PapDocument {
  if (octets.length > PAP_LIMITS.bytes) throw tooLarge(`${PAP_LIMITS.bytes} octets`);
  const text = decodeXml(octets, charset).trimStart();
  const plain = readPlain(text, PAP_LIMITS);
  if (plain !== undefined) return { declared: readDoctype(plain.doctype), root: plain.root };
  try {
    return parse(text, false);
  } catch (error) {
    if (error instanceof PpgError) throw error;
    return explain(text);
  }
}

/** Counting lines costs a third of the parse, so it is done only for documents that have failed. */
function explain(text: string): never {
  try {
    parse(text, true);
  } catch (error) {
    throw new PpgError('PPG_E_PAP_XML', `the document is not well-formed XML: ${messageOf(error)}`, { cause: error });
  }
  throw new PpgError('PPG_E_PAP_XML', 'the document is not well-formed XML');
}

interface OpenElement extends PapElement {
  readonly children: PapElement[];
}

function parse(text: string, position: boolean): PapDocument {
  const parser = new SaxesParser({ xmlns: false as const, position });
  const open: OpenElement[] = [];
  let root: PapElement | undefined;
  let doctype: string | undefined;
  let elements = 0;

  parser.on('doctype', (value) => {
    doctype = value;
  });
  parser.on('attribute', ({ value }) => {
    if (value.length > PAP_LIMITS.attributeLength)
      throw tooLarge(`${PAP_LIMITS.attributeLength} characters an attribute`);
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (++elements > PAP_LIMITS.elements) throw tooLarge(`${PAP_LIMITS.elements} elements`);
    if (open.length === PAP_LIMITS.depth) throw tooLarge(`${PAP_LIMITS.depth} levels`);
    if (Object.keys(attributes).length > PAP_LIMITS.attributesPerElement) {
      throw tooLarge(`${PAP_LIMITS.attributesPerElement} attributes an element`);
    }
    const element: OpenElement = { name, attributes, children: [] };
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
  });
  const refuseText = (value: string): void => {
    if (value.trim() !== '') {
      throw new PpgError(
        'PPG_E_PAP_DOCUMENT',
        `${open.at(-1)?.name.slice(0, 60)} holds text, which no PAP element does`,
      );
    }
  };
  parser.on('text', refuseText);
  parser.on('cdata', refuseText);
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  if (root === undefined) throw new Error('no element');
  return { declared: readDoctype(doctype), root };
}

const tooLarge = (limit: string): PpgError =>
  new PpgError('PPG_E_PAP_TOO_LARGE', `the document passes the limit of ${limit}`);

/** What can be said of a document whose reading failed, so that the answer can name its message. */
export function identify(document: PapDocument): { message?: MessageName; pushId?: string } {
  const [child, ...others] = document.root.children;
  if (document.root.name !== 'pap' || child === undefined || others.length > 0 || !isMessageName(child.name)) return {};
  const pushId = child.attributes['push-id'];
  return pushId !== undefined && isIdentifier(pushId) ? { message: child.name, pushId } : { message: child.name };
}

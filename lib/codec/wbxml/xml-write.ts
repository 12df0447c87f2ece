import type { XmlDocument, XmlElement } from './document.ts';
import { tableOfKind } from './tables.ts';

const ESCAPED: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escaped = (match: string): string => ESCAPED[match] ?? match;

/** A reader makes a line feed of a bare carriage return (XML 1.0 section 2.11). */
const inText = (text: string): string => text.replace(/[<>&"'\r]/g, escaped);

/** A reader makes a blank of other white space in an attribute (XML 1.0 section 3.3.3). */
const inAttribute = (text: string): string => text.replace(/[<>&"'\t\n\r]/g, escaped);

/** Writes the text form: XML declaration, DOCTYPE, and no white space of its own, since it could be taken for text. */
export function writeXml({ kind, root }: XmlDocument): string {
  const table = tableOfKind(kind);
  if (table === undefined) throw new TypeError(`no document type ${kind}`);
  const doctype = `<!DOCTYPE ${table.root} PUBLIC "${table.publicId}" "${table.systemId}">`;
  return `<?xml version="1.0"?>${doctype}${element(root)}`;
}

function element({ name, attributes, children }: XmlElement): string {
  let text = `<${name}`;
  for (const [attribute, value] of attributes) text += ` ${attribute}="${inAttribute(value)}"`;
  if (children.length === 0) return `${text}/>`;
  text += '>';
  for (const child of children) text += typeof child === 'string' ? inText(child) : element(child);
  return `${text}</${name}>`;
}

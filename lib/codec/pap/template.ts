import { fragment } from 'xmlbuilder2';
import { PAP_DTD } from './dtd.ts';

/** Attribute values by name; those that are undefined are left out. */
export type AttributeValues = Readonly<Record<string, string | undefined>>;

/** An element of the PAP DTD that is written by filling in escaped values. */
export type ElementTemplate = (values: AttributeValues, children?: string) => string;

// What XML 1.0 section 2.2 does not have at all is dropped; line ends and tabs would be blanks after attribute
// normalization (section 3.3.3), so they become references.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be written
const SPECIAL = /[&<>"\u0000-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff]/;
const REPLACED = /[&<>"\t\n\r]/g;
const DROPPED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const REFERENCES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Text made fit for an attribute value in double quotes; characters that XML forbids are left out. */
export const escapeXml = (text: string): string =>
  SPECIAL.test(text)
    ? text.replace(DROPPED, '').replace(REPLACED, (character) => REFERENCES[character] as string)
    : text;

interface Slot {
  readonly attribute: string;
  /** ` name="` */
  readonly before: string;
}

/**
 * Lets xmlbuilder2 write an element once, with every attribute of the DTD in the DTD's order, and cuts the text
 * at the values: writing is then a concatenation.
 */
export function elementTemplate(name: string): ElementTemplate {
  const attributes = Object.keys(PAP_DTD[name]?.attributes ?? {});
  const written = fragment()
    .ele(name, Object.fromEntries(attributes.map((attribute) => [attribute, '{}'])))
    .up()
    .toString();
  const pieces = written.slice(0, -'/>'.length).split('{}"');
  const opening = `<${name}`;
  const slots: Slot[] = attributes.map((attribute, i) => {
    const piece = pieces[i] as string;
    return { attribute, before: i === 0 ? piece.slice(opening.length) : piece };
  });
  return (values, children = '') => {
    let text = opening;
    for (const { attribute, before } of slots) {
      const value = values[attribute];
      if (value !== undefined) text += `${before}${escapeXml(value)}"`;
    }
    return children === '' ? `${text}/>` : `${text}>${children}</${name}>`;
  };
}

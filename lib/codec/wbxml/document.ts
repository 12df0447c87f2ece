import { PpgError } from '../../base/errors.ts';
import type { DocumentKind } from './token-table.ts';

/** An element of a document in either form. Text that stands together is one string, and none is empty. */
export interface XmlElement {
  readonly name: string;
  /** In the order of the document; no name twice. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly children: readonly (XmlElement | string)[];
}

/** A document without its outer form: what both forms mean. */
export interface XmlDocument {
  readonly kind: DocumentKind;
  readonly root: XmlElement;
}

/** Limits of a document, both ways. */
export const WBXML_LIMITS: {
  readonly bytes: number;
  readonly depth: number;
  readonly elements: number;
  readonly attributes: number;
  readonly characters: number;
} = {
  /** Octets of the document that is read; the largest provisioning documents have a few thousand. */
  bytes: 128 * 1024,
  /** Elements within elements. */
  depth: 32,
  elements: 4000,
  /** Of one element. */
  attributes: 32,
  /** Characters of all text and attribute values: references into a string table could swell a small document. */
  characters: 256 * 1024,
};

/** The document cannot be read or written in the other form. */
export const refused = (message: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_WBXML', message, cause === undefined ? {} : { cause });

export const tooLarge = (limit: string): PpgError => refused(`the document passes the limit of ${limit}`);

/** Names may come from a string table, where anything can stand. What XML 1.0 calls a Name, in short. */
const NAME = /^[\p{L}_:][\p{L}\p{N}_:.\-·]{0,127}$/u;

export const isXmlName = (name: string): boolean => NAME.test(name);

// biome-ignore lint/suspicious/noControlCharactersInRegex: what XML 1.0 (section 2.2) has no way to write
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u;

/** Whether XML can write the text. */
export const isXmlText = (text: string): boolean => !NOT_XML.test(text);

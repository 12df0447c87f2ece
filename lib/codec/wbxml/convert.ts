import { messageOf, PpgError } from '../../base/errors.ts';
import { decodeXmlEntity } from '../mime/charset-xml.ts';
import { type DecodeOptions, decode } from './decode.ts';
import { refused, tooLarge, WBXML_LIMITS } from './document.ts';
import { type EncodeOptions, encode } from './encode.ts';
import type { DocumentKind } from './token-table.ts';
import { readXml } from './xml-read.ts';
import { writeXml } from './xml-write.ts';

export interface CompileOptions extends EncodeOptions {
  /** What the document must be, as its media type tells. */
  readonly kind?: DocumentKind;
  /** `charset` of the Content-Type; it wins over the XML declaration. */
  readonly charset?: string;
}

/**
 * The binary form of a document in text.
 *
 * @throws PPG_E_WBXML, PPG_E_CHARSET saying why there is none.
 */
export function compile(xml: Buffer, options: CompileOptions = {}): Buffer {
  if (xml.length > WBXML_LIMITS.bytes) throw tooLarge(`${WBXML_LIMITS.bytes} octets`);
  const document = readXml(decodeXmlEntity(xml, options.charset));
  if (options.kind !== undefined && options.kind !== document.kind) {
    throw refused(`the document is ${document.kind}, not ${options.kind}`);
  }
  return encode(document, options);
}

/**
 * The text form of a document in binary, in UTF-8.
 *
 * @throws PPG_E_WBXML, PPG_E_CHARSET saying why there is none.
 */
export function decompile(octets: Buffer, options: DecodeOptions = {}): Buffer {
  try {
    return Buffer.from(writeXml(decode(octets, options)), 'utf8');
  } catch (error) {
    throw error instanceof PpgError ? error : refused(messageOf(error), error);
  }
}

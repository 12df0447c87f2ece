import { charsetName, decodeCharset } from './charset.ts';

const DECLARED = /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.-]*)["']/;
const DECLARATION = /^<\?xml(\s+version\s*=\s*(?:"[^"]*"|'[^']*'))?(?:\s+encoding\s*=\s*(?:"[^"]*"|'[^']*'))?/;
const LONGEST_DECLARATION = 160;

/**
 * The charset of an XML entity: a byte order mark decides, then the NUL beside the first `<`, then the `charset` of its
 * Content-Type (RFC 3023 section 3), then its declaration, then UTF-8.
 */
export function charsetOfXml(octets: Buffer, charset?: string): string {
  const [first, second, third] = octets;
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xfe && second === 0xff) return 'utf-16';
  if (first === 0xff && second === 0xfe) return 'utf-16';
  if (first === 0 && second === 0x3c) return 'utf-16be';
  if (first === 0x3c && second === 0) return 'utf-16le';
  if (charset !== undefined) return charsetName(charset);
  const declared = DECLARED.exec(octets.toString('latin1', 0, LONGEST_DECLARATION))?.[1];
  return declared === undefined ? 'utf-8' : charsetName(declared);
}

/**
 * An XML entity as text.
 *
 * @throws PPG_E_CHARSET a charset that is not known, or octets that are not in it.
 */
export const decodeXmlEntity = (octets: Buffer, charset?: string): string =>
  decodeCharset(octets, charsetOfXml(octets, charset));

/** The text with a declaration that names the charset it is about to be written in; without one nothing is added. */
export const declareEncoding = (text: string, charset: string): string =>
  text.startsWith('<?xml')
    ? text.replace(
        DECLARATION,
        (_, version: string | undefined) => `<?xml${version ?? ''} encoding="${charset.toUpperCase()}"`,
      )
    : text;

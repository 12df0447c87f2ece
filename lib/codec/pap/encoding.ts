import { isAscii, isUtf8 } from 'node:buffer';
import { PpgError } from '../../base/errors.ts';
import { decodeCharset } from '../mime/charset.ts';

// The encoding declaration must be within the first line of an XML document, and nothing may come before it.
const LONGEST_DECLARATION = 160;
const DECLARED = /^[\s\u00ef\u00bb\u00bf]*<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.-]*)["']/;

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Octets of an XML entity as text. A byte order mark decides, then the `charset` of the entity's Content-Type
 * (RFC 3023 section 3.2), then the declaration, then UTF-8. An entity whose octets are all ASCII is
 * read whatever name its encoding goes by.
 *
 * @throws PPG_E_PAP_XML an encoding that is unknown, or octets that are not in it.
 */
export function decodeXml(octets: Buffer, charset?: string): string {
  const wide = utf16(octets);
  if (wide !== undefined) return wide;
  if (isAscii(octets)) return octets.toString('latin1');
  const marked = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf;
  const name = marked ? 'utf-8' : (charset ?? declaredEncoding(octets) ?? 'utf-8').toLowerCase();
  switch (name) {
    case 'utf-8':
    case 'utf8':
      if (!isUtf8(octets)) throw new PpgError('PPG_E_PAP_XML', 'the document is not valid UTF-8');
      return octets.toString('utf8', marked ? 3 : 0);
    case 'iso-8859-1':
    case 'iso8859-1':
    case 'latin1':
      return octets.toString('latin1');
    default:
      return another(octets, name);
  }
}

function another(octets: Buffer, name: string): string {
  try {
    return decodeCharset(octets, name);
  } catch (cause) {
    const text = `the encoding ${name.slice(0, 40)} is not known, or not what the octets are in`;
    throw new PpgError('PPG_E_PAP_XML', text, { cause });
  }
}

function declaredEncoding(octets: Buffer): string | undefined {
  return DECLARED.exec(octets.toString('latin1', 0, LONGEST_DECLARATION))?.[1];
}

/** Two octets a character: told by the byte order mark, or by the NUL beside the first `<` (XML 1.0 appendix F). */
function utf16(octets: Buffer): string | undefined {
  const [first, second] = octets;
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const little = (first === 0xff && second === 0xfe) || (first === 0x3c && second === 0);
  const big = (first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c);
  if (!little && !big) return undefined;
  if (octets.length % 2 !== 0) throw new PpgError('PPG_E_PAP_XML', 'the document is not valid UTF-16');
  const units = little ? octets : Buffer.from(octets).swap16();
  const text = units.toString('utf16le', marked ? 2 : 0);
  if (LONE_SURROGATE.test(text)) throw new PpgError('PPG_E_PAP_XML', 'the document is not valid UTF-16');
  return text;
}

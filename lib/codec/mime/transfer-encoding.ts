import { PpgError } from '../../base/errors.ts';
import type { MimePart } from './multipart.ts';

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const HEX_PAIR = /^[0-9A-Fa-f]{2}$/;

/**
 * The octets of a control entity with its Content-Transfer-Encoding (RFC 2045 section 6) taken off. Only control
 * entities are decoded: content goes on as it was sent, with the header that says how it is encoded (REQ16).
 *
 * @throws PPG_E_MULTIPART an encoding that is unknown or broken.
 */
export function decodedBody(part: MimePart): Buffer {
  const encoding = part.get('content-transfer-encoding')?.toLowerCase() ?? 'binary';
  switch (encoding) {
    case '7bit':
    case '8bit':
    case 'binary':
    case '':
      return part.body;
    case 'base64': {
      const text = part.body.toString('latin1').replace(/[\r\n\t ]+/g, '');
      if (!BASE64.test(text)) throw new PpgError('PPG_E_MULTIPART', 'the control entity is no base64 text');
      return Buffer.from(text, 'base64');
    }
    case 'quoted-printable':
      return quotedPrintable(part.body);
    default:
      throw new PpgError('PPG_E_MULTIPART', 'the control entity has an unknown Content-Transfer-Encoding');
  }
}

function quotedPrintable(body: Buffer): Buffer {
  // Line by line, since blanks at the end of a line are an artefact of transport (RFC 2045 section 6.7, rule 3).
  const lines = body
    .toString('latin1')
    .split('\n')
    .map((line) => line.trimEnd());
  const decoded = lines
    .map((line) => (line.endsWith('=') ? line.slice(0, -1) : `${line}\n`))
    .join('')
    .replace(/=(..|)/g, (_, hex: string) => {
      if (!HEX_PAIR.test(hex)) throw new PpgError('PPG_E_MULTIPART', 'the control entity is no quoted-printable text');
      return String.fromCharCode(Number.parseInt(hex, 16));
    });
  return Buffer.from(decoded, 'latin1');
}

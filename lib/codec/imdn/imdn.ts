import { SaxesParser } from 'saxes';
import { messageOf, PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';
import { decodeXml } from '../pap/encoding.ts';
import { escapeXml } from '../pap/template.ts';

/** Name space of the CPIM headers of RFC 5438 section 6.1, declared by `NS: imdn <...>`. */
export const IMDN_HEADERS = 'urn:ietf:params:imdn';
/** Media type and XML name space of a notification (RFC 5438 sections 7 and 15). */
export const IMDN_TYPE = 'message/imdn+xml';
const IMDN_XML = 'urn:ietf:params:xml:ns:imdn';

/** A disposition notification (RFC 5438 section 7). */
export interface Imdn {
  /** imdn.Message-ID of the message it is about. */
  readonly messageId: string;
  /** Which of its dispositions it tells. */
  readonly kind: 'delivery' | 'display' | 'processing';
  /** `delivered`, `failed`, `forbidden`, `error`, `displayed`, `processed`, `stored`; lower case. */
  readonly status: string;
}

/** What a message asks to be told: that it arrived, or that it did not (RFC 5438 section 6.3). */
export const imdnRequest = (messageId: string): readonly HeaderField[] => [
  { name: 'NS', value: `imdn <${IMDN_HEADERS}>` },
  { name: 'imdn.Message-ID', value: messageId },
  { name: 'imdn.Disposition-Notification', value: 'positive-delivery, negative-delivery' },
];

/** Writes a notification (RFC 5438 section 7.2.1); `at` in milliseconds since the epoch, `recipient` the URI of who tells. */
export function writeImdn({ messageId, kind, status }: Imdn, of: { at: number; recipient: string }): Buffer {
  const told = `${kind}-notification`;
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="${IMDN_XML}"><message-id>${escapeXml(messageId)}</message-id>` +
      `<datetime>${new Date(of.at).toISOString()}</datetime><recipient-uri>${escapeXml(of.recipient)}</recipient-uri>` +
      `<${told}><status><${status}/></status></${told}></imdn>\n`,
  );
}

/** Real ones are below 1,000 octets. */
const MAX_OCTETS = 16 * 1024;
const MAX_DEPTH = 8;
const MAX_ELEMENTS = 100;
const MAX_TEXT = 2048;

const KINDS: Readonly<Record<string, Imdn['kind']>> = {
  'delivery-notification': 'delivery',
  'display-notification': 'display',
  'processing-notification': 'processing',
};

/**
 * Reads a notification. Elements count by their local names, in the name space of RFC 5438 or in none. Undefined for one
 * that is well formed and says nothing of a disposition.
 *
 * @throws PPG_E_CPIM for what is no well-formed XML, or beyond what a notification is.
 */
export function readImdn(octets: Buffer): Imdn | undefined {
  if (octets.length > MAX_OCTETS) throw new PpgError('PPG_E_CPIM', `an imdn of more than ${MAX_OCTETS} octets`);
  try {
    return parse(decodeXml(octets).trimStart());
  } catch (error) {
    if (error instanceof PpgError && error.code === 'PPG_E_CPIM') throw error;
    throw new PpgError('PPG_E_CPIM', `no well-formed imdn: ${messageOf(error)}`, { cause: error });
  }
}

function parse(text: string): Imdn | undefined {
  const open: string[] = [];
  let elements = 0;
  let messageId = '';
  let kind: Imdn['kind'] | undefined;
  let status: string | undefined;
  const parser = new SaxesParser({ xmlns: true as const, position: false });
  parser.on('doctype', () => {
    throw new PpgError('PPG_E_CPIM', 'an imdn with a DTD');
  });
  parser.on('opentag', ({ local, uri }) => {
    if (++elements > MAX_ELEMENTS || open.length === MAX_DEPTH) throw new PpgError('PPG_E_CPIM', 'an imdn too large');
    const known = uri === IMDN_XML || uri === '' ? local : '';
    // imdn / KIND / status / VALUE
    if (open.length === 1) kind ??= KINDS[known];
    else if (open.length === 3 && open[2] === 'status') status ??= known.toLowerCase();
    open.push(known);
  });
  parser.on('closetag', () => void open.pop());
  parser.on('text', (piece) => {
    if (open.length === 2 && open[1] === 'message-id' && messageId.length <= MAX_TEXT) messageId += piece;
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  const id = messageId.trim();
  if (id === '' || id.length > MAX_TEXT || kind === undefined || !status) return undefined;
  return { messageId: id, kind, status };
}

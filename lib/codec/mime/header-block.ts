import type { HeaderField } from '../../model/push.ts';
import { readPartHeaders } from './part-headers.ts';

const CRLF = '\r\n';

/** Header fields as lines (RFC 5322 section 2.2), the blank line behind them included. Values hold no line breaks. */
export function writeHeaderBlock(fields: readonly HeaderField[]): Buffer {
  let text = '';
  for (const { name, value } of fields) text += `${name}: ${value}${CRLF}`;
  return Buffer.from(text + CRLF);
}

/** Octets of the lines that header fields make, `: ` and CRLF included, without the blank line. */
export function headerOctets(fields: readonly HeaderField[]): number {
  let octets = 0;
  // Counted together: each call out of JavaScript costs more than what it counts.
  let values = '';
  for (const { name, value } of fields) {
    octets += name.length + 4;
    values += value;
  }
  return octets + Buffer.byteLength(values);
}

export interface HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** What comes behind the blank line: a view. */
  readonly rest: Buffer;
}

/** Reads header fields and what follows them. Throws PPG_E_MULTIPART for what is none. */
export function readHeaderBlock(octets: Buffer): HeaderBlock {
  const { headers, bodyStart } = readPartHeaders(octets, 0, octets.length, 0, true);
  return { fields: headers, rest: octets.subarray(bodyStart) };
}

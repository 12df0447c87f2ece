import { PpgError } from '../base/errors.ts';
import { parseAddress } from '../codec/pap/address.ts';

/** WAP-249 section 6: what may stand unescaped in the value of a client specifier. */
const PLAIN = /[A-Za-z0-9+\-._]/;

/**
 * What a person writes as a recipient (`sip:alice@example.com`, `alice@example.com`, `+358401234567`, or address text
 * of PAP as it is) as the address-value that every PPG understands: `WAPPUSH=…/TYPE=…@ppg`.
 * Throws PPG_E_ADDRESS.
 */
export function addressText(recipient: string, ppgHost: string): string {
  const text = recipient.trim();
  // the check is the gateway's own; the domain only stands in for the one that the gateway adds to numbers
  parseAddress(text, { domain: 'example.invalid' });
  if (/^\/?wappush=/i.test(text)) return text;
  const number = /^(?:tel:)?(\+[0-9.-]+)$/i.exec(text)?.[1];
  if (number !== undefined) return `WAPPUSH=${number.replace(/[.-]/g, '')}/TYPE=PLMN@${ppgHost}`;
  const uri = /^sips?:/i.test(text) ? text : `sip:${text}`;
  if (!uri.includes('@')) {
    throw new PpgError('PPG_E_ADDRESS', `"${text}" names no domain; write user@domain, sip:user@domain or +digits`);
  }
  return `WAPPUSH=${escapeValue(uri)}/TYPE=USER@${ppgHost}`;
}

function escapeValue(text: string): string {
  let escaped = '';
  for (const octet of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(octet);
    escaped += PLAIN.test(character) ? character : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

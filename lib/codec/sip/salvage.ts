import { canonicalName, SipHeaders, type SipRequest } from './message.ts';
import { isToken } from './syntax.ts';

/** Octets looked at, and lines: enough for the headers that a response copies. */
const REACH = 16 * 1024;
const MAX_LINES = 300;

const COPIED: ReadonlySet<string> = new Set(['via', 'from', 'to', 'call-id', 'cseq']);

/**
 * What can be read of a request that {@link parseSip} refuses, enough to answer it: the headers that a response copies.
 * Undefined for a response, for an ACK (never answered), and when there is no Via.
 */
export function salvageRequest(buffer: Buffer): SipRequest | undefined {
  const lines = buffer.toString('latin1', 0, REACH).split('\r\n', MAX_LINES);
  const [method = '', uri = ''] = (lines.shift() ?? '').split(' ', 2);
  if (!isToken(method) || method === 'ACK') return undefined;
  const headers = new SipHeaders();
  for (const line of lines) {
    if (line === '') break;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trimEnd();
    const wanted = canonicalName(name);
    if (!COPIED.has(wanted) || (wanted !== 'via' && headers.has(wanted))) continue;
    const value = line.slice(colon + 1).trim();
    if (!/[\r\n\0]/.test(value)) headers.add(name, value);
  }
  if (!headers.has('Via')) return undefined;
  return { kind: 'request', method, uri, headers, body: Buffer.alloc(0), encoding: 'latin1' };
}

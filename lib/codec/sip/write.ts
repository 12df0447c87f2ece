import { PpgError } from '../../base/errors.ts';
import { canonicalName, type SipMessage } from './message.ts';
import { excerpt, isToken } from './syntax.ts';

/** What would end a header; a NUL is legal only as a quoted-pair (RFC 3261 section 25.1). */
const FORBIDDEN = /[\r\n]|(?<!\\)\0/;
const BLANK = /[\s\0]/;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/**
 * The octets of a message. Content-Length is always the body's, whatever the headers say, and stands where they had it.
 * Throws PPG_E_SIP_HEADER for a CR, LF or NUL in names, values, URI or reason.
 */
export function writeSip(message: SipMessage): Buffer {
  const latin1 = message.encoding === 'latin1';
  let head = startLine(message);
  let counted = false;
  for (const field of message.headers.fields) {
    const { name } = field;
    if (!isToken(name)) throw headerError(`not a header name: ${excerpt(name)}`);
    if (canonicalName(name) === 'content-length') {
      if (!counted) head += `${name}: ${message.body.length}\r\n`;
      counted = true;
      continue;
    }
    if (FORBIDDEN.test(field.value)) throw headerError(`a CR, LF or NUL in ${name}: ${excerpt(field.value)}`);
    head += `${name}: ${field.value}\r\n`;
  }
  head += counted ? '\r\n' : `Content-Length: ${message.body.length}\r\n\r\n`;
  return latin1 ? latin1Octets(head, message.body) : utf8Octets(head, message.body);
}

function startLine(message: SipMessage): string {
  if (message.kind === 'request') {
    if (!isToken(message.method)) throw headerError(`not a method: ${excerpt(message.method)}`);
    if (message.uri === '' || BLANK.test(message.uri)) throw headerError(`not a URI: ${excerpt(message.uri)}`);
    return `${message.method} ${message.uri} SIP/2.0\r\n`;
  }
  if (!Number.isInteger(message.status) || message.status < 100 || message.status > 699)
    throw headerError(`not a status: ${message.status}`);
  if (FORBIDDEN.test(message.reason)) throw headerError(`a CR, LF or NUL in the reason: ${excerpt(message.reason)}`);
  return `SIP/2.0 ${message.status} ${message.reason}\r\n`;
}

function utf8Octets(head: string, body: Buffer): Buffer {
  const length = Buffer.byteLength(head);
  const octets = Buffer.allocUnsafe(length + body.length);
  octets.write(head, 'utf8');
  octets.set(body, length);
  return octets;
}

/** Text that came in as latin1 leaves as the same octets; what has been added since may be beyond it and goes as UTF-8. */
function latin1Octets(head: string, body: Buffer): Buffer {
  const octets = BEYOND_LATIN1.test(head)
    ? Buffer.concat(
        head.split('\r\n').map((line, i) => {
          const text = i === 0 ? line : `\r\n${line}`;
          return Buffer.from(text, BEYOND_LATIN1.test(line) ? 'utf8' : 'latin1');
        }),
      )
    : Buffer.from(head, 'latin1');
  return body.length === 0 ? octets : Buffer.concat([octets, body]);
}

const headerError = (message: string): PpgError => new PpgError('PPG_E_SIP_HEADER', message);

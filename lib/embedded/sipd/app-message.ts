import { isUtf8 } from 'node:buffer';
import { messageOf } from '../../base/errors.ts';
import { DEFAULT_SIP_LIMITS } from '../../codec/sip/limits.ts';
import { splitList } from '../../codec/sip/list.ts';
import { canonicalName } from '../../codec/sip/message.ts';
import { parseHead, type SipHead } from '../../codec/sip/parse.ts';
import type { HeaderField } from '../../model/push.ts';

/** What an application wrote: a start line, headers, and all that follows the first empty line. */
export interface AppMessage {
  readonly start: SipHead['start'];
  /** In long form, well-known names as their RFCs write them, lists one element a field, the server's own left out. */
  readonly fields: readonly HeaderField[];
  readonly body: Buffer;
}

/** Names that an application writes in lower case, as drachtio-srf hands them out. */
const WRITTEN = new Map(
  [
    ...['Accept', 'Accept-Contact', 'Accept-Encoding', 'Accept-Language', 'Alert-Info', 'Allow', 'Allow-Events'],
    ...['Authentication-Info', 'Authorization', 'Call-ID', 'Call-Info', 'Contact', 'Content-Disposition'],
    ...['Content-Encoding', 'Content-ID', 'Content-Language', 'Content-Transfer-Encoding', 'Content-Type', 'CSeq'],
    ...['Date', 'Error-Info', 'Event', 'Expires', 'From', 'Geolocation', 'History-Info', 'In-Reply-To', 'Identity'],
    ...['Max-Forwards', 'Min-Expires', 'Min-SE', 'MIME-Version', 'Organization', 'P-Access-Network-Info'],
    ...['P-Asserted-Identity', 'P-Asserted-Service', 'P-Associated-URI', 'P-Called-Party-ID', 'P-Charging-Vector'],
    ...['P-Preferred-Identity', 'P-Preferred-Service', 'P-Served-User', 'P-Visited-Network-ID', 'Path', 'Priority'],
    ...['Privacy', 'Proxy-Authenticate', 'Proxy-Authorization', 'Proxy-Require', 'RAck', 'Reason', 'Refer-To'],
    ...['Referred-By', 'Reject-Contact', 'Replaces', 'Reply-To', 'Request-Disposition', 'Require'],
    ...['Resource-Priority', 'Retry-After', 'RSeq', 'Server', 'Service-Route', 'Session-Expires', 'SIP-ETag'],
    ...['SIP-If-Match', 'Subject', 'Subscription-State', 'Supported', 'Timestamp', 'To', 'Unsupported', 'User-Agent'],
    ...['Warning', 'WWW-Authenticate'],
  ].map((name) => [name.toLowerCase(), name] as const),
);

/** Headers that the server makes itself, and those that drachtio-server drops. Route is refused: see refusals.ts. */
const DROPPED = new Set(['via', 'record-route', 'rseq', 'content-length']);

/** Comma lists that leave as one field an element, as on drachtio-server. */
const LISTS = new Set([
  ...['accept', 'accept-contact', 'accept-encoding', 'accept-language', 'alert-info', 'call-info', 'contact'],
  ...['error-info', 'history-info', 'p-asserted-identity', 'p-preferred-identity', 'path', 'reject-contact'],
  ...['service-route', 'warning'],
]);

/** Headers in which `@localhost` stands for the transport's address. */
const NAMES_ADDRESS = new Set(['from', 'to', 'contact', 'p-asserted-identity']);
const AT_LOCALHOST = /@localhost(?![\w.:-])/gi;

/** Reads what follows the meta line, or says what is wrong with it. */
export function readAppMessage(octets: Buffer): AppMessage | string {
  const headEnd = octets.indexOf('\r\n\r\n');
  if (headEnd < 0) return 'the headers do not end in an empty line';
  const body = octets.subarray(headEnd + 4);
  if (!isUtf8(octets.subarray(0, headEnd))) return 'the headers are not UTF-8';
  try {
    const { start, headers } = parseHead(octets, 0, headEnd + 2, DEFAULT_SIP_LIMITS);
    return { start, fields: shapedFields(headers.fields), body };
  } catch (error) {
    return messageOf(error);
  }
}

function shapedFields(fields: readonly HeaderField[]): HeaderField[] {
  const shaped: HeaderField[] = [];
  for (const field of fields) {
    const key = canonicalName(field.name);
    if (DROPPED.has(key)) continue;
    const name = WRITTEN.get(key) ?? field.name;
    if (!LISTS.has(key) || !field.value.includes(',')) shaped.push({ name, value: field.value });
    else for (const value of splitList(field.value)) shaped.push({ name, value });
  }
  return shaped;
}

/** Puts the transport's address in the place of `@localhost`, as drachtio-server does. */
export function withoutLocalhost(fields: readonly HeaderField[], hostPort: string): HeaderField[] {
  return fields.map((field) =>
    field.value.includes('@') && NAMES_ADDRESS.has(field.name.toLowerCase())
      ? { name: field.name, value: field.value.replace(AT_LOCALHOST, `@${hostPort}`) }
      : field,
  );
}

/** Adds the Content-Type that drachtio-server gives a body without one when it looks like a session description. */
export function typed(fields: HeaderField[], body: Buffer): HeaderField[] {
  if (body.length > 0 && isSdp(body) && !fields.some((field) => field.name === 'Content-Type'))
    fields.push({ name: 'Content-Type', value: 'application/sdp' });
  return fields;
}

/** drachtio-server takes a body without Content-Type for SDP when it begins so. */
export const isSdp = (body: Buffer): boolean => body.toString('latin1', 0, 3) === 'v=0';

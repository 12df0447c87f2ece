import { createHash } from 'node:crypto';
import { randomToken } from '../../base/ids.ts';
import type { HeaderField } from '../../model/push.ts';
import { SipHeaders, type SipRequest, type SipResponse } from './message.ts';
import { tagOf } from './name-addr.ts';
import { reasonPhrase } from './reason-phrases.ts';

export interface ResponseParts {
  /** Default: the usual phrase of the status. */
  readonly reason?: string;
  /** To tag when the request's To has none; default: a tag that every response to this request shares. */
  readonly toTag?: string;
  /** Behind the copied headers. */
  readonly headers?: Iterable<HeaderField>;
  readonly body?: Buffer;
  /** Copies Record-Route, for a response that makes a dialog (RFC 3261 section 12.1.1). */
  readonly recordRoute?: boolean;
}

const NO_BODY = Buffer.alloc(0);

/** Keeps the tags of one process unguessable from the requests they answer. */
const SECRET = randomToken(16);

/**
 * A response to `request`: Via, From, To, Call-ID and CSeq copied, a To tag added unless the status is 100
 * (RFC 3261 section 8.2.6). Timestamp is copied to a 100.
 */
export function respondTo(request: SipRequest, status: number, parts: ResponseParts = {}): SipResponse {
  const fields: HeaderField[] = [];
  const { headers } = request;
  for (const value of headers.all('Via')) fields.push({ name: 'Via', value });
  if (parts.recordRoute) for (const value of headers.all('Record-Route')) fields.push({ name: 'Record-Route', value });
  copy(headers, 'From', fields);
  const to = headers.get('To');
  if (to !== undefined) fields.push({ name: 'To', value: status === 100 ? to : withTag(to, request, parts.toTag) });
  copy(headers, 'Call-ID', fields);
  copy(headers, 'CSeq', fields);
  if (status === 100) copy(headers, 'Timestamp', fields);
  if (parts.headers !== undefined) for (const field of parts.headers) fields.push(field);
  return {
    kind: 'response',
    status,
    reason: parts.reason ?? reasonPhrase(status),
    headers: new SipHeaders(fields),
    body: parts.body ?? NO_BODY,
    encoding: request.encoding ?? 'utf8',
  };
}

function copy(headers: SipHeaders, name: string, fields: HeaderField[]): void {
  const value = headers.get(name);
  if (value !== undefined) fields.push({ name, value });
}

function withTag(to: string, request: SipRequest, toTag: string | undefined): string {
  return hasTag(to) ? to : `${to};tag=${toTag ?? statelessTag(request)}`;
}

/** A To that cannot be read is left as it is: it is about to be refused, and a tag would not make it better. */
function hasTag(to: string): boolean {
  if (!to.includes('tag')) return false;
  try {
    return tagOf(to) !== undefined;
  } catch {
    return true;
  }
}

/** RFC 3261 section 8.2.7: a UAS without state gives the same tag to the same request. */
function statelessTag({ headers }: SipRequest): string {
  const hash = createHash('sha256').update(SECRET);
  for (const name of ['Via', 'From', 'Call-ID', 'CSeq']) hash.update(`${headers.get(name)}\n`);
  return hash.digest('hex').slice(0, 16);
}

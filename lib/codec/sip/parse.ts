import { isAscii, isUtf8 } from 'node:buffer';
import { PpgError } from '../../base/errors.ts';
import type { HeaderField } from '../../model/push.ts';
import { DEFAULT_SIP_LIMITS, type SipLimits } from './limits.ts';
import { SipHeaders, type SipMessage } from './message.ts';
import { excerpt, isToken, syntaxError } from './syntax.ts';

const CR = 0x0d;
const LF = 0x0a;
const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * Octets that a head cannot hold: a CR or LF that is no line end, and a NUL that is no quoted-pair (RFC 3261
 * section 25.1). What passes has no way to become another header when it is written again.
 */
const FORBIDDEN = /\r(?!\n)|(?<!\r)\n|(?<!\\)\0/;

/** Start line and headers of a message whose body is still to come. */
export interface SipHead {
  readonly start:
    | { readonly kind: 'request'; readonly method: string; readonly uri: string }
    | { readonly kind: 'response'; readonly status: number; readonly reason: string };
  readonly headers: SipHeaders;
  readonly encoding: 'utf8' | 'latin1';
  /** Undefined when there is no Content-Length. */
  readonly contentLength: number | undefined;
}

/**
 * Reads one message that fills `buffer`, as a datagram does. Octets behind Content-Length are cut off (RFC 3261 section
 * 18.3), CRLFs before the start line skipped. The body is a view of `buffer`.
 *
 * Throws PPG_E_SIP_SYNTAX (a body shorter than Content-Length included) or PPG_E_SIP_TOO_LARGE.
 */
export function parseSip(buffer: Buffer, limits: SipLimits = DEFAULT_SIP_LIMITS): SipMessage {
  const start = skipLineEnds(buffer);
  const headEnd = buffer.indexOf(END_OF_HEAD, start);
  if (headEnd < 0) throw syntaxError('the headers do not end in an empty line');
  const head = parseHead(buffer, start, headEnd + 2, limits);
  const bodyStart = headEnd + 4;
  const available = buffer.length - bodyStart;
  const length = head.contentLength ?? available;
  if (length > available) throw syntaxError(`Content-Length is ${length}, but only ${available} octets follow`);
  if (length > limits.bodyBytes) throw tooLarge(`a body of ${length} octets`);
  return messageOf(head, buffer.subarray(bodyStart, bodyStart + length));
}

/** The whole message as an object of one of two shapes. */
export function messageOf({ start, headers, encoding }: SipHead, body: Buffer): SipMessage {
  return start.kind === 'request'
    ? { kind: 'request', method: start.method, uri: start.uri, headers, body, encoding }
    : { kind: 'response', status: start.status, reason: start.reason, headers, body, encoding };
}

function skipLineEnds(buffer: Buffer): number {
  let at = 0;
  while (buffer[at] === CR && buffer[at + 1] === LF) at += 2;
  return at;
}

/** Reads start line and headers from the octets `start` to `end`, which is behind the last header's CRLF. */
export function parseHead(buffer: Buffer, start: number, end: number, limits: SipLimits): SipHead {
  if (end - start > limits.headerBytes) throw tooLarge(`headers of ${end - start} octets`);
  const octets = buffer.subarray(start, end);
  const ascii = isAscii(octets);
  const encoding = ascii || isUtf8(octets) ? 'utf8' : 'latin1';
  const text = ascii || encoding === 'latin1' ? octets.toString('latin1') : octets.toString('utf8');
  const bad = FORBIDDEN.exec(text);
  if (bad !== null) throw syntaxError(`a stray CR, LF or NUL at ${excerpt(text.slice(Math.max(0, bad.index - 10)))}`);
  const lineEnd = text.indexOf('\r\n');
  if (lineEnd > limits.startLine) throw tooLarge(`a start line of ${lineEnd} characters`);
  const headers = parseHeaders(text, lineEnd + 2, limits);
  return { start: parseStartLine(text.slice(0, lineEnd)), headers, encoding, contentLength: contentLength(headers) };
}

const STATUS_LINE = /^SIP\/(\d+\.\d+) (\d{3})(?: (.*))?$/is;
const REQUEST_LINE = /^([^ ]+) ([^ ]+) SIP\/(\d+\.\d+)$/i;
const NOT_IN_REQUEST_URI = /[\s<>"]/;

/** RFC 3261 sections 7.1 and 7.2: single spaces, no blanks at the end. */
function parseStartLine(line: string): SipHead['start'] {
  const response = STATUS_LINE.exec(line);
  if (response !== null) {
    checkVersion(response[1]);
    const status = Number(response[2]);
    if (status < 100 || status > 699) throw syntaxError(`not a status: ${excerpt(line)}`);
    return { kind: 'response', status, reason: response[3] ?? '' };
  }
  const request = REQUEST_LINE.exec(line);
  if (request === null) throw syntaxError(`not a start line: ${excerpt(line)}`);
  const [, method = '', uri = '', version] = request;
  if (!isToken(method) || NOT_IN_REQUEST_URI.test(uri)) throw syntaxError(`not a request line: ${excerpt(line)}`);
  checkVersion(version);
  return { kind: 'request', method, uri };
}

function checkVersion(version: string | undefined): void {
  if (version !== '2.0') throw syntaxError(`not SIP/2.0: ${excerpt(version ?? '')}`, 505);
}

function parseHeaders(text: string, from: number, limits: SipLimits): SipHeaders {
  const fields: HeaderField[] = [];
  let at = from;
  while (at < text.length) {
    let end = text.indexOf('\r\n', at);
    let folded = false;
    while (isBlank(text.charCodeAt(end + 2))) {
      folded = true;
      end = text.indexOf('\r\n', end + 2);
    }
    if (fields.length === limits.headerCount) throw tooLarge(`more than ${limits.headerCount} header fields`);
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon > end) throw syntaxError(`a header without ":": ${excerpt(text.slice(at, end))}`);
    // HCOLON (section 25.1) has blanks before the colon
    const name = trimmed(text, at, colon, false);
    if (!isToken(name)) throw syntaxError(`not a header name: ${excerpt(name)}`);
    fields.push({ name, value: folded ? unfolded(text.slice(colon + 1, end)) : trimmed(text, colon + 1, end, true) });
    at = end + 2;
  }
  return new SipHeaders(fields);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** Only spaces and tabs: `String.trim` would take octets that are part of a value. */
function trimmed(text: string, from: number, to: number, both: boolean): string {
  let start = from;
  let end = to;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  if (both) while (start < end && isBlank(text.charCodeAt(start))) start++;
  return text.slice(start, end);
}

/** RFC 3261 section 7.3.1: a fold, with the blanks around it, stands for one space. */
function unfolded(value: string): string {
  const lines = value.split('\r\n').map((line) => trimmed(line, 0, line.length, true));
  return lines.filter((line) => line !== '').join(' ');
}

/** Two Content-Lengths would let two readers see two messages, so they are refused even when equal. */
function contentLength(headers: SipHeaders): number | undefined {
  const value = headers.get('Content-Length');
  if (value === undefined) return undefined;
  if (headers.all('Content-Length').length > 1) throw syntaxError('more than one Content-Length');
  if (!/^\d{1,10}$/.test(value)) throw syntaxError(`not a Content-Length: ${excerpt(value)}`);
  return Number(value);
}

export const tooLarge = (what: string): PpgError =>
  new PpgError('PPG_E_SIP_TOO_LARGE', `${what} is more than the limit allows`);

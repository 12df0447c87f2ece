import { isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../../base/errors.ts';
import { canonicalName } from '../../codec/sip/message.ts';
import { isToken } from '../../codec/sip/syntax.ts';
import type { HeaderField } from '../../model/push.ts';
import type { OutboundRequest } from '../leg.ts';
import type { SrfRequestOptions } from './srf-like.ts';

/**
 * Longest frame that drachtio-server takes whole beside others on one connection, octets, with a little to spare
 * (its limit is 4,036). A longer one corrupts the stream, without an error.
 */
export const LONGEST_FRAME = 4_000;

/** RFC 3261 section 18.1.1: a longer request must not go over UDP when the path's MTU is not known. */
const LONGEST_UDP_REQUEST = 1_300;

/** What the server adds to a request: Via, Max-Forwards, and perhaps a From tag; generous. */
const ADDED_BY_SERVER = 180;

/** `<count>#`, a UUID, and `|sip||`. */
const FRAME_OVERHEAD = 5 + 36 + 6;

/** Headers that the server makes itself; what the caller gave is left out. */
const SERVERS_OWN = new Set(['via', 'content-length']);

/** Headers that drachtio-server drops without a word: a request that relies on one must not leave without it. */
const DROPPED_BY_SERVER = new Set(['route', 'record-route', 'rseq']);

/** Headers whose fields must not be joined by commas, which is all that an object of headers can do (RFC 3261 section 7.3.1). */
const NEVER_JOINED = new Set(['authorization', 'proxy-authorization']);

/** What a control character in a start line or header value could do: end the line, or cut the message. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const NOT_IN_URI = /[\s<>|"]/;

export type SrfCall =
  | {
      readonly kind: 'call';
      readonly uri: string;
      readonly options: SrfRequestOptions;
      readonly frameBytes: number;
      /** Where the size alone made the request go by TCP: the call for a hop that refuses that (RFC 3261 section 18.1.1). */
      readonly ifRefused?: SrfRequestOptions;
    }
  | { readonly kind: 'cannot'; readonly code: ErrorCode; readonly reason: string };

const cannot = (reason: string, code: ErrorCode = 'PPG_E_LEG_CANNOT'): SrfCall => ({ kind: 'cannot', code, reason });

/**
 * Turns a request into the call of `srf.request` that carries it whole, or says why drachtio cannot. `domain` is the
 * host of the SIP URI that stands for a tel: URI.
 */
export function toSrfCall(request: OutboundRequest, domain: string | undefined): SrfCall {
  const uri = request.uri.slice(0, 4).toLowerCase() === 'tel:' ? sipOfTel(request.uri, domain) : request.uri;
  if (uri === undefined) return cannot('a tel: URI kills drachtio-server, and this one cannot be rewritten as sip:');
  if (!isSipUri(uri)) return cannot('the request URI is not a sip: or sips: URI');
  if (!isToken(request.method)) return cannot('the method is not a token', 'PPG_E_SIP_HEADER');
  if (request.nextHop !== undefined && !isSipUri(request.nextHop)) return cannot('the next hop is not a SIP URI');

  const headers: Record<string, string> = {};
  const refusal = collectHeaders(request.headers, headers);
  if (refusal !== undefined) return refusal;

  const method = request.method.toUpperCase();
  const body = request.body !== undefined && request.body.length > 0 ? request.body : undefined;
  if (body !== undefined) {
    if (body.includes(0) || !isUtf8(body)) return cannot('the body has NUL or is not UTF-8: drachtio would change it');
    if (headers['Content-Type'] === undefined) return cannot('a body needs a Content-Type', 'PPG_E_SIP_HEADER');
  }
  const text = body?.toString('utf8');
  const requestBytes = sizeOfRequest(method, uri, headers, body, text);
  const nextHop = hopFor(request.nextHop, uri, requestBytes);
  const frameBytes = FRAME_OVERHEAD + (nextHop === undefined ? 0 : 1 + Buffer.byteLength(nextHop)) + 2 + requestBytes;
  if (frameBytes > LONGEST_FRAME) return cannot(`its frame has ${frameBytes} octets, and ${LONGEST_FRAME} are safe`);

  const options: SrfRequestOptions = { method, headers };
  if (text !== undefined) options.body = text;
  if (nextHop !== undefined) options.proxy = nextHop;
  if (nextHop === request.nextHop) return { kind: 'call', uri, options, frameBytes };
  const { proxy: _byTcp, ...rest } = options;
  const plain = { ...rest, headers: { ...headers } };
  const ifRefused = request.nextHop === undefined ? plain : { ...plain, proxy: request.nextHop };
  return { kind: 'call', uri, options, frameBytes, ifRefused };
}

/** drachtio-srf keeps headers in an object: fields of one name become one comma-separated value. */
function collectHeaders(fields: readonly HeaderField[], into: Record<string, string>): SrfCall | undefined {
  const names = new Map<string, string>();
  for (const { name, value } of fields) {
    if (!isToken(name) || name === '__proto__') return cannot('a header name is not a token', 'PPG_E_SIP_HEADER');
    if (CONTROL.test(value)) return cannot(`a control character in the header ${name}`, 'PPG_E_SIP_HEADER');
    const key = canonicalName(name);
    if (SERVERS_OWN.has(key)) continue;
    if (DROPPED_BY_SERVER.has(key)) return cannot(`drachtio-server drops the header ${name}`);
    const known = names.get(key);
    if (known !== undefined && NEVER_JOINED.has(key)) return cannot(`drachtio-srf carries one ${name} only`);
    if (known !== undefined) into[known] = `${into[known]}, ${value}`;
    else {
      const written = key === 'content-type' ? 'Content-Type' : name;
      names.set(key, written);
      into[written] = value;
    }
  }
  return undefined;
}

/** The message exactly as drachtio-srf will write it; its Content-Length counts characters, not octets. */
function sizeOfRequest(
  method: string,
  uri: string,
  headers: Record<string, string>,
  body: Buffer | undefined,
  text: string | undefined,
): number {
  let size = method.length + 1 + Buffer.byteLength(uri) + ' SIP/2.0\r\n'.length;
  for (const name in headers) size += name.length + 4 + Buffer.byteLength(headers[name] as string);
  size += `Content-Length: ${text?.length ?? 0}\r\n\r\n`.length;
  return size + (body?.length ?? 0);
}

/**
 * The server never changes from UDP to TCP by size, so a long request is told to. Without a next hop the host of the
 * request URI becomes one, which leaves the URI itself untouched.
 */
function hopFor(nextHop: string | undefined, uri: string, requestBytes: number): string | undefined {
  if (requestBytes + ADDED_BY_SERVER <= LONGEST_UDP_REQUEST) return nextHop;
  const target = nextHop ?? uri;
  if (/^sips:/i.test(target)) return nextHop;
  const headersAt = target.indexOf('?');
  const bare = headersAt < 0 ? target : target.slice(0, headersAt);
  const transport = /;transport=([^;]*)/i.exec(bare);
  if (transport !== null && transport[1]?.toLowerCase() !== 'udp') return nextHop;
  const semicolon = bare.indexOf(';', bare.lastIndexOf('@') + 1);
  const params = semicolon < 0 ? '' : bare.slice(semicolon).replace(/;transport=[^;]*/i, '');
  const address = bare.slice('sip:'.length, semicolon < 0 ? undefined : semicolon);
  if (nextHop !== undefined) return `sip:${address}${params};transport=tcp`;
  const maddr = /;maddr=([^;]+)/i.exec(params)?.[1];
  return `sip:${maddr ?? address.slice(address.lastIndexOf('@') + 1)};transport=tcp`;
}

const isSipUri = (uri: string): boolean => /^sips?:[^\s]/i.test(uri) && !CONTROL.test(uri) && !NOT_IN_URI.test(uri);

const SUBSCRIBER = /^\+?[0-9A-Fa-f*]+(?:;[\w.+%=-]+)*$/;

/** RFC 3261 section 19.1.6: the telephone-subscriber becomes the user part; visual separators go. */
function sipOfTel(tel: string, domain: string | undefined): string | undefined {
  if (domain === undefined) return undefined;
  const semicolon = tel.indexOf(';');
  const number = tel.slice('tel:'.length, semicolon < 0 ? undefined : semicolon).replace(/[-.()]/g, '');
  const subscriber = semicolon < 0 ? number : number + tel.slice(semicolon);
  return SUBSCRIBER.test(subscriber) ? `sip:${subscriber}@${domain};user=phone` : undefined;
}

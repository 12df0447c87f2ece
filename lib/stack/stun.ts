import { isIPv6 } from 'node:net';

/**
 * What of STUN a SIP socket owes its peers (RFC 5626 section 8, RFC 5389): a Binding request is answered with the
 * address it came from, so that a phone behind NAT keeps its binding and notices when it moves. No more than that.
 */

/** RFC 5389 section 6. */
const HEADER = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;

/** RFC 5389 section 18.2; attributes below 0x8000 must be understood. */
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
const OPTIONAL = 0x8000;

/** Understood by ignoring them: a keep-alive has neither user nor integrity (RFC 5626 section 4.4.2). */
const IGNORED = new Set([0x0001, 0x0006, 0x0008, 0x0014, 0x0015, XOR_MAPPED_ADDRESS]);

/** A keep-alive has no attributes but perhaps SOFTWARE and FINGERPRINT; octets and unknown attributes at the most. */
const MAX_REQUEST = 548;
const MAX_UNKNOWN = 8;

/** Whether octets are STUN and no SIP: the first two bits are zero and the cookie stands where it must (section 8). */
export function isStun(octets: Buffer): boolean {
  return octets.length >= HEADER && (octets[0] ?? 0xff) < 0x40 && octets.readUInt32BE(4) === MAGIC_COOKIE;
}

/**
 * The answer to a Binding request from `host` and `port`; undefined for all else, which is dropped. Where an attribute
 * must be understood and is not, it is 420 (section 7.3.1). At most 24 octets longer than the request.
 */
export function answerStun(octets: Buffer, host: string, port: number): Buffer | undefined {
  const { length } = octets;
  if (!isStun(octets) || length > MAX_REQUEST || length % 4 !== 0) return undefined;
  if (octets.readUInt16BE(0) !== BINDING_REQUEST || octets.readUInt16BE(2) !== length - HEADER) return undefined;
  const unknown = unknownAttributes(octets);
  if (unknown === undefined) return undefined;
  if (unknown.length > 0) {
    const reason = attribute(ERROR_CODE, Buffer.from([0, 0, 4, 20]));
    return message(BINDING_ERROR, octets, [reason, attribute(UNKNOWN_ATTRIBUTES, numbers(unknown))]);
  }
  return message(BINDING_SUCCESS, octets, [attribute(XOR_MAPPED_ADDRESS, xorAddress(octets, host, port))]);
}

/** Types of attributes that are not understood and must be; undefined when the attributes do not fill the message. */
function unknownAttributes(octets: Buffer): number[] | undefined {
  const unknown: number[] = [];
  let at = HEADER;
  while (at < octets.length) {
    const type = octets.readUInt16BE(at);
    at += 4 + padded(octets.readUInt16BE(at + 2));
    if (type < OPTIONAL && !IGNORED.has(type) && unknown.length < MAX_UNKNOWN) unknown.push(type);
  }
  return at === octets.length ? unknown : undefined;
}

const padded = (length: number): number => (length + 3) & ~3;

function numbers(values: readonly number[]): Buffer {
  const octets = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) octets.writeUInt16BE(value, 2 * i);
  return octets;
}

function attribute(type: number, value: Buffer): Buffer {
  const octets = Buffer.alloc(4 + padded(value.length));
  octets.writeUInt16BE(type, 0);
  octets.writeUInt16BE(value.length, 2);
  value.copy(octets, 4);
  return octets;
}

/** Same cookie and transaction id as the request. */
function message(type: number, request: Buffer, attributes: readonly Buffer[]): Buffer {
  const header = Buffer.from(request.subarray(0, HEADER));
  const body = Buffer.concat(attributes);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

/** RFC 5389 section 15.2: port and address, xored with the cookie, for IPv6 with the transaction id too. */
function xorAddress(request: Buffer, host: string, port: number): Buffer {
  const address = octetsOf(host);
  const value = Buffer.alloc(4 + address.length);
  value[1] = address.length === 4 ? 0x01 : 0x02;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  for (const [i, octet] of address.entries()) value[4 + i] = octet ^ (request[4 + i] ?? 0);
  return value;
}

/** An address as the system writes it. */
function octetsOf(host: string): Buffer {
  if (!isIPv6(host)) return Buffer.from(host.split('.').map(Number));
  const [plain = ''] = host.split('%'); // a zone is of this host alone
  const [before = '', after] = expandTail(plain).split('::');
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return numbers([...head, ...zeros, ...tail]);
}

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

/** `::ffff:192.0.2.1` as `::ffff:c000:0201`. */
function expandTail(address: string): string {
  const at = address.lastIndexOf(':') + 1;
  const last = address.slice(at);
  if (!last.includes('.')) return address;
  const [a = 0, b = 0, c = 0, d = 0] = last.split('.').map(Number);
  return `${address.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

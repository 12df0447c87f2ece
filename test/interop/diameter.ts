/**
 * Diameter messages (RFC 6733), as far as a home subscriber server needs them. Throws RangeError for what is no message
 * or goes beyond the limits.
 */

/** Octets of a message; the largest that a test answers has a user profile of a few thousand. */
const MAX_MESSAGE = 64 * 1024;
const MAX_AVPS = 256;
const HEADER = 20;

/** RFC 6733 section 3, command flags. */
const REQUEST = 0x80;
const PROXIABLE = 0x40;

/** RFC 6733 section 4.1, AVP flags. */
const VENDOR = 0x80;
const MANDATORY = 0x40;

export const VENDOR_3GPP = 10415;

/** RFC 6733 section 3.1; 3GPP TS 29.229 section 6.1. */
export const COMMAND = {
  capabilities: 257,
  watchdog: 280,
  disconnect: 282,
  serverAssignment: 301,
  registrationTermination: 304,
} as const;

/** RFC 6733 section 4.5; from 600 on 3GPP TS 29.229 section 6.3, of vendor 3GPP. */
export const AVP = {
  userName: 1,
  hostIpAddress: 257,
  authApplicationId: 258,
  vendorSpecificApplicationId: 260,
  sessionId: 263,
  originHost: 264,
  supportedVendorId: 265,
  vendorId: 266,
  resultCode: 268,
  productName: 269,
  authSessionState: 277,
  destinationRealm: 283,
  destinationHost: 293,
  originRealm: 296,
  publicIdentity: 601,
  userData: 606,
  serverAssignmentType: 614,
  deregistrationReason: 615,
  reasonCode: 616,
  reasonInfo: 617,
} as const;

export interface Avp {
  readonly code: number;
  /** 0: of the base protocol. */
  readonly vendor: number;
  readonly data: Buffer;
}

export interface DiameterMessage {
  readonly request: boolean;
  readonly command: number;
  readonly application: number;
  readonly hopByHop: number;
  readonly endToEnd: number;
  readonly avps: readonly Avp[];
}

export const octets = (code: number, data: Buffer, vendor = 0): Avp => ({ code, vendor, data });

export const text = (code: number, value: string, vendor = 0): Avp => octets(code, Buffer.from(value), vendor);

export function unsigned(code: number, value: number, vendor = 0): Avp {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return octets(code, data, vendor);
}

export const group = (code: number, avps: readonly Avp[], vendor = 0): Avp =>
  octets(code, Buffer.concat(avps.map(writeAvp)), vendor);

/** The AVPs of one code, in order; of vendor 3GPP for codes from 600 on. */
export const all = ({ avps }: Pick<DiameterMessage, 'avps'>, code: number): Buffer[] =>
  avps.filter((avp) => avp.code === code && avp.vendor === vendorOf(code)).map(({ data }) => data);

export const textOf = (message: Pick<DiameterMessage, 'avps'>, code: number): string | undefined =>
  all(message, code)[0]?.toString();

export function numberOf(message: Pick<DiameterMessage, 'avps'>, code: number): number | undefined {
  const [data] = all(message, code);
  return data?.length === 4 ? data.readUInt32BE() : undefined;
}

const vendorOf = (code: number): number => (code >= 600 ? VENDOR_3GPP : 0);

/** The answer to a request: same command and identifiers (RFC 6733 section 6.2). */
export const answerTo = (request: DiameterMessage, avps: readonly Avp[]): DiameterMessage => ({
  ...request,
  request: false,
  avps,
});

export function write({ request, command, application, hopByHop, endToEnd, avps }: DiameterMessage): Buffer {
  const body = avps.map(writeAvp);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(HEADER + body.reduce((sum, { length }) => sum + length, 0), 0);
  header.writeUInt8(1, 0); // version, over the top octet of the length
  header.writeUInt32BE(command, 4);
  header.writeUInt8((request ? REQUEST : 0) | (application === 0 ? 0 : PROXIABLE), 4);
  header.writeUInt32BE(application, 8);
  header.writeUInt32BE(hopByHop, 12);
  header.writeUInt32BE(endToEnd, 16);
  return Buffer.concat([header, ...body]);
}

function writeAvp({ code, vendor, data }: Avp): Buffer {
  const head = vendor === 0 ? 8 : 12;
  const avp = Buffer.alloc(padded(head + data.length));
  avp.writeUInt32BE(code, 0);
  avp.writeUInt32BE(head + data.length, 4);
  avp.writeUInt8(MANDATORY | (vendor === 0 ? 0 : VENDOR), 4);
  if (vendor !== 0) avp.writeUInt32BE(vendor, 8);
  data.copy(avp, head);
  return avp;
}

/** RFC 6733 section 4: every AVP begins at a multiple of four octets. */
const padded = (length: number): number => (length + 3) & ~3;

/** Takes whole messages out of what came so far. */
export class DiameterFramer {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): DiameterMessage[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: DiameterMessage[] = [];
    while (this.#rest.length >= 4) {
      const length = this.#rest.readUIntBE(1, 3);
      if (this.#rest[0] !== 1 || length < HEADER || length > MAX_MESSAGE || length % 4 !== 0)
        throw new RangeError(`no Diameter message: version ${this.#rest[0]}, ${length} octets`);
      if (this.#rest.length < length) break;
      messages.push(read(this.#rest.subarray(0, length)));
      this.#rest = this.#rest.subarray(length);
    }
    return messages;
  }
}

function read(message: Buffer): DiameterMessage {
  return {
    request: (message.readUInt8(4) & REQUEST) !== 0,
    command: message.readUIntBE(5, 3),
    application: message.readUInt32BE(8),
    hopByHop: message.readUInt32BE(12),
    endToEnd: message.readUInt32BE(16),
    avps: readAvps(message.subarray(HEADER)),
  };
}

/** Also of a grouped AVP. */
export function readAvps(data: Buffer): Avp[] {
  const avps: Avp[] = [];
  for (let at = 0; at < data.length; ) {
    if (at + 8 > data.length || avps.length === MAX_AVPS) throw new RangeError('AVPs that do not end');
    const head = (data.readUInt8(at + 4) & VENDOR) === 0 ? 8 : 12;
    const length = data.readUIntBE(at + 5, 3);
    if (length < head || at + length > data.length) throw new RangeError(`an AVP of ${length} octets at ${at}`);
    avps.push({
      code: data.readUInt32BE(at),
      vendor: head === 8 ? 0 : data.readUInt32BE(at + 8),
      data: data.subarray(at + head, at + length),
    });
    at += padded(length);
  }
  return avps;
}

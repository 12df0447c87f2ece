import { createHash } from 'node:crypto';
import { Bits } from './content.ts';

/**
 * Package 0 of OMA device management (OMA-TS-DM_Notification-V1_2 section 6.2): digest; version, UI mode, initiator, 27 bits
 * to come, session, length of the server's identifier, that identifier.
 */
export function dmNotification(of: { server: string; password: string; nonce: string; session: number }): Buffer {
  const server = Buffer.from(of.server);
  const trigger = new Bits()
    .put(12, 10) // version 1.2
    .put(2, 2) // user interaction: informative
    .put(1, 1) // the server asks
    .put(0, 27)
    .put(of.session, 16)
    .put(server.length, 8)
    .octets(server).buffer;
  return Buffer.concat([digestOf(of, trigger), trigger]);
}

/** H(B64(H(server:password)):nonce:B64(H(trigger))), H being MD5. */
function digestOf(of: { server: string; password: string; nonce: string }, trigger: Buffer): Buffer {
  const md5 = (data: Buffer | string): Buffer => createHash('md5').update(data).digest();
  const credentials = md5(`${of.server}:${of.password}`).toString('base64');
  return md5(`${credentials}:${of.nonce}:${md5(trigger).toString('base64')}`);
}

/** The server of a notification whose digest holds, as a client reads it; undefined where it does not. */
export function readDmNotification(
  octets: Buffer,
  password: string,
  nonce: string,
): { server: string; session: number } | undefined {
  const trigger = octets.subarray(16);
  const session = trigger.readUInt16BE(5);
  const server = trigger.toString('latin1', 8, 8 + trigger.readUInt8(7));
  return digestOf({ server, password, nonce }, trigger).equals(octets.subarray(0, 16))
    ? { server, session }
    : undefined;
}

/** The alphabet of FQDN in ULP, six bits a character. */
const NAME = '-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A SUPL INIT in unaligned PER (OMA-TS-ULP-V1_0 section 7): the platform asks where the device is. */
export function suplInit(platform: string, session: number): Buffer {
  const message = new Bits()
    .octets(Buffer.from([1, 0, 0])) // version 1.0.0
    .put(0b01, 2) // SessionID: slpSessionID alone
    .put(session, 32)
    .put(0, 1)
    .put(1, 1) // SLPAddress: fQDN
    .put(platform.length - 1, 8);
  for (const character of platform) message.put(NAME.indexOf(character), 6);
  message
    .put(0, 1)
    .put(0, 3) // UlpMessage: msSUPLINIT
    .put(0, 1)
    .put(0, 5) // none of its options
    .put(0, 1)
    .put(1, 4) // posMethod: agpsSETbased
    .put(0, 1); // sLPMode: proxy
  const { buffer } = message;
  return Buffer.concat([Buffer.from([(buffer.length + 2) >> 8, (buffer.length + 2) & 0xff]), buffer]);
}

export const DM_TREE: string =
  '<?xml version="1.0"?><!DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd"><MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>DMAcc</NodeName><RTProperties><Format><node/></Format><Type><DDFName>org.openmobilealliance/1.0/w7</DDFName></Type></RTProperties><Node><NodeName>AppID</NodeName><Value>w7</Value></Node><Node><NodeName>ServerID</NodeName><Value>dm.example.com</Value></Node></Node></MgmtTree>';

/** The same in WBXML 1.3. */
export const DM_TREE_WBXML: Buffer = Buffer.from(
  '0300006a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e000002607703312e320001646603444d41636300016f5c25017551036f72672e6f70656e6d6f62696c65616c6c69616e63652f312e302f7737000101016466034170704944000176037737000101646603536572766572494400017603646d2e6578616d706c652e636f6d0001010101',
  'hex',
);

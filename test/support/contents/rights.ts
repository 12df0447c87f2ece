import { textString, uintvar } from './content.ts';

export const RIGHTS: string =
  '<?xml version="1.0"?><!DOCTYPE o-ex:rights PUBLIC "-//OMA//DTD DRMREL 1.0//EN" "http://www.oma.org/dtd/dr"><o-ex:rights xmlns:o-ex="http://odrl.net/1.1/ODRL-EX" xmlns:o-dd="http://odrl.net/1.1/ODRL-DD" xmlns:ds="http://www.w3.org/2000/09/xmldsig#/"><o-ex:context><o-dd:version>1.0</o-dd:version></o-ex:context><o-ex:agreement><o-ex:asset><o-ex:context><o-dd:uid>cid:4567829547@example.com</o-dd:uid></o-ex:context><ds:KeyInfo><ds:KeyValue>vUEwR8LzEJoeiC+dgT1mgg==</ds:KeyValue></ds:KeyInfo></o-ex:asset><o-ex:permission><o-dd:play><o-ex:constraint><o-dd:count>3</o-dd:count></o-ex:constraint></o-dd:play></o-ex:permission></o-ex:agreement></o-ex:rights>';

/** The same in WBXML 1.3. */
export const RIGHTS_WBXML: Buffer = Buffer.from(
  '030e6a5d72696768747300636f6e746578740076657273696f6e0061677265656d656e7400617373657400756964004b6579496e666f004b657956616c7565007065726d697373696f6e00706c617900636f6e73747261696e7400636f756e740044004407440f03312e300001014417442144074427036369643a34353637383239353437406578616d706c652e636f6d000101442b4433037655457752384c7a454a6f6569432b646754316d67673d3d00010101443c4447444c4457033300010101010101',
  'hex',
);

/** A download descriptor (OMA-TS-DLOTA section 6). */
export const DESCRIPTOR: string =
  '<?xml version="1.0"?>\n<media xmlns="http://www.openmobilealliance.org/xmlns/dd">\n  <objectURI>http://example.com/tune.mid</objectURI>\n  <size>100</size>\n  <type>audio/midi</type>\n  <name>Tüne</name>\n</media>\n';

const MEDIA = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));

/** Forward lock: the media object in a MIME body of its own (OMA-DRM-DRM section 6.1). */
export const DRM_MESSAGE: Buffer = Buffer.concat([
  Buffer.from(
    '--boundary-1\r\nContent-Type: audio/midi\r\nContent-ID: <45678929547@example.com>\r\nContent-Transfer-Encoding: binary\r\n\r\n',
  ),
  MEDIA,
  Buffer.from('\r\n--boundary-1--'),
]);

/** DRM content format (OMA-DRM-DCF section 5): version, the lengths of type and URI, both, headers, data. */
export function drmContent(): Buffer {
  const type = Buffer.from('audio/midi');
  const uri = Buffer.from('cid:4567829547@example.com');
  const headers = Buffer.from('Encryption-Method: AES128CBC;padding=RFC2630\r\nContent-Name: Tune\r\n\r\n');
  const lengths = Buffer.from([1, type.length, uri.length]);
  return Buffer.concat([lengths, type, uri, uintvar(headers.length), uintvar(MEDIA.length), headers, MEDIA]);
}

/** A ROAP trigger in WBXML with its names in the string table (OMA-DRM-DRM-V2_0 section 5.2.1). */
export function roapTrigger(): Buffer {
  const names = ['roap-trigger:roapTrigger', 'registrationRequest', 'riID', 'roapURL'];
  const table = Buffer.concat(names.map(textString));
  const at = (name: string): Buffer => uintvar(table.indexOf(name));
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x03]), textString(value), Buffer.from([0x01])]);
  const element = (name: string): Buffer => Buffer.concat([Buffer.from([0x44]), at(name)]);
  return Buffer.concat([
    Buffer.from([0x03, 0x01, 0x6a]),
    uintvar(table.length),
    table,
    element('roap-trigger:roapTrigger'),
    element('registrationRequest'),
    element('riID'),
    text('aXENc+Um/9/NvmYKiHDLaErK0fk='),
    element('roapURL'),
    text('http://ri.example.com/ro.cgi?tid=qw683hgew7d'),
    Buffer.from([0x01, 0x01]),
  ]);
}

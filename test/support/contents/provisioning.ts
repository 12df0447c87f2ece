import { createHmac } from 'node:crypto';
import { compile } from '../../../lib/codec/wbxml/convert.ts';

/** A bootstrap document (WAP-183, WAP-184): a bearer and the device management server that is reached by it. */
export const PROVISIONING: string = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE wap-provisioningdoc PUBLIC "-//WAPFORUM//DTD PROV 1.0//EN" "http://www.wapforum.org/DTD/prov.dtd">',
  '<wap-provisioningdoc version="1.0">',
  '<characteristic type="BOOTSTRAP"><parm name="NAME" value="Example Mobile"/></characteristic>',
  '<characteristic type="NAPDEF"><parm name="NAPID" value="internet"/><parm name="NAME" value="Internet"/>',
  '<parm name="BEARER" value="GSM-GPRS"/><parm name="NAP-ADDRESS" value="internet.example.com"/>',
  '<parm name="NAP-ADDRTYPE" value="APN"/></characteristic>',
  '<characteristic type="APPLICATION"><parm name="APPID" value="w7"/><parm name="PROVIDER-ID" value="dm.example.com"/>',
  '<parm name="NAME" value="Device management"/><parm name="ADDR" value="https://dm.example.com/dm"/>',
  '<parm name="TO-NAPID" value="internet"/>',
  '<characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="APPSRV"/><parm name="AAUTHNAME" value="dm-server"/>',
  '<parm name="AAUTHSECRET" value="not a secret"/></characteristic></characteristic>',
  '</wap-provisioningdoc>',
].join('\n');

export const provisioningDocument = (xml: string = PROVISIONING): Buffer => compile(Buffer.from(xml));

/** A document with so many bookmarks. */
export const longProvisioning = (bookmarks: number): string =>
  PROVISIONING.replace(
    '</wap-provisioningdoc>',
    `<characteristic type="APPLICATION"><parm name="APPID" value="w2"/><parm name="TO-NAPID" value="internet"/>${Array.from(
      { length: bookmarks },
      (_, n) =>
        `<characteristic type="RESOURCE"><parm name="NAME" value="Place ${n}"/><parm name="URI" value="http://place-${n}.example.com/"/></characteristic>`,
    ).join('')}</characteristic></wap-provisioningdoc>`,
  );

/** Who vouches for a document (WAP-184 section 5.2): the network by the IMSI, the user by a PIN, or both. */
export type Security =
  | { readonly sec: 'NETWPIN'; readonly imsi: string }
  | { readonly sec: 'USERPIN'; readonly pin: string }
  | { readonly sec: 'USERNETWPIN'; readonly imsi: string; readonly pin: string };

const NUMBERS = { NETWPIN: 0, USERPIN: 1, USERNETWPIN: 2 } as const;

/** IMSI in semi-octets (3GPP TS 24.008 section 10.5.1.4): parity and type, then the digits; F where one is missing. */
export function imsiOctets(imsi: string): Buffer {
  const odd = imsi.length % 2 === 1;
  const digits = `${odd ? '9' : '1'}${imsi}${odd ? '' : 'F'}`;
  return Buffer.from((digits.match(/../g) ?? []).map((pair) => Number.parseInt(`${pair[1]}${pair[0]}`, 16)));
}

function keyOf(security: Security): Buffer {
  const pin = 'pin' in security ? Buffer.from(security.pin, 'ascii') : Buffer.alloc(0);
  return 'imsi' in security ? Buffer.concat([imsiOctets(security.imsi), pin]) : pin;
}

/** HMAC-SHA1 over the document as it is carried, in upper-case hex. */
export const macOf = (document: Buffer, security: Security): string =>
  createHmac('sha1', keyOf(security)).update(document).digest('hex').toUpperCase();

export const provisioningType = (document: Buffer, security: Security): string =>
  `application/vnd.wap.connectivity-wbxml; SEC=${NUMBERS[security.sec]}; MAC=${macOf(document, security)}`;

import assert from 'node:assert/strict';
import { compile, decompile } from '../../lib/codec/wbxml/convert.ts';
import { decode } from '../../lib/codec/wbxml/decode.ts';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers } from './tools.ts';

const _text = (octets: Buffer): string => octets.toString('utf8');

const WBXML_DOCUMENTS = [
  '<?xml version="1.0"?><si><indication href="http://www.a.com/" si-id="1" created="1999-06-25T15:23:15Z" own="2">words words &amp; more</indication><info><item class="x">words</item></info></si>',
  '<sl href="https://www.a.org/" action="cache"/>',
  '<co><invalidate-object uri="http://a.net/x"/><own uri="abcd abcd"/></co>',
  '<emn mailbox="mailat:a@b.com" timestamp="2002-04-16T06:40:00Z"/>',
  '<wap-provisioningdoc version="1.0"><characteristic type="APPLICATION"><parm name="APPID" value="w2"/><parm name="NAME" value="HTTP-DIGEST,BASIC"/></characteristic></wap-provisioningdoc>',
];

/** Documents in their text form: what can be written in binary is read again as it was. */
const wbxmlText: FuzzTarget = {
  name: 'wbxmlText',
  seeds: buffers(...WBXML_DOCUMENTS),
  words: [
    '<si>',
    '</si>',
    '<item>',
    '&#10;',
    '&amp;',
    '<![CDATA[',
    ']]>',
    '<!DOCTYPE si [',
    '.com/',
    'http://www.',
    '="',
    '/>',
  ],
  run(octets) {
    const binary = compile(octets);
    assert.deepEqual(compile(decompile(binary)), binary);
  },
};

/** Documents in WBXML: what is read can be written as text that says the same. */
const wbxml: FuzzTarget = {
  name: 'wbxml',
  seeds: [
    ...WBXML_DOCUMENTS.map((document) => compile(Buffer.from(document))),
    Buffer.from('0301046a0c2d2f2f57', 'hex'),
    Buffer.from('030503e80400410042c50b0300610000000101', 'hex'),
  ],
  words: [
    '\x00\x01',
    '\x03',
    '\x83\x00',
    '\xc3\x04',
    '\x02\x81\x20',
    '\x04\x00',
    '\x43\x05',
    '\x01',
    '\xc6',
    '\x46',
    '\x8f\xff\xff\xff\x7f',
    '\x40',
  ],
  run(octets) {
    const document = decode(octets);
    assert.deepEqual(readXml(decompile(octets).toString('utf8')).root.name, document.root.name);
  },
};

export const WBXML_TARGETS: readonly FuzzTarget[] = [wbxmlText, wbxml];

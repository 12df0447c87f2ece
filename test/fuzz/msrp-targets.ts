import assert from 'node:assert/strict';
import { parseByteRange } from '../../lib/codec/msrp/byte-range.ts';
import { headerOf, parseStatus } from '../../lib/codec/msrp/message.ts';
import { MsrpReader } from '../../lib/codec/msrp/reader.ts';
import { formatMsrpUri, parseMsrpUri, parsePath } from '../../lib/codec/msrp/uri.ts';
import { readMessageMedia } from '../../lib/codec/sdp/message-media.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers, lines, tolerated } from './tools.ts';

const SEND = lines(
  'MSRP a786hjs2 SEND',
  'To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp',
  'From-Path: msrp://relay:1;tcp msrps://[::1]:7777/iau39soe2843z;tcp',
  'Message-ID: 87652491',
  'Success-Report: yes',
  'Byte-Range: 1-*/25',
  'Content-Type: text/plain',
  '',
  'Hey Bob, are\r\n-------a786hjs you there?',
  '-------a786hjs2+',
  '',
);
const REPORT = lines(
  'MSRP dkei38sd REPORT',
  'To-Path: msrp://a:1/b;tcp',
  'From-Path: msrp://c:2/d;tcp',
  'Message-ID: 1',
  'Byte-Range: 1-25/25',
  'Status: 000 200 OK',
  '-------dkei38sd$',
  '',
);
const OK = lines(
  'MSRP a786hjs2 200 OK',
  'To-Path: msrp://a:1/b;tcp',
  'From-Path: msrp://c:2/d;tcp',
  '-------a786hjs2$',
  '',
);

/** What was read, as a text that does not depend on how the stream was cut; a refusal ends it. */
function read(octets: Buffer, step: number): string {
  let text = '';
  const reader = new MsrpReader({
    onRequest: (head) => {
      text += `\n${head.transaction} ${head.method} ${head.hasBody} ${JSON.stringify(head.headers)}\n`;
      tolerated(() => parsePath(headerOf(head.headers, 'To-Path') ?? ''));
      tolerated(() => parseByteRange(headerOf(head.headers, 'Byte-Range') ?? ''));
      parseStatus(headerOf(head.headers, 'Status'));
    },
    onBody: (piece) => {
      text += piece.toString('latin1');
    },
    onEnd: (flag) => {
      text += `\n${flag}\n`;
    },
    onResponse: (response) => {
      text += `\n${JSON.stringify(response)}\n`;
    },
  });
  tolerated(() => {
    for (let at = 0; at < octets.length; at += step) reader.push(octets.subarray(at, at + step));
  });
  return text;
}

export const MSRP_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'msrp-stream',
    seeds: [SEND, REPORT, OK, Buffer.concat([SEND, OK, REPORT])],
    words: [
      '\r\n',
      '-------',
      '-------a786hjs2$',
      '-------a786hjs2#\r\n',
      'MSRP ',
      'SEND',
      'Byte-Range: ',
      '*',
      '\r\n\r\n',
      '$',
      '+',
    ],
    run(octets) {
      const whole = read(octets, Number.POSITIVE_INFINITY);
      // Octet by octet as long as that takes no time of its own.
      for (const step of [Math.ceil(octets.length / 4096), 13]) assert.equal(read(octets, Math.max(1, step)), whole);
    },
  },
  {
    name: 'msrp-uri',
    seeds: buffers('msrp://user@host.example.com:2855/session-id;tcp;a=b', 'msrps://[2001:db8::1]/x;tcp'),
    words: ['msrp://', 'msrps', ';tcp', '[', ']', ':', '/', '@', '65536'],
    run(octets) {
      const uri = parseMsrpUri(octets.toString('utf8'));
      assert.deepEqual(parseMsrpUri(formatMsrpUri(uri)), uri);
    },
  },
  {
    name: 'msrp-sdp',
    seeds: [
      lines(
        'v=0',
        'o=- 1 1 IN IP4 a',
        's=-',
        't=0 0',
        'a=setup:actpass',
        'm=audio 1 RTP/AVP 0',
        'm=message 2855 TCP/TLS/MSRP *',
        'a=accept-types:message/cpim text/* *',
        'a=max-size:1000',
        'a=path:msrps://a:1/b;tcp',
        `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
        '',
      ),
    ],
    words: ['m=message ', 'a=path:', 'a=setup:', 'TCP/MSRP', '\r\n', 'v=0', 'm='],
    run(octets) {
      readMessageMedia(octets);
    },
  },
];

import assert from 'node:assert/strict';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { messageMisfit } from '../../lib/model/device-knowledge.ts';
import { readTold, type Told } from '../../lib/sip/capabilities/answer.ts';
import { lessonOf } from '../../lib/sip/capabilities/refusal.ts';
import type { FuzzTarget } from './fuzz.ts';
import { lines } from './tools.ts';

const ANSWER = lines(
  'SIP/2.0 200 OK',
  'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa',
  'From: <sip:push@example.com>;tag=1',
  'To: <sip:alice@example.com>;tag=2',
  'Call-ID: 1@a',
  'CSeq: 1 OPTIONS',
  'Contact: <sip:a@192.0.2.2>;+g.oma.pusheventapp="mms.ua,<x:y>";methods="INVITE,MESSAGE";type="text/plain";language="fi"',
  'Allow: INVITE, MESSAGE, OPTIONS',
  'Accept: text/plain;q=0.5, application/sdp, text/html;q=0',
  'Accept-Encoding: gzip;q=1.0, identity',
  'Accept-Language: fi, en;q=0.2',
  'Supported: gruu, path',
  'Unsupported: foo',
  'Retry-After: 5',
  'User-Agent: Phone/1.0 (a)',
  'X-Wap-Profile: "http://uaprof.example.com/x.xml","1-abcdef=="',
  'Content-Type: application/sdp',
  '',
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.2',
  's=-',
  't=0 0',
  'm=audio 0 RTP/AVP 0',
  'm=message 0 TCP/TLS/MSRP *',
  'a=accept-types:message/cpim text/*',
  'a=accept-wrapped-types:*',
  'a=max-size:65536',
  '',
);

const REFUSAL = Buffer.from(ANSWER.toString('latin1').replace('200 OK', '415 Unsupported Media Type'), 'latin1');

/** Lists that are kept of one device. */
const MOST = 16 * 1024;

/** What devices tell in answers to OPTIONS, and teach by refusing: nothing that they write throws, or is kept without bound. */
export const CAPABILITY_TARGET: FuzzTarget = {
  name: 'device-capabilities',
  seeds: [ANSWER, REFUSAL, Buffer.from(REFUSAL.toString('latin1').replace('415', '420'), 'latin1')],
  words: [
    'Accept: ',
    'Allow: ',
    '\r\nm=message ',
    'a=max-size:',
    ';q=0',
    ', ',
    '*/*',
    '"',
    '<',
    '>',
    '!',
    'https://',
    '\r\n',
  ],
  run(octets) {
    const read = parseSip(octets);
    if (read.kind !== 'response') return;
    const { headers, body, status } = read;
    const answer = { get: (name: string) => headers.get(name), all: (name: string) => headers.all(name), body };
    const told: Told = readTold(answer);
    assert.ok(JSON.stringify(told).length < 5 * MOST);
    const refusal = { ...answer, status, method: 'MESSAGE', type: 'text/html', bytes: 100 };
    const lesson = lessonOf(refusal, told) ?? {};
    assert.ok(JSON.stringify(lesson).length < MOST);
    const capabilities = { ...told, ...lesson, until: 1 };
    messageMisfit({ id: 'a', contact: 'sip:a', features: {}, expiresAt: 1, capabilities }, 'text/html', 100);
  },
};

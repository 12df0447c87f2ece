import assert from 'node:assert/strict';
import { substitute } from '../../lib/addressing/enum.ts';
import { sipHeadersOf } from '../../lib/bearer/push-headers.ts';
import { addressText } from '../../lib/cli/recipient.ts';
import { isXmlType, parseMediaType } from '../../lib/codec/mime/content-type.ts';
import { readMultipart } from '../../lib/codec/mime/multipart.ts';
import { decodedBody } from '../../lib/codec/mime/transfer-encoding.ts';
import { parseAddress } from '../../lib/codec/pap/address.ts';
import { identify, parsePapDocument } from '../../lib/codec/pap/document.ts';
import { readProfileValues } from '../../lib/codec/pap/profile-values.ts';
import { readPap, readPapDocument } from '../../lib/codec/pap/read.ts';
import { toSubmission } from '../../lib/codec/pap/submission.ts';
import { readCapabilities, writeCapabilities } from '../../lib/codec/pap/uaprof.ts';
import { writePap } from '../../lib/codec/pap/write.ts';
import { applicationIdOf, canonicalApplication, parseApplicationId } from '../../lib/model/application-id.ts';
import { FIXTURE_TYPES, fixture } from '../support/pap-endpoint.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers, tolerated } from './tools.ts';

const text = (octets: Buffer): string => octets.toString('utf8');

/** Requests as they come: the first line is the Content-Type. */
const REQUESTS = Object.entries(FIXTURE_TYPES).map(([name, type]) =>
  Buffer.concat([Buffer.from(`${type}\n`), fixture(name)]),
);

const PAP_WORDS = [
  ...[
    '<pap>',
    '</pap>',
    '<push-message ',
    'push-id="',
    '<address address-value="',
    '<quality-of-service ',
    '/>',
    '<!--',
  ],
  ...['<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "x">', '<!ENTITY a "b">', '&a;', '&lt;', '&#0;', '&#x41;'],
  ...[
    '<![CDATA[',
    ']]>',
    '<?xml version="1.0" encoding="',
    'UTF-16',
    '?>',
    '"',
    "'",
    '\xff\xfe',
    '\xef\xbb\xbf',
    '--',
    '\r\n\r\n',
  ],
  ...[
    'WAPPUSH=',
    '/TYPE=PLMN@',
    '/TYPE=USER@',
    '2026-09-21T14:00:00Z',
    'deliver-before-timestamp="',
    '--asdlfkjiurwghasf',
  ],
];

function splitRequest(octets: Buffer): { type: string; body: Buffer } {
  const end = octets.indexOf(0x0a);
  return end < 0
    ? { type: '', body: octets }
    : { type: octets.toString('latin1', 0, end), body: octets.subarray(end + 1) };
}

/** What the PAP endpoint does with a request, up to the engine. */
const push: FuzzTarget = {
  name: 'push',
  seeds: REQUESTS,
  words: PAP_WORDS,
  run(octets) {
    const { type, body } = splitRequest(octets);
    const media = parseMediaType(type);
    if (media === undefined) return;
    const parts = isXmlType(media.type) ? [] : readMultipart(body, media).parts;
    const [control, ...entities] = parts;
    const xml = control === undefined ? body : decodedBody(control);
    for (const strict of [false, true]) {
      tolerated(() => {
        const document = parsePapDocument(xml);
        identify(document);
        const message = readPapDocument(document, strict);
        if (message.message !== 'push-message') return;
        const options = { domain: 'example.com', initiator: 'x', rawAddresses: true };
        const { content } = toSubmission(message, entities, options);
        for (const { name, value } of sipHeadersOf(content) ?? []) assert.doesNotMatch(name + value, /[\r\n\0]/);
      });
    }
  },
};

const multipart: FuzzTarget = {
  name: 'multipart',
  seeds: [
    ...REQUESTS.filter((one) => one.includes('multipart')),
    Buffer.from('multipart/mixed;boundary="a b"\n--a b\nContent-Type: text/plain\n\nx\n--a b--'),
  ],
  words: [
    '--',
    '\r\n',
    '\n',
    '--a b',
    '--a b--',
    'boundary=',
    '"',
    'Content-Transfer-Encoding: base64',
    'quoted-printable',
    ':',
  ],
  run(octets) {
    const { type, body } = splitRequest(octets);
    for (const part of readMultipart(body, type).parts) tolerated(() => decodedBody(part));
  },
};

const pap: FuzzTarget = {
  name: 'pap',
  seeds: REQUESTS.map((one) => {
    const start = Math.max(0, one.indexOf('<?xml'));
    const end = one.indexOf('</pap>');
    return one.subarray(start, end < 0 ? one.length : end + 6);
  }),
  words: PAP_WORDS,
  run(octets) {
    const message = readPap(octets);
    assert.deepEqual(readPap(Buffer.from(writePap(message))).message, message.message);
  },
};

/** The capabilities of a client that came with its push, or that it is to be told. */
const capabilities: FuzzTarget = {
  name: 'capabilities',
  seeds: buffers(
    writeCapabilities({
      applications: ['mms.ua', 'x-wap-application:wml.ua'],
      types: ['text/plain'],
      languages: ['en'],
    }),
    writeCapabilities({ applications: [], types: [], languages: [] }),
  ),
  words: [...PAP_WORDS, '<rdf:RDF ', '<rdf:li>', '</rdf:li>', '<rdf:Bag>', 'prf:', 'xmlns:rdf="', '<rdf:Description>'],
  run(octets) {
    tolerated(() => readProfileValues(octets));
    readCapabilities(octets);
  },
};

const address: FuzzTarget = {
  name: 'address',
  seeds: buffers(
    'WAPPUSH=+358401234567/TYPE=PLMN@ppg.example.com',
    'wappush=alice%40example.com/type=user@ppg.example.com',
    'WAPPUSH=sip%3Aalice%40example.com%3Bgr%3Dx/TYPE=USER@ppg',
    'WAPPUSH=+1/TYPE=PLMN/EXT=1@ppg',
    'sip:alice@example.com;gr=urn:uuid:f81d',
    'tel:+358-40-123',
    '+358401234567',
    '[::1]/TYPE=IPv6@x',
  ),
  words: [
    'WAPPUSH=',
    '/TYPE=',
    'PLMN',
    'USER',
    'IPv4',
    'ESC',
    '@',
    '%',
    '%00',
    '%0D',
    '/',
    ';gr=',
    '+',
    'sip:',
    'tel:',
  ],
  run(octets) {
    const input = text(octets);
    tolerated(() => addressText(input, 'ppg'));
    const { aor } = parseAddress(input, { domain: 'example.com' });
    assert.doesNotMatch(aor, /[\s<>"\0]/);
  },
};

const enumRule: FuzzTarget = {
  name: 'enum-rule',
  seeds: buffers(
    '!^.*$!sip:a@x.test!',
    '!^\\+44(.*)$!sip:\\1@x.test!i',
    '/^(\\+[0-9]{3}).*$/sip:\\1@x/',
    '#(.*)(.*)$#\\2\\1#',
  ),
  words: ['!', '^', '$', '(', ')', '.*', '+', '?', '{1,9}', '{', '}', '[0-9]', '[^', ']', '\\', '\\1', '|', '(?='],
  run(octets) {
    const uri = substitute(text(octets), '+441632960083');
    assert.ok(uri === undefined || uri.length <= 8192);
  },
};

const applicationId: FuzzTarget = {
  name: 'application-id',
  seeds: buffers(
    'x-wap-application:mms.ua',
    'mms.ua',
    '4',
    '0x9056',
    'urn:x-oma-docomo:open.ctl',
    'http://example.com/a',
  ),
  words: ['x-wap-application:', 'x-oma-application:', 'urn:', '0x', ':', ';', ',', '"', '<', '>'],
  run(octets) {
    const input = text(octets);
    canonicalApplication(input);
    tolerated(() => applicationIdOf([{ name: 'X-Wap-Application-Id', value: input }]));
    parseApplicationId(input);
  },
};

const contentType: FuzzTarget = {
  name: 'content-type',
  seeds: buffers(...new Set(Object.values(FIXTURE_TYPES)), 'text/plain; charset=utf-8;; x=\\"y\\"; q'),
  words: [';', '=', '"', '\\', '/', 'boundary=', 'type=', ' ', ',', '+xml'],
  run: (octets) => void parseMediaType(octets.toString('latin1')),
};

export const PUSH_TARGETS: readonly FuzzTarget[] = [
  push,
  multipart,
  pap,
  capabilities,
  address,
  enumRule,
  applicationId,
  contentType,
];

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { substitute } from '../../lib/addressing/enum.ts';
import { PpgError } from '../../lib/base/errors.ts';
import { sipHeadersOf } from '../../lib/bearer/push-headers.ts';
import { parseRetryAfter } from '../../lib/bearer/sip-outcome.ts';
import { gatewayConfiguration } from '../../lib/cli/config.ts';
import { nodeConfigSchema } from '../../lib/cli/config-schema.ts';
import { papTarget } from '../../lib/cli/pap-target.ts';
import { addressText } from '../../lib/cli/recipient.ts';
import { isXmlType, parseMediaType } from '../../lib/codec/mime/content-type.ts';
import { readMultipart } from '../../lib/codec/mime/multipart.ts';
import { decodedBody } from '../../lib/codec/mime/transfer-encoding.ts';
import { parseAddress } from '../../lib/codec/pap/address.ts';
import { parseDatetime } from '../../lib/codec/pap/datetime.ts';
import { identify, parsePapDocument } from '../../lib/codec/pap/document.ts';
import { readProfileValues } from '../../lib/codec/pap/profile-values.ts';
import { readPap, readPapDocument } from '../../lib/codec/pap/read.ts';
import { toSubmission } from '../../lib/codec/pap/submission.ts';
import { readCapabilities, writeCapabilities } from '../../lib/codec/pap/uaprof.ts';
import { writePap } from '../../lib/codec/pap/write.ts';
import { compile, decompile } from '../../lib/codec/wbxml/convert.ts';
import { decode } from '../../lib/codec/wbxml/decode.ts';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import { parseAnswerScript } from '../../lib/embedded/phone/answer-script.ts';
import { readAppMessage } from '../../lib/embedded/sipd/app-message.ts';
import { FrameReader } from '../../lib/embedded/sipd/frame.ts';
import { hopOf } from '../../lib/embedded/sipd/hop.ts';
import { parseCommand } from '../../lib/embedded/sipd/meta.ts';
import { bodyRefusal, frameRefusal, networkRefusal, requestRefusal } from '../../lib/embedded/sipd/refusals.ts';
import { applicationIdOf, canonicalApplication, parseApplicationId } from '../../lib/model/application-id.ts';
import { checkOptions, type PpgConfiguration } from '../../lib/options/options.ts';
import { parsePasswordHash } from '../../lib/security/password.ts';
import { toSrfCall } from '../../lib/sip/drachtio/frame.ts';
import { FIXTURE_TYPES, fixture } from '../support/pap-endpoint.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers, lines, tolerated } from './tools.ts';

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

const FRAME = (payload: string): string => `${payload.length}#${payload}`;

/** The connection of an application to sipd. */
const frames: FuzzTarget = {
  name: 'drachtio',
  seeds: buffers(
    FRAME('u1|authenticate|secret') + FRAME('u2|route|message') + FRAME('u3|ping'),
    FRAME(
      'u4|sip||||\r\nMESSAGE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi',
    ),
    FRAME('u5|sip|t1||sip:192.0.2.1;transport=tcp|\r\nSIP/2.0 200 OK\r\nContact: <sip:localhost>\r\n\r\n'),
  ),
  words: [
    '|',
    '#',
    '\r\n',
    '10#',
    '99999#',
    'u|sip|',
    'route|',
    'authenticate|',
    'SIP/2.0 ',
    'Contact: ',
    '@localhost',
    'INVITE ',
    '\0',
  ],
  run(octets) {
    const reader = new FrameReader((frame) => {
      frameRefusal(frame);
      const command = parseCommand(frame.payload);
      if (command.kind !== 'sip') return;
      const message = readAppMessage(command.message);
      if (typeof message === 'string') return;
      bodyRefusal(message);
      requestRefusal(message);
      hopOf('sip:a@b', command.route, [{ protocol: 'udp', host: '127.0.0.1', port: 5060 }]);
    });
    const size = 1 + (octets[octets.length - 1] ?? 0);
    for (let at = 0; at < octets.length; at += size) reader.push(octets.subarray(at, at + size));
    networkRefusal(octets);
  },
};

/** Lines: method and URI, then headers, then the body. */
const srfCall: FuzzTarget = {
  name: 'srf-call',
  seeds: [
    lines('MESSAGE sip:a@b', 'From: <sip:x>;tag=1', 'Content-Type: text/plain', '', 'hi'),
    lines('OPTIONS tel:+1;ext=2', '', ''),
  ],
  words: ['sip:', 'tel:+', '\r\n', ': ', 'Route: ', 'Authorization: ', '\0', 'é', '|', ';transport=', '?', '@'],
  run(octets) {
    const [head = '', body = ''] = octets.toString('latin1').split('\r\n\r\n', 2);
    const [first = '', ...rest] = head.split('\r\n');
    const [method = '', uri = ''] = first.split(' ', 2);
    const headers = rest.map((line) => {
      const colon = line.indexOf(':');
      return { name: line.slice(0, Math.max(0, colon)), value: line.slice(colon + 1) };
    });
    const call = toSrfCall({ method, uri, headers, body: Buffer.from(body, 'latin1') }, 'example.com');
    if (call.kind === 'cannot') return;
    assert.match(call.uri, /^sips?:[^\s]+$/i);
    for (const [name, value] of Object.entries(call.options.headers)) assert.doesNotMatch(name + value, /[\r\n\0]/);
  },
};

/** The configuration that the package brings, and one with all that it leaves out. */
const DEFAULTS: { readonly ppg: { readonly sip: object } } = JSON.parse(
  readFileSync(new URL('../../config/default.json', import.meta.url), 'utf8'),
);
const ELABORATE = {
  ...DEFAULTS.ppg,
  initiators: [{ name: 'a', passwordHash: 'scrypt$16384$8$1$YQ==$YQ==', strict: true }],
  accounts: 'a:b,c:d',
  sip: {
    ...DEFAULTS.ppg.sip,
    trustedPeers: '127.0.0.1, ::1',
    nextHop: 'sip:192.0.2.1;transport=tcp',
    credentials: [{ realm: 'r', username: 'u', password: 'p' }],
  },
  core: { port: '5060', users: { a: 'b' } },
  auth: { requireTls: 'yes', trustedProxies: '10.0.0.1, 10.1.0.0/16' },
  addresses: { aliases: { desk: 'sip:a@b', staff: ['sip:c@d', '+49301'] }, numbers: [{ prefix: '+49', domain: 'e' }] },
  qos: { networks: { GSM: ['sms'] }, bearers: { SMS: ['sms'], SIP: 'any' } },
  limits: { maxAge: 5 },
  notify: { allowPrivate: 'yes' },
};

/** What stands under `ppg` in a configuration file, as JSON. */
const config: FuzzTarget = {
  name: 'config',
  seeds: buffers(JSON.stringify(DEFAULTS.ppg), JSON.stringify(ELABORATE)),
  words: [
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    'null',
    'true',
    '"__proto__":',
    '"constructor":{}',
    '1e999',
    '""',
    '\\u0000',
    '"port":',
  ],
  run(octets) {
    let value: unknown;
    try {
      value = JSON.parse(text(octets));
    } catch {
      throw new PpgError('PPG_E_CONFIG', 'no JSON');
    }
    tolerated(() => checkOptions(value as PpgConfiguration));
    const read = nodeConfigSchema.safeParse(value);
    if (!read.success) throw new PpgError('PPG_E_CONFIG', 'refused');
    checkOptions(gatewayConfiguration(read.data));
  },
};

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

/** Single values that people and peers write. */
const values: FuzzTarget = {
  name: 'values',
  seeds: buffers(
    '2026-09-21T14:00:00Z',
    '120 (in a meeting);duration=60',
    '200,486:5,silent',
    'scrypt$16384$8$1$YWFhYWFhYWFhYWFhYWFhYQ==$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=',
    'http://user:pw@[::1]:8080/pap?x',
  ),
  words: ['Z', '+01:00', 'T', '-', ':', '$', 'scrypt$', ',', 'silent', 'http://', '(', ')', ';'],
  run(octets) {
    const input = text(octets);
    parseDatetime(input);
    parseRetryAfter(input);
    tolerated(() => parseAnswerScript(input));
    tolerated(() => papTarget({ url: input, user: 'a', pass: 'b' }));
    tolerated(() => parsePasswordHash(input));
  },
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
  frames,
  srfCall,
  config,
  wbxmlText,
  wbxml,
  values,
];

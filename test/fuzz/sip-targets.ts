import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { parseCSeq } from '../../lib/codec/sip/cseq.ts';
import {
  digestResponse,
  formatChallenge,
  formatCredentials,
  nextNonce,
  parseChallenges,
  parseCredentials,
  strongest,
} from '../../lib/codec/sip/digest.ts';
import { splitList } from '../../lib/codec/sip/list.ts';
import { SipHeaders } from '../../lib/codec/sip/message.ts';
import { formatNameAddr, parseNameAddr } from '../../lib/codec/sip/name-addr.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { salvageRequest } from '../../lib/codec/sip/salvage.ts';
import { StreamFramer } from '../../lib/codec/sip/stream-framer.ts';
import { formatUri, parseRequestUri, parseUri } from '../../lib/codec/sip/uri.ts';
import { canonicalAor, sameUri } from '../../lib/codec/sip/uri-compare.ts';
import { formatVia, parseVia } from '../../lib/codec/sip/via.ts';
import { writeSip } from '../../lib/codec/sip/write.ts';
import { CallerPreferencesReader, disposition } from '../../lib/embedded/core/caller-preferences.ts';
import { DigestGuard } from '../../lib/embedded/core/digest-guard.ts';
import { readApplications } from '../../lib/sip/feature-tags.ts';
import { readContacts } from '../../lib/sip/registrations/register-contacts.ts';
import { readThirdPartyRegister } from '../../lib/sip/registrations/third-party-register.ts';
import { checkRequest, stampTopVia } from '../../lib/stack/inbound.ts';
import { tortureMessage, tortureNames } from '../support/torture.ts';
import { CAPABILITY_TARGET } from './capability-target.ts';
import type { FuzzTarget } from './fuzz.ts';
import { OMA_PUSH_TARGET } from './oma-push-target.ts';
import { REGINFO_TARGET } from './reginfo-target.ts';
import { SENDER_TARGET } from './sender-target.ts';
import { buffers, lines, tolerated } from './tools.ts';

const TORTURE = (['rfc4475', 'rfc5118'] as const).flatMap((source) =>
  tortureNames(source).map((name) => tortureMessage(source, name)),
);

const MESSAGE = lines(
  'MESSAGE sip:alice@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa',
  'Max-Forwards: 70',
  'From: <sip:push@example.com>;tag=1',
  'To: "A \\" B" <sip:alice@example.com>',
  'Call-ID: 1@a',
  'CSeq: 9 MESSAGE',
  'Accept-Contact: *;+g.oma.pusheventapp="mms.ua";require;explicit, *;audio;+q="#>=3,<x>"',
  'Reject-Contact: *;video="FALSE"',
  'Request-Disposition: fork, parallel',
  'P-Asserted-Identity: <sip:push@example.com>, <tel:+358-40>',
  'Authorization: Digest username="a", realm="r", nonce="n", uri="sip:b", response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"',
  'Content-Type: application/vnd.wap.mms-message',
  'Content-Length: 5',
  '',
  'he\0lo',
);

/** Without its Content-Length a message survives more changes to its body and to what stands before it. */
const WITHOUT_LENGTH = [...TORTURE, MESSAGE].map((octets) =>
  Buffer.from(octets.toString('latin1').replace(/^(?:Content-Length|l)[ \t]*:[^\r]*\r\n/gim, ''), 'latin1'),
);

const WORDS = [
  ...['\r\n', '\r\n ', '\r\n\r\n', 'SIP/2.0', ' SIP/2.0\r\n', 'Via: ', 'v:', 'From: ', 'To:', 'Call-ID: ', 'CSeq: 1 '],
  ...[
    'Content-Length: ',
    'l:',
    'Contact: ',
    'm: *',
    'Route: <',
    'branch=z9hG4bK',
    ';tag=',
    ';rport',
    ';received=',
    '<sip:',
  ],
  ...[
    'sips:',
    'tel:+1',
    '%00',
    '%',
    '\\"',
    '"',
    '[::1]',
    '[',
    ']:5060',
    ';lr>',
    ',',
    ';',
    '?a=b',
    '&',
    '@',
    '\xc3\xa9',
  ],
];

const FLOW = { protocol: 'udp', host: '192.0.2.1', port: 9, localHost: '192.0.2.2', localPort: 5060 } as const;

/** Everything that is done with a message off the network before anybody looks at what it wants. */
const message: FuzzTarget = {
  name: 'sip',
  seeds: [...TORTURE, MESSAGE, MESSAGE, ...WITHOUT_LENGTH],
  words: WORDS,
  run(octets) {
    tolerated(() => {
      const salvaged = salvageRequest(octets);
      if (salvaged !== undefined) writeSip(respondTo(salvaged, 400));
    });
    const read = parseSip(octets);
    const { headers } = read;
    assert.deepEqual(parseSip(writeSip(read)).body, read.body);
    for (const name of ['Via', 'Contact', 'Route', 'Record-Route', 'P-Asserted-Identity', 'From', 'To']) {
      tolerated(() => {
        for (const value of headers.all(name).flatMap(splitList)) {
          if (name === 'Via') parseVia(value);
          else parseUri(parseNameAddr(value).uri);
        }
      });
    }
    tolerated(() => parseCSeq(headers.get('CSeq') ?? ''));
    tolerated(() => headers.all('Authorization').map(parseCredentials));
    tolerated(() => new CallerPreferencesReader().read(headers));
    disposition(headers);
    readContacts(headers.all('Contact'));
    if (read.kind !== 'request') return;
    tolerated(() => parseRequestUri(read.uri));
    writeSip(respondTo(read, 400));
    checkRequest(read);
    stampTopVia(headers, FLOW);
    writeSip(respondTo(read, 200));
  },
};

/** A TCP connection, cut where its first octet says. */
const stream: FuzzTarget = {
  name: 'sip-stream',
  seeds: [...TORTURE, Buffer.concat([MESSAGE, Buffer.from('\r\n\r\n'), MESSAGE])],
  words: WORDS,
  run(octets) {
    const framer = new StreamFramer({ onMessage: (one) => void writeSip(one), onPing: () => undefined });
    const size = 1 + (octets[0] ?? 0) * 7;
    for (let at = 0; at < octets.length; at += size) framer.push(octets.subarray(at, at + size));
  },
};

const text = (octets: Buffer): string => octets.toString('utf8');

const URI_WORDS = [
  'sip:',
  'sips:',
  'tel:',
  '+',
  '%41',
  '%',
  '[::1]',
  ':',
  ';',
  '=',
  '?',
  '&',
  '@',
  ';user=phone',
  ';transport=tcp',
];

const uri: FuzzTarget = {
  name: 'uri',
  seeds: buffers(
    'sip:alice@example.com',
    'sips:a%40b:pw@[2001:db8::1]:5061;transport=tcp;lr;maddr=192.0.2.1?Subject=x&a=b',
    'tel:+358-40-123.45;ext=1;phone-context=example.com',
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    'sip:+358401234;isub=2@example.com;user=phone;gr=urn:uuid:f81d4fae',
  ),
  words: URI_WORDS,
  run(octets) {
    const input = text(octets);
    const read = parseUri(input);
    assert.deepEqual(parseUri(formatUri(read)), read);
    assert.equal(sameUri(read, read), true);
    const canonical = canonicalAor(input);
    assert.equal(canonicalAor(canonical), canonical);
  },
};

const nameAddr: FuzzTarget = {
  name: 'name-addr',
  seeds: buffers(
    '"A \\" B" <sip:a@b;x>;tag=1;q=0.5',
    'sip:a@b;tag=x',
    'T. Watson <sips:c@[::1]:5>;+sip.instance="<urn:uuid:x>";expires=7, <tel:+1>',
    '*',
  ),
  words: [...URI_WORDS, '<', '>', '"', '\\', ',', ';tag=', ';+sip.instance="<', '*'],
  run(octets) {
    for (const element of splitList(text(octets))) {
      const read = parseNameAddr(element);
      assert.deepEqual(parseNameAddr(formatNameAddr(read)), read);
    }
  },
};

const via: FuzzTarget = {
  name: 'via',
  seeds: buffers(
    'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport;received=192.0.2.2',
    'SIP  / 2.0 / TCP  [::1] : 5 ; branch = x , SIP/7.0/X a',
  ),
  words: ['SIP/2.0/', ' / ', ';branch=', ';rport', ';received=[::1]', ',', ':', '[', ']', '"', ' '],
  run(octets) {
    for (const element of splitList(text(octets))) {
      const read = parseVia(element);
      assert.deepEqual(parseVia(formatVia(read)), read);
    }
  },
};

const guard = new DigestGuard(systemClock, 'r', { a: 'secret' }, ['SHA-256', 'MD5']);

const digest: FuzzTarget = {
  name: 'digest',
  seeds: buffers(
    'Digest realm="r", nonce="n", opaque="o", stale=TRUE, algorithm=SHA-256, qop="auth,auth-int"',
    'Basic realm="x", Digest realm="a, b", nonce="\\"", algorithm=MD5-sess, qop=auth, Digest realm="c", nonce="d"',
    'Digest username="a", realm="r", nonce="n", uri="sip:b", response="ab", algorithm=MD5, cnonce="c", qop=auth, nc=00000001',
    'nextnonce="x", qop=auth',
  ),
  words: [
    'Digest ',
    'realm=',
    'nonce="',
    'qop="auth"',
    'auth-int',
    'algorithm=',
    'SHA-512-256',
    '-sess',
    ',',
    '"',
    '\\',
    '=',
    ' ',
  ],
  run(octets) {
    const input = text(octets);
    tolerated(() => nextNonce(input));
    tolerated(() => {
      const challenge = strongest(parseChallenges([input]));
      if (challenge !== undefined) assert.deepEqual(parseChallenges([formatChallenge(challenge)]), [challenge]);
    });
    const credentials = parseCredentials(input);
    if (credentials === undefined) return;
    assert.deepEqual(parseCredentials(formatCredentials(credentials)), credentials);
    digestResponse({ ...credentials, password: 'p', method: 'REGISTER' });
    const headers = new SipHeaders([
      { name: 'Via', value: 'SIP/2.0/UDP a' },
      { name: 'To', value: '<sip:a@r>' },
      { name: 'Authorization', value: input },
    ]);
    const request = { kind: 'request', method: 'REGISTER', uri: 'sip:b', headers, body: Buffer.alloc(0) } as const;
    assert.notEqual(guard.refuse(request, 'sip:a@r'), undefined, 'nobody gets in');
  },
};

const preferences: FuzzTarget = {
  name: 'caller-preferences',
  seeds: buffers(
    '*;+g.oma.pusheventapp="mms.ua,<x-oma-docomo:open.ctl>";require;explicit, *;audio;video="FALSE"',
    '*;+sip.instance="<urn:uuid:x>";+q="#>=3.5,#1:4,!a";methods="MESSAGE,!BYE"',
  ),
  words: ['*;', '+g.oma.pusheventapp=', '"', '<', '>', '#', '#>=', ':', '!', ',', ';require', ';explicit', '\\'],
  run(octets) {
    const value = text(octets);
    readApplications(value);
    const headers = new SipHeaders([
      { name: 'Accept-Contact', value },
      { name: 'Reject-Contact', value },
      { name: 'Request-Disposition', value },
    ]);
    disposition(headers);
    new CallerPreferencesReader().read(headers);
  },
};

const CONTEXT = { domain: 'example.com', now: 1_800_000_000_000 };

/** First line To, second Content-Type, then the body. */
const thirdPartyRegister: FuzzTarget = {
  name: 'third-party-register',
  seeds: [
    lines(
      '<sip:u@example.com>',
      'message/sip',
      'REGISTER sip:example.com SIP/2.0',
      'Contact: <sip:u@192.0.2.1>;+sip.instance="<urn:uuid:a>";+g.oma.pusheventapp="mms.ua";expires=600',
      'Expires: 3600',
      '',
      '',
    ),
    lines(
      '<tel:+35840123>',
      'multipart/mixed;boundary=b',
      '--b',
      'Content-Type: message/sip',
      '',
      'REGISTER sip:example.com SIP/2.0',
      'm: *, <sips:x@y;gr>',
      '',
      '--b',
      'Content-Type: message/sip',
      '',
      'SIP/2.0 200 OK',
      'Contact: <sip:u@192.0.2.1>;pub-gruu="sip:u@example.com;gr=x";expires=99',
      'P-Associated-URI: <sip:u@example.com>, <tel:+1>',
      '',
      '--b--',
      '',
    ),
  ],
  words: [
    ...WORDS,
    '--b',
    '--b--',
    'Expires: 0',
    'P-Associated-URI: ',
    ';expires=',
    '+sip.instance="<urn:',
    'pub-gruu="',
  ],
  run(octets) {
    const [to = '', type = ''] = octets.toString('latin1', 0, 400).split('\r\n', 2);
    const rawBody = octets.subarray(Math.min(octets.length, to.length + type.length + 4));
    const headers = new Map([
      ['to', to],
      ['content-type', type],
      ['expires', '600'],
    ]);
    const request = {
      get: (name: string) => headers.get(name.toLowerCase()),
      body: rawBody.toString('latin1'),
      rawBody,
    };
    const update = readThirdPartyRegister(request, CONTEXT);
    for (const device of update?.devices ?? []) assert.doesNotMatch(device.id, /[\r\n\0<>]/);
  },
};

export const SIP_TARGETS: readonly FuzzTarget[] = [
  message,
  stream,
  uri,
  nameAddr,
  via,
  digest,
  preferences,
  thirdPartyRegister,
  OMA_PUSH_TARGET,
  REGINFO_TARGET,
  CAPABILITY_TARGET,
  SENDER_TARGET,
];

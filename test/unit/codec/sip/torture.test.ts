import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { parseCSeq } from '../../../../lib/codec/sip/cseq.ts';
import { parseChallenges, parseCredentials } from '../../../../lib/codec/sip/digest.ts';
import { splitList } from '../../../../lib/codec/sip/list.ts';
import type { SipMessage, SipRequest } from '../../../../lib/codec/sip/message.ts';
import { parseNameAddr, parseNameAddrs } from '../../../../lib/codec/sip/name-addr.ts';
import { parseSip } from '../../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../../lib/codec/sip/respond-to.ts';
import { parseRequestUri, parseUri } from '../../../../lib/codec/sip/uri.ts';
import { parseVia } from '../../../../lib/codec/sip/via.ts';
import { writeSip } from '../../../../lib/codec/sip/write.ts';
import { checkRequest } from '../../../../lib/stack/inbound.ts';
import { type TortureSource, tortureMessage, tortureNames } from '../../../support/torture.ts';

/** Reads all of a message that any part of the gateway would ever read. Throws the first refusal. */
function readAll(octets: Buffer): SipMessage {
  const message = parseSip(octets);
  const { headers } = message;
  if (message.kind === 'request') {
    checkRequest(message);
    parseRequestUri(message.uri);
  }
  for (const via of headers.all('Via').flatMap(splitList)) parseVia(via);
  parseCSeq(headers.get('CSeq') ?? '');
  for (const name of ['From', 'To']) parseUri(parseNameAddr(headers.get(name) ?? '').uri);
  for (const name of ['Contact', 'Route', 'Record-Route'])
    for (const { uri } of parseNameAddrs(headers.all(name))) parseUri(uri);
  for (const value of headers.all('Authorization')) parseCredentials(value);
  parseChallenges(headers.all('WWW-Authenticate'));
  return message;
}

/** What the codec makes of each: `ok`, or the status of its refusal (of a response: it is dropped). */
type Verdict = 'ok' | 400 | 416 | 505 | 'dropped';

const RFC_4475: Readonly<Record<string, Verdict>> = {
  // 3.1.1, valid
  wsinv: 'ok',
  intmeth: 'ok',
  esc01: 'ok',
  escnull: 'ok',
  esc02: 'ok',
  lwsdisp: 'ok',
  longreq: 'ok',
  dblreq: 'ok',
  semiuri: 'ok',
  transports: 'ok',
  mpart01: 'ok',
  unreason: 'ok',
  noreason: 'ok',
  // 3.1.2, invalid
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: 'dropped',
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 400,
  trws: 400,
  escruri: 400,
  baddate: 'ok', // nobody reads the Date of a request, and the RFC lets it be ignored
  regbadct: 400,
  badaspec: 400,
  baddn: 400,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: 'dropped',
  // 3.2, transaction layer
  badbranch: 'ok', // matched as RFC 2543 does
  // 3.3, application layer: most are well-formed, and what they ask is refused elsewhere
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: 416, // a registrar has no use for such a To
  bext01: 'ok',
  invut: 'ok',
  regaut01: 'ok',
  multi01: 400,
  mcl01: 400,
  bcast: 'ok', // dropped by whoever finds a Via too many
  zeromf: 'ok',
  cparam01: 'ok',
  cparam02: 'ok',
  regescrt: 'ok',
  sdp01: 'ok',
  // 3.4
  inv2543: 'ok',
};

const RFC_5118: Readonly<Record<string, Verdict>> = {
  'ipv6-good': 'ok',
  'ipv6-bad': 400,
  'port-ambiguous': 'ok', // an address that ends in 5070, and no port
  'port-unambiguous': 'ok',
  'via-received-param-with-delim': 'ok',
  'via-received-param-no-delim': 'ok',
  'ipv6-in-sdp': 'ok',
  'mult-ip-in-header': 'ok',
  'mult-ip-in-sdp': 'ok',
  'ipv4-mapped-ipv6': 'ok',
  'ipv6-bug-abnf-3-colons': 400, // RFC 5954 has taken the third colon out of the grammar
};

function verdictOf(octets: Buffer): Verdict {
  try {
    readAll(octets);
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof PpgError, String(error));
    return octets.toString('latin1', 0, 4) === 'SIP/' ? 'dropped' : (error.sipStatus as Verdict);
  }
}

for (const [source, verdicts] of [
  ['rfc4475', RFC_4475],
  ['rfc5118', RFC_5118],
] as [TortureSource, Readonly<Record<string, Verdict>>][]) {
  describe(`torture messages of ${source}`, () => {
    it('are all here', () => assert.deepEqual(tortureNames(source), Object.keys(verdicts).sort()));

    for (const [name, verdict] of Object.entries(verdicts)) {
      it(`${name}: ${verdict}`, () => {
        const octets = tortureMessage(source, name);
        assert.equal(verdictOf(octets), verdict);
        if (verdict !== 'ok') return;
        const message = readAll(octets);
        const written = readAll(writeSip(message));
        assert.deepEqual(written.body, message.body);
        if (message.kind === 'request') readAll(writeSip(respondTo(message, 400)));
      });
    }
  });
}

describe('torture messages are read as they mean', () => {
  const request = (name: string, source: TortureSource = 'rfc4475'): SipRequest => {
    const message = readAll(tortureMessage(source, name));
    assert.ok(message.kind === 'request');
    return message;
  };
  const only = (name: string, header: string): ReturnType<typeof parseNameAddr> =>
    parseNameAddr(request(name).headers.get(header) ?? '');
  const vias = (message: SipRequest): string[] =>
    message.headers
      .all('Via')
      .flatMap(splitList)
      .map(parseVia)
      .map(({ transport, host, port }) => `${transport} ${host} ${port ?? '-'}`);

  it('wsinv: folds, blanks, compact forms and escapes', () => {
    const message = request('wsinv');
    const { headers } = message;
    assert.equal(message.uri, 'sip:vivekg@chair-dnrc.example.com;unknownparam');
    assert.deepEqual(only('wsinv', 'From').displayName, 'J Rosenberg \\"');
    assert.deepEqual(parseCSeq(headers.get('CSeq') ?? ''), { number: 9, method: 'INVITE' });
    assert.equal(headers.get('Max-Forwards'), '0068');
    assert.equal(headers.get('Subject'), '');
    assert.equal(headers.get('NewFangledHeader'), 'newfangled value continued newfangled value');
    assert.equal(headers.get('UnknownHeaderWithUnusualValue'), ';;,,;;,;');
    assert.deepEqual(vias(message), ['UDP 192.0.2.2 -', 'TCP spindle.example.com -', 'UDP 192.168.255.111 -']);
    assert.equal(only('wsinv', 'Contact').displayName, 'Quoted string ""');
    assert.deepEqual(
      only('wsinv', 'Contact').params.map(({ name, value }) => [name, value]),
      [
        ['newparam', 'newvalue'],
        ['secondparam', undefined],
        ['q', '0.33'],
      ],
    );
    assert.equal(message.body.length, 150);
  });

  it('intmeth: every character a token and a user may have, NUL as a quoted pair, UTF-8', () => {
    const { method, headers } = request('intmeth');
    assert.equal(method, "!interesting-Method0123456789_*+`.%indeed'~");
    assert.equal(only('intmeth', 'To').displayName, 'BEL:\x07 NUL:\0 DEL:\x7f');
    assert.equal(only('intmeth', 'From').displayName, "token1~` token2'+_ token3*%!.-");
    assert.equal(only('intmeth', 'From').params[0]?.value, '"работающий"');
    assert.equal(headers.get("extensionHeader-!.%*+_`'~"), '\ufeff大停電');
  });

  it('esc02: a % in a method or header name is none that escapes', () => {
    const { method, headers } = request('esc02');
    assert.equal(method, 'RE%47IST%45R');
    assert.equal(headers.all('Contact').length, 2);
    assert.equal(headers.get('C%6Fntact'), '<sip:alias2@host2.example.com>');
  });

  it('dblreq: what stands behind Content-Length is cut off', () => {
    const message = request('dblreq');
    assert.deepEqual([message.method, message.body.length], ['REGISTER', 0]);
  });

  it('semiuri: a ";" of the user is none of the host', () => {
    const uri = parseUri(request('semiuri').uri);
    assert.ok(uri.scheme === 'sip');
    assert.deepEqual([uri.user, uri.host, uri.params], ['user;par=u%40example.net', 'example.com', []]);
  });

  it('transports: protocols that nobody knows', () => {
    assert.deepEqual(
      vias(request('transports')).map((via) => via.split(' ')[0]),
      ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'],
    );
  });

  it('mpart01: a body of any octets', () => {
    const { body } = request('mpart01');
    assert.equal(body.length, 553);
    assert.ok(body.includes(0));
  });

  it('unreason, noreason: any phrase or none', () => {
    for (const [name, phrase] of [
      ['unreason', '= 2**3 * 5**2 но сто девяносто девять - простое'],
      ['noreason', ''],
    ] as const) {
      const message = readAll(tortureMessage('rfc4475', name));
      assert.equal(message.kind === 'response' && message.reason, phrase);
    }
  });

  it('cparam01, cparam02: a parameter without brackets is the header’s, within them the URI’s', () => {
    assert.deepEqual(only('cparam01', 'Contact').params, [{ name: 'unknownparam' }]);
    assert.deepEqual(only('cparam02', 'Contact').params, []);
    assert.match(only('cparam02', 'Contact').uri, /;unknownparam$/);
  });

  it('port-ambiguous, port-unambiguous: where an IPv6 address ends', () => {
    const hostOf = (name: string): unknown => {
      const uri = parseUri(request(name, 'rfc5118').uri);
      return uri.scheme === 'tel' ? undefined : [uri.host, uri.port];
    };
    assert.deepEqual(hostOf('port-ambiguous'), ['2001:db8::10:5070', undefined]);
    assert.deepEqual(hostOf('port-unambiguous'), ['2001:db8::10', 5070]);
  });

  it('IPv4 and IPv6 in the Vias of one message', () => {
    assert.deepEqual(vias(request('mult-ip-in-header', 'rfc5118')), [
      'UDP 2001:db8::9:1 6050',
      'UDP 192.0.2.1 -',
      'TCP 2001:db8::9:255 -',
    ]);
    assert.deepEqual(vias(request('ipv4-mapped-ipv6', 'rfc5118')), [
      'UDP ::ffff:192.0.2.10 19823',
      'UDP ::ffff:192.0.2.2 -',
    ]);
  });
});

import assert from 'node:assert/strict';
import type { SipRequest } from '../../../lib/codec/sip/message.ts';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { parseVia } from '../../../lib/codec/sip/via.ts';
import { checkRequest, stampTopVia, topViaOf } from '../../../lib/stack/inbound.ts';
import { reachableHost, ViaMaker } from '../../../lib/stack/sent-by.ts';
import { serverKey } from '../../../lib/stack/transaction-table.ts';
import type { Flow } from '../../../lib/stack/types.ts';

const FLOW: Flow = { protocol: 'udp', host: '192.0.2.7', port: 40_000, localHost: '192.0.2.2', localPort: 5060 };

const LINES: Record<string, string> = {
  Via: 'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
  From: '<sip:a@example.com>;tag=1',
  To: '<sip:b@example.com>',
  'Call-ID': '1@a',
  CSeq: '7 MESSAGE',
};

function request(
  change: Record<string, string | undefined> = {},
  method = 'MESSAGE',
  extra: string[] = [],
): SipRequest {
  const lines = Object.entries({ ...LINES, ...change }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return parseSip(
    Buffer.from(`${method} sip:b@example.com SIP/2.0\r\n${[...lines, ...extra].join('\r\n')}\r\n\r\n`),
  ) as SipRequest;
}

const stamped = (via: string): { text: string | undefined; port: number } => {
  const { headers } = request({ Via: via });
  const { port } = stampTopVia(headers, FLOW);
  return { text: headers.get('Via'), port };
};

describe('the topmost Via of a request', () => {
  it('stays as it is when it names where the request came from', () => {
    assert.deepEqual(stamped('SIP/2.0/UDP 192.0.2.7:5070;branch=z'), {
      text: 'SIP/2.0/UDP 192.0.2.7:5070;branch=z',
      port: 5070,
    });
    assert.equal(stamped('SIP/2.0/UDP 192.0.2.7;branch=z').port, 5060);
  });

  it('gets received when it names another host (RFC 3261 section 18.2.1)', () => {
    assert.deepEqual(stamped('SIP/2.0/UDP phone.example;branch=z'), {
      text: 'SIP/2.0/UDP phone.example;branch=z;received=192.0.2.7',
      port: 5060,
    });
  });

  it('gets received and rport when it asks for them (RFC 3581 section 4)', () => {
    assert.deepEqual(stamped('SIP/2.0/UDP 192.0.2.7;rport;branch=z'), {
      text: 'SIP/2.0/UDP 192.0.2.7;branch=z;received=192.0.2.7;rport=40000',
      port: 40_000,
    });
  });

  it('is not believed about received and rport', () => {
    assert.equal(
      stamped('SIP/2.0/UDP 10.0.0.1;Received=198.51.100.1;rPort=99;branch=z').text,
      'SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.7;rport=40000',
    );
  });

  it('alone changes when the field has several', () => {
    assert.equal(
      stamped('SIP/2.0/UDP a;branch=z, SIP/2.0/UDP b;branch=y').text,
      'SIP/2.0/UDP a;branch=z;received=192.0.2.7, SIP/2.0/UDP b;branch=y',
    );
  });

  it('must be there', () => assert.throws(() => topViaOf(request({ Via: undefined }).headers), /no Via/));
});

describe('a request', () => {
  it('with all it needs passes', () => assert.deepEqual(checkRequest(request()), { number: 7, method: 'MESSAGE' }));

  for (const name of ['From', 'To', 'Call-ID', 'CSeq'])
    it(`without ${name} is malformed (RFC 4475 section 3.3.1)`, () =>
      assert.throws(() => checkRequest(request({ [name]: undefined })), new RegExp(`no ${name}`)));

  for (const [name, value] of Object.entries(LINES).filter(([key]) => key !== 'Via'))
    it(`with two of ${name} is malformed (RFC 4475 section 3.3.8)`, () =>
      assert.throws(() => checkRequest(request({}, 'MESSAGE', [`${name}: ${value}`])), /more than one/));

  it('whose CSeq names another method is malformed (RFC 4475 section 3.1.2.17)', () =>
    assert.throws(() => checkRequest(request({ CSeq: '8 INVITE' })), /CSeq names INVITE/));

  it('with a From that cannot be read is malformed', () =>
    assert.throws(() => checkRequest(request({ From: 'Bell, A <sip:a@b>' }))));
});

describe('server transactions are told apart', () => {
  const key = (message: SipRequest): string => serverKey(message, topViaOf(message.headers));

  it('by branch, sent-by and method (RFC 3261 section 17.2.3)', () => {
    const same = key(request());
    assert.equal(key(request({ CSeq: '8 MESSAGE', 'Call-ID': 'other' })), same);
    assert.equal(key(request({ Via: 'SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1' })), same);
    assert.notEqual(key(request({ Via: 'SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK1' })), same);
    assert.notEqual(key(request({ Via: 'SIP/2.0/UDP 192.0.2.7:5061;branch=z9hG4bK1' })), same);
    assert.notEqual(key(request({ Via: 'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK2' })), same);
    assert.notEqual(key(request({}, 'OPTIONS')), same);
  });

  it('an ACK belongs to its INVITE', () => {
    assert.equal(key(request({}, 'ACK')), key(request({}, 'INVITE')));
  });

  it('by everything that identifies the request where the branch is of RFC 2543', () => {
    for (const via of [
      'SIP/2.0/UDP 192.0.2.7',
      'SIP/2.0/UDP 192.0.2.7;branch=1',
      'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK',
    ]) {
      const same = key(request({ Via: via }));
      assert.equal(key(request({ Via: via })), same);
      for (const change of [{ 'Call-ID': 'other' }, { CSeq: '8 MESSAGE' }, { From: '<sip:a@example.com>;tag=2' }])
        assert.notEqual(key(request({ Via: via, ...change })), same);
    }
  });
});

describe('the Via of our requests', () => {
  const points = [
    { protocol: 'udp', host: '192.0.2.1', port: 5070 },
    { protocol: 'udp', host: '2001:db8::1', port: 5071 },
    { protocol: 'tcp', host: '192.0.2.1', port: 5072 },
  ] as const;
  const to = (protocol: 'udp' | 'tcp', host: string): { protocol: 'udp' | 'tcp'; host: string; port: number } => ({
    protocol,
    host,
    port: 5060,
  });

  it('names the listen point of the hop', () => {
    const vias = new ViaMaker(points, undefined);
    assert.equal(vias.via(to('udp', '192.0.2.9'), 'z1'), 'SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z1');
    assert.equal(vias.via(to('udp', '2001:db8::9'), 'z2'), 'SIP/2.0/UDP [2001:db8::1]:5071;rport;branch=z2');
    assert.equal(vias.via(to('tcp', 'host.example'), 'z3'), 'SIP/2.0/TCP 192.0.2.1:5072;rport;branch=z3');
    assert.ok(vias.isOwn(parseVia('SIP/2.0/UDP [2001:DB8::1]:5071')));
    assert.ok(!vias.isOwn(parseVia('SIP/2.0/UDP 192.0.2.1:5073')));
  });

  it('names what is advertised', () => {
    assert.match(new ViaMaker(points, 'gw.example').via(to('udp', '192.0.2.9'), 'z'), /UDP gw\.example:5070;/);
    assert.match(
      new ViaMaker(points, { host: 'gw.example', port: 9 }).via(to('tcp', '192.0.2.9'), 'z'),
      /TCP gw\.example:9;/,
    );
  });

  it('names no port that is for another kind of transport, nor any where nothing listens', () => {
    const secure = new ViaMaker([{ protocol: 'tls', host: '192.0.2.1', port: 5061 }], undefined);
    assert.match(secure.via(to('tcp', '192.0.2.9'), 'z'), /TCP 192\.0\.2\.1;/);
    assert.match(secure.via({ ...to('tcp', '192.0.2.9'), protocol: 'tls' }, 'z'), /TLS 192\.0\.2\.1:5061;/);
    assert.ok(secure.isOwn(parseVia('SIP/2.0/TCP 192.0.2.1')) && secure.isOwn(parseVia('SIP/2.0/TLS 192.0.2.1:5061')));
    const client = new ViaMaker([], 'gw.example');
    assert.match(client.via(to('tcp', '192.0.2.9'), 'z'), /TCP gw\.example;/);
    assert.ok(client.isOwn(parseVia('SIP/2.0/TCP gw.example')));
    assert.ok(!client.isOwn(parseVia('SIP/2.0/TCP 192.0.2.1')));
  });

  it('never names a wildcard', () => {
    assert.notEqual(reachableHost('0.0.0.0'), '0.0.0.0');
    assert.notEqual(reachableHost('::'), '::');
    assert.equal(reachableHost('192.0.2.1'), '192.0.2.1');
  });
});

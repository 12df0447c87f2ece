import assert from 'node:assert/strict';
import { readAppMessage, withoutLocalhost } from '../../../../lib/embedded/sipd/app-message.ts';
import { hopOf } from '../../../../lib/embedded/sipd/hop.ts';
import { networkRefusal } from '../../../../lib/embedded/sipd/refusals.ts';
import { Routes } from '../../../../lib/embedded/sipd/routes.ts';

const LISTENING = [
  { protocol: 'udp', host: '127.0.0.1', port: 5070 },
  { protocol: 'tcp', host: '127.0.0.1', port: 5070 },
] as const;

describe('sipd routes', () => {
  it('take turns, and a route asked for twice has two of them', () => {
    const routes = new Routes<string>();
    routes.add('message', 'a');
    routes.add('message', 'b');
    routes.add('message', 'b');
    const picked = Array.from({ length: 6 }, () => routes.pick('message'));
    assert.deepEqual(picked, ['a', 'b', 'b', 'a', 'b', 'b']);
    assert.equal(routes.pick('options'), undefined);
  });

  it('pass over who cannot be used now', () => {
    const routes = new Routes<string>();
    for (const client of ['a', 'b', 'c']) routes.add('message', client);
    const picked = Array.from({ length: 4 }, () => routes.pick('message', (one) => one !== 'b'));
    assert.deepEqual(picked, ['a', 'c', 'a', 'c']);
    assert.equal(
      routes.pick('message', () => false),
      undefined,
    );
  });

  it('end with their client', () => {
    const routes = new Routes<string>();
    routes.add('message', 'a');
    routes.add('options', 'a');
    routes.add('message', 'b');
    assert.equal(routes.countOf('a'), 2);
    routes.remove('a');
    assert.deepEqual([routes.pick('message'), routes.pick('message'), routes.pick('options')], ['b', 'b', undefined]);
  });
});

describe('sipd next hop', () => {
  const hop = (uri: string, route = ''): unknown => {
    const result = hopOf(uri, route, LISTENING);
    return result.kind === 'hop' ? `${result.hop.protocol} ${result.hop.host} ${result.hop.port}` : result.kind;
  };

  it('is where the request URI says, or the route', () => {
    assert.equal(hop('sip:a@example.com'), 'udp example.com 5060');
    assert.equal(hop('sip:a:b@c@[2001:db8::1]:5080;transport=TCP?x=y'), 'tcp 2001:db8::1 5080');
    assert.equal(hop('sip:a@example.com;maddr=192.0.2.7'), 'udp 192.0.2.7 5060');
    assert.equal(hop('sip:a@example.com', 'sip:192.0.2.1:6060;lr;transport=tcp'), 'tcp 192.0.2.1 6060');
    assert.equal(hop('sip:a@example.com', '192.0.2.1:6060'), 'udp 192.0.2.1 6060');
    assert.equal(hop('tel:+1555', '<sip:192.0.2.1>'), 'udp 192.0.2.1 5060');
  });

  it('is refused when it cannot be used', () => {
    assert.equal(hop('sips:a@example.com'), 'sips');
    for (const uri of [
      'urn:service:sos',
      'sip:',
      'sip:a@',
      'sip:a@ex ample',
      'sip:a@h:0',
      'sip:a@h;transport=sctp',
      'x',
    ])
      assert.equal(hop(uri), 'refused', uri);
  });
});

describe('what an application wrote', () => {
  const read = (text: string): string[] => {
    const message = readAppMessage(Buffer.from(text));
    assert.ok(typeof message !== 'string', String(message));
    return message.fields.map(({ name, value }) => `${name}: ${value}`);
  };
  const START = 'MESSAGE sip:a@b SIP/2.0\r\n';

  it('gets the names of the RFCs, and its lists taken apart', () => {
    assert.deepEqual(
      read(
        `${START}call-id: x\r\ni: y\r\nm: <sip:a@b>,"C, D" <sip:c@d>\r\naccept-contact: *;a="<x,y>",*;b\r\n` +
          'p-asserted-identity: <sip:a@b>, <tel:+1>\r\nX-any: 1,2\r\nallow: A,B\r\n\r\n',
      ),
      [
        ...['Call-ID: x', 'Call-ID: y', 'Contact: <sip:a@b>', 'Contact: "C, D" <sip:c@d>'],
        ...['Accept-Contact: *;a="<x,y>"', 'Accept-Contact: *;b'],
        ...['P-Asserted-Identity: <sip:a@b>', 'P-Asserted-Identity: <tel:+1>', 'X-any: 1,2', 'Allow: A,B'],
      ],
    );
  });

  it('loses what the server makes itself', () => {
    assert.deepEqual(
      read(`${START}Via: x\r\nv: y\r\nRSeq: 1\r\nRecord-Route: <sip:x>\r\ncontent-length: 9\r\n\r\nhi`),
      [],
    );
  });

  it('keeps everything behind the first empty line, whatever the length says', () => {
    const message = readAppMessage(Buffer.from(`${START}Content-Length: 1\r\n\r\na\r\n\r\nb`));
    assert.ok(typeof message !== 'string');
    assert.equal(message.body.toString(), 'a\r\n\r\nb');
  });

  it('is refused with a reason when it is no message', () => {
    for (const bad of ['', 'x', START, 'MESSAGE\r\n\r\n', `${START}no colon\r\n\r\n`, `${START}a\0b: 1\r\n\r\n`])
      assert.equal(typeof readAppMessage(Buffer.from(bad)), 'string', JSON.stringify(bad));
    assert.equal(readAppMessage(Buffer.from(`${START}A: \xff\r\n\r\n`, 'latin1')), 'the headers are not UTF-8');
  });

  it('has the address of the transport for @localhost where a header names somebody', () => {
    const fields = [
      { name: 'From', value: '<sip:a@localhost>;tag=1' },
      { name: 'To', value: '<sip:b@localhost.example>' },
      { name: 'Contact', value: '<sip:c@localhost;x=1>' },
      { name: 'X-Other', value: 'd@localhost' },
    ];
    assert.deepEqual(
      withoutLocalhost(fields, '192.0.2.1:5070').map((field) => field.value),
      [...['<sip:a@192.0.2.1:5070>;tag=1', '<sip:b@localhost.example>', '<sip:c@192.0.2.1:5070;x=1>'], 'd@localhost'],
    );
  });
});

describe('what drachtio-server refuses of the network', () => {
  const message = (body: string): Buffer => Buffer.from(`MESSAGE sip:a@b SIP/2.0\r\nTo: x\r\n\r\n${body}`, 'latin1');

  it('is NUL anywhere', () => {
    assert.equal(networkRefusal(message('a\xffb')), undefined);
    assert.match(networkRefusal(message('a\0b')) ?? '', /NUL/);
  });

  it('is a run of more than 8,192 octets without CRLF', () => {
    assert.equal(networkRefusal(message('x'.repeat(8192))), undefined);
    assert.match(networkRefusal(message('x'.repeat(8193))) ?? '', /8192/);
    assert.equal(networkRefusal(message('x'.repeat(8192).concat('\r\n').repeat(20))), undefined);
    assert.match(networkRefusal(message(`${'x'.repeat(9000)}\r\ny`)) ?? '', /8192/);
    assert.match(networkRefusal(message(`${'x\r\n'.repeat(9000)}${'y\n'.repeat(5000)}`)) ?? '', /8192/);
  });
});

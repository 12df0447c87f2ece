import assert from 'node:assert/strict';
import { Domain, hopOf } from '../../../../lib/embedded/core/routes.ts';

describe('whom a request URI means to the core', () => {
  const domain = new Domain('Example.COM', ['ims.example.com'], { push: 'sip:10.0.0.7:5070;transport=tcp' }, [
    'sip:gateway.example.com:5080',
  ]);
  domain.listensOn([{ protocol: 'udp', host: '127.0.0.1', port: 5060 }]);
  const server = { protocol: 'tcp', host: '10.0.0.7', port: 5070 };

  const table: [uri: string, destination: object][] = [
    ['sip:alice@example.com', { kind: 'user', aor: 'sip:alice@example.com' }],
    ['sip:alice@EXAMPLE.com;user=x', { kind: 'user', aor: 'sip:alice@example.com' }],
    ['sips:alice@ims.example.com', { kind: 'user', aor: 'sip:alice@example.com' }],
    ['sip:alice@127.0.0.1', { kind: 'user', aor: 'sip:alice@example.com' }],
    ['sip:alice@127.0.0.1:5060;transport=udp', { kind: 'user', aor: 'sip:alice@example.com' }],
    ['sip:Alice@example.com', { kind: 'user', aor: 'sip:Alice@example.com' }],
    ['sip:+1-555-0100@example.com;user=phone', { kind: 'user', aor: 'sip:+15550100@example.com' }],
    ['tel:+1-555-0100', { kind: 'user', aor: 'sip:+15550100@example.com' }],
    ['sip:a@example.com;gr=urn:uuid:1', { kind: 'user', aor: 'sip:a@example.com', instance: 'urn:uuid:1' }],
    ['sip:a@example.com;gr=a%3Bb', { kind: 'user', aor: 'sip:a@example.com', instance: 'a;b' }],
    ['sip:a@example.com;gr=%FF', { kind: 'user', aor: 'sip:a@example.com', instance: '%FF' }],
    ['sip:a@example.com;gr', { kind: 'user', aor: 'sip:a@example.com' }],
    ['sip:example.com', { kind: 'self' }],
    ['sip:127.0.0.1:5060', { kind: 'self' }],
    ['sip:push@example.com', { kind: 'application-server', hop: server }],
    ['sip:x@10.0.0.7:5070;transport=tcp', { kind: 'application-server', hop: server }],
    ['sip:x@10.0.0.7:5070', { kind: 'application-server', hop: { ...server, protocol: 'udp' } }],
    [
      'sip:gateway.example.com:5080',
      { kind: 'application-server', hop: { protocol: 'udp', host: 'gateway.example.com', port: 5080 } },
    ],
    ['sip:alice@example.com:5099', { kind: 'foreign' }],
    ['sip:alice@10.0.0.7', { kind: 'foreign' }],
    ['sip:alice@sub.example.com', { kind: 'foreign' }],
  ];
  for (const [uri, destination] of table) {
    it(`${uri} is ${JSON.stringify(destination)}`, () => {
      assert.deepEqual(domain.destination(uri), destination);
      assert.deepEqual(domain.destination(uri), destination, 'the second time too');
    });
  }

  it('a URI of another scheme is 416, one that cannot be read 400', () => {
    assert.throws(() => domain.destination('mailto:a@example.com'), { sipStatus: 416 });
    assert.throws(() => domain.destination('sip:'), { sipStatus: 400 });
  });

  it('a core that listens everywhere knows its own addresses', () => {
    const wide = new Domain('example.com', [], {}, []);
    wide.listensOn([{ protocol: 'udp', host: '0.0.0.0', port: 5060 }]);
    assert.equal(wide.isOwnHop(hopOf('sip:alice@127.0.0.1')), true);
    assert.equal(wide.isOwnHop(hopOf('sip:alice@127.0.0.1:5061')), false);
  });

  it('maddr says where, transport says how', () => {
    assert.deepEqual(hopOf('sip:a@b.example;maddr=192.0.2.1;transport=TCP'), {
      protocol: 'tcp',
      host: '192.0.2.1',
      port: 5060,
    });
  });
});

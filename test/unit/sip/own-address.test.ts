import assert from 'node:assert/strict';
import { ownAddress } from '../../../lib/sip/own-address.ts';

describe("the gateway's own address", () => {
  const listening: (string | undefined)[] = ['127.0.0.1:5070', undefined, '[::1]:5060', '192.0.2.1:5061'];
  const own = ownAddress('sip:push@Example.com', () => listening);

  const table: [uri: string, identity: boolean, server: boolean][] = [
    ['sip:push@example.com', true, true],
    ['sip:push@EXAMPLE.com;transport=tcp', true, true],
    ['sip:push@example.com:5060', true, true],
    ['sip:push@example.com:5060;transport=udp', true, true],
    ['sips:push@example.com:5061', true, true],
    ['sip:push@example.com:5061', false, false],
    ['sip:push@example.com:5070', false, false],
    ['sip:push@127.0.0.1:5070', true, true],
    ['sip:push@[::1]', true, true],
    ['sip:127.0.0.1:5070', false, true],
    ['sip:127.0.0.1:5070;lr', false, true],
    ['sip:127.0.0.1', false, false],
    ['sip:192.0.2.1;transport=tls', false, true],
    ['sips:192.0.2.1', false, true],
    ['sip:192.0.2.1;transport=tcp', false, false],
    ['sip:[::1]', false, true],
    ['sip:alice@example.com', false, false],
    ['sip:example.com', false, false],
    ['sip:Push@example.com', false, false],
    ['sip:push@example.org', false, false],
    ['sip:alice@127.0.0.1:5070', false, false],
    ['tel:+15550100', false, false],
    ['', false, false],
    ['garbage', false, false],
  ];
  for (const [uri, identity, server] of table) {
    it(`${uri || 'nothing'}: ${identity ? 'identity' : server ? 'server' : 'not us'}`, () => {
      assert.deepEqual([own.isIdentity(uri), own.isServer(uri)], [identity, server]);
    });
  }

  it('an identity that names the usual port is found without it too', () => {
    const named = ownAddress('sip:push@example.com:5060', () => []);
    assert.deepEqual(['sip:push@example.com', 'sips:push@example.com'].map(named.isIdentity), [true, false]);
  });

  it('an address that a leg learns later counts from then on', () => {
    assert.equal(own.isServer('sip:10.0.0.1:5080'), false);
    listening.push('10.0.0.1:5080');
    assert.equal(own.isServer('sip:10.0.0.1:5080'), true);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { PpgError } from '../../../lib/base/errors.ts';
import type { MsrpEndpoint } from '../../../lib/msrp/endpoint.ts';
import { reachOf } from '../../../lib/msrp/reach.ts';
import { msrpEndpoint } from '../../support/msrp.ts';

const isOutOfReach = (error: unknown): boolean =>
  error instanceof PpgError && error.code === 'PPG_E_SDP' && error.message.includes('msrp.networks');

describe('where the path of a device may lead', () => {
  for (const address of ['127.0.0.1', '10.1.2.3', '192.168.0.7', '203.0.113.9', '::1', 'fd00::7', '2001:db8::1']) {
    it(`is ${address}, where nothing else is said`, () => assert.ok(reachOf(undefined)(address)));
  }

  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '0.0.0.0',
    '::',
    'fe80::1',
    '224.0.0.1',
    'ff02::1',
  ]) {
    it(`is never ${address}, where nothing else is said`, () => assert.ok(!reachOf(undefined)(address)));
  }

  it('is one of the networks that are given, and no other', () => {
    const reach = reachOf(['10.0.0.0/8', '2001:db8::/32']);
    assert.deepEqual(['10.9.9.9', '2001:db8::7', '127.0.0.1', '11.0.0.1'].map(reach), [true, true, false, false]);
  });

  it('is no entry that cannot be read', () => {
    assert.throws(() => reachOf(['10.0.0.0/8', 'devices']), /msrp\.networks: "devices"/);
  });
});

describe('an MSRP endpoint with networks', () => {
  let endpoint: MsrpEndpoint;
  let connections = 0;
  const elsewhere = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  let port = 0;

  before(async () => {
    elsewhere.listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const address = elsewhere.address();
    assert.ok(typeof address === 'object' && address !== null);
    port = address.port;
    endpoint = await msrpEndpoint({ networks: ['192.0.2.0/24'] });
  });
  after(async () => {
    await endpoint.stop();
    elsewhere.close();
    assert.equal(connections, 0);
  });

  const pathTo = (host: string) => [{ secure: false, host, port, session: 'theirs', transport: 'tcp' }];

  it('refuses an address of another network at once', () => {
    const session = endpoint.open();
    assert.throws(() => session.connect({ path: pathTo('127.0.0.1'), role: 'active', fingerprints: [] }), isOutOfReach);
    session.close();
  });

  it('ends a session whose host resolves to another network', async () => {
    const session = endpoint.open();
    const ended = new Promise<string>((resolve) => session.onEnd(resolve));
    session.connect({ path: pathTo('localhost'), role: 'active', fingerprints: [] });
    assert.match(await ended, /out of reach/);
  });
});

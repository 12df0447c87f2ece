import assert from 'node:assert/strict';
import { type Arriving, arrivalReader } from '../../../lib/security/arrival.ts';

const from = (
  remoteAddress: string | undefined,
  headers: Record<string, string> = {},
  more: { encrypted?: boolean; ip?: string } = {},
): Arriving => {
  const { encrypted, ...rest } = more;
  return { headers, socket: { remoteAddress, encrypted } as unknown as Arriving['socket'], ...rest };
};

describe('how a request arrived', () => {
  const read = arrivalReader(['10.0.0.0/24', '2001:db8::1']);

  it('TLS to this gateway is secure, anything else is not', () => {
    assert.deepEqual(read(from('192.0.2.1', {}, { encrypted: true })), { secure: true, source: '192.0.2.1' });
    assert.deepEqual(read(from('192.0.2.1')), { secure: false, source: '192.0.2.1' });
    assert.deepEqual(read(from('192.0.2.1', {}, { ip: '192.0.2.7' })), { secure: false, source: '192.0.2.7' });
  });

  it('a trusted proxy is believed, by IPv4, by IPv6 and by IPv4 written as IPv6', () => {
    const forwarded = { 'x-forwarded-proto': 'HTTPS', 'x-forwarded-for': '198.51.100.4' };
    for (const proxy of ['10.0.0.9', '::ffff:10.0.0.9', '2001:db8::1']) {
      assert.deepEqual(read(from(proxy, forwarded)), { secure: true, source: '198.51.100.4' });
    }
  });

  it('what anybody else writes is no proof', () => {
    const forged = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '10.0.0.1' };
    assert.deepEqual(read(from('192.0.2.1', forged)), { secure: false, source: '192.0.2.1' });
    assert.deepEqual(arrivalReader([])(from('10.0.0.9', forged)), { secure: false, source: '10.0.0.9' });
  });

  it('of several values the one counts that the proxy itself wrote', () => {
    const headers = { 'x-forwarded-proto': 'https, http', 'x-forwarded-for': '203.0.113.1, 198.51.100.4, 10.0.0.3' };
    assert.deepEqual(read(from('10.0.0.9', headers)), { secure: false, source: '198.51.100.4' });
  });

  it('a proxy that says nothing, or far too much, vouches for nothing', () => {
    assert.deepEqual(read(from('10.0.0.9')), { secure: false, source: '10.0.0.9' });
    const long = { 'x-forwarded-proto': `${'x,'.repeat(600)}https`, 'x-forwarded-for': '' };
    assert.deepEqual(read(from('10.0.0.9', long)), { secure: false, source: '10.0.0.9' });
    assert.deepEqual(read(from(undefined, long)), { secure: false, source: '' });
  });

  it('an entry that is no network is refused by name', () =>
    assert.throws(() => arrivalReader(['proxy.example']), /auth\.trustedProxies: "proxy\.example"/));
});

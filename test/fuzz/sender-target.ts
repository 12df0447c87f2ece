import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { type Arriving, arrivalReader } from '../../lib/security/arrival.ts';
import { assertedIdentity } from '../../lib/sip/asserted-identity.ts';
import { fakeRequest } from '../support/fake-sip.ts';
import type { FuzzTarget } from './fuzz.ts';
import { buffers } from './tools.ts';

const read = arrivalReader(['10.0.0.0/8']);

/** Who a request is said to come from: P-Asserted-Identity of a trusted peer, X-Forwarded-… of a trusted proxy. */
export const SENDER_TARGET: FuzzTarget = {
  name: 'sender',
  seeds: buffers(
    '"Alice, A." <sip:alice@ims.test:5060;user=phone>, <tel:+49-30-1234>',
    'sips:a%40b@[2001:db8::1];x=y',
    'https, http',
    '198.51.100.4, [2001:db8::1]:443, 10.0.0.1',
  ),
  words: [
    '<',
    '>',
    '"',
    ',',
    ', ',
    'sip:',
    'tel:+',
    '@',
    ';',
    '%',
    '[',
    ']',
    '::ffff:',
    'https',
    '10.0.0.1',
    '\\',
    '*',
  ],
  run(octets) {
    const value = octets.toString('latin1');
    const asserting = fakeRequest({ headers: { 'P-Asserted-Identity': value } });
    const identity = assertedIdentity(asserting, () => true, 'ims.test');
    assert.ok(identity === undefined || identity.length > 0);
    for (const aor of identity ?? []) assert.match(aor, /^sips?:[^\r\n\0<>\s]+@[^\r\n\0<>\s]+$/);
    assert.equal(
      assertedIdentity(asserting, () => false, 'ims.test'),
      undefined,
    );
    const headers = { 'x-forwarded-proto': value, 'x-forwarded-for': value };
    const from = (remoteAddress: string): Arriving => ({ headers, socket: { remoteAddress } as Arriving['socket'] });
    const { source } = read(from('10.0.0.1'));
    assert.ok(source.length <= 64 && !/[\r\n\0]/.test(source), 'a source is an address');
    assert.ok(source === '10.0.0.1' || isIP(source) > 0, 'a source is an address');
    assert.deepEqual(read(from('192.0.2.1')), { secure: false, source: '192.0.2.1' });
  },
};

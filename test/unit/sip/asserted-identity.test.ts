import assert from 'node:assert/strict';
import { assertedIdentity } from '../../../lib/sip/asserted-identity.ts';
import { trustedPeers } from '../../../lib/sip/trusted-peers.ts';
import { fakeRequest } from '../../support/fake-sip.ts';

const ALICE = 'sip:alice@ims.test';

describe('asserted identity', () => {
  const trusts = trustedPeers(['10.0.0.0/24']);
  const read = (value: string | undefined, source = '10.0.0.1'): string[] | undefined =>
    assertedIdentity(
      fakeRequest({ source, headers: value === undefined ? {} : { 'P-Asserted-Identity': value } }),
      trusts,
      'ims.test',
    );

  for (const [value, expected] of [
    ['<sip:alice@IMS.test>', [ALICE]],
    ['"Alice, A." <sip:alice@ims.test:5060;user=phone>', [ALICE]],
    ['sip:alice@ims.test', [ALICE]],
    ['<sip:alice@ims.test>, <tel:+49-30-1234>', [ALICE, 'sip:+49301234@ims.test']],
    [undefined, undefined],
    ['', undefined],
    ['nonsense', undefined],
    ['<sip:ims.test>', undefined],
    ['<sip:a@ims.test>, <sip:b@ims.test>, <sip:c@ims.test>', undefined],
    [`<sip:${'a@'.repeat(5000)}>`, undefined],
  ] as const) {
    it(`${(value ?? 'no header').slice(0, 50)}: ${expected ?? 'nobody'}`, () =>
      assert.deepEqual(read(value), expected));
  }

  it('from a peer that is not trusted is nobody’s', () =>
    assert.equal(read('<sip:alice@ims.test>', '192.0.2.1'), undefined));
});

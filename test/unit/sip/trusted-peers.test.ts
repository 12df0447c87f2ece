import assert from 'node:assert/strict';
import { trustedPeers } from '../../../lib/sip/trusted-peers.ts';

describe('trusted peers', () => {
  it('addresses and networks of both families are matched', () => {
    const trusts = trustedPeers(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32']);
    for (const yes of ['10.1.255.1', '192.0.2.7', '::ffff:10.1.2.3', '2001:db8:1::9', '[2001:db8::1]'])
      assert.equal(trusts(yes), true, yes);
    for (const no of ['10.2.0.1', '192.0.2.8', '2001:db9::1', 'localhost', '', '10.1.0.0/16'])
      assert.equal(trusts(no), false, no);
  });

  it('an empty list trusts nobody', () => {
    assert.equal(trustedPeers([])('127.0.0.1'), false);
  });

  it('a predicate that throws trusts nobody', () => {
    const trusts = trustedPeers((address) => {
      if (address === '1.1.1.1') throw new Error('no');
      return address === '2.2.2.2';
    });
    assert.deepEqual([trusts('1.1.1.1'), trusts('2.2.2.2'), trusts('3.3.3.3')], [false, true, false]);
  });

  it('an entry that is no address is an error that names it', () => {
    for (const peer of ['core.example.com', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/-1', ''])
      assert.throws(() => trustedPeers([peer]), { code: 'PPG_E_OPTIONS', message: new RegExp(`"${peer}"`) }, peer);
  });
});

import assert from 'node:assert/strict';
import { addressText } from '../../../lib/cli/recipient.ts';
import { parseAddress } from '../../../lib/codec/pap/address.ts';

describe('recipients on the command line', () => {
  const text = (recipient: string): string => addressText(recipient, 'ppg.example.com');

  it('become address text that any gateway reads', () => {
    const user = 'WAPPUSH=sip%3Aalice%40ims.example.com/TYPE=USER@ppg.example.com';
    assert.equal(text('alice@ims.example.com'), user);
    assert.equal(text('sip:alice@ims.example.com'), user);
    assert.equal(text('+358 401234567'.replace(' ', '')), 'WAPPUSH=+358401234567/TYPE=PLMN@ppg.example.com');
    assert.equal(text('tel:+358-40-1234567'), 'WAPPUSH=+358401234567/TYPE=PLMN@ppg.example.com');
  });

  it('that are address text already stay as they are', () => {
    assert.equal(text('wappush=+3584/type=PLMN@x.example'), 'wappush=+3584/type=PLMN@x.example');
  });

  it('keep their meaning, devices included', () => {
    const gruu = 'sip:alice@ims.example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
    const direct = parseAddress(gruu, { domain: 'd.example' });
    const { aor, gruu: read } = parseAddress(text(gruu), { domain: 'd.example' });
    assert.deepEqual([aor, read], [direct.aor, direct.gruu]);
  });

  for (const bad of ['', 'alice', 'sip:', 'WAPPUSH=+358', 'a@b\r\nX: y']) {
    it(`${JSON.stringify(bad)} is refused`, () => {
      assert.throws(() => text(bad), { code: 'PPG_E_ADDRESS' });
    });
  }
});

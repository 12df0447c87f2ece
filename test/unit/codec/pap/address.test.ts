import assert from 'node:assert/strict';
import type { PpgError } from '../../../../lib/base/errors.ts';
import { parseAddress, ppgHosts } from '../../../../lib/codec/pap/address.ts';
import type { RecipientAddress } from '../../../../lib/model/address.ts';
import { aorOfUri } from '../../../../lib/sip/aor.ts';

const DOMAIN = 'ims.example.com';
const read = (text: string, rawAddresses?: boolean) =>
  parseAddress(text, { domain: DOMAIN, ...(rawAddresses !== undefined && { rawAddresses }) });

describe('parseAddress', () => {
  const read_: [text: string, aor: string, more?: { gruu?: string; instance?: string }][] = [
    // WAP-249 section 6
    ['WAPPUSH=+358401234567/TYPE=PLMN@ppg.example.com', 'sip:+358401234567@ims.example.com'],
    ['WAPPUSH=+358-40.123-4567/TYPE=PLMN@ppg', 'sip:+358401234567@ims.example.com'],
    ['/WAPPUSH=+358401234567/TYPE=PLMN/@ppg.example.com', 'sip:+358401234567@ims.example.com'],
    ['wappush=+358401234567/type=plmn', 'sip:+358401234567@ims.example.com'],
    ['WAPPUSH=%2B358401234567/TYPE=PLMN@ppg:8080', 'sip:+358401234567@ims.example.com'],
    [' \t/WAPPUSH=+358401234567/TYPE=PLMN@ppg ', 'sip:+358401234567@ims.example.com'],
    ['WAPPUSH=358401234567/TYPE=GSM_MSISDN@ppg', 'sip:+358401234567@ims.example.com'],
    ['WAPPUSH=sip%3Aalice%40ims.example.com/TYPE=USER@ppg.example.com', 'sip:alice@ims.example.com'],
    ['WAPPUSH=sips%3Aalice%40Other.Example.COM%3A5061%3Btransport%3Dtls/TYPE=USER@ppg', 'sip:alice@other.example.com'],
    ['WAPPUSH=tel%3A%2B358-40-1234567/TYPE=USER@ppg', 'sip:+358401234567@ims.example.com'],
    ['WAPPUSH=alice%40ims.example.com/TYPE=USER@ppg', 'sip:alice@ims.example.com'],
    ['WAPPUSH=simulator%40pushme.com%3A7874/TYPE=USER@rim.net', 'sip:simulator@pushme.com'],
    ['WAPPUSH=2100000a%3A100/TYPE=USER@rim.net', 'sip:2100000a@ims.example.com'],
    ['WAPPUSH=Jos%C3%A9/TYPE=USER@ppg', 'sip:Jos%C3%A9@ims.example.com'],
    ['WAPPUSH=%3Calice%3E/TYPE=USER@ppg', 'sip:%3Calice%3E@ims.example.com'],
    ['WAPPUSH=alice%22the%22%40example.com/TYPE=USER@ppg', 'sip:alice%22the%22@example.com'],
    ['WAPPUSH=alice%2522the%2522%40example.com/TYPE=USER@ppg', 'sip:alice%22the%22@example.com'],
    ['WAPPUSH=IMS%5Calice/TYPE=USER@ppg', 'sip:IMS%5Calice@ims.example.com'],
    ['WAPPUSH=sip%3Aalice%40example.com/TYPE=SIP@ppg', 'sip:alice@example.com'],
    ['WAPPUSH=alice%40example.com/TYPE=SIPURI@ppg', 'sip:alice@example.com'],
    ['WAPPUSH=sip%3A%2561lice%40example.com/TYPE=USER@ppg', 'sip:alice@example.com'],
    ['WAPPUSH=alice%40[2001:db8::1]/TYPE=USER@ppg', 'sip:alice@[2001:db8::1]'],
    // one device
    [
      'WAPPUSH=sip%3Aalice%40ims.example.com%3Bgr%3Durn%3Auuid%3Af81d4fae-7dec-11d0-a765-00a0c91e6bf6/TYPE=USER@ppg',
      'sip:alice@ims.example.com',
      { gruu: 'sip:alice@ims.example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6' },
    ],
    [
      'WAPPUSH=+358401234567/TYPE=PLMN/INSTANCE=urn%3Auuid%3Af81d4fae-7dec-11d0-a765-00a0c91e6bf6@ppg',
      'sip:+358401234567@ims.example.com',
      { instance: 'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6' },
    ],
    [
      'WAPPUSH=alice/TYPE=USER/instance=%3Curn%3Agsma%3Aimei%3A1-2-0%3E/@ppg',
      'sip:alice@ims.example.com',
      { instance: 'urn:gsma:imei:1-2-0' },
    ],
    // without the form
    ['sip:alice@example.com', 'sip:alice@example.com'],
    ['SIP:alice@example.com;user=phone?Subject=x', 'sip:alice@example.com'],
    ['tel:+358401234567', 'sip:+358401234567@ims.example.com'],
    ['+358 40'.replace(' ', ''), 'sip:+35840@ims.example.com'],
    ['+358(40)123-4567', 'sip:+358401234567@ims.example.com'],
    ['alice@example.com', 'sip:alice@example.com'],
    ['2100000A', 'sip:2100000A@ims.example.com'],
    ['push_all', 'sip:push_all@ims.example.com'],
  ];
  for (const [text, aor, more] of read_) {
    it(`reads ${text}`, () => assert.deepEqual(read(text), { text, aor, ...more }));
    it(`knows whom ${text} names by what he registers as`, () => assert.equal(aorOfUri(aor, DOMAIN), aor));
  }

  it('escapes or refuses every character, wherever it stands', () => {
    // RFC 3261 section 25.1: user, a host, and for one device the URI parameter gr
    const sip = /^sip:(?:[\w.!~*'()&=+$,;?/-]|%[0-9A-F]{2})+@[\w.-]+(?:;gr=[\w.!~*'()[\]/:&+$%-]+)?$/;
    for (let code = 0; code < 0x300; code++) {
      const character = encodeURIComponent(String.fromCharCode(code));
      for (const text of [
        `WAPPUSH=a${character}b/TYPE=USER@ppg`,
        `WAPPUSH=a${character}b%40example.com/TYPE=USER@ppg`,
        `WAPPUSH=a%40example${character}.com/TYPE=USER@ppg`,
        `WAPPUSH=a%40example.com%3Bgr%3Dx${character}/TYPE=USER@ppg`,
        `WAPPUSH=a/TYPE=USER/INSTANCE=urn%3Auuid%3Ax${character}@ppg`,
        `a${String.fromCharCode(code)}b`,
        `sip:a${String.fromCharCode(code)}b@example.com`,
      ]) {
        let address: RecipientAddress;
        try {
          address = read(text);
        } catch (error) {
          assert.equal((error as PpgError).code, 'PPG_E_ADDRESS');
          continue;
        }
        assert.equal(address.text, text);
        for (const uri of [address.aor, address.gruu ?? address.aor]) assert.match(uri, sip, JSON.stringify(text));
        assert.doesNotMatch(address.instance ?? '', /[\s"<>\\\p{Cc}]/u);
      }
    }
  });

  for (const text of [
    '',
    ' ',
    '@',
    'WAPPUSH=',
    'WAPPUSH=+358401234567',
    'WAPPUSH=/TYPE=USER@ppg',
    'WAPPUSH+358401234567/TYPE=PLMN@ppg.example.com',
    'WAP-PUSH=alice/TYPE=USER@ppg.example.com',
    '+358401234567/TYPE=PLMN@ppg.example.com',
    'WAPPUSH=+358401234567/TYPE=@ppg',
    'WAPPUSH=358401234567/TYPE=PLMN@ppg',
    'WAPPUSH=+12/TYPE=PLMN@ppg',
    'WAPPUSH=+1234567890123456/TYPE=PLMN@ppg',
    'WAPPUSH=+35840x/TYPE=PLMN@ppg',
    'WAPPUSH=10.0.0.1/TYPE=IPv4@ppg',
    'WAPPUSH=12345678/TYPE=MAN@ppg',
    'WAPPUSH=alice/TYPE=USER@',
    'WAPPUSH=alice/TYPE=USER@a b',
    'WAPPUSH=alice/TYPE=USER/INSTANCE=hello@ppg',
    'WAPPUSH=alice/TYPE=USER/INSTANCE=urn%3Ax%3Aa%0D%0Ab@ppg',
    'WAPPUSH=alice/TYPE=USER/flag@ppg',
    'WAPPUSH=ali%ce/TYPE=USER@ppg',
    'WAPPUSH=ali%FFce/TYPE=USER@ppg',
    'WAPPUSH=ali%00ce/TYPE=USER@ppg',
    'WAPPUSH=ali%20ce/TYPE=USER@ppg',
    'WAPPUSH=ali%0Ace/TYPE=USER@ppg',
    'WAPPUSH=sip%3Aalice%2500%40example.com/TYPE=USER@ppg',
    'WAPPUSH=sip%3Aalice%3Apassword%40example.com/TYPE=USER@ppg',
    'WAPPUSH=sip%3Aexample.com/TYPE=USER@ppg',
    'WAPPUSH=alice%40exa_%20mple/TYPE=USER@ppg',
    '"Alice" <sip:alice@example.com>',
    '<sip:alice@example.com>',
    '<alice@example.com>',
    'WAPPUSH=alice%40%3Cexample.com%3E/TYPE=USER@ppg',
    'WAPPUSH=alice%40example.com%3Bgr%3D%22x%22/TYPE=USER@ppg',
    'WAPPUSH=alice/TYPE=USER/INSTANCE=urn%3Ax%3A%22%3E@ppg',
    'WAPPUSH=alice%40a%40b/TYPE=USER@ppg',
    'sip:alice@example.com;gr=a b',
    'sip:alice@',
    'sip:@example.com',
    'tel:112',
    'tel:+358401234567;ext=5',
    'mailto:alice@example.com',
    'http://example.com/',
    'alice bob',
    'alice\r\nX: y',
    'alice@-example.com',
    'a'.repeat(2000),
    `${'a'.repeat(300)}@example.com`,
    `a@${'b'.repeat(64)}.com`.padEnd(400, 'x'),
  ]) {
    it(`refuses ${JSON.stringify(text.slice(0, 70))}`, () =>
      assert.throws(() => read(text), { name: 'PpgError', code: 'PPG_E_ADDRESS', papCode: 2002 }));
  }

  it('takes nothing but the form of WAP-249 where raw addresses are off', () => {
    for (const text of ['sip:alice@example.com', '+358401234567', '2100000A']) {
      assert.throws(() => read(text, false), { code: 'PPG_E_ADDRESS' });
    }
    assert.equal(read('WAPPUSH=alice/TYPE=USER@ppg', false).aor, 'sip:alice@ims.example.com');
  });

  describe('where the names of the gateway are given', () => {
    const hosts = ppgHosts(['PPG.example.com', 'ppg', '[2001:db8::1]']);
    const there = (text: string) => parseAddress(text, { domain: DOMAIN, hosts });

    for (const host of ['@ppg.example.com', '@Ppg.Example.COM.', '@ppg:8080', '@[2001:DB8::1]:80', '']) {
      it(`takes what is addressed to ${JSON.stringify(host)}`, () => {
        assert.equal(there(`WAPPUSH=alice/TYPE=USER${host}`).aor, 'sip:alice@ims.example.com');
      });
    }

    it('takes addresses that are not in the form and name none', () => {
      assert.equal(there('alice@other.example.com').aor, 'sip:alice@other.example.com');
    });

    for (const host of ['other.example.com', 'example.com', 'ppg.example.com.evil.example', '[2001:db8::2]']) {
      it(`refuses what is addressed to ${host}`, () => {
        const text = `WAPPUSH=alice%40ppg.example.com/TYPE=USER@${host}`;
        assert.throws(() => there(text), { code: 'PPG_E_ADDRESS', papCode: 2002 });
      });
    }

    it('takes every name when there are none', () => {
      assert.equal(ppgHosts([]), undefined);
      assert.equal(ppgHosts(undefined), undefined);
    });
  });
});

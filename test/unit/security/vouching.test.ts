import assert from 'node:assert/strict';
import { compileVouching } from '../../../lib/security/vouching.ts';
import { fakePush } from '../../support/fake-push.ts';

describe('what the gateway vouches for', () => {
  const vouching = compileVouching([
    { name: 'shop', initiatorUris: ['https://shop.test/', 'https://Mall.test/shop', 'sip:shop@ims.test'] },
    { name: 'mmsc', trusted: true },
    { name: 'both', trusted: true, initiatorUris: ['https://both.test/'] },
    { name: 'plain' },
  ]);
  const says = (initiator: string, ...uris: string[]): string | undefined =>
    vouching(
      fakePush({ initiator, content: { headers: uris.map((value) => ({ name: 'x-wap-Initiator-URI', value })) } }),
    );

  for (const uri of [
    'https://shop.test/',
    'https://shop.test',
    'HTTPS://SHOP.test/a?b',
    'https://mall.test/shop',
    'https://mall.test/shop/a',
    'https://mall.test/shop?a',
    'sip:shop@ims.test',
    'https://shop.test:443/x',
  ]) {
    it(`${uri} is the shop's`, () => assert.equal(says('shop', uri), 'authenticated'));
  }

  for (const uri of [
    'http://shop.test/',
    'https://shop.test.evil.test/',
    'https://shop.test@evil.test/',
    'https://evil.test/https://shop.test/',
    'https://shop.test:8443/',
    'https://mall.test/shopping',
    'https://mall.test/shop/../bank/',
    'https://mall.test/shop/%2e%2e/bank/',
    'https://mall.test\\shop',
    'https://shop.test/ https://evil.test/',
    'sip:shop@ims.test.evil.test',
    '',
    'shop',
    `https://shop.test/${'x'.repeat(3000)}`,
  ]) {
    it(`${JSON.stringify(uri.slice(0, 50))} is not`, () => assert.equal(says('shop', uri), undefined));
  }

  it('of two URIs neither', () => assert.equal(says('shop', 'https://shop.test/', 'https://evil.test/'), undefined));

  it('a URI belongs to its own account only', () => assert.equal(says('plain', 'https://shop.test/'), undefined));

  it('trust needs no URI, and does not make one the account’s', () => {
    assert.equal(says('mmsc'), 'trusted');
    assert.equal(says('mmsc', 'https://shop.test/'), 'trusted');
    assert.equal(says('both', 'https://both.test/x'), 'authenticated, trusted');
    assert.equal(says('both', 'https://shop.test/x'), 'trusted');
  });

  it('nothing for others', () => {
    assert.equal(says('plain'), undefined);
    assert.equal(says('unknown', 'https://shop.test/'), undefined);
  });

  it('options that are no URI are refused by name', () =>
    assert.throws(() => compileVouching([{ name: 'shop', initiatorUris: ['shop.test'] }]), {
      code: 'PPG_E_OPTIONS',
      message: /initiators\.shop\.initiatorUris/,
    }));
});

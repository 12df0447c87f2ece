import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { parseAltNames, sipDomainsOf, standsFor } from '../../../lib/stack/tls-identity.ts';
import { tlsText } from '../../support/tls-fixtures.ts';

const certificate = (name: string): { subjectaltname: string; raw: Buffer } => {
  const read = new X509Certificate(tlsText(`${name}.pem`));
  return { subjectaltname: read.subjectAltName ?? '', raw: read.raw };
};

describe('the identity of a certificate (RFC 5922)', () => {
  it('is its sip: URIs, and its DNS names only when it has none', () => {
    assert.deepEqual(sipDomainsOf('DNS:A.example, DNS:b.example'), ['a.example', 'b.example']);
    assert.deepEqual(sipDomainsOf('DNS:host.example, URI:sip:Example.com'), ['example.com']);
    assert.deepEqual(sipDomainsOf(undefined), []);
  });

  it('is no URI with a user and none of another scheme', () => {
    const text = 'URI:sip:alice@example.com, URI:sips:example.com, URI:https://example.com/, DNS:d.example';
    assert.deepEqual(sipDomainsOf(text), ['d.example']);
  });

  it('matches the whole name in any case, and nothing by wildcard', () => {
    const table: [certificate: string, domain: string, matches: boolean][] = [
      ['server', 'sip.example.com', true],
      ['server', 'SIP.Example.COM', true],
      ['server', 'sip.example.com.', true],
      ['server', 'example.com', false],
      ['server', 'a.sip.example.com', false],
      ['domain', 'example.com', true],
      ['domain', 'host7.example.com', false],
      ['wildcard', 'sip.example.com', false],
      ['nameless', 'nameless', false],
      ['server', '127.0.0.1', true],
      ['server', '::1', true],
      ['server', '0:0:0:0:0:0:0:1', true],
      ['server', '127.0.0.2', false],
      ['other', '127.0.0.1', false],
    ];
    for (const [name, domain, matches] of table) {
      assert.equal(standsFor(certificate(name), domain), matches, `${name} for ${domain}`);
    }
  });

  it('is not misled by names that look like several', () => {
    assert.deepEqual(parseAltNames('DNS:"evil.example, DNS:good.example", DNS:a'), [
      { type: 'DNS', value: 'evil.example, DNS:good.example' },
      { type: 'DNS', value: 'a' },
    ]);
    assert.deepEqual(parseAltNames('DNS:"evil.example", DNS:ok'), [
      { type: 'DNS', value: 'evil.example' },
      { type: 'DNS', value: 'ok' },
    ]);
    assert.deepEqual(parseAltNames('DNS:"unfinished, DNS:good.example'), []);
    assert.deepEqual(parseAltNames('DNS:"a"b, DNS:good.example'), []);
    assert.deepEqual(parseAltNames('nonsense'), []);
  });

  it('is read back as written, whatever the names are', () => {
    const plain = fc.stringMatching(/^[a-z0-9.:/@-]{1,20}$/);
    const name = fc.record(
      {
        type: fc.constantFrom('DNS', 'URI', 'IP Address'),
        value: fc.oneof(plain, fc.string({ minLength: 1 })),
      },
      { noNullPrototype: true },
    );
    const write = ({ type, value }: { type: string; value: string }): string =>
      `${type}:${/^[a-z0-9.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`;
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), (names) => {
        assert.deepEqual(parseAltNames(names.map(write).join(', ')), names);
      }),
    );
  });

  it('never throws, and ends', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void sipDomainsOf(text)));
    assert.equal(parseAltNames('DNS:a, '.repeat(10_000)).length, 100);
  });
});

import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { readCapabilities, UAPROF_LIMITS, writeCapabilities } from '../../../../lib/codec/pap/uaprof.ts';

const RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"';
const PRF = 'xmlns:prf="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#"';

const profile = (attributes: string, namespaces = `${RDF} ${PRF}`): Buffer =>
  Buffer.from(
    `<?xml version="1.0"?>\n<rdf:RDF ${namespaces}>\n <rdf:Description rdf:ID="Client">\n  <prf:component>\n` +
      `   <rdf:Description rdf:ID="PushCharacteristics">\n${attributes}\n   </rdf:Description>\n  </prf:component>\n` +
      ' </rdf:Description>\n</rdf:RDF>',
  );
const bag = (name: string, ...values: string[]): string =>
  `<prf:${name}><rdf:Bag>${values.map((value) => `<rdf:li>${value}</rdf:li>`).join('\n')}</rdf:Bag></prf:${name}>`;

const codeOf = (octets: Buffer): [string, number | undefined] => {
  try {
    readCapabilities(octets);
  } catch (error) {
    assert.ok(error instanceof PpgError);
    return [error.code, error.papCode];
  }
  throw new Error('it was read');
};

describe('UAProf of a capability answer', () => {
  it('is one component with what is known', () => {
    assert.equal(
      writeCapabilities({ applications: ['mms.ua', 'urn:x:1'], types: ['text/plain'], languages: ['en'], until: 1 }),
      `<?xml version="1.0" encoding="UTF-8"?><rdf:RDF ${RDF} ${PRF}><rdf:Description rdf:ID="Client"><prf:component>` +
        '<rdf:Description rdf:ID="PushCharacteristics">' +
        '<rdf:type rdf:resource="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#PushCharacteristics"/>' +
        '<prf:Push-Accept><rdf:Bag><rdf:li>text/plain</rdf:li></rdf:Bag></prf:Push-Accept>' +
        '<prf:Push-Accept-Language><rdf:Bag><rdf:li>en</rdf:li></rdf:Bag></prf:Push-Accept-Language>' +
        '<prf:Push-Accept-AppID><rdf:Bag><rdf:li>x-wap-application:mms.ua</rdf:li><rdf:li>urn:x:1</rdf:li></rdf:Bag>' +
        '</prf:Push-Accept-AppID></rdf:Description></prf:component></rdf:Description></rdf:RDF>',
    );
  });

  it('names codings, the largest push, the client, and a profile that says more', () => {
    const written = writeCapabilities({
      encodings: ['gzip'],
      maxBytes: 1200,
      userAgent: 'Phone <1>\u0000',
      profile: 'http://p.test/?a&b',
    });
    assert.ok(written.includes('<prf:Defaults rdf:resource="http://p.test/?a&amp;b"/>'), written);
    assert.ok(written.includes('<prf:Push-Accept-Encoding><rdf:Bag><rdf:li>gzip</rdf:li></rdf:Bag>'));
    assert.ok(written.includes('<prf:Push-MsgSize>1200</prf:Push-MsgSize>'));
    assert.ok(written.includes('#BrowserUA"/><prf:BrowserName>Phone &lt;1&gt;</prf:BrowserName>'));
  });

  it('stays well-formed whatever a device has told, and is read back', () => {
    const written = writeCapabilities({ types: ['a/b'], applications: ['<&"]]>\u0000\u001b\ud800', 'mms.ua'] });
    assert.doesNotMatch(written, /[\p{Cc}\p{Cs}]/u);
    assert.match(written, /<rdf:li>&lt;&amp;"]]&gt;<\/rdf:li>/);
    const back = readCapabilities(
      Buffer.from(writeCapabilities({ types: ['a/b'], applications: ['mms.ua', 'ulp.ua'] })),
    );
    assert.deepEqual(back, { types: ['a/b'], applications: ['mms.ua', 'ulp.ua'] });
  });
});

describe('a capabilities entity', () => {
  it('is read for media types and applications, bag or plain, one value once', () => {
    const octets = profile(
      bag('Push-Accept', 'text/plain', ' Text/HTML;q=0.5 ', 'text/plain') +
        bag('CcppAccept', 'image/*') +
        '<prf:Push-Accept-AppID>x-wap-application:mms.ua</prf:Push-Accept-AppID>' +
        bag('Push-Accept-AppID', '4', '*'),
    );
    assert.deepEqual(readCapabilities(octets), {
      applications: ['mms.ua', '*'],
      types: ['text/plain', 'text/html', 'image/*'],
    });
  });

  it('may be of another year or of OMA, and may hold defaults', () => {
    const other = 'xmlns:prf="http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20030226#"';
    const octets = profile(`<prf:defaults>${bag('Push-Accept', 'a/b')}</prf:defaults>`, `${RDF} ${other}`);
    assert.deepEqual(readCapabilities(octets), { types: ['a/b'] });
  });

  it('may be empty', () => assert.deepEqual(readCapabilities(profile('')), {}));

  for (const [what, octets] of [
    ['a screen size', profile('<prf:ScreenSize>101x80</prf:ScreenSize>')],
    ['a message size', profile('<prf:Push-MsgSize>1400</prf:Push-MsgSize>')],
    ['an attribute of its own', profile('<x:Color xmlns:x="urn:x">red</x:Color>')],
    [
      'an attribute within another',
      profile('<prf:Push-Accept><prf:Push-Accept>a/b</prf:Push-Accept></prf:Push-Accept>'),
    ],
    ['a profile that is referred to', profile('<prf:defaults rdf:resource="http://127.0.0.1/profile.rdf"/>')],
  ] as [string, Buffer][]) {
    it(`with ${what} cannot be matched: 3004`, () => assert.deepEqual(codeOf(octets), ['PPG_E_CAPABILITIES', 3004]));
  }

  for (const [what, octets] of [
    ['nothing', Buffer.alloc(0)],
    ['no XML', Buffer.from('hello')],
    ['another document', Buffer.from('<pap/>')],
    ['an RDF of another kind', Buffer.from('<RDF/>')],
    ['an end too few', Buffer.from(`<rdf:RDF ${RDF}>`)],
    ['an entity', Buffer.from(`<!DOCTYPE r [<!ENTITY e "x">]><rdf:RDF ${RDF}>&e;</rdf:RDF>`)],
    ['an unbound prefix', Buffer.from(`<rdf:RDF ${RDF}><prf:component/></rdf:RDF>`)],
    ['text between elements', profile('hello')],
    ['a type that is none', profile(bag('Push-Accept', 'text'))],
    ['an application that is none', profile(bag('Push-Accept-AppID', 'a b'))],
    ['octets that are not UTF-8', Buffer.concat([profile(''), Buffer.from([0xff])])],
  ] as [string, Buffer][]) {
    it(`that is ${what} is a bad request`, () => {
      const [code, papCode] = codeOf(octets);
      assert.match(code, /^PPG_E_(CAPABILITIES|PAP_XML)$/);
      assert.equal(papCode, 2000);
    });
  }

  for (const [what, octets] of [
    ['octets', profile(' '.repeat(UAPROF_LIMITS.bytes))],
    ['elements', profile(bag('Push-Accept', ...Array<string>(UAPROF_LIMITS.elements).fill('a/b')))],
    ['levels', Buffer.from(`<rdf:RDF ${RDF}>${'<rdf:Bag>'.repeat(UAPROF_LIMITS.depth)}`)],
    ['characters a value', profile(bag('Push-Accept', `a/${'b'.repeat(UAPROF_LIMITS.valueLength)}`))],
  ] as [string, Buffer][]) {
    it(`has a limit on its ${what}`, () => assert.deepEqual(codeOf(octets), ['PPG_E_PAP_TOO_LARGE', 2000]));
  }
});

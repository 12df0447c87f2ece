import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { formatUri, parseRequestUri, parseSipOnly, parseUri, uriParam } from '../../../../lib/codec/sip/uri.ts';
import { canonicalAor, sameUri } from '../../../../lib/codec/sip/uri-compare.ts';

describe('a Request-URI', () => {
  it('has no headers (RFC 3261 section 19.1.1, table 1)', () => {
    assert.throws(() => parseRequestUri('sip:a@b?Route=%3Csip:c%3E'), { code: 'PPG_E_SIP_SYNTAX', sipStatus: 400 });
    assert.equal(formatUri(parseRequestUri('sip:a@b;lr')), 'sip:a@b;lr');
    assert.equal(formatUri(parseRequestUri('tel:+1')), 'tel:+1');
  });
});

describe('SIP URIs', () => {
  it('may say the same twice, which real ones do', () => {
    assert.equal(uriParam(parseUri('sip:a@b;transport=udp;transport=udp'), 'transport'), 'udp');
  });

  it('with one header several times are the same in any order', () => {
    const [one, other] = [parseUri('sip:a@b?To=x&to=%79'), parseUri('sip:a@b?to=Y&To=X')];
    assert.equal(sameUri(one, other), true);
    assert.equal(sameUri(one, parseUri('sip:a@b?to=y&To=y')), false);
  });

  for (const text of [
    'sip:alice@atlanta.example',
    'sip:alice:secretword@atlanta.example;transport=tcp',
    'sips:alice@atlanta.example?subject=project%20x&priority=urgent',
    'sip:+1-212-555-1212:1234@gateway.example;user=phone',
    'sip:1212@gateway.example:5070',
    'sip:alice;day=tuesday@atlanta.example',
    'sip:user;par=u%40example.net@example.com', // RFC 4475 section 3.1.1.9
    'sip:sip%3Auser%40example.com@company.com;other-param=summit', // RFC 4475 section 3.1.1.4
    'sip:null-%00-null@example.com',
    'sip:[2001:db8::10]:5070;lr',
    'sip:a_b.example;maddr=[::1];ttl=1;lr',
    'tel:+358-555-1234567;postd=pp22',
    'tel:7042;phone-context=example.com',
  ]) {
    it(`reads and writes ${text}`, () => assert.equal(formatUri(parseUri(text)), text));
  }

  it('tells the parts', () => {
    const uri = parseSipOnly('SIP:j%20d:pw@[::1]:5070;Transport=TCP;lr?a=b');
    assert.deepEqual([uri.scheme, uri.user, uri.password, uri.host, uri.port], ['sip', 'j%20d', 'pw', '::1', 5070]);
    assert.equal(uriParam(uri, 'transport'), 'TCP');
    assert.equal(uriParam(uri, 'lr'), '');
    assert.deepEqual(uri.headers, [{ name: 'a', value: 'b' }]);
  });

  for (const [text, status] of [
    ['nobodyKnowsThisScheme:totallyopaquecontent', 416], // RFC 4475 section 3.3.3
    ['http://example.com/', 416],
    ['sip:', 400],
    ['sip:@host', 400],
    ['sip:a@', 400],
    ['sip:a b@host', 400],
    ['sip:a%zz@host', 400],
    ['sip:a@host:99999', 400],
    ['sip:a@ho st', 400],
    ['sip:a@host;=x', 400],
    ['sip:a@host;;lr', 400],
    ['sip:a@host?x', 400],
    ['sip:a@[1.2.3.4]', 400],
    ['sip:a@host\r\n', 400],
    ['sip:a@host;maddr=192.0.2.1;Maddr=192.0.2.2', 400], // section 19.1.1: a name once
    ['tel:+1;ext=1;ext=2', 400],
    ['tel:', 400],
    ['tel:hello', 400],
    ['alice', 400],
    [`sip:${'a'.repeat(9000)}@host`, 414],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))} with ${status}`, () => {
      assert.throws(
        () => parseUri(text),
        (error) => error instanceof PpgError && error.sipStatus === status,
      );
    });
  }

  it('wants a SIP URI where only that will do', () => {
    assert.throws(
      () => parseSipOnly('tel:+1'),
      (error) => error instanceof PpgError && error.sipStatus === 416,
    );
  });
});

describe('URI comparison (RFC 3261 section 19.1.4)', () => {
  for (const [a, b] of [
    ['sip:%61lice@atlanta.example;transport=TCP', 'sip:alice@AtLanTa.example;Transport=tcp'],
    ['sip:carol@chicago.example', 'sip:carol@chicago.example;newparam=5'],
    ['sip:carol@chicago.example;newparam=5', 'sip:carol@chicago.example;security=on'],
    [
      'sip:biloxi.example;transport=tcp;method=REGISTER?to=sip:bob',
      'sip:biloxi.example;method=REGISTER;transport=tcp?to=sip:bob',
    ],
    ['sip:a@b?subject=x&priority=urgent', 'sip:a@b?priority=urgent&subject=x'],
    ['tel:+1-555-01', 'tel:+1555.01'],
  ] as const)
    it(`${a} is ${b}`, () => assert.ok(sameUri(parseUri(a), parseUri(b)) && sameUri(parseUri(b), parseUri(a))));

  for (const [a, b] of [
    ['SIP:ALICE@AtLanTa.example', 'sip:alice@AtLanTa.example'],
    ['sip:bob@biloxi.example', 'sip:bob@biloxi.example:5060'],
    ['sip:bob@biloxi.example', 'sip:bob@biloxi.example;transport=udp'],
    ['sip:bob@biloxi.example', 'sip:bob@biloxi.example;maddr=1.2.3.4'],
    ['sip:carol@chicago.example', 'sip:carol@chicago.example?Subject=next'],
    ['sip:bob@phone21.example', 'sip:bob@192.0.2.4'],
    ['sip:carol@chicago.example;security=on', 'sip:carol@chicago.example;security=off'],
    ['sip:a@b', 'sips:a@b'],
    ['sip:a@b', 'sip:b'],
    ['sip:+1@b', 'tel:+1'],
    ['tel:+1;x=y', 'tel:+1'],
  ] as const)
    it(`${a} is not ${b}`, () => assert.ok(!sameUri(parseUri(a), parseUri(b)) && !sameUri(parseUri(b), parseUri(a))));
});

describe('canonical address-of-record (RFC 3261 section 10.3)', () => {
  for (const [text, wanted] of [
    ['sip:%61lice:pw@Example.COM;user=ip;x=y?a=b', 'sip:alice@example.com'],
    ['sips:alice@example.com', 'sip:alice@example.com'],
    ['sip:a%2fb%40c@example.com', 'sip:a/b%40c@example.com'],
    ['sip:+1-(212)-555.1212@example.com', 'sip:+12125551212@example.com'],
    ['sip:555-12;phone-context=a-b@example.com;user=phone', 'sip:55512;phone-context=a-b@example.com'],
    ['sip:alice.b-c@example.com', 'sip:alice.b-c@example.com'],
    ['sip:example.com:5070', 'sip:example.com:5070'],
    ['sip:a@[::1]', 'sip:a@[::1]'],
    ['tel:+1-212;x=y', 'tel:+1212'],
  ] as const)
    it(`of ${text} is ${wanted}`, () => assert.equal(canonicalAor(text), wanted));
});

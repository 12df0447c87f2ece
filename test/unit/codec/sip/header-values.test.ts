import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { formatCSeq, parseCSeq } from '../../../../lib/codec/sip/cseq.ts';
import { splitList } from '../../../../lib/codec/sip/list.ts';
import { formatNameAddr, parseNameAddr, parseNameAddrs, tagOf } from '../../../../lib/codec/sip/name-addr.ts';
import { paramOf } from '../../../../lib/codec/sip/params.ts';
import { branchOf, formatVia, parseVia } from '../../../../lib/codec/sip/via.ts';

const syntax = (work: () => unknown): void => {
  assert.throws(work, (error) => error instanceof PpgError && error.code === 'PPG_E_SIP_SYNTAX');
};

describe('From, To, Contact and Route values', () => {
  it('takes a URI in brackets with parameters of its own', () => {
    const value = parseNameAddr('"J \\"R\\" \\\\ Hacker" <sip:jrh@example.com;lr?a=b>;tag=1; q = 0.5 ;flag');
    assert.equal(value.displayName, 'J "R" \\ Hacker');
    assert.equal(value.uri, 'sip:jrh@example.com;lr?a=b');
    assert.deepEqual(value.params, [{ name: 'tag', value: '1' }, { name: 'q', value: '0.5' }, { name: 'flag' }]);
  });

  it('gives parameters of a bare URI to the header (RFC 3261 section 20.10)', () => {
    assert.deepEqual(parseNameAddr('sip:a@b.example ;tag=88'), {
      uri: 'sip:a@b.example',
      params: [{ name: 'tag', value: '88' }],
    });
  });

  it('takes a display name of tokens right before the bracket (RFC 4475 section 3.1.1.6)', () => {
    assert.equal(parseNameAddr('caller<sip:caller@example.com>;tag=323').displayName, 'caller');
    assert.equal(parseNameAddr(' two  words <sip:a@b>').displayName, 'two  words');
  });

  it('takes feature tags with commas and brackets in quotes', () => {
    const [first, second] = parseNameAddrs([
      '<sip:a@10.0.0.1>;+sip.instance="<urn:uuid:1,2>";+g.oma.pusheventapp="a;b,c", *',
    ]);
    assert.equal(paramOf(first?.params ?? [], '+SIP.instance'), '<urn:uuid:1,2>');
    assert.equal(paramOf(first?.params ?? [], '+g.oma.pusheventapp'), 'a;b,c');
    assert.equal(second?.uri, '*');
  });

  it('writes with brackets and quotes', () => {
    const text = '"a \\" \\\\ b" <sip:x@y;lr>;tag=1;flag';
    assert.equal(formatNameAddr(parseNameAddr(text)), text);
    assert.equal(formatNameAddr(parseNameAddr('sip:x@y')), '<sip:x@y>');
    assert.equal(formatNameAddr(parseNameAddr('*')), '*');
  });

  it('answers the tag', () => {
    assert.equal(tagOf('<sip:a@b;tag=no>;TAG=yes'), 'yes');
    assert.equal(tagOf('<sip:a@b>'), undefined);
  });

  for (const value of [
    'Bell, Alexander <sip:a.g.bell@example.com>;tag=43', // RFC 4475 section 3.1.2.15
    '"Watson, Thomas" < sip:t.watson@example.org >', // 3.1.2.14
    '"Mr. J. User <sip:j.user@example.com>', // 3.1.2.6
    'sip:user@example.com?Route=%3Csip:example.com%3E', // 3.1.2.13
    'sip:a@b,sip:c@d',
    '<sip:a@b',
    'sip:a b',
    '"x" sip:a@b',
    '<nothing>',
    '<sip:a@b>tag=1',
    '<sip:a@b>;=1',
    '<sip:a@b>;tag=',
    '<sip:a@b>;tag="1',
    '',
  ]) {
    it(`refuses ${JSON.stringify(value)}`, () => syntax(() => parseNameAddr(value)));
  }

  it('refuses more parameters than anyone has', () => syntax(() => parseNameAddr(`<sip:a@b>${';x'.repeat(200)}`)));
});

describe('lists', () => {
  it('split at commas outside quotes and angle brackets', () => {
    assert.deepEqual(splitList('"a,\\",b" <sip:x,y@z> , c'), ['"a,\\",b" <sip:x,y@z>', 'c']);
    assert.deepEqual(splitList(' one '), ['one']);
  });

  for (const value of ['', ' ', 'a,,b', ',a', 'a,', '"a,b', '<a,b'])
    it(`refuse ${JSON.stringify(value)}`, () => syntax(() => splitList(value)));

  it('are bounded', () => syntax(() => splitList('a,'.repeat(1000))));
});

describe('Via', () => {
  it('of another protocol or version is read, so that its 505 finds the way back', () => {
    const via = parseVia('SIP/7.0/UDP a:1;branch=z');
    assert.deepEqual([via.protocol, via.transport, via.port], ['SIP/7.0', 'UDP', 1]);
    assert.equal(formatVia(via), 'SIP/7.0/UDP a:1;branch=z');
    assert.equal(parseVia('sip/2.0/UDP a').protocol, undefined);
  });

  it('is read and written', () => {
    const text = 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK77;rport';
    const via = parseVia(text);
    assert.deepEqual([via.transport, via.host, via.port, branchOf(via)], ['UDP', '192.0.2.1', 5062, 'z9hG4bK77']);
    assert.equal(paramOf(via.params, 'rport'), '');
    assert.equal(formatVia(via), text);
  });

  it('takes blanks, IPv6 and unknown transports (RFC 4475 sections 3.1.1.1 and 3.1.1.10)', () => {
    const spaced = parseVia('SIP  / 2.0\t/ UNKNOWN  t.example.com : 5061 ; branch = z9hG4bK;hidden');
    assert.deepEqual(
      [spaced.transport, spaced.host, spaced.port, branchOf(spaced)],
      ['UNKNOWN', 't.example.com', 5061, 'z9hG4bK'],
    );
    const six = parseVia('SIP/2.0/TCP [2001:db8::9:1]:6050;received=::1');
    assert.deepEqual([six.host, six.port], ['2001:db8::9:1', 6050]);
    assert.equal(formatVia(six), 'SIP/2.0/TCP [2001:db8::9:1]:6050;received=::1');
  });

  for (const text of [
    'SIP/2.0/UDP 192.0.2.15;;,;,,', // RFC 4475 section 3.1.2.1
    'SIP/2.0/UDP',
    'SIP/2.0/UDP a:0',
    'SIP/2.0/UDP a:65536',
    'SIP/2.0/UDP [::1',
    'SIP/2.0/UDP [zz]',
    'SIP/2.0/UDP a b',
    '',
  ])
    it(`refuses ${JSON.stringify(text)}`, () => syntax(() => parseVia(text)));
});

describe('CSeq', () => {
  it('is read and written', () => {
    assert.deepEqual(parseCSeq('0009  INVITE'), { number: 9, method: 'INVITE' });
    assert.equal(formatCSeq({ number: 4294967295, method: 'MESSAGE' }), '4294967295 MESSAGE');
  });

  for (const text of ['36893488147419103232 REGISTER', '4294967296 A', 'MESSAGE', '1', '1MESSAGE', '-1 A', '1 A B', ''])
    it(`refuses ${JSON.stringify(text)} (RFC 4475 section 3.1.2.5)`, () => syntax(() => parseCSeq(text)));
});

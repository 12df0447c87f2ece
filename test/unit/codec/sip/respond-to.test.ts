import assert from 'node:assert/strict';
import type { SipRequest } from '../../../../lib/codec/sip/message.ts';
import { parseSip } from '../../../../lib/codec/sip/parse.ts';
import { reasonPhrase } from '../../../../lib/codec/sip/reason-phrases.ts';
import { respondTo } from '../../../../lib/codec/sip/respond-to.ts';
import { salvageRequest } from '../../../../lib/codec/sip/salvage.ts';

const LINES = [
  'MESSAGE sip:b@example.com SIP/2.0',
  'v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2',
  'Via: SIP/2.0/UDP c;branch=z9hG4bK3',
  'f: <sip:a@example.com>;tag=1',
  't: <sip:b@example.com>',
  'i: 1@a',
  'CSeq: 7 MESSAGE',
  'Record-Route: <sip:p;lr>',
  'Timestamp: 54',
  'Subject: x',
];
const parse = (lines: string[]): SipRequest => parseSip(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)) as SipRequest;

describe('a response to a request', () => {
  it('copies what ties it to the request, in order (RFC 3261 section 8.2.6.2)', () => {
    const response = respondTo(parse(LINES), 200, { toTag: 'x', headers: [{ name: 'Allow', value: 'A' }] });
    assert.deepEqual(
      response.headers.fields.map(({ name, value }) => `${name}: ${value}`),
      [
        'Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2',
        'Via: SIP/2.0/UDP c;branch=z9hG4bK3',
        'From: <sip:a@example.com>;tag=1',
        'To: <sip:b@example.com>;tag=x',
        'Call-ID: 1@a',
        'CSeq: 7 MESSAGE',
        'Allow: A',
      ],
    );
    assert.equal(response.reason, 'OK');
  });

  it('gives the same tag to the same request, another to another (section 8.2.7)', () => {
    const tag = (lines: string[]): string | undefined => respondTo(parse(lines), 404).headers.get('To');
    assert.match(tag(LINES) ?? '', /;tag=[0-9a-f]{16}$/);
    assert.equal(tag(LINES), tag(LINES));
    assert.notEqual(tag(LINES), tag(LINES.map((line) => line.replace('1@a', '2@a'))));
  });

  it('keeps the tag of a request within a dialog', () => {
    const lines = LINES.map((line) => line.replace('t: <sip:b@example.com>', 't: <sip:b@example.com>;tag=old'));
    assert.equal(respondTo(parse(lines), 200, { toTag: 'new' }).headers.get('To'), '<sip:b@example.com>;tag=old');
  });

  it('100 has no To tag and the Timestamp; Record-Route comes when asked for', () => {
    const trying = respondTo(parse(LINES), 100, { toTag: 'x' });
    assert.equal(trying.headers.get('To'), '<sip:b@example.com>');
    assert.equal(trying.headers.get('Timestamp'), '54');
    assert.equal(respondTo(parse(LINES), 200).headers.has('Record-Route'), false);
    assert.equal(respondTo(parse(LINES), 200, { recordRoute: true }).headers.get('Record-Route'), '<sip:p;lr>');
  });

  it('has the reason of its class when its status is unknown', () => {
    assert.equal(reasonPhrase(299), 'OK');
    assert.equal(reasonPhrase(499), 'Bad Request');
  });
});

describe('what can be read of a malformed request', () => {
  it('is enough to answer it', () => {
    const salvaged = salvageRequest(Buffer.from([...LINES, 'Content-Length: 99', '', 'short'].join('\r\n')));
    assert.ok(salvaged);
    assert.deepEqual(salvaged.headers.all('Via').length, 2);
    assert.equal(salvaged.headers.get('Call-ID'), '1@a');
    assert.equal(salvaged.headers.has('Subject'), false);
  });

  it('is nothing for responses, ACK, noise, and requests without Via', () => {
    const text = (first: string): Buffer => Buffer.from([first, ...LINES.slice(1), '', ''].join('\r\n'));
    assert.equal(salvageRequest(text('SIP/2.0 999 x')), undefined);
    assert.equal(salvageRequest(text('ACK sip:b SIP/2.0')), undefined);
    assert.equal(salvageRequest(Buffer.from('MESSAGE sip:b SIP/2.0\r\nTo: x\r\n\r\n')), undefined);
    assert.equal(salvageRequest(Buffer.from([0, 255, 13, 10])), undefined);
    assert.equal(salvageRequest(Buffer.alloc(0)), undefined);
  });
});

import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { DEFAULT_SIP_LIMITS } from '../../../../lib/codec/sip/limits.ts';
import type { SipRequest, SipResponse } from '../../../../lib/codec/sip/message.ts';
import { parseSip } from '../../../../lib/codec/sip/parse.ts';
import { writeSip } from '../../../../lib/codec/sip/write.ts';

const octets = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8');

function request(buffer: Buffer): SipRequest {
  const message = parseSip(buffer);
  assert.equal(message.kind, 'request');
  return message as SipRequest;
}

function refused(buffer: Buffer, code: string, sipStatus: number): void {
  assert.throws(
    () => parseSip(buffer),
    (error) => error instanceof PpgError && error.code === code && error.sipStatus === sipStatus,
  );
}

const FIRST = 'MESSAGE sip:b@example.com SIP/2.0';
const OTHERS = [
  'Via: SIP/2.0/UDP a.example.com;branch=z9hG4bK1',
  'From: <sip:a@example.com>;tag=1',
  'To: <sip:b@example.com>',
];

describe('reading a SIP message', () => {
  it('takes start line, headers in order with their names as written, and the body', () => {
    const message = request(Buffer.concat([octets(FIRST, ...OTHERS, 'cOnTent-length: 3'), Buffer.from('abc')]));
    assert.equal(message.method, 'MESSAGE');
    assert.equal(message.uri, 'sip:b@example.com');
    assert.deepEqual(
      message.headers.fields.map(({ name }) => name),
      ['Via', 'From', 'To', 'cOnTent-length'],
    );
    assert.equal(message.body.toString(), 'abc');
  });

  it('finds compact forms by their long names and the other way round', () => {
    const message = request(octets(FIRST, 'v: SIP/2.0/UDP a', 'i: 1@a', 'Contact: <sip:a@b>', 'l: 0'));
    assert.equal(message.headers.get('Via'), 'SIP/2.0/UDP a');
    assert.equal(message.headers.get('call-id'), '1@a');
    assert.equal(message.headers.get('m'), '<sip:a@b>');
    assert.equal(message.headers.get('Content-Length'), '0');
  });

  it('unfolds a folded value to single spaces and takes blanks before the colon (RFC 4475 section 3.1.1.1)', () => {
    const message = request(
      octets(FIRST, 'TO :', ' sip:vivekg@example.com ;   tag    = 1918181833n', 'Subject: one\t ', '\t two', '  three'),
    );
    assert.equal(message.headers.get('To'), 'sip:vivekg@example.com ;   tag    = 1918181833n');
    assert.equal(message.headers.get('Subject'), 'one two three');
  });

  it('takes a header without a value and methods of all token characters (RFC 4475 section 3.1.1.2)', () => {
    const method = "!interesting-Method0123456789_*+`.%indeed'~";
    const message = request(octets(`${method} sip:a@b SIP/2.0`, 'Subject:', 'X-Empty:   '));
    assert.equal(message.method, method);
    assert.equal(message.headers.get('subject'), '');
    assert.equal(message.headers.get('x-empty'), '');
  });

  it('takes a NUL as quoted-pair in a display name, and writes it again (RFC 4475 section 3.1.1.2)', () => {
    const raw = octets(FIRST, 'To: "NUL:\\\0 DEL:\\\x7f" <sip:b@example.com>', 'Content-Length: 0');
    assert.deepEqual(writeSip(request(raw)), raw);
  });

  it('keeps UTF-8 as text and takes a response without reason (RFC 4475 sections 3.1.1.3 and 3.1.1.13)', () => {
    const message = parseSip(octets('SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять', 'X: é')) as SipResponse;
    assert.equal(message.status, 200);
    assert.equal(message.reason, '= 2**3 * 5**2 но сто девяносто девять');
    assert.equal(message.headers.get('x'), 'é');
    assert.equal(message.encoding, 'utf8');
    assert.equal((parseSip(octets('SIP/2.0 100 ')) as SipResponse).reason, '');
  });

  it('gives octets that are not UTF-8 back as they came', () => {
    const raw = Buffer.concat([
      octets(FIRST, 'Content-Length: 0').subarray(0, -2),
      Buffer.from('Subject: caf\xe9\r\n\r\n', 'latin1'),
    ]);
    const message = request(raw);
    assert.equal(message.encoding, 'latin1');
    assert.deepEqual(writeSip(message), raw);
  });

  it('leaves every octet of the body alone', () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const message = request(Buffer.concat([octets(FIRST, 'Content-Length: 256'), body]));
    assert.deepEqual(message.body, body);
  });

  it('takes a body without Content-Length to the end of the datagram (RFC 3261 section 18.3)', () => {
    assert.equal(request(Buffer.concat([octets(FIRST), Buffer.from('a\0b')])).body.length, 3);
  });

  it('cuts what follows the body of a datagram (RFC 4475 section 3.1.1.8)', () => {
    const twice = octets(FIRST, 'Content-Length: 0');
    assert.equal(request(Buffer.concat([twice, twice])).body.length, 0);
  });

  it('skips empty lines before the start line (RFC 3261 section 7.5)', () => {
    assert.equal(request(Buffer.concat([Buffer.from('\r\n\r\n'), octets(FIRST)])).method, 'MESSAGE');
  });

  const malformed: [string, Buffer][] = [
    ['a body shorter than Content-Length (RFC 4475 section 3.1.2.3)', octets(FIRST, 'Content-Length: 9999')],
    ['a negative Content-Length (3.1.2.4)', octets(FIRST, 'Content-Length: -999')],
    ['two Content-Lengths (3.3.9)', octets(FIRST, 'Content-Length: 0', 'l: 0')],
    ['a request URI in angle brackets (3.1.2.7)', octets('INVITE <sip:user@example.com> SIP/2.0')],
    ['blanks in the request URI (3.1.2.8)', octets('INVITE sip:user@example.com; lr SIP/2.0')],
    ['more than one space in the start line (3.1.2.9)', octets('INVITE  sip:user@example.com  SIP/2.0')],
    ['blanks behind the start line (3.1.2.10)', octets('OPTIONS sip:user@example.com SIP/2.0  ')],
    ['a status out of range (3.1.2.19)', octets('SIP/2.0 4294967301 better not break the receiver')],
    ['a status below 100', octets('SIP/2.0 099 x')],
    ['a header without colon', octets(FIRST, 'Nonsense')],
    ['a header name with a blank in it', octets(FIRST, 'No Name: x')],
    ['a fold before the first header', octets(FIRST, ' folded: x')],
    ['a bare LF as line end', Buffer.from(`${FIRST}\nVia: x\r\n\r\n`)],
    ['a bare CR in a value', octets(FIRST, 'X: a\rb')],
    ['a NUL in a value', octets(FIRST, 'X: a\0b')],
    ['no empty line', Buffer.from(`${FIRST}\r\nVia: x\r\n`)],
    ['nothing', Buffer.alloc(0)],
    ['an empty start line', Buffer.from('\r\n\r\n')],
    ['octets of another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ];
  for (const [what, buffer] of malformed) {
    it(`refuses ${what}`, () => refused(buffer, 'PPG_E_SIP_SYNTAX', 400));
  }

  it('refuses another version with 505 (RFC 4475 section 3.1.2.16)', () => {
    refused(octets('OPTIONS sip:t.watson@example.org SIP/7.0'), 'PPG_E_SIP_SYNTAX', 505);
  });

  it('refuses more than its limits allow', () => {
    refused(octets(FIRST, ...Array.from({ length: 257 }, (_, i) => `X-${i}: y`)), 'PPG_E_SIP_TOO_LARGE', 513);
    refused(octets(FIRST, `X: ${'y'.repeat(65_536)}`), 'PPG_E_SIP_TOO_LARGE', 513);
    refused(octets(`MESSAGE sip:${'y'.repeat(8192)} SIP/2.0`), 'PPG_E_SIP_TOO_LARGE', 513);
    const buffer = Buffer.concat([octets(FIRST), Buffer.alloc(11)]);
    assert.throws(() => parseSip(buffer, { ...DEFAULT_SIP_LIMITS, bodyBytes: 10 }), /11 octets/);
    assert.equal(parseSip(buffer, { ...DEFAULT_SIP_LIMITS, bodyBytes: 11 }).body.length, 11);
  });

  it('reads the longest header field count that is allowed', () => {
    const message = parseSip(octets(FIRST, ...Array.from({ length: 256 }, (_, i) => `X-${i}: y`)));
    assert.equal(message.headers.get('X-255'), 'y');
  });
});

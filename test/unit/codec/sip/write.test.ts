import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../../../lib/codec/sip/message.ts';
import { writeSip } from '../../../../lib/codec/sip/write.ts';

const message = (change: Partial<SipRequest>): SipRequest => ({
  kind: 'request',
  method: 'MESSAGE',
  uri: 'sip:b@example.com',
  headers: new SipHeaders(),
  body: Buffer.alloc(0),
  ...change,
});

const response = (change: Partial<SipResponse>): SipResponse => ({
  kind: 'response',
  status: 200,
  reason: 'OK',
  headers: new SipHeaders(),
  body: Buffer.alloc(0),
  ...change,
});

const text = (change: Partial<SipRequest>): string => writeSip(message(change)).toString('latin1');

describe('writing a SIP message', () => {
  it('adds Content-Length behind the headers', () => {
    assert.equal(
      text({ headers: new SipHeaders([{ name: 'X-A', value: 'b' }]), body: Buffer.from('\0\xff', 'latin1') }),
      'MESSAGE sip:b@example.com SIP/2.0\r\nX-A: b\r\nContent-Length: 2\r\n\r\n\0\xff',
    );
  });

  it('corrects a Content-Length in its place and writes it once', () => {
    const headers = new SipHeaders([
      { name: 'l', value: '999' },
      { name: 'X', value: 'y' },
      { name: 'Content-Length', value: '7' },
    ]);
    assert.equal(
      text({ headers, body: Buffer.from('abc') }),
      'MESSAGE sip:b@example.com SIP/2.0\r\nl: 3\r\nX: y\r\n\r\nabc',
    );
  });

  it('counts octets, not characters', () => {
    const octets = writeSip(response({ reason: 'Добро', body: Buffer.from('é') }));
    assert.equal(octets.toString(), 'SIP/2.0 200 Добро\r\nContent-Length: 2\r\n\r\né');
  });

  it('writes text beyond latin1 that was added to a latin1 message as UTF-8, and the rest as it came', () => {
    const headers = new SipHeaders([
      { name: 'Subject', value: 'caf\xe9' },
      { name: 'X', value: '€' },
    ]);
    const octets = writeSip(message({ headers, encoding: 'latin1' }));
    assert.ok(octets.includes(Buffer.from('Subject: caf\xe9\r\n', 'latin1')));
    assert.ok(octets.includes(Buffer.from('X: €\r\n', 'utf8')));
  });

  const bad: [string, SipRequest | SipResponse][] = [
    ['CRLF in a value', message({ headers: new SipHeaders([{ name: 'X', value: 'a\r\nY: b' }]) })],
    ['LF in a value', message({ headers: new SipHeaders([{ name: 'X', value: 'a\nb' }]) })],
    ['NUL in a value', message({ headers: new SipHeaders([{ name: 'X', value: 'a\0b' }]) })],
    ['CRLF in a name', message({ headers: new SipHeaders([{ name: 'X: a\r\nY', value: 'b' }]) })],
    ['an empty name', message({ headers: new SipHeaders([{ name: '', value: 'b' }]) })],
    ['CRLF in the URI', message({ uri: 'sip:a@b SIP/2.0\r\nX: y' })],
    ['a blank in the URI', message({ uri: 'sip:a b' })],
    ['an empty URI', message({ uri: '' })],
    ['a blank in the method', message({ method: 'A B' })],
    ['CRLF in the reason', response({ reason: 'OK\r\nX: y' })],
    ['a status that is none', response({ status: 20 })],
  ];
  for (const [what, guilty] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => writeSip(guilty),
        (error) => error instanceof PpgError && error.code === 'PPG_E_SIP_HEADER',
      );
    });
  }
});

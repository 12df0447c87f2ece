import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SipTap, type SipTrace } from '../../../lib/stack/trace.ts';
import { traceLine, traceText } from '../../../lib/stack/trace-text.ts';
import type { Flow } from '../../../lib/stack/types.ts';
import { requestText } from '../../support/sip-loopback.ts';

const FLOW: Flow = { protocol: 'tls', host: '2001:db8::1', port: 5061, localHost: '192.0.2.1', localPort: 5081 };

function traceOf(octets: Buffer, direction: 'in' | 'out' = 'in'): SipTrace {
  const seen: SipTrace[] = [];
  const tap = new SipTap(
    () => 1234,
    (error) => assert.fail(String(error)),
  );
  tap.add((trace) => seen.push(trace));
  tap.note(direction, FLOW, octets);
  assert.ok(seen[0]);
  return seen[0];
}

const MESSAGE = requestText('SIP/2.0/TLS a;branch=z9hG4bK1', {
  more: ['Proxy-Authorization: Digest username="a", response="cafe"', 'Subject: caf\xe9 \x1b[31m'],
  body: 'secret\0body',
});

describe('a SIP trace', () => {
  it('tells direction, time, both sides, octets and Call-ID', () => {
    const trace = traceOf(MESSAGE, 'out');
    assert.deepEqual(
      [trace.direction, trace.at, trace.protocol, trace.local, trace.remote, trace.callId],
      ['out', 1234, 'tls', '192.0.2.1:5081', '[2001:db8::1]:5061', '1@a'],
    );
    assert.equal(trace.octets, MESSAGE);
  });

  it('finds the Call-ID in its compact form, and only among the headers', () => {
    assert.equal(traceOf(Buffer.from('SIP/2.0 200 OK\r\ni : x@y\r\n\r\n')).callId, 'x@y');
    assert.equal(traceOf(Buffer.from('SIP/2.0 200 OK\r\nX: 1\r\n\r\n\r\nCall-ID: x\r\n')).callId, undefined);
    assert.equal(traceOf(Buffer.from('nonsense')).callId, undefined);
  });

  it('is one line', () => {
    assert.equal(
      traceLine(traceOf(MESSAGE, 'out')),
      `out tls 192.0.2.1:5081 > [2001:db8::1]:5061 MESSAGE sip:b@example.com SIP/2.0, ${MESSAGE.length} octets, Call-ID 1@a`,
    );
    assert.match(traceLine(traceOf(MESSAGE)), /^in tls 192\.0\.2\.1:5081 < /);
  });

  it('is text without body and credentials, and with the body when it is asked for', () => {
    const short = traceText(traceOf(MESSAGE));
    assert.match(short, /\nProxy-Authorization: Digest \(left out\)\n/);
    assert.match(short, /\nSubject: caf\\xe9 \\x1b\[31m\n/);
    assert.match(short, /\n\n\(body of 11 octets\)$/);
    assert.doesNotMatch(short, /cafe"|secret/);
    assert.match(traceText(traceOf(MESSAGE), 'all'), /\n\nsecret\\x00body$/);
    assert.match(traceText(traceOf(Buffer.concat([MESSAGE, Buffer.alloc(9000)])), 'all'), /octets more\)$/);
    assert.doesNotMatch(traceText(traceOf(requestText('SIP/2.0/TLS a'))), /body of/);
  });

  it('is plain visible ASCII and one line, whatever the peer sent', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        const trace = traceOf(Buffer.from(octets));
        assert.match(traceLine(trace), /^[\x20-\x7e]+$/);
        assert.match(traceText(trace, 'all'), /^[\x20-\x7e\n]+$/);
      }),
    );
  });

  it('goes to all who listen, also when one throws, and to nobody who left', () => {
    const errors: unknown[] = [];
    const tap = new SipTap(
      () => 0,
      (error) => errors.push(error),
    );
    assert.equal(tap.active, false);
    const seen: string[] = [];
    const off = tap.add(() => {
      throw new Error('x');
    });
    const offToo = tap.add(() => seen.push('b'));
    assert.equal(tap.active, true);
    tap.note('in', FLOW, MESSAGE);
    off();
    tap.note('in', FLOW, MESSAGE);
    offToo();
    assert.deepEqual([errors.length, seen, tap.active], [1, ['b', 'b'], false]);
  });
});

import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { DEFAULT_SIP_LIMITS, type SipLimits } from '../../../../lib/codec/sip/limits.ts';
import { StreamFramer } from '../../../../lib/codec/sip/stream-framer.ts';

const message = (body: string, n = 1): Buffer =>
  Buffer.from(`MESSAGE sip:${n}@b SIP/2.0\r\nX: y\r\nl: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`, 'latin1');

interface Seen {
  readonly framer: StreamFramer;
  readonly events: string[];
  readonly raws: Buffer[];
}

function framer(limits: Partial<SipLimits> = {}): Seen {
  const events: string[] = [];
  const raws: Buffer[] = [];
  const listener = {
    onMessage: (found: { body: Buffer }, raw: Buffer) => {
      events.push(found.body.toString('latin1'));
      raws.push(raw);
    },
    onPing: () => events.push('ping'),
  };
  return { framer: new StreamFramer(listener, { ...DEFAULT_SIP_LIMITS, ...limits }), events, raws };
}

const STREAM = Buffer.concat([
  message('one\r\n\r\n\0'),
  Buffer.from('\r\n\r\n'),
  message(''),
  Buffer.from('\r\n'),
  message('\xff'.repeat(300)),
]);
const WANTED = ['one\r\n\r\n\0', 'ping', '', '\xff'.repeat(300)];

describe('messages from a stream', () => {
  it('come whole when they arrive together', () => {
    const { framer: frames, events } = framer();
    frames.push(STREAM);
    assert.deepEqual(events, WANTED);
    assert.equal(frames.buffered, 0);
  });

  it('come whole when the stream is split at any octet', () => {
    for (let at = 1; at < STREAM.length; at++) {
      const { framer: frames, events } = framer();
      frames.push(STREAM.subarray(0, at));
      frames.push(STREAM.subarray(at));
      assert.deepEqual(events, WANTED, `split at ${at}`);
    }
  });

  it('come whole when every octet comes alone, and keep the octets as received', () => {
    const { framer: frames, events, raws } = framer();
    for (const octet of STREAM) frames.push(Buffer.from([octet]));
    assert.deepEqual(events, WANTED);
    assert.deepEqual(raws[2], message('\xff'.repeat(300)));
  });

  it('stay intact while later octets arrive', () => {
    const { framer: frames, raws } = framer();
    const both = Buffer.concat([message('aaaa'), message('bbbb'), message('cccc')]);
    for (let at = 0; at < both.length; at += 7) frames.push(both.subarray(at, at + 7));
    assert.deepEqual(Buffer.concat(raws), both);
  });

  it('a keep-alive of two CRLFs is one ping, a single CRLF is none (RFC 5626 section 4.4.1)', () => {
    const { framer: frames, events } = framer();
    frames.push(Buffer.from('\r\n\r\n\r\n'));
    assert.deepEqual(events, ['ping']);
    frames.push(message('x'));
    frames.push(Buffer.from('\r\n'));
    assert.deepEqual(events, ['ping', 'x']);
    frames.push(Buffer.from('\r'));
    frames.push(Buffer.from('\n'));
    assert.deepEqual(events, ['ping', 'x', 'ping']);
  });

  const fails = (bytes: Buffer, code: string, limits: Partial<SipLimits> = {}): Seen => {
    const seen = framer(limits);
    assert.throws(
      () => {
        for (let at = 0; at < bytes.length; at += 1000) seen.framer.push(bytes.subarray(at, at + 1000));
      },
      (error) => error instanceof PpgError && error.code === code,
    );
    return seen;
  };

  it('without Content-Length have no frame', () => {
    const bad = Buffer.from('MESSAGE sip:1@b SIP/2.0\r\nX: y\r\n\r\n');
    const seen = fails(Buffer.concat([message('good'), bad]), 'PPG_E_SIP_SYNTAX');
    assert.deepEqual(seen.events, ['good']);
    assert.deepEqual(seen.framer.pending, bad);
    seen.framer.push(message('after'));
    assert.deepEqual(seen.events, ['good'], 'a lost stream is not read on');
  });

  it('are bounded: head without end, long head, long body, noise', () => {
    fails(Buffer.alloc(70_000, 'a'), 'PPG_E_SIP_TOO_LARGE');
    fails(Buffer.from(`MESSAGE sip:1@b SIP/2.0\r\nX: ${'y'.repeat(3000)}\r\nl: 0\r\n\r\n`), 'PPG_E_SIP_TOO_LARGE', {
      headerBytes: 2000,
    });
    fails(Buffer.from('MESSAGE sip:1@b SIP/2.0\r\nl: 11\r\n\r\n'), 'PPG_E_SIP_TOO_LARGE', { bodyBytes: 10 });
    fails(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'PPG_E_SIP_SYNTAX');
    fails(Buffer.from('\n'), 'PPG_E_SIP_SYNTAX');
    fails(Buffer.from('\rx'), 'PPG_E_SIP_SYNTAX');
  });

  it('a claimed length costs no memory before its octets come', () => {
    const { framer: frames } = framer();
    frames.push(Buffer.from('MESSAGE sip:1@b SIP/2.0\r\nl: 16000000\r\n\r\n'));
    frames.push(Buffer.from('x'));
    assert.ok(frames.buffered < 100);
    assert.ok(frames.pending.buffer.byteLength < 10_000);
  });
});

import assert from 'node:assert/strict';
import { PpgError } from '../../../../lib/base/errors.ts';
import { acceptsType, readMessageMedia, writeMessageSdp } from '../../../../lib/codec/sdp/message-media.ts';

const sdp = (...lines: string[]): Buffer =>
  Buffer.from(['v=0', 'o=- 1 1 IN IP4 a', 's=-', 't=0 0', ...lines, ''].join('\r\n'));

describe('the MSRP session of an SDP', () => {
  it('is written so that it is read again', () => {
    const written = writeMessageSdp({
      host: '192.0.2.1',
      sessionId: '7',
      port: 2855,
      secure: true,
      path: 'msrps://192.0.2.1:2855/s;tcp',
      setup: 'actpass',
      acceptTypes: ['message/cpim', '*'],
      acceptWrappedTypes: ['*'],
      maxSize: 1000,
      fingerprint: { hash: 'sha-256', value: Array(32).fill('AB').join(':') },
      direction: 'sendonly',
    });
    assert.deepEqual(readMessageMedia(written), {
      port: 2855,
      secure: true,
      path: 'msrps://192.0.2.1:2855/s;tcp',
      setup: 'actpass',
      acceptTypes: ['message/cpim', '*'],
      acceptWrappedTypes: ['*'],
      maxSize: 1000,
      fingerprints: [{ hash: 'sha-256', value: Array(32).fill('AB').join(':') }],
      direction: 'sendonly',
    });
  });

  it('is found among other media, and takes the attributes of the session where it has none', () => {
    const media = readMessageMedia(
      sdp(
        'a=setup:passive',
        'a=recvonly',
        'm=audio 1 RTP/AVP 0',
        'a=setup:active',
        'a=path:wrong',
        'm=message 9 TCP/MSRP *',
        'a=path:right',
        'a=inactive',
        'm=video 1 RTP/AVP 1',
        'a=setup:holdconn',
      ),
    );
    assert.deepEqual([media?.path, media?.setup, media?.direction, media?.port], ['right', 'passive', 'inactive', 9]);
  });

  it('is not there without a line of its own', () => {
    for (const lines of [[], ['m=audio 1 RTP/AVP 0'], ['m=message 9 TCP/MSRP'], ['m=message 9 RTP/AVP *']])
      assert.equal(readMessageMedia(sdp(...lines)), undefined);
  });

  it('leaves out what makes no sense', () => {
    const media = readMessageMedia(
      sdp('m=message 9 TCP/MSRP *', 'a=setup:whatever', 'a=max-size:many', 'a=fingerprint:sha-256 xyz'),
    );
    assert.deepEqual(
      [media?.setup, media?.maxSize, media?.fingerprints, media?.acceptTypes, media?.path],
      [undefined, undefined, [], [], undefined],
    );
  });

  it('is refused with bounds', () => {
    const code = (error: unknown): boolean => error instanceof PpgError && error.code === 'PPG_E_SDP';
    assert.throws(() => readMessageMedia(Buffer.alloc(70_000, 'v=0\r\n')), code);
    assert.throws(() => readMessageMedia(Buffer.from(`v=0\r\n${'a=x\r\n'.repeat(2000)}`)), code);
    assert.throws(() => readMessageMedia(Buffer.from('hello')), code);
    assert.throws(() => readMessageMedia(sdp('m=message 99999 TCP/MSRP *')), code);
  });

  it('may have types with parameters', () => {
    const media = readMessageMedia(
      sdp('m=message 9 TCP/MSRP *', 'a=accept-types:text/plain;charset="utf-8" a/b; c=d;e=f  message/cpim'),
    );
    assert.deepEqual(media?.acceptTypes, ['text/plain', 'a/b', 'message/cpim']);
  });

  it('takes types by name, range, or all', () => {
    assert.ok(acceptsType(['text/*'], 'Text/Plain; charset=utf-8'));
    assert.ok(acceptsType(['*'], 'a/b'));
    assert.ok(!acceptsType(['text/html', 'image/*'], 'text/plain'));
    assert.ok(!acceptsType([], 'text/plain'));
  });
});

import assert from 'node:assert/strict';
import { type Frame, FrameReader, LONGEST_FRAME } from '../../../../lib/embedded/sipd/frame.ts';

const frame = (payload: string): string => `${Buffer.byteLength(payload)}#${payload}`;

function read(...chunks: (string | Buffer)[]): { frames: Frame[]; broken: string | undefined } {
  const frames: Frame[] = [];
  const reader = new FrameReader((one) => frames.push(one));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return { frames, broken: reader.broken };
}

const payloads = (frames: Frame[]): string[] => frames.map((one) => one.payload.toString());

describe('frame reader', () => {
  it('cuts frames wherever the reads end', () => {
    const octets = Buffer.from(frame('a|ping') + frame('b|route|message') + frame('c|ping'));
    for (let cut = 1; cut < octets.length; cut++) {
      const { frames } = read(octets.subarray(0, cut), octets.subarray(cut));
      assert.deepEqual(payloads(frames), ['a|ping', 'b|route|message', 'c|ping']);
    }
    const oneByOne = read(...Array.from(octets, (octet) => Buffer.of(octet)));
    assert.deepEqual(payloads(oneByOne.frames), ['a|ping', 'b|route|message', 'c|ping']);
  });

  it('counts octets, not characters, and lets a payload hold a hash', () => {
    assert.deepEqual(payloads(read(frame('é#€') + frame('x')).frames), ['é#€', 'x']);
  });

  it('knows whether a frame had its reads for itself', () => {
    const long = frame('l'.repeat(5000));
    const alone = (...chunks: string[]): boolean[] => read(...chunks).frames.map((one) => one.alone);
    assert.deepEqual(alone(long), [true]);
    assert.deepEqual(alone(long.slice(0, 3), long.slice(3, 2000), long.slice(2000)), [true]);
    assert.deepEqual(alone(long, long), [true, true]);
    assert.deepEqual(alone(long + long), [false, false]);
    assert.deepEqual(alone(frame('a') + long.slice(0, 100), long.slice(100)), [false, false]);
    assert.deepEqual(alone(long.slice(0, 100), long.slice(100) + frame('a').slice(0, 1), frame('a').slice(1)), [
      false,
      false,
    ]);
  });

  it('passes over a frame that is too long, keeps its beginning, and reads on', () => {
    const payload = `the-id|sip||${'x'.repeat(60_000)}`;
    const octets = Buffer.from(frame(payload) + frame('next'));
    for (const step of [1000, 7, 65_536]) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < octets.length; at += step) chunks.push(octets.subarray(at, at + step));
      const { frames, broken } = read(...chunks);
      assert.equal(broken, undefined);
      assert.deepEqual(
        frames.map((one) => one.tooLong),
        [true, false],
      );
      assert.equal(frames[0]?.payload.toString(), payload.slice(0, 512));
      assert.equal(frames[0]?.size, frame(payload).length);
      assert.equal(frames[1]?.payload.toString(), 'next');
    }
  });

  it('takes the longest frame and not one octet more', () => {
    const whole = LONGEST_FRAME - '12222#'.length;
    assert.equal(read(frame('x'.repeat(whole))).frames[0]?.tooLong, false);
    assert.equal(read(frame('x'.repeat(whole + 1))).frames[0]?.tooLong, true);
  });

  it('gives up at a count of six digits, none, zero, or something else', () => {
    for (const bad of ['100000#x', '#x', '0#', '00000#', 'GET / HTTP/1.1', '-1#x', '1234567']) {
      const { frames, broken } = read(frame('good'), bad, frame('lost'));
      assert.ok(broken !== undefined, bad);
      assert.deepEqual(payloads(frames), ['good'], bad);
    }
  });
});

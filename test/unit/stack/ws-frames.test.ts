import assert from 'node:assert/strict';
import { FrameWatch } from '../../../lib/stack/ws-frames.ts';

/** A masked frame (RFC 6455 section 5.2). */
function frame(first: number, length: number): Buffer {
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0xfe, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, 0xff, 0, 0, 0, 0]), Buffer.from([0, length >> 16, length >> 8, length])]);
  return Buffer.concat([head, Buffer.alloc(4), Buffer.alloc(length, first)]);
}

const TEXT = 0x81;
const BEGIN = 0x01;
const MORE = 0x00;
const END = 0x80;
const PING = 0x89;

describe('watching the frames of a WebSocket', () => {
  for (const step of [1, 2, 7, 1000, 1_000_000])
    it(`holds nothing between two messages, in pieces of ${step}`, () => {
      for (const length of [0, 1, 125, 126, 300, 65_535, 65_536]) {
        const watch = new FrameWatch();
        const all = frame(TEXT, length);
        for (let at = 0; at < all.length; at += step) {
          if (at > 0) assert.ok(watch.held >= at, `${length} at ${at}`);
          watch.push(all.subarray(at, at + step), at);
        }
        assert.deepEqual([watch.held, watch.since], [0, undefined], String(length));
      }
    });

  it('knows since when a message is unfinished, over pings and empty fragments', () => {
    const watch = new FrameWatch();
    watch.push(frame(PING, 3), 1);
    assert.equal(watch.since, undefined);
    watch.push(frame(BEGIN, 5), 2);
    watch.push(frame(PING, 125), 3);
    watch.push(frame(MORE, 0), 4);
    assert.equal(watch.since, 2);
    assert.ok(watch.held > 130);
    watch.push(frame(END, 0), 5);
    assert.deepEqual([watch.held, watch.since], [0, undefined]);
  });

  it('begins anew with the message behind the one that ends', () => {
    const watch = new FrameWatch();
    watch.push(frame(BEGIN, 5), 1);
    watch.push(Buffer.concat([frame(END, 1), frame(TEXT, 9).subarray(0, 4)]), 7);
    assert.equal(watch.since, 7);
    assert.ok(watch.held > 0 && watch.held < 300);
  });

  it('counts what keeping an empty or tiny fragment costs', () => {
    const watch = new FrameWatch();
    watch.push(frame(BEGIN, 1), 1);
    watch.push(Buffer.concat(Array.from({ length: 1000 }, () => frame(MORE, 1))), 2);
    assert.ok(watch.held >= 100_000);
  });
});

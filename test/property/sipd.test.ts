import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readAppMessage } from '../../lib/embedded/sipd/app-message.ts';
import { type Frame, FrameReader } from '../../lib/embedded/sipd/frame.ts';
import { hopOf } from '../../lib/embedded/sipd/hop.ts';
import { parseCommand } from '../../lib/embedded/sipd/meta.ts';
import { networkRefusal } from '../../lib/embedded/sipd/refusals.ts';
import { createSipd } from '../../lib/embedded/sipd/sipd.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeStack } from '../support/fake-stack.ts';
import { RawApp } from '../support/raw-app.ts';

const octets = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));

/** Pieces of the protocol in the wrong places, which random octets would never find. */
const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '|',
        '\r\n',
        '\r\n\r\n',
        'sip|',
        'SIP/2.0 200 OK',
        'MESSAGE sip:a@b SIP/2.0',
        'INVITE ',
        ';tag=',
        '<',
      ),
      fc.constantFrom('route|', 'ping', 'From: ', 'Contact: ', 'Route: <sip:x>', '"', ',', '\0', '100#', '@localhost'),
      fc.string({ maxLength: 10 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join('')));

describe('sipd on hostile input', () => {
  it('reads any frames back, wherever the reads end', () => {
    fc.assert(
      fc.property(fc.array(octets.filter((one) => one.length > 0)), fc.array(fc.nat(50)), (payloads, cuts) => {
        const all = Buffer.concat(payloads.flatMap((one) => [Buffer.from(`${one.length}#`), one]));
        const frames: Frame[] = [];
        const reader = new FrameReader((frame) => frames.push(frame));
        let at = 0;
        for (const cut of cuts) {
          reader.push(all.subarray(at, at + cut));
          at += cut;
        }
        reader.push(all.subarray(at));
        assert.deepEqual(
          frames.map((frame) => frame.payload.toString('hex')),
          payloads.map((one) => one.toString('hex')),
        );
        assert.equal(reader.broken, undefined);
      }),
    );
  });

  it('never throws for what is no frame, no command, no message, no URI', () => {
    fc.assert(
      fc.property(fc.oneof(octets, soup), (bytes) => {
        new FrameReader(() => undefined).push(bytes);
        parseCommand(bytes);
        readAppMessage(bytes);
        networkRefusal(bytes);
        hopOf(bytes.toString(), '', []);
        hopOf('sip:a@b', bytes.toString(), [{ protocol: 'udp', host: '127.0.0.1', port: 1 }]);
      }),
      { numRuns: 500 },
    );
  });

  it('answers every frame of an application, or closes, and serves the next', async () => {
    const stack = new FakeStack();
    const sipd = createSipd({ clock: new FakeClock(), stack, secret: 's', port: 0 });
    await sipd.start();
    try {
      await fc.assert(
        fc.asyncProperty(soup, async (bytes) => {
          const app = await RawApp.authenticated(sipd.port, 's');
          const answer = app.ask(bytes);
          const ended = await Promise.race([answer.then(() => 'answered'), app.closed.then(() => 'closed')]);
          assert.ok(ended === 'answered' || ended === 'closed');
          await app.close();
        }),
        { numRuns: 100 },
      );
      const app = await RawApp.authenticated(sipd.port, 's');
      assert.match(await app.ask('ping'), /pong$/);
      await app.close();
    } finally {
      await sipd.stop();
    }
  });

  it('finds a run without CRLF as a slow look does', () => {
    const piece = fc.oneof(
      fc.constant('\r\n'),
      fc.nat(9_000).map((length) => 'x'.repeat(length)),
      fc.constant('\r'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const slow = text.split('\r\n').some((run) => run.length > 8_192);
        assert.equal(networkRefusal(Buffer.from(text)) !== undefined, slow);
      }),
    );
  });
});

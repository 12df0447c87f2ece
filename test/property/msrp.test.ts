import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Coverage } from '../../lib/codec/msrp/byte-range.ts';
import { MsrpReader } from '../../lib/codec/msrp/reader.ts';
import { endLine, transactionIds, writeSendHead } from '../../lib/codec/msrp/write.ts';

/** Octets with much in them that looks like framing. */
const content = fc
  .array(
    fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constantFrom('\r\n', '-------', '-------t0$', '\r\n-------t', '\r')),
    { maxLength: 30 },
  )
  .map((parts) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))),
  );

describe('MSRP, for any content', () => {
  it('what is written in chunks is read again, however the stream is cut', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 100 }), (body, chunk, step) => {
        // Ids that the content is made to hold.
        const next = transactionIds(() => 't'.padEnd(8, 'q'));
        const parts: Buffer[] = [];
        for (let start = 0; start === 0 || start < body.length; start += chunk) {
          const octets = body.subarray(start, start + chunk);
          const transaction = next(octets);
          const range = { start: start + 1, end: start + octets.length, total: body.length };
          const head = { transaction, toPath: 'a', fromPath: 'b', messageId: 'm', range, contentType: 'a/b' };
          const flag = start + chunk >= body.length ? '$' : '+';
          parts.push(Buffer.from(writeSendHead(head)), octets, Buffer.from(endLine(transaction, flag, true)));
        }
        const stream = Buffer.concat(parts);
        const read: Buffer[] = [];
        let flags = '';
        const reader = new MsrpReader({
          onRequest: () => undefined,
          onBody: (octets) => read.push(octets),
          onEnd: (flag) => {
            flags += flag;
          },
          onResponse: () => assert.fail('there is none'),
        });
        for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
        assert.ok(Buffer.concat(read).equals(body));
        assert.match(flags, /^\+*\$$/);
        assert.ok(reader.idle);
      }),
    );
  });

  it('coverage knows exactly the octets that were added', () => {
    const span = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -1, max: 20 }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 30 }), span, (spans, [first, length]) => {
        const covered = new Coverage();
        const there = new Set<number>();
        for (const [start, more] of spans) {
          covered.add(start, start + more);
          for (let octet = start; octet <= start + more; octet++) there.add(octet);
        }
        const asked = Array.from({ length: Math.max(0, length + 1) }, (_, at) => first + at);
        assert.equal(
          covered.has(first, first + length),
          asked.every((octet) => there.has(octet)),
        );
      }),
    );
  });
});

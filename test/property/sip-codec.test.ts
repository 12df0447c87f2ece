import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PpgError } from '../../lib/base/errors.ts';
import { splitList } from '../../lib/codec/sip/list.ts';
import { SipHeaders, type SipMessage } from '../../lib/codec/sip/message.ts';
import { formatNameAddr, parseNameAddr } from '../../lib/codec/sip/name-addr.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { salvageRequest } from '../../lib/codec/sip/salvage.ts';
import { StreamFramer } from '../../lib/codec/sip/stream-framer.ts';
import { formatUri, parseUri } from '../../lib/codec/sip/uri.ts';
import { canonicalAor, sameUri } from '../../lib/codec/sip/uri-compare.ts';
import { formatVia, parseVia } from '../../lib/codec/sip/via.ts';
import { writeSip } from '../../lib/codec/sip/write.ts';
import { checkRequest, stampTopVia } from '../../lib/stack/inbound.ts';

const token = fc.stringMatching(/^[!%'*+\-.0-9A-Z_`a-z~]{1,20}$/);
const name = token.filter((text) => !/^(?:l|content-length)$/i.test(text));

/** Header text: no line ends, no NUL, no blanks at the ends, no lone surrogates. */
const text = fc.string({ unit: 'binary', maxLength: 60 }).map((value) =>
  Buffer.from(value)
    .toString()
    .replace(/[\r\n\0]/g, '')
    .replace(/^[ \t]+|[ \t]+$/g, ''),
);

const body = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
const headers = fc.array(fc.record({ name, value: text }, { noNullPrototype: true }), { maxLength: 20 });
const uri = fc.stringMatching(/^sip:[a-z0-9.;=@%-]{1,40}$/);

const message: fc.Arbitrary<SipMessage> = fc.oneof(
  fc.record({ method: token, uri, fields: headers, body }).map(
    ({ method, uri: to, fields, body: octets }): SipMessage => ({
      kind: 'request',
      method,
      uri: to,
      headers: new SipHeaders(fields),
      body: octets,
    }),
  ),
  fc.record({ status: fc.integer({ min: 100, max: 699 }), reason: text, fields: headers, body }).map(
    ({ status, reason, fields, body: octets }): SipMessage => ({
      kind: 'response',
      status,
      reason,
      headers: new SipHeaders(fields),
      body: octets,
    }),
  ),
);

const VALID = Buffer.from(
  [
    'MESSAGE sip:b@example.com;transport=udp SIP/2.0',
    'v: SIP/2.0/UDP a.example.com:5060;branch=z9hG4bK1;rport, SIP/2.0/TCP [::1];branch=z9hG4bK2',
    'From: "A \\" B" <sip:a@example.com>;tag=1',
    'To: sip:b@example.com',
    'Call-ID: 1@a',
    'CSeq: 7 MESSAGE',
    'Subject: one',
    ' two',
    'Content-Length: 5',
    '',
    'hello',
  ].join('\r\n'),
);

/** A valid message with octets changed, put in, taken out or doubled. */
const mutated = fc
  .array(
    fc.tuple(
      fc.nat(VALID.length - 1),
      fc.constantFrom('set', 'insert', 'cut', 'double'),
      fc.oneof(fc.constantFrom(0, 9, 10, 13, 32, 34, 44, 58, 59, 60, 62, 92), fc.nat(255)),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((changes) => {
    let octets = VALID;
    for (const [position, how, octet] of changes) {
      const at = Math.min(position, octets.length);
      const before = octets.subarray(0, at);
      if (how === 'set') octets = Buffer.concat([before, Buffer.from([octet]), octets.subarray(at + 1)]);
      else if (how === 'insert') octets = Buffer.concat([before, Buffer.from([octet]), octets.subarray(at)]);
      else if (how === 'cut') octets = Buffer.concat([before, octets.subarray(at + 1 + (octet % 40))]);
      else octets = Buffer.concat([before, octets.subarray(Math.max(0, at - (octet % 40)))]);
    }
    return octets;
  });

/** Runs `work`; only a PpgError may come out. */
function tolerates(work: () => void): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof PpgError, String(error));
  }
}

const FLOW = { protocol: 'udp', host: '192.0.2.1', port: 9, localHost: '192.0.2.2', localPort: 5060 } as const;

describe('SIP codec, for all messages', () => {
  it('what is written reads the same, and writes the same again', () => {
    fc.assert(
      fc.property(message, (original) => {
        const octets = writeSip(original);
        const read = parseSip(octets);
        assert.deepEqual(read.body, original.body);
        assert.deepEqual(read.headers.fields.slice(0, -1), original.headers.fields);
        if (read.kind === 'request' && original.kind === 'request')
          assert.deepEqual([read.method, read.uri], [original.method, original.uri]);
        else if (read.kind === 'response' && original.kind === 'response')
          assert.deepEqual([read.status, read.reason], [original.status, original.reason]);
        else assert.fail('another kind');
        assert.deepEqual(writeSip(read), octets);
      }),
      { numRuns: 500 },
    );
  });

  it('any octets give a message or a PpgError, and a message can be written and answered', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }).map((octets) => Buffer.from(octets)),
          mutated,
        ),
        (octets) => {
          tolerates(() => {
            const read = parseSip(octets);
            assert.deepEqual(parseSip(writeSip(read)).body, read.body);
            if (read.kind !== 'request') return;
            writeSip(respondTo(read, 400));
            checkRequest(read);
            stampTopVia(read.headers, FLOW);
            writeSip(respondTo(read, 200));
          });
          const salvaged = salvageRequest(octets);
          if (salvaged !== undefined) writeSip(respondTo(salvaged, 400));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('header values never crash their readers, and what is read is written so that it reads the same', () => {
    const value = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.stringMatching(/^["<>;,=:@%?sipa\\ [\]0-9*]{0,40}$/),
      fc.stringMatching(
        /^("[a-z" \\]{0,5}" ?)?<?sips?:[a-z%0-9]{0,6}@?[a-z0-9.[\]:]{1,9}(;[a-z=0-9"]{0,8}){0,3}>?(;[a-z="0-9]{0,8}){0,3}$/,
      ),
    );
    fc.assert(
      fc.property(value, (input) => {
        tolerates(() => splitList(input));
        tolerates(() => {
          const read = parseNameAddr(input);
          assert.deepEqual(parseNameAddr(formatNameAddr(read)), read);
        });
        tolerates(() => {
          const read = parseVia(`SIP/2.0/UDP ${input}`);
          assert.deepEqual(parseVia(formatVia(read)), read);
        });
        tolerates(() => {
          const read = parseUri(input);
          assert.deepEqual(parseUri(formatUri(read)), read);
          assert.ok(sameUri(read, read));
          const canonical = canonicalAor(input);
          assert.equal(canonicalAor(canonical), canonical);
        });
      }),
      { numRuns: 3000 },
    );
  });

  it('a stream of messages comes out the same however it is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), cuts, (messages, sizes) => {
        const stream = Buffer.concat(messages.map(writeSip));
        const raws: Buffer[] = [];
        const framer = new StreamFramer({ onMessage: (_message, raw) => raws.push(raw), onPing: () => undefined });
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          framer.push(stream.subarray(at, at + size));
          at += size;
        }
        assert.equal(raws.length, messages.length);
        assert.ok(Buffer.concat(raws).equals(stream));
        assert.equal(framer.buffered, 0);
      }),
      { numRuns: 200 },
    );
  });

  it('a hostile stream gives a PpgError or nothing, however it is cut', () => {
    fc.assert(
      fc.property(mutated, fc.integer({ min: 1, max: 200 }), (octets, size) => {
        const framer = new StreamFramer({ onMessage: () => undefined, onPing: () => undefined });
        tolerates(() => {
          for (let at = 0; at < octets.length; at += size) framer.push(octets.subarray(at, at + size));
        });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('SIP codec, in bounded time', () => {
  // Each takes milliseconds when the readers are linear, and minutes when they are not.
  const hostile: [string, Buffer][] = [
    ['one long value of blanks', Buffer.from(`A sip:b SIP/2.0\r\nX:${' '.repeat(60_000)}x\r\n\r\n`)],
    ['many folds', Buffer.from(`A sip:b SIP/2.0\r\nX: a${'\r\n '.repeat(20_000)}b\r\n\r\n`)],
    ['many folds of blanks', Buffer.from(`A sip:b SIP/2.0\r\nX: a${`\r\n${' '.repeat(300)}`.repeat(200)}b\r\n\r\n`)],
    ['a fold behind many blanks', Buffer.from(`A sip:b SIP/2.0\r\nX:${' '.repeat(60_000)}x\r\n y\r\n\r\n`)],
    ['blanks within sent-by', Buffer.from(`A sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a${' '.repeat(60_000)}b\r\n\r\n`)],
    ['blanks within a Via protocol', Buffer.from(`A sip:b SIP/2.0\r\nVia: SIP${' '.repeat(60_000)}x\r\n\r\n`)],
    ['a long telephone number', Buffer.from(`A sip:b SIP/2.0\r\nTo: tel:${'1'.repeat(8000)}x\r\n\r\n`)],
    ['blanks in a display name', Buffer.from(`A sip:b SIP/2.0\r\nTo: a${' '.repeat(60_000)}b <sip:a>\r\n\r\n`)],
    ['escapes', Buffer.from(`A sip:b SIP/2.0\r\nTo: ${'%41'.repeat(2500)}%@x\r\n\r\n`)],
    ['no line end at all', Buffer.alloc(65_000, 'a')],
    ['only line ends', Buffer.alloc(65_000, '\r\n')],
    ['only carriage returns', Buffer.alloc(65_000, '\r')],
    ['backslashes', Buffer.from(`A sip:b SIP/2.0\r\nTo: "${'\\'.repeat(60_001)}" <sip:a>\r\n\r\n`)],
    ['quotes', Buffer.from(`A sip:b SIP/2.0\r\nTo: ${'"'.repeat(60_001)}\r\n\r\n`)],
    ['brackets', Buffer.from(`A sip:b SIP/2.0\r\nTo: ${'<'.repeat(60_001)}\r\n\r\n`)],
  ];
  for (const [what, octets] of hostile) {
    it(what, () => {
      const before = process.cpuUsage();
      tolerates(() => {
        const read = parseSip(octets);
        tolerates(() => splitList(read.headers.get('To') ?? ''));
        tolerates(() => parseNameAddr(read.headers.get('To') ?? ''));
        tolerates(() => parseUri(`sip:${read.headers.get('To')}`));
        tolerates(() => parseUri(read.headers.get('To') ?? ''));
        tolerates(() => parseVia(read.headers.get('Via') ?? ''));
      });
      salvageRequest(octets);
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 200_000, `${user + system} us`);
    });
  }
});

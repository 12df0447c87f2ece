import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ENTITY_PREFIX, sipHeadersOf } from '../../lib/bearer/push-headers.ts';
import { SipHeaders } from '../../lib/codec/sip/message.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { writeSip } from '../../lib/codec/sip/write.ts';
import type { HeaderField } from '../../lib/model/push.ts';

const DROPPED = new Set(
  (
    'connection content-length content-type keep-alive proxy-authenticate proxy-authorization proxy-connection te ' +
    'trailer transfer-encoding upgrade push-flag x-wap-push-flag x-wap-push-info'
  ).split(' '),
);

const TOKEN = "ABCXYZabcxyz019-.!%*_+`'~".split('');
const KNOWN =
  'X-Wap-Application-Id X-Wap-Content-URI X-Wap-Push-Id Date Expires ETag Route Via From v f Content-Language ' +
  'Content-Length Transfer-Encoding X-Push-Entity-Date x-push-entity-x Cache-Control X-Foo Content-Foo';

const name = fc.oneof(
  fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 20 }),
  fc.constantFrom(...KNOWN.split(' ')),
);
/** Values as a MIME reader hands them on: trimmed, no control characters but tab. */
const value = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a value cannot have
  text.replace(/[\u0000-\u001f\u007f]/g, '').trim(),
);

/** What a receiver does: takes the prefix off once. */
const received = ({ name, value }: HeaderField): HeaderField => ({
  name: name.startsWith(ENTITY_PREFIX) ? name.slice(ENTITY_PREFIX.length) : name,
  value,
});

describe('push headers', () => {
  it('those that went in come out at the receiver, in order, through a SIP message', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name, value }), { maxLength: 12 }), (headers) => {
        const fields = sipHeadersOf({ type: 'a/b', headers, body: Buffer.alloc(0) });
        assert.ok(fields !== undefined);
        const octets = writeSip({
          kind: 'request',
          method: 'MESSAGE',
          uri: 'sip:a@b',
          headers: new SipHeaders(fields),
          body: Buffer.alloc(0),
        });
        const arrived = parseSip(octets).headers.fields.filter(({ name }) => name !== 'Content-Length');
        assert.deepEqual(arrived.shift(), { name: 'Content-Type', value: 'a/b' });
        assert.deepEqual(
          arrived.map(received),
          headers.filter(({ name }) => !DROPPED.has(name.toLowerCase())).map((field) => ({ ...field })),
        );
      }),
    );
  });

  it('no name or value makes more lines than headers', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            name: fc.string(),
            value: fc.string({ unit: fc.constantFrom('a', '\r', '\n', '\0', ':', ' ') }),
          }),
        ),
        (headers) => {
          for (const field of sipHeadersOf({ type: 'a/b', headers, body: Buffer.alloc(0) }) ?? [])
            assert.doesNotMatch(`${field.name}${field.value}`, /[\r\n\0]/);
        },
      ),
    );
  });
});

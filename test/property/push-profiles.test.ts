import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type FormName, formOf } from '../../lib/bearer/envelope.ts';
import { createImdnAsker } from '../../lib/bearer/imdn.ts';
import { needsPrefix } from '../../lib/bearer/push-headers.ts';
import { SipHeaders } from '../../lib/codec/sip/message.ts';
import { parseSip } from '../../lib/codec/sip/parse.ts';
import { writeSip } from '../../lib/codec/sip/write.ts';
import { type PushEntity, readEntity } from '../../lib/embedded/phone/entity.ts';
import type { Content } from '../../lib/model/push.ts';
import { tokenSecret } from '../../lib/security/token-secret.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ACCEPTED_AT, fakeAttempt } from '../support/fake-push.ts';

/** What does not belong to the entity, or is the gateway's own word. */
const HOP = new Set(
  (
    'connection content-length content-type keep-alive proxy-authenticate proxy-authorization proxy-connection te ' +
    'trailer transfer-encoding upgrade push-flag x-wap-push-flag x-wap-push-info'
  ).split(' '),
);

/** Every header of WAP-251, what SIP could misread, and what looks like the gateway's own. */
const KNOWN =
  'Age Cache-Control Content-Disposition Content-Encoding Content-Language Content-Location Content-MD5 Content-Range ' +
  'Date Etag Expires Last-Modified X-Wap-Application-Id X-Wap-Content-URI X-Wap-Initiator-URI Content-Transfer-Encoding ' +
  'Route Via From To Call-ID v f c l X-Wap-Push-Id X-Push-Profile X-Push-Entity-Date x-push-entity-x X-Foo MIME-Version ' +
  'Content-Length Transfer-Encoding X-Wap-Push-Info';

const name = fc.oneof(
  fc.constantFrom(...KNOWN.split(' ')),
  fc.string({ unit: fc.constantFrom(..."ABCxyz019-.!%*_+`'~".split('')), minLength: 1, maxLength: 20 }),
);
const value = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a value cannot have
  text.replace(/[\u0000-\u001f\u007f]/g, '').trim(),
);
const content: fc.Arbitrary<Content> = fc.record({
  type: fc.constantFrom(
    'text/plain',
    'application/vnd.wap.mms-message',
    'multipart/mixed; boundary="in ner"',
    'a/b;c=d',
  ),
  headers: fc.array(fc.record({ name, value }), { maxLength: 12 }),
  body: fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
});

/** Through the wire and out of it at a device. */
function arrived(given: Content, form: FormName): PushEntity {
  const made = formOf(given, form);
  assert.ok(made !== undefined);
  const own = [
    { name: 'X-Wap-Push-Id', value: '01abc' },
    { name: 'Date', value: 'Mon, 21 Sep 2026 14:00:00 GMT' },
    { name: 'Expires', value: '60' },
  ];
  const { headers, body } = parseSip(
    writeSip({
      kind: 'request',
      method: 'MESSAGE',
      uri: 'sip:a@b',
      headers: new SipHeaders([...own, ...made.headers]),
      body: made.body,
    }),
  );
  return readEntity(headers, body);
}

describe('profiles of a push', () => {
  for (const form of ['headers', 'mime', 'mime-base64', 'oma-push'] as const) {
    it(`${form}: type, headers and octets that went in come out, in order`, () => {
      fc.assert(
        fc.property(content, (given) => {
          const entity = arrived(given, form);
          assert.equal(entity.profile, form);
          assert.equal(entity.malformed, undefined);
          assert.equal(entity.type, given.type);
          assert.deepEqual(
            entity.headers.map((field) => ({ ...field })),
            given.headers.filter((field) => !HOP.has(field.name.toLowerCase())).map((field) => ({ ...field })),
          );
          assert.ok(entity.body.equals(given.body));
        }),
      );
    });
  }

  it('in a message/cpim: type, headers and octets that went in come out, in order', () => {
    const clock = new FakeClock(ACCEPTED_AT);
    const asker = createImdnAsker({ secret: tokenSecret(undefined), clock, identity: 'sip:push@ppg.example.com' });
    fc.assert(
      fc.property(content, (given) => {
        const form = asker.wrap(fakeAttempt({}), given);
        assert.ok(form !== undefined);
        const entity = readEntity(new SipHeaders(form.headers), form.body, true);
        assert.equal(entity.malformed, undefined);
        assert.deepEqual([entity.profile, entity.type], ['cpim', given.type]);
        assert.equal(entity.imdn?.sender, 'sip:push@ppg.example.com');
        assert.deepEqual(
          entity.headers.map((field) => ({ ...field })),
          given.headers.filter((field) => !HOP.has(field.name.toLowerCase())).map((field) => ({ ...field })),
        );
        assert.ok(entity.body.equals(given.body));
      }),
    );
  });

  it('bare: what SIP could misread is left out and named, the rest comes out', () => {
    fc.assert(
      fc.property(content, (given) => {
        const entity = arrived(given, 'bare');
        const sent = given.headers.filter((field) => !HOP.has(field.name.toLowerCase()));
        assert.deepEqual(
          entity.headers.map((field) => ({ ...field })),
          sent.filter((field) => !needsPrefix(field.name)).map((field) => ({ ...field })),
        );
        assert.deepEqual(
          formOf(given, 'bare')?.dropped,
          sent.flatMap((field) => (needsPrefix(field.name) ? field.name : [])),
        );
        assert.ok(entity.body.equals(given.body));
      }),
    );
  });

  it('base64 is text in lines of 76 characters at the most', () => {
    fc.assert(
      fc.property(content, (given) => {
        const body = formOf(given, 'mime-base64')?.body ?? Buffer.alloc(0);
        assert.ok(!body.includes(0));
        const coded = body.toString('latin1').split('\r\n\r\n').slice(1).join('\r\n\r\n').split('\r\n').slice(0, -2);
        for (const line of coded) assert.match(line, /^[A-Za-z0-9+/=]{0,76}$/);
      }),
    );
  });

  it('a value with a line break, or a name that is no token, makes no message in any profile', () => {
    for (const form of ['headers', 'bare', 'mime', 'mime-base64', 'oma-push'] as const) {
      for (const bad of [
        { name: 'X-A', value: 'b\r\nRoute: <sip:x>' },
        { name: 'X A', value: 'b' },
      ]) {
        assert.equal(formOf({ type: 'a/b', headers: [bad], body: Buffer.alloc(0) }, form), undefined);
      }
      assert.equal(formOf({ type: 'a/b\n', headers: [], body: Buffer.alloc(0) }, form), undefined);
    }
  });
});

describe('a device that is sent nonsense', () => {
  it('reads what it can and never throws', () => {
    const types = fc.constantFrom(
      'multipart/mixed; boundary=b',
      'message/external-body; access-type="URL"; URL="http://x/"',
      'application/vnd.oma.push',
    );
    fc.assert(
      fc.property(types, fc.constantFrom('mime', 'oma-push', 'x', ''), fc.uint8Array(), (type, profile, octets) => {
        const headers = new SipHeaders([
          { name: 'Content-Type', value: type },
          { name: 'X-Push-Profile', value: profile },
        ]);
        assert.ok(readEntity(headers, Buffer.from(octets)));
      }),
    );
  });
});

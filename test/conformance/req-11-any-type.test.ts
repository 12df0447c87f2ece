import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { mutated } from '../fuzz/mutate.ts';
import { Random } from '../fuzz/random.ts';
import { CATALOGUE } from '../support/contents/catalogue.ts';
import type { SampleContent } from '../support/contents/content.ts';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const SEED = 20_261_122;

/** What looks like the ends of headers, parts and frames, for bodies to be put together of. */
const TELLING = ['\r\n\r\n', '\r\n--conformance-b0undar', '\0', '\xff\xfe', '-------', '+$\r\n'];

/** What no body may hold that an initiator puts between its boundaries (RFC 2046 section 5.1). */
const BOUNDARY = '--conformance-b0undary';

/** RFC 6838 section 4.2: restricted names; RFC 2045: parameters with a token or a quoted string. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const name = fc
  .tuple(fc.constantFrom(...LETTERS), fc.string({ unit: fc.constantFrom(...`${LETTERS}!#$&-^_.+`), maxLength: 40 }))
  .map((parts) => parts.join(''));
const quoted = fc
  .string({ unit: fc.constantFrom(...` !#$%&'()*+,-./09:;<=>?@AZ[]^_az{|}~äλ界`), maxLength: 30 })
  .map((text) => `"${text}"`);
const parameter = fc.tuple(name, fc.oneof(name, quoted)).map(([key, value]) => `${key}=${value}`);
const type = fc
  .tuple(
    fc.oneof(fc.constantFrom('text', 'application', 'image', 'audio', 'video', 'model', 'multipart', 'chemical'), name),
    name,
    fc.array(parameter, { maxLength: 3 }),
  )
  .map(([top, sub, parameters]) => [`${top}/${sub}`, ...parameters].join('; '));

const bodies = Object.values(CATALOGUE).map(({ body }) => body);
const body = fc
  .oneof(
    fc.uint8Array({ maxLength: 5_000, size: 'max' }).map((octets) => Buffer.from(octets)),
    fc.integer({ min: 1, max: 2 ** 31 }).map((seed) =>
      mutated(
        new Random(seed),
        bodies,
        TELLING.map((word) => Buffer.from(word, 'latin1')),
      ),
    ),
  )
  .filter((octets) => !octets.includes(BOUNDARY));
const contents = fc.sample(fc.record({ type, body }), { numRuns: 50, seed: SEED });

describe('REQ11: any media type, any octets', function () {
  this.timeout(60_000);

  for (const leg of ['direct', 'drachtio'] as const) {
    it(`50 types and bodies that nobody thought of, over the ${leg} leg`, async () => {
      const [port = 0] = await freePorts(1);
      const scene = await Scene.of({
        config: {
          http: { host: '127.0.0.1', port },
          content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
          msrp: { enabled: true, port: 0 },
        },
        sip: { leg },
      });
      try {
        const phone = await scene.phone('alice', { msrp: {} });
        for (const [at, content] of contents.entries()) {
          const wishes = { pushId: String(at), to: [`sip:alice@${DOMAIN}`], attributes: scene.notify };
          const answer = await scene.push('shop', { ...wishes, ...content });
          assert.ok(answer.message === 'push-response' && answer.code === 1001, JSON.stringify({ answer, ...content }));
          const push = await until(() => phone.pushes[at]);
          assert.equal(push.contentType, content.type);
          assert.equal(push.body.toString('hex'), content.body.toString('hex'), content.type);
          const { state } = await until(() => scene.notified(String(at))[0]);
          assert.equal(state, 'delivered');
        }
        assert.equal(phone.pushes.length, contents.length);
      } finally {
        await scene.close();
      }
    });
  }

  it('an MMS notification with its NULs, by each form that takes octets', async () => {
    const { type, body } = CATALOGUE['MMS notification'] as SampleContent;
    assert.ok(body.filter((octet) => octet === 0).length >= 3);
    const scene = await Scene.of({
      sip: { profiles: FORMS.map(({ profile, application }) => ({ match: { application }, profile })) },
    });
    try {
      for (const { profile, application } of FORMS) {
        const phone = await scene.phone(profile, { applications: [application] });
        const headers = [`X-Wap-Application-Id: ${application}`];
        await scene.code('shop', { pushId: profile, to: [`sip:${profile}@${DOMAIN}`], headers, type, body });
        const push = await until(() => phone.pushes[0]);
        assert.deepEqual([push.profile, push.contentType, push.body], [profile, type, body]);
      }
    } finally {
      await scene.close();
    }
  });
});

const FORMS = [
  { profile: 'headers', application: 'mms.ua' },
  { profile: 'mime', application: 'wml.ua' },
  { profile: 'oma-push', application: 'ulp.ua' },
] as const;

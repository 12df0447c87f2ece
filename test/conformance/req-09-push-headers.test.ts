import assert from 'node:assert/strict';
import type { EntityProfile } from '../../lib/embedded/phone/entity.ts';
import type { PhoneOptions } from '../../lib/embedded/phone/phone.ts';
import type { HeaderField } from '../../lib/model/push.ts';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** One of each header that a push may have (WAP-251 section 6.2), and one that nobody knows. */
const HEADERS: readonly HeaderField[] = [
  { name: 'Age', value: '12' },
  { name: 'Cache-Control', value: 'no-transform, max-age=60' },
  { name: 'Content-Disposition', value: 'attachment; filename="grüße.bin"' },
  { name: 'Content-Encoding', value: 'identity' },
  { name: 'Content-Language', value: 'fi, sv' },
  { name: 'Content-Location', value: 'http://www.xyz.com/a' },
  { name: 'Content-MD5', value: 'Q2hlY2sgSW50ZWdyaXR5IQ==' },
  { name: 'Content-Range', value: 'bytes 0-3/4' },
  { name: 'Date', value: 'Tue, 29 Jun 1999 12:00:00 GMT' },
  { name: 'Etag', value: '"abc"' },
  { name: 'Expires', value: 'Wed, 30 Jun 2099 00:00:00 GMT' },
  { name: 'Last-Modified', value: 'Mon, 28 Jun 1999 12:00:00 GMT' },
  { name: 'X-Wap-Content-URI', value: 'http://www.xyz.com/a?b=c' },
  { name: 'X-Wap-Initiator-URI', value: 'http://www.xyz.com/' },
  { name: 'X-Vendor', value: 'anything at all; q="=?"' },
];

/** What PAP and HTTP need on their own way, and what only the gateway says. */
const HOP = ['Content-Length: 4', 'Transfer-Encoding: identity', 'X-Wap-Push-Info: trusted'];

const BODY = Buffer.from([0, 1, 254, 255]);

describe('REQ9: every push header is at the device as it was submitted', () => {
  let scene: Scene;

  before(async () => {
    const [port = 0] = await freePorts(1);
    const of = (application: string, profile: string): object => ({ match: { application }, profile });
    scene = await Scene.of({
      config: {
        http: { host: '127.0.0.1', port },
        content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
      },
      sip: { profiles: [of('mms.ua', 'mime'), of('ulp.ua', 'oma-push'), of('loc.ua', 'bare')] },
    });
  });
  after(() => scene.close());

  async function arrived(
    user: string,
    application: string,
    to: Scene,
    more: Partial<PhoneOptions> = {},
  ): Promise<[EntityProfile, readonly HeaderField[]]> {
    const phone = await to.phone(user, { applications: [application], ...more });
    const id = { name: 'X-Wap-Application-Id', value: `x-wap-application:${application}` };
    const headers = [...HEADERS, id].map(({ name, value }) => `${name}: ${value}`);
    const wishes = { pushId: user, to: [`sip:${user}@${DOMAIN}`], type: 'application/x-any', body: BODY };
    const qos = 'delivery-method="confirmed"';
    assert.equal(await to.code('shop', { ...wishes, qos, headers: [...HOP, ...headers] }), 1001);
    const push = await until(() => phone.pushes[0]);
    assert.equal(push.malformed, undefined);
    assert.equal(push.contentType, 'application/x-any');
    assert.ok(push.body.equals(BODY));
    assert.equal(push.applicationId, id.value);
    assert.equal(push.entity.find(({ name }) => name === id.name)?.value, id.value);
    return [push.profile, push.entity.filter(({ name }) => name !== id.name).map((field) => ({ ...field }))];
  }

  for (const [profile, application] of [
    ['headers', 'wml.ua'],
    ['mime', 'mms.ua'],
    ['oma-push', 'ulp.ua'],
  ] as const) {
    it(`profile ${profile}`, async () => {
      assert.deepEqual(await arrived(profile, application, scene), [profile, HEADERS]);
    });
  }

  it('profile bare leaves out what SIP could misread, and says so nowhere on the wire', async () => {
    const [profile, headers] = await arrived('bare', 'loc.ua', scene);
    assert.equal(profile, 'headers');
    const dropped = new Set(
      'Age Cache-Control Content-Location Content-MD5 Date Etag Expires Last-Modified'.split(' '),
    );
    assert.deepEqual(
      headers,
      HEADERS.filter(({ name }) => !dropped.has(name)),
    );
  });

  it('in a session, where the way to the device carries text only', async () => {
    const text = await Scene.of({ config: { msrp: { enabled: true, port: 0 } }, sip: { leg: 'drachtio' } });
    try {
      assert.deepEqual(await arrived('session', 'wml.ua', text, { msrp: {} }), ['headers', HEADERS]);
    } finally {
      await text.close();
    }
  });

  it('in a message/cpim, where the device is asked for a notification', async () => {
    const asking = await Scene.of({ sip: { imdn: 'auto' } });
    try {
      assert.deepEqual(await arrived('cpim', 'wml.ua', asking, { imdn: 'delivered' }), ['cpim', HEADERS]);
    } finally {
      await asking.close();
    }
  });

  it('by reference, where the way to the device carries text only', async () => {
    const [port = 0] = await freePorts(1);
    const text = await Scene.of({
      config: {
        http: { host: '127.0.0.1', port },
        content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
      },
      sip: { leg: 'drachtio' },
    });
    try {
      assert.deepEqual(await arrived('reference', 'wml.ua', text), ['indirection', HEADERS]);
    } finally {
      await text.close();
    }
  });
});

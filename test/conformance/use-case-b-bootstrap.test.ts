import assert from 'node:assert/strict';
import { parseMediaType } from '../../lib/codec/mime/content-type.ts';
import { decompile } from '../../lib/codec/wbxml/convert.ts';
import { readXml } from '../../lib/codec/wbxml/xml-read.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { dmNotification, readDmNotification } from '../support/contents/management.ts';
import {
  longProvisioning,
  macOf,
  PROVISIONING,
  provisioningDocument,
  provisioningType,
  type Security,
} from '../support/contents/provisioning.ts';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const CONFIRMED = 'delivery-method="confirmed"';
const DM_TYPE = 'application/vnd.syncml.notification';
const SERVER = { server: 'dm.example.com', password: 'not a secret', nonce: 'n0nce' };

/** WAP-184 section 5.3: the client knows SEC and its secret, and takes what has its MAC. */
function accepted({ contentType, body }: ReceivedPush, security: Security): boolean {
  const parameters = parseMediaType(contentType)?.parameters;
  const sec = { NETWPIN: '0', USERPIN: '1', USERNETWPIN: '2' }[security.sec];
  return parameters?.get('sec') === sec && parameters.get('mac') === macOf(body, security);
}

const USERPIN: Security = { sec: 'USERPIN', pin: '4711' };
const METHODS: readonly Security[] = [
  USERPIN,
  { sec: 'NETWPIN', imsi: '244051234567890' },
  { sec: 'NETWPIN', imsi: '24405123456789' },
  { sec: 'USERNETWPIN', imsi: '244051234567890', pin: '4711' },
];

describe('use case B: a device is bootstrapped, then managed', function () {
  this.timeout(30_000);
  const scenes: Scene[] = [];
  async function sceneOf(leg: 'direct' | 'drachtio', msrp: boolean): Promise<Scene> {
    const [port = 0] = await freePorts(1);
    const scene = await Scene.of({
      config: {
        http: { host: '127.0.0.1', port },
        content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
        msrp: { enabled: msrp, port: 0 },
      },
      sip: { leg },
    });
    scenes.push(scene);
    return scene;
  }
  let scene: Scene;
  before(async () => {
    scene = await sceneOf('direct', true);
  });
  after(() => Promise.all(scenes.map((one) => one.close())));

  for (const security of METHODS) {
    const imsi = 'imsi' in security ? `, an IMSI of ${security.imsi.length} digits` : '';
    it(`the MAC of ${security.sec}${imsi} holds at the device`, async () => {
      const user = `mac-${METHODS.indexOf(security)}`;
      const phone = await scene.phone(user);
      const document = provisioningDocument();
      const type = provisioningType(document, security);
      const wishes = { pushId: user, to: [`sip:${user}@${DOMAIN}`], type, body: document };
      assert.equal(await scene.code('shop', wishes), 1001);
      const push = await until(() => phone.pushes[0]);
      assert.equal(push.contentType, type);
      assert.ok(accepted(push, security));
      assert.ok(!accepted(push, { sec: 'USERPIN', pin: '0000' }), 'another secret has another MAC');
      assert.deepEqual(readXml(decompile(push.body).toString()), readXml(PROVISIONING));
    });
  }

  it('a document with a MAC is never put in another form: 3006, and nothing is sent', async () => {
    const phone = await scene.phone('text-only', { accept: ['text/vnd.wap.connectivity-xml'] });
    const document = provisioningDocument();
    const type = provisioningType(document, USERPIN);
    const wishes = { pushId: 'form', to: [`sip:text-only@${DOMAIN}`], attributes: scene.notify };
    assert.equal(await scene.code('shop', { ...wishes, type, body: document }), 1001);
    const { state, code } = await until(() => scene.notified('form')[0]);
    assert.deepEqual([state, code, phone.counters.pushes], ['undeliverable', 3006, 0]);
  });

  it('bootstrap, notification of the management server and a further bootstrap come in the order of submission', async () => {
    const phone = await scene.phone('ordered', { applications: ['wml.ua', 'syncml.dm'] });
    const to = [`sip:ordered@${DOMAIN}`];
    const document = provisioningDocument();
    const bootstrap = { to, qos: CONFIRMED, type: provisioningType(document, USERPIN), body: document };
    const notification = { to, qos: CONFIRMED, type: DM_TYPE, headers: ['X-Wap-Application-Id: 7'] };
    const sent = [
      { ...bootstrap, pushId: 'b0' },
      { ...notification, pushId: 'b1', body: dmNotification({ ...SERVER, session: 1 }) },
      { ...notification, pushId: 'b2', body: dmNotification({ ...SERVER, session: 2 }) },
      { ...bootstrap, pushId: 'b3' },
    ];
    // The next does not wait for the result of the one before.
    for (const wishes of sent) assert.equal(await scene.code('shop', wishes), 1001);
    await until(() => phone.pushes.length === sent.length);
    assert.deepEqual(
      phone.pushes.map(({ body }) => body.toString('hex')),
      sent.map(({ body }) => body.toString('hex')),
    );
    const [first, second, third] = phone.pushes;
    assert.ok(first !== undefined && accepted(first, USERPIN));
    for (const [push, session] of [
      [second, 1],
      [third, 2],
    ] as const) {
      assert.equal(push?.applicationId, '7');
      const read = readDmNotification(push.body, SERVER.password, SERVER.nonce);
      assert.deepEqual(read, { server: SERVER.server, session });
    }
  });

  for (const [way, leg, msrp, method, profile] of [
    ['MSRP', 'direct', true, 'SEND', 'headers'],
    ['a MESSAGE over TCP', 'direct', false, 'MESSAGE', 'headers'],
    ['MSRP', 'drachtio', true, 'SEND', 'headers'],
    ['reference', 'drachtio', false, 'MESSAGE', 'indirection'],
  ] as const) {
    it(`a document of more than 1,300 octets goes by ${way} over the ${leg} leg, its MAC whole, then the notification`, async () => {
      const large = leg === 'direct' && msrp ? scene : await sceneOf(leg, msrp);
      const user = `large-${leg}-${method}`;
      const applications = ['wml.ua', 'syncml.dm'];
      const phone = await large.phone(user, { applications, ...(msrp && { msrp: {} }) });
      const document = provisioningDocument(longProvisioning(100));
      assert.ok(document.length > 1300 && document.length < 10_000, `${document.length} octets`);
      const type = provisioningType(document, USERPIN);
      const wishes = { to: [`sip:${user}@${DOMAIN}`], qos: CONFIRMED, attributes: large.notify };
      assert.equal(await large.code('shop', { ...wishes, pushId: `${user} 1`, type, body: document }), 1001);
      // The server notifies the device once it knows that the device has been bootstrapped.
      const { state, code } = await until(() => large.notified(`${user} 1`)[0]);
      assert.deepEqual([state, code], ['delivered', 1000]);
      const body = dmNotification({ ...SERVER, session: 3 });
      const headers = ['X-Wap-Application-Id: 7'];
      await large.code('shop', { ...wishes, pushId: `${user} 2`, headers, type: DM_TYPE, body });
      const [first, second] = await until(() => phone.pushes.length > 1 && phone.pushes);
      assert.deepEqual([first?.method, first?.profile, first?.size], [method, profile, document.length]);
      if (method === 'MESSAGE' && leg === 'direct')
        assert.match(first?.headers.all('Via').join() ?? '', /SIP\/2\.0\/TCP/);
      assert.ok(first !== undefined && accepted(first, USERPIN));
      assert.deepEqual(second?.body, body);
    });
  }
});

import assert from 'node:assert/strict';
import type { Phone } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { DOMAIN, Scene, until } from './scene.ts';

type TestPhone = Phone & { pushes: ReceivedPush[] };

describe('REQ1: a push reaches a user, a device, an application', () => {
  let scene: Scene;
  let phone: TestPhone;
  let tablet: TestPhone;
  before(async () => {
    scene = await Scene.of();
    // two devices with two applications each: one in common, one of its own
    phone = await scene.phone('alice', { applications: ['wml.ua', 'mms.ua'] });
    tablet = await scene.phone('alice', { applications: ['wml.ua', 'ulp.ua'] });
  });
  after(() => scene.close());

  /** Submits, waits for the end, and tells it with the endpoints that got something. */
  async function endOf(pushId: string, to: string, application?: string): Promise<unknown[]> {
    const before = [phone.pushes.length, tablet.pushes.length];
    const headers = application === undefined ? [] : [`X-Wap-Application-Id: x-oma-application:${application}`];
    const qos = 'delivery-method="confirmed"';
    assert.equal(await scene.code('shop', { pushId, to: [to], headers, qos, attributes: scene.notify }), 1001);
    const { state, code } = await until(() => scene.notified(pushId)[0]);
    const got = (name: string, one: TestPhone, from = 0): string[] =>
      one.pushes.slice(from).map(({ applicationId = 'wml.ua' }) => `${name} ${applicationId.replace(/.*:/, '')}`);
    return [state, code, ...got('phone', phone, before[0]), ...got('tablet', tablet, before[1])];
  }

  const ALICE = `sip:alice@${DOMAIN}`;
  const instanceOf = (one: Phone): string => `${ALICE};gr=${one.instance}`;

  it('user: every device that runs the application of the push', async () =>
    assert.deepEqual(await endOf('user', ALICE), ['delivered', 1000, 'phone wml.ua', 'tablet wml.ua']));

  it('user and application: the device that runs it, and no other', async () => {
    assert.deepEqual(await endOf('mms', ALICE, 'mms.ua'), ['delivered', 1000, 'phone mms.ua']);
    assert.deepEqual(await endOf('ulp', ALICE, 'ulp.ua'), ['delivered', 1000, 'tablet ulp.ua']);
  });

  it('user and device: that device', async () => {
    assert.deepEqual(await endOf('p', instanceOf(phone)), ['delivered', 1000, 'phone wml.ua']);
    assert.deepEqual(await endOf('t', instanceOf(tablet)), ['delivered', 1000, 'tablet wml.ua']);
  });

  it('user, device and application: that application there', async () => {
    assert.deepEqual(await endOf('pm', instanceOf(phone), 'mms.ua'), ['delivered', 1000, 'phone mms.ua']);
    assert.deepEqual(await endOf('tu', instanceOf(tablet), 'ulp.ua'), ['delivered', 1000, 'tablet ulp.ua']);
  });

  it('an application that nobody runs, or another device: undeliverable 2006, and nothing is sent', async () => {
    assert.deepEqual(await endOf('none', ALICE, 'drm.ua'), ['undeliverable', 2006]);
    assert.deepEqual(await endOf('wrong', instanceOf(phone), 'ulp.ua'), ['undeliverable', 2006]);
  });

  it('each device was asked once what it can, however many pushes there were', () =>
    assert.deepEqual([phone.counters.options, tablet.counters.options], [1, 1]));
});

describe('REQ1: a device that registered without any feature tag', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  it('is immune to Accept-Contact, so it gets a push for an application only when no device is known to run it', async () => {
    // without an instance it has no feature parameter at all (RFC 3841 section 7.2)
    const bare = await scene.phone('bob', { applications: [], instance: '' });
    const to = [`sip:bob@${DOMAIN}`];
    await scene.code('shop', { pushId: 'alone', to, attributes: scene.notify });
    assert.equal((await until(() => scene.notified('alone')[0])).state, 'delivered');
    assert.equal(bare.pushes.length, 1);
    const phone = await scene.phone('bob', { applications: ['wml.ua'] });
    await scene.code('shop', { pushId: 'both', to, attributes: scene.notify });
    assert.equal((await until(() => scene.notified('both')[0])).state, 'delivered');
    assert.deepEqual([bare.pushes.length, phone.pushes.length], [1, 1]);
  });
});

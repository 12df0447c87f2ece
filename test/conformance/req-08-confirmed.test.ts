import assert from 'node:assert/strict';
import type { ImdnSent } from '../../lib/embedded/phone/imdn.ts';
import type { Recipient } from '../../lib/model/push.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const qos = 'delivery-method="confirmed"';

describe('REQ8: confirmed push', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of({ sip: { imdn: 'auto' } });
  });
  after(() => scene.close());

  const recipient = async (pushId: string): Promise<Recipient | undefined> =>
    (await scene.node.ppg.status(pushId, 'shop'))?.recipients[0];
  const awaiting = (pushId: string): Promise<Recipient> =>
    until(async () => {
      const found = await recipient(pushId);
      return found?.state === 'awaiting-confirmation' ? found : undefined;
    });

  it('the 200 of the device is the confirmation', async () => {
    const phone = await scene.phone('alice');
    await scene.code('shop', { pushId: '200', qos, attributes: scene.notify });
    const { state, code, qos: used } = await until(() => scene.notified('200')[0]);
    assert.deepEqual([state, code, used?.deliveryMethod], ['delivered', 1000, 'confirmed']);
    assert.equal(phone.pushes.length, 1);
  });

  it('a 202 alone never is: the push stays pending, cannot be cancelled, and is told of only when its time is over', async () => {
    await scene.phone('relayed', { answers: '202' });
    await scene.code('shop', { pushId: '202', qos, to: [`sip:relayed@${DOMAIN}`], attributes: scene.notify });
    assert.equal((await awaiting('202')).attempts.at(-1)?.result, 'accepted');
    const status = await scene.pap('shop', '<statusquery-message push-id="202"/>');
    assert.ok(status.message === 'statusquery-response');
    assert.deepEqual(
      status.results.map(({ state, qos: used }) => [state, used?.deliveryMethod]),
      [['pending', 'confirmed']],
    );
    const cancel = await scene.pap('shop', '<cancel-message push-id="202"/>');
    assert.ok(cancel.message === 'cancel-response');
    assert.deepEqual(
      cancel.results.map(({ code }) => code),
      [2008],
    );
    assert.deepEqual(scene.notified('202'), []);
  });

  it('without any proof the push times out, and never counts as delivered', async () => {
    const short = await Scene.of({ config: { limits: { confirmWait: 200 } } });
    try {
      await short.phone('relayed', { answers: '202' });
      await short.code('shop', { pushId: 't', qos, to: [`sip:relayed@${DOMAIN}`], attributes: short.notify });
      const { state, code } = await until(() => short.notified('t')[0]);
      assert.deepEqual([state, code], ['timeout', 4000]);
    } finally {
      await short.close();
    }
  });

  it('preferconfirmed takes the 202 where no proof will come, and says that it was unconfirmed', async () => {
    await scene.phone('prefers', { answers: '202' });
    const wishes = { to: [`sip:prefers@${DOMAIN}`], qos: 'delivery-method="preferconfirmed"' };
    await scene.code('shop', { pushId: 'p', ...wishes, attributes: scene.notify });
    const { state, qos: used } = await until(() => scene.notified('p')[0]);
    assert.deepEqual([state, used?.deliveryMethod], ['delivered', 'unconfirmed']);
  });

  it('a disposition notification of the device is a confirmation, after a 202 as well', async () => {
    const phone = await scene.phone('imdn', { answers: '202', imdn: 'delivered' });
    const sent = new Promise<ImdnSent>((resolve) => phone.on('imdn', resolve));
    const to = [`sip:imdn@${DOMAIN}`];
    const headers = ['X-Wap-Content-URI: http://a.example.com/', 'Expires: Wed, 30 Jun 2099 00:00:00 GMT'];
    const body = Buffer.from('hello \0\xff', 'latin1');
    await scene.code('shop', { pushId: 'imdn', qos, to, headers, type: 'text/x-any', body, attributes: scene.notify });
    const { answer, status } = await sent;
    assert.deepEqual([answer, status], [200, 'delivered']);
    const { state, code, qos: used } = await until(() => scene.notified('imdn')[0]);
    assert.deepEqual([state, code, used?.deliveryMethod], ['delivered', 1000, 'confirmed']);
    const [push] = phone.pushes;
    assert.deepEqual([push?.profile, push?.contentType, push?.body], ['cpim', 'text/x-any', body]);
    assert.deepEqual(
      push?.entity.map(({ name, value }) => `${name}: ${value}`),
      headers,
    );
    assert.match((await recipient('imdn'))?.attempts.at(-1)?.cause ?? '', /^imdn delivered/);
  });

  for (const [status, state, code] of [
    ['displayed', 'delivered', 1000],
    ['failed', 'undeliverable', 4000],
  ] as const) {
    it(`a disposition notification that says ${status} ends the push as ${state}`, async () => {
      await scene.phone(status, { answers: '202', imdn: status });
      const wishes = { pushId: status, to: [`sip:${status}@${DOMAIN}`], qos, attributes: scene.notify };
      await scene.code('shop', wishes);
      const told = await until(() => scene.notified(status)[0]);
      assert.deepEqual([told.state, told.code], [state, code]);
    });
  }

  it('one that says that nothing will be told ends nothing', async () => {
    const phone = await scene.phone('forbids', { answers: '202', imdn: 'forbidden' });
    const sent = new Promise<ImdnSent>((resolve) => phone.on('imdn', resolve));
    await scene.code('shop', { pushId: 'forbids', to: [`sip:forbids@${DOMAIN}`], qos, attributes: scene.notify });
    assert.equal((await sent).answer, 200);
    assert.equal((await awaiting('forbids')).state, 'awaiting-confirmation');
    assert.deepEqual(scene.notified('forbids'), []);
  });

  it('a device that refuses is told of as such, each in its own words', async () => {
    for (const [answers, state, code] of [
      ['403', 'aborted', 5235],
      ['415', 'aborted', 5238],
      ['604', 'undeliverable', 2002],
    ] as const) {
      await scene.phone(`no${answers}`, { answers });
      const to = [`sip:no${answers}@${DOMAIN}`];
      await scene.code('shop', { pushId: answers, qos, to, attributes: scene.notify });
      const told = await until(() => scene.notified(answers)[0]);
      assert.deepEqual([told.state, told.code], [state, code], answers);
    }
  });
});

import assert from 'node:assert/strict';
import { DOMAIN, Scene, until } from './scene.ts';

describe('REQ7: unconfirmed push', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of({ sip: { imdn: 'auto' } });
  });
  after(() => scene.close());

  const qos = 'delivery-method="unconfirmed"';

  it('asks nothing of the device beyond taking it: no notification, no wrapping, one MESSAGE', async () => {
    const phone = await scene.phone('alice', { accept: ['text/plain', 'message/cpim'] });
    await scene.code('shop', { pushId: 'u', qos, attributes: scene.notify });
    const { state, qos: used } = await until(() => scene.notified('u')[0]);
    assert.deepEqual([state, used?.deliveryMethod], ['delivered', 'unconfirmed']);
    assert.deepEqual(
      phone.pushes.map(({ contentType }) => contentType),
      ['text/plain'],
    );
  });

  it('is what a push is that asks for nothing', async () => {
    await scene.phone('plain', { answers: '202' });
    await scene.code('shop', { pushId: 'n', to: [`sip:plain@${DOMAIN}`], attributes: scene.notify });
    assert.equal((await until(() => scene.notified('n')[0])).state, 'delivered');
  });

  it('is sent again to a device that could not take it yet, and ends by what a device refuses for good', async () => {
    const phone = await scene.phone('later', { answers: '486:1,200' });
    await scene.code('shop', { pushId: 'r', qos, to: [`sip:later@${DOMAIN}`], attributes: scene.notify });
    assert.equal((await until(() => scene.notified('r')[0])).state, 'delivered');
    assert.equal(phone.pushes.length, 2);
    await scene.phone('never', { answers: '603' });
    await scene.code('shop', { pushId: 'f', qos, to: [`sip:never@${DOMAIN}`], attributes: scene.notify });
    const { state, code } = await until(() => scene.notified('f')[0]);
    assert.deepEqual([state, code], ['aborted', 5235]);
  });
});

import assert from 'node:assert/strict';
import { DOMAIN, Scene, until } from './scene.ts';

describe('use case D: unconfirmed push, without its SMS path', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  const qos = 'delivery-method="unconfirmed"';

  it('is accepted with 1001, delivered, and its result says delivered and unconfirmed; no word of the user is needed', async () => {
    const phone = await scene.phone('alice');
    assert.equal(await scene.code('shop', { pushId: 'd', qos, attributes: scene.notify }), 1001);
    const { state, code, qos: used } = await until(() => scene.notified('d')[0]);
    assert.deepEqual([state, code, used?.deliveryMethod], ['delivered', 1000, 'unconfirmed']);
    assert.equal(phone.pushes.length, 1);
    const status = await scene.pap('shop', '<statusquery-message push-id="d"/>');
    assert.ok(status.message === 'statusquery-response');
    assert.deepEqual(
      status.results.map((one) => [one.state, one.code, one.qos?.deliveryMethod]),
      [['delivered', 1000, 'unconfirmed']],
    );
  });

  it('a 202 of a node on the way is enough', async () => {
    await scene.phone('relayed', { answers: '202' });
    const to = [`sip:relayed@${DOMAIN}`];
    await scene.code('shop', { pushId: '202', qos, to, attributes: scene.notify });
    assert.equal((await until(() => scene.notified('202')[0])).state, 'delivered');
  });

  it('without a notify URL the initiator asks for the status', async () => {
    const phone = await scene.phone('bob');
    await scene.code('shop', { pushId: 'ask', qos, to: [`sip:bob@${DOMAIN}`] });
    await until(() => phone.pushes.length > 0);
    await until(() => scene.node.ppg.inFlight === 0);
    const status = await scene.pap('shop', '<statusquery-message push-id="ask"/>');
    assert.ok(status.message === 'statusquery-response' && status.results[0]?.state === 'delivered');
  });

  it('who is away gets it when he comes', async () => {
    const to = [`sip:away@${DOMAIN}`];
    await scene.code('shop', { pushId: 'away', qos, to, attributes: scene.notify });
    await until(() => scene.node.ppg.inFlight === 0);
    const phone = await scene.phone('away');
    assert.equal((await until(() => scene.notified('away')[0])).state, 'delivered');
    assert.equal(phone.pushes.length, 1);
  });
});

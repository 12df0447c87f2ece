import assert from 'node:assert/strict';
import { DOMAIN, Scene, until } from './scene.ts';

describe('REQ14: priority and delivery-method are honoured', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  it('high overtakes medium and low, and within a class the order of submission is kept', async () => {
    const order = ['low', 'medium', 'high', 'medium', 'low', 'high', 'high', 'medium', 'low'];
    for (const [n, priority] of order.entries()) {
      const wishes = { pushId: `p${n}`, qos: `priority="${priority}"`, body: `${priority} ${n}` };
      assert.equal(await scene.code('shop', wishes), 1001);
      // The first ones find nobody; from then on all of them wait for the user.
      await until(() => scene.node.ppg.inFlight === 0);
    }
    const phone = await scene.phone('alice');
    await until(() => phone.pushes.length === order.length);
    assert.deepEqual(
      phone.pushes.map(({ body }) => body.toString()),
      ['high 2', 'high 5', 'high 6', 'medium 1', 'medium 3', 'medium 7', 'low 0', 'low 4', 'low 8'],
    );
  });

  for (const [method, reported] of [
    ['confirmed', 'confirmed'],
    ['preferconfirmed', 'confirmed'],
    ['unconfirmed', 'unconfirmed'],
    ['notspecified', 'unconfirmed'],
  ] as const) {
    it(`${method}: reported as ${reported} after the device's 200`, async () => {
      const to = [`sip:bob@${DOMAIN}`];
      if (method === 'confirmed') await scene.phone('bob');
      const qos = `priority="high" delivery-method="${method}"`;
      assert.equal(await scene.code('shop', { pushId: method, to, qos, attributes: scene.notify }), 1001);
      const result = await until(() => scene.notified(method)[0]);
      assert.deepEqual(
        [result.state, result.qos?.deliveryMethod, result.qos?.priority],
        ['delivered', reported, 'high'],
      );
    });
  }

  it('a 202 confirms nothing: confirmed goes on waiting, the others end', async () => {
    await scene.phone('relayed', { answers: '202' });
    const to = [`sip:relayed@${DOMAIN}`];
    for (const method of ['confirmed', 'preferconfirmed', 'unconfirmed']) {
      await scene.code('shop', {
        pushId: `202 ${method}`,
        to,
        qos: `delivery-method="${method}"`,
        attributes: scene.notify,
      });
    }
    const [preferred, plain] = await until(() => {
      const both = [scene.notified('202 preferconfirmed')[0], scene.notified('202 unconfirmed')[0]];
      return both.every((one) => one !== undefined) && both;
    });
    assert.deepEqual([preferred?.state, preferred?.qos?.deliveryMethod], ['delivered', 'unconfirmed']);
    assert.deepEqual([plain?.state, plain?.qos?.deliveryMethod], ['delivered', 'unconfirmed']);
    assert.deepEqual(scene.notified('202 confirmed'), []);
    const status = await scene.pap('shop', '<statusquery-message push-id="202 confirmed"/>');
    assert.ok(status.message === 'statusquery-response' && status.results[0]?.state === 'pending');
  });
});

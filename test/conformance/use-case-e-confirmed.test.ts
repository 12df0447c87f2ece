import assert from 'node:assert/strict';
import { DOMAIN, Scene, until } from './scene.ts';

/** As PAP writes times; PAP knows no fractions of a second. */
const pap = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

describe('use case E: confirmed push', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of();
  });
  after(() => scene.close());

  const qos = 'delivery-method="confirmed"';

  it('is accepted with its progress notes, delivered when the device says so, and reported with what was used', async () => {
    const phone = await scene.phone('alice');
    const answer = await scene.push('shop', {
      pushId: 'e',
      qos,
      attributes: `${scene.notify} progress-notes-requested="true"`,
    });
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 1001);
    assert.ok(answer.progressNotes !== undefined && answer.progressNotes.length > 0, 'progress notes');
    const { state, code, qos: used } = await until(() => scene.notified('e')[0]);
    assert.deepEqual([state, code, used?.deliveryMethod], ['delivered', 1000, 'confirmed']);
    assert.equal(phone.pushes.length, 1);
  });

  it('of a user who stays away until deliver-before is expired, told of when it happens, and never sent after', async () => {
    const to = [`sip:away@${DOMAIN}`];
    const before = `deliver-before-timestamp="${pap(Date.now() + 4000)}"`;
    assert.equal(await scene.code('shop', { pushId: 'x', qos, to, attributes: `${scene.notify} ${before}` }), 1001);
    const status = await scene.pap('shop', '<statusquery-message push-id="x"/>');
    assert.ok(status.message === 'statusquery-response');
    assert.deepEqual(
      status.results.map(({ state }) => state),
      ['pending'],
    );
    const { state, code } = await until(() => scene.notified('x')[0]);
    assert.deepEqual([state, code], ['expired', 4001]);
    const phone = await scene.phone('away');
    await until(() => scene.node.ppg.inFlight === 0);
    assert.equal(phone.pushes.length, 0);
    const after = await scene.pap('shop', '<statusquery-message push-id="x"/>');
    assert.ok(after.message === 'statusquery-response' && after.results[0]?.state === 'expired');
  });

  it('of a user who comes before that is delivered to him', async () => {
    const to = [`sip:late@${DOMAIN}`];
    const before = `deliver-before-timestamp="${pap(Date.now() + 60_000)}"`;
    await scene.code('shop', { pushId: 'l', qos, to, attributes: `${scene.notify} ${before}` });
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual(scene.notified('l'), []);
    const phone = await scene.phone('late');
    const { state, qos: used } = await until(() => scene.notified('l')[0]);
    assert.deepEqual([state, used?.deliveryMethod, phone.pushes.length], ['delivered', 'confirmed', 1]);
  });

  it('of a device that is busy comes again until it is taken', async () => {
    const phone = await scene.phone('busy', { answers: '486:1,200' });
    await scene.code('shop', { pushId: 'b', qos, to: [`sip:busy@${DOMAIN}`], attributes: scene.notify });
    assert.equal((await until(() => scene.notified('b')[0])).state, 'delivered');
    assert.deepEqual(
      phone.pushes.map(({ answered }) => answered),
      [486, 200],
    );
  });
});

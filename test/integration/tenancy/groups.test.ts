import assert from 'node:assert/strict';
import { DOMAIN, Scene, until } from '../../conformance/scene.ts';

const STAFF = 'WAPPUSH=staff/TYPE=USER@ppg.test';

describe('one address that stands for several users', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of({
      initiators: [{ name: 'shop' }, { name: 'small', allow: { open: 2 } }, { name: 'once', allow: { open: 4 } }],
      config: {
        addresses: { aliases: { staff: [`sip:ann@${DOMAIN}`, `sip:ben@${DOMAIN}`, `sip:cat@${DOMAIN}`] } },
        block: [{ user: `cat@${DOMAIN}` }],
      },
    });
  });
  after(() => scene.close());

  const to = [STAFF];
  const stateOf = async (pushId: string, address = ''): Promise<string[]> => {
    const named = address === '' ? '' : `<address address-value="${address}"/>`;
    const answer = await scene.pap('shop', `<statusquery-message push-id="${pushId}">${named}</statusquery-message>`);
    assert.ok(answer.message === 'statusquery-response');
    return answer.results.map(({ state, code, addresses }) => `${addresses.join()} ${state} ${code}`);
  };
  const cancelled = async (pushId: string): Promise<string[]> => {
    const answer = await scene.pap('shop', `<cancel-message push-id="${pushId}"/>`);
    assert.ok(answer.message === 'cancel-response');
    return answer.results.map(({ code, addresses }) => `${addresses.join()} ${code}`);
  };

  it('waits for the last of them, has one result and one notification, and names nobody', async () => {
    const ann = await scene.phone('ann');
    assert.equal(await scene.code('shop', { pushId: 'g1', to, attributes: scene.notify }), 1001);
    await until(() => ann.pushes[0]);
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual([(await stateOf('g1')).length, scene.notified('g1').length], [1, 0]);
    assert.match((await stateOf('g1', STAFF))[0] ?? '', / pending /);
    const ben = await scene.phone('ben');
    const { address, state, code } = await until(() => scene.notified('g1')[0]);
    assert.deepEqual([address, state, code], [STAFF, 'delivered', 1000]);
    assert.deepEqual([ann.pushes.length, ben.pushes.length], [1, 1]);
    assert.deepEqual(await stateOf('g1'), [`${STAFF} delivered 1000`]);
    assert.equal((await scene.node.ppg.counts()).notifications, 0);
    assert.equal(scene.notified('g1').length, 1);
    for (const user of ['ann', 'cat']) {
      assert.deepEqual(await stateOf('g1', `sip:${user}@${DOMAIN}`), [`sip:${user}@${DOMAIN} unknown 2003`]);
    }
    await Promise.all([ann.deregister(), ben.deregister()]);
  });

  it('is cancelled as a whole where nobody has it', async () => {
    assert.equal(await scene.code('shop', { pushId: 'g2', to, attributes: scene.notify }), 1001);
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual(await cancelled('g2'), [`${STAFF} 1000`]);
    const { state, code } = await until(() => scene.notified('g2')[0]);
    assert.deepEqual([state, code], ['cancelled', 1000]);
    assert.deepEqual(await cancelled('g2'), [`${STAFF} 3003`]);
  });

  it('is too late to cancel when one has it, and goes to nobody else', async () => {
    const ann = await scene.phone('ann');
    assert.equal(await scene.code('shop', { pushId: 'g3', to, attributes: scene.notify }), 1001);
    await until(() => ann.pushes[0]);
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual(await cancelled('g3'), [`${STAFF} 2008`]);
    const { state, code } = await until(() => scene.notified('g3')[0]);
    assert.deepEqual([state, code], ['delivered', 1000]);
    const ben = await scene.phone('ben');
    await until(() => scene.node.ppg.inFlight === 0);
    assert.equal(ben.pushes.length, 0);
    await Promise.all([ann.deregister(), ben.deregister()]);
  });

  it('tells nothing of its members’ devices', async () => {
    await scene.phone('ann');
    const answer = await scene.pap('shop', `<ccq-message><address address-value="${STAFF}"/></ccq-message>`);
    assert.ok(answer.message === 'ccq-response');
    assert.equal(answer.code, 3008);
  });

  it('counts its members against what an account may have open, and is refused before it is stored', async () => {
    assert.equal(await scene.code('small', { pushId: 'g4', to }), 3000);
    assert.equal(await scene.node.ppg.status('g4', 'small'), undefined);
    assert.equal(await scene.code('small', { pushId: 'g5', to: [`sip:dan@${DOMAIN}`] }), 1001);
  });

  it('counts them also while they are being stored', async () => {
    const codes = await Promise.all(['g6', 'g7'].map((pushId) => scene.code('once', { pushId, to })));
    assert.deepEqual(codes.sort(), [1001, 3000]);
  });
});

import assert from 'node:assert/strict';
import { basic } from '../support/tenants.ts';
import { DOMAIN, Scene, SUBMISSION_TYPE, submission, until } from './scene.ts';

describe('REQ3: Push Initiator, gateway and client keep to their roles', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of({
      initiators: [
        { name: 'shop' },
        { name: 'local', allow: { recipients: { domains: [DOMAIN] }, contentTypes: ['text/*'] } },
      ],
    });
  });
  after(() => scene.close());

  for (const [what, headers] of [
    ['nobody', {}],
    ['a wrong password', basic('shop', 'guess')],
    ['an unknown account', basic('stranger')],
  ] as const) {
    it(`lets ${what} not submit: 401, and nothing is accepted`, async () => {
      const body = submission({ pushId: 'unauthorised' });
      const { status, text } = await scene.post(body, SUBMISSION_TYPE, headers);
      assert.equal(status, 401);
      assert.doesNotMatch(text, /<pap/);
      assert.equal(await scene.node.ppg.status('unauthorised', 'shop'), undefined);
    });
  }

  it('filters by the policy of each initiator', async () => {
    assert.equal(await scene.code('local', { pushId: 'f1', to: ['sip:a@elsewhere.test'] }), 2001);
    assert.equal(await scene.code('local', { pushId: 'f2', type: 'image/png' }), 2001);
    assert.equal(await scene.code('local', { pushId: 'f3' }), 1001);
    assert.equal(await scene.code('shop', { pushId: 'f4', to: ['sip:a@elsewhere.test'], type: 'image/png' }), 1001);
  });

  it('addresses, stores, delivers and reports, and tells the initiator nothing of SIP', async () => {
    const phone = await scene.phone('carol', { answers: '603' });
    const push = { pushId: 'roles', to: [`sip:carol@${DOMAIN}`], attributes: scene.notify };
    const answer = await scene.push('shop', push);
    const [result] = await until(() => scene.notified('roles').length > 0 && scene.notified('roles'));
    assert.equal(phone.pushes.length, 1);
    assert.deepEqual([result?.state, result?.code], ['aborted', 5235]);
    const status = await scene.pap('shop', '<statusquery-message push-id="roles"/>');
    for (const told of [answer, result, status]) {
      const text = JSON.stringify({ ...told, senderAddress: undefined });
      assert.doesNotMatch(text, /603|Call-ID|Contact|SIP\/2\.0|MESSAGE\b|127\.0\.0\.1/);
      assert.ok(!text.includes(phone.pushes[0]?.callId ?? '?') && !text.includes(phone.instance ?? '?'));
    }
  });
});

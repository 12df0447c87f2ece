import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { DOMAIN, Scene, until } from '../../conformance/scene.ts';
import { loopbackStack } from '../../support/sip-loopback.ts';

const text = (size: number): Buffer => Buffer.from('all that is fit to push '.repeat(size / 24 + 1)).subarray(0, size);
const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/**
 * The direct leg sends what is larger than 1,300 octets by TCP (RFC 3261 section 18.1.1; direct-leg.test.ts has its fall
 * back to UDP). The phones here take UDP only, so what is large has to come over both.
 */
describe('a MESSAGE around the limit of UDP', function () {
  this.timeout(60_000);

  for (const [leg, sizes] of [
    ['direct', [500, 1299, 1300, 1301, 4000, 4100, 12_300, 60_000]],
    ['drachtio', [500, 1299, 1300, 1301, 2500]],
  ] as const) {
    describe(`over the ${leg} leg`, () => {
      let scene: Scene;
      let phone: Awaited<ReturnType<Scene['phone']>>;
      before(async () => {
        scene = await Scene.of({ sip: { leg } });
        phone = await scene.phone('alice');
      });
      after(() => scene.close());

      for (const size of sizes) {
        it(`${size} octets of text arrive as they are`, async () => {
          const body = text(size);
          const wishes = { pushId: `${size}`, to: [`sip:alice@${DOMAIN}`], attributes: scene.notify, body };
          assert.equal(await scene.code('shop', { ...wishes, qos: 'delivery-method="confirmed"' }), 1001);
          const push = await until(() => phone.pushes.find((one) => one.sha256 === sha256(body)));
          assert.equal(push.size, size);
          assert.equal(push.profile, 'headers');
          const [result] = await until(() => scene.notified(`${size}`).length > 0 && scene.notified(`${size}`));
          assert.equal(result?.state, 'delivered');
          phone.pushes.length = 0;
        });
      }
    });
  }

  for (const leg of ['direct', 'drachtio'] as const) {
    it(`a next hop that takes UDP only gets it by UDP, over the ${leg} leg`, async () => {
      const core = await loopbackStack({ listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });
      const got: string[] = [];
      core.stack.onRequest((transaction) => {
        got.push(`${transaction.flow.protocol} ${transaction.request.body.length}`);
        transaction.respond(respondTo(transaction.request, 200));
      });
      const scene = await Scene.of({ sip: { leg, nextHop: `sip:127.0.0.1:${core.at('udp').port}` } });
      try {
        const wishes = { pushId: 'p', to: [`sip:alice@${DOMAIN}`], attributes: scene.notify, body: text(2500) };
        assert.equal(await scene.code('shop', { ...wishes, qos: 'delivery-method="confirmed"' }), 1001);
        const [result] = await until(() => scene.notified('p').length > 0 && scene.notified('p'));
        assert.equal(result?.state, 'delivered');
        assert.deepEqual(
          got.filter((one) => one.endsWith(' 2500')),
          ['udp 2500'],
        );
      } finally {
        await scene.close();
        await core.stack.stop();
      }
    });
  }

  it('what is too large for the only leg and has no other way is undeliverable 3006, and nothing of it is sent', async () => {
    const scene = await Scene.of({ sip: { leg: 'drachtio' } });
    try {
      const phone = await scene.phone('alice');
      for (const [pushId, body] of [
        ['large', text(4100)],
        ['binary', Buffer.from([0, 1, 2])],
      ] as const) {
        const wishes = { pushId, to: [`sip:alice@${DOMAIN}`], attributes: scene.notify, body };
        assert.equal(await scene.code('shop', wishes), 1001);
        const [result] = await until(() => scene.notified(pushId).length > 0 && scene.notified(pushId));
        assert.deepEqual([result?.state, result?.code], ['undeliverable', 3006]);
      }
      assert.equal(phone.pushes.length, 0);
    } finally {
      await scene.close();
    }
  });
});

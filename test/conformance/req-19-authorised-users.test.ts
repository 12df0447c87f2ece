import assert from 'node:assert/strict';
import { createImdnReader } from '../../handlers/imdn.ts';
import { createMessageHandler } from '../../handlers/message.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { createPpg } from '../../lib/ppg.ts';
import { assertedIdentity } from '../../lib/sip/asserted-identity.ts';
import { createDirectLeg } from '../../lib/sip/direct/direct-leg.ts';
import { trustedPeers as peers } from '../../lib/sip/trusted-peers.ts';
import { loopbackStack, messageRequest, send, statusOf } from '../support/sip-loopback.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** RFC 5438 section 7.2.1 within RFC 3862. */
const DELIVERED = `From: <sip:alice@${DOMAIN}>\r
To: <sip:push@${DOMAIN}>\r
NS: imdn <urn:ietf:params:imdn>\r
imdn.Message-ID: d834jied93rf\r
\r
Content-type: message/imdn+xml\r
Content-Disposition: notification\r
\r
<?xml version="1.0" encoding="UTF-8"?>\r
<imdn xmlns="urn:ietf:params:xml:ns:imdn">\r
<message-id>34jk324j</message-id>\r
<datetime>2026-09-21T14:00:00-05:00</datetime>\r
<delivery-notification><status><delivered/></status></delivery-notification>\r
</imdn>\r
`;

describe('REQ19: only users who are registered and want it', () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.of({
      initiators: [{ name: 'shop' }, { name: 'bank' }],
      config: { block: [{ user: `optout@${DOMAIN}` }, { user: `choosy@${DOMAIN}`, initiator: 'shop' }] },
    });
  });
  after(() => scene.close());

  it('who is not registered gets nothing until he is, and nothing again after he has left', async () => {
    const to = [`sip:walker@${DOMAIN}`];
    await scene.code('shop', { pushId: 'w1', to, attributes: scene.notify });
    await until(() => scene.node.ppg.inFlight === 0);
    assert.deepEqual(scene.notified('w1'), []);
    const phone = await scene.phone('walker');
    await until(() => scene.notified('w1')[0]);
    assert.equal(phone.pushes.length, 1);
    await phone.deregister();
    await scene.code('shop', { pushId: 'w2', to, attributes: scene.notify });
    await until(() => scene.node.ppg.inFlight === 0);
    assert.equal(phone.pushes.length, 1);
    const status = await scene.pap('shop', '<statusquery-message push-id="w2"/>');
    assert.ok(status.message === 'statusquery-response' && status.results[0]?.state === 'pending');
  });

  it('who opted out gets nothing, and the initiator hears 2001', async () => {
    const phone = await scene.phone('optout');
    for (const user of ['shop', 'bank']) {
      assert.equal(await scene.code(user, { pushId: `o ${user}`, to: [`sip:optout@${DOMAIN}`] }), 2001);
    }
    const choosy = await scene.phone('choosy');
    const to = [`sip:choosy@${DOMAIN}`];
    assert.equal(await scene.code('shop', { pushId: 'c1', to }), 2001);
    assert.equal(await scene.code('bank', { pushId: 'c2', to, attributes: scene.notify }), 1001);
    await until(() => scene.notified('c2')[0]);
    assert.deepEqual([phone.pushes.length, choosy.pushes.length], [0, 1]);
  });

  it('an opt-out counts for what waits already', async () => {
    const to = [`sip:later@${DOMAIN}`];
    await scene.code('shop', { pushId: 'l', to, attributes: scene.notify });
    await until(() => scene.node.ppg.inFlight === 0);
    scene.node.ppg.setBlocked([{ user: `later@${DOMAIN}` }]);
    const phone = await scene.phone('later');
    const { state, code } = await until(() => scene.notified('l')[0]);
    assert.deepEqual([state, code, phone.pushes.length], ['undeliverable', 2001, 0]);
  });

  for (const [who, trustedPeers, status, known] of [
    ['the core', ['127.0.0.1'], 200, 1],
    ['somebody who is not the core, whatever identity he asserts,', ['192.0.2.1'], 403, 0],
  ] as const) {
    it(`a registration told of by ${who} counts ${known === 1 ? '' : 'not '}`.trim(), async () => {
      const ppg = createPpg({
        domain: DOMAIN,
        store: 'memory',
        sip: { leg: 'direct', direct: { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] }, trustedPeers },
      });
      const peer = await loopbackStack();
      await ppg.start();
      try {
        const port = ppg.directListening[0]?.port ?? 0;
        const request = messageRequest({
          CSeq: '1 REGISTER',
          From: `<sip:scscf.${DOMAIN}>;tag=1`,
          To: `<sip:alice@${DOMAIN}>`,
          Contact: `<sip:scscf.${DOMAIN}>`,
          Expires: '600',
          'P-Asserted-Identity': `<sip:scscf.${DOMAIN}>`,
        });
        const register = { ...request, method: 'REGISTER', uri: `sip:127.0.0.1:${port}` };
        const answer = await send(peer.stack, register, { protocol: 'udp', host: '127.0.0.1', port }).next();
        assert.equal(statusOf(answer), status);
      } finally {
        await peer.stack.stop();
        await ppg.stop();
      }
    });
  }

  const alice = `sip:alice@${DOMAIN}`;
  for (const [who, asserted, trustedPeers, status, proofs] of [
    ['the user whom the core vouches for', 'alice', ['127.0.0.1'], 200, 1],
    ['another user whom the core vouches for', 'mallory', ['127.0.0.1'], 200, 0],
    ['somebody whom the core names so that nobody can read it', '>', ['127.0.0.1'], 403, 0],
    ['a stranger who asserts to be the user', 'alice', ['192.0.2.1'], 403, 0],
  ] as const) {
    it(`a report of ${who}: ${status}, and it ${proofs === 1 ? 'counts' : 'does not count'}`, async () => {
      const trusts = peers(trustedPeers);
      const proven: string[] = [];
      const imdn = createImdnReader({
        asker: { refOf: () => ({ push: 'p', index: 0, device: 'aor', isTo: (aor) => aor === alice }) },
        prove: async (_ref, { kind }) => proven.push(kind) > 0,
        find: () => undefined,
        trusts,
        domain: DOMAIN,
        clock: systemClock,
        log: silentLogger,
      });
      const handler = createMessageHandler({
        own: { isIdentity: () => true },
        readers: [imdn],
        identityOf: (request) => assertedIdentity(request, trusts, DOMAIN),
        log: silentLogger,
      });
      const gateway = await loopbackStack();
      const leg = createDirectLeg({ stack: gateway.stack, clock: systemClock });
      leg.onRequest(handler);
      await leg.start();
      const peer = await loopbackStack();
      try {
        const headers = {
          From: `<${alice}>;tag=1`,
          'P-Asserted-Identity': `<sip:${asserted}@${DOMAIN}>`,
          'Content-Type': 'message/cpim',
        };
        const report = messageRequest(headers, Buffer.from(DELIVERED));
        assert.equal(statusOf(await send(peer.stack, report, gateway.at('udp')).next()), status);
        assert.equal(proven.length, proofs);
      } finally {
        await Promise.all([peer.stack.stop(), leg.stop()]);
      }
    });
  }

  for (const method of ['MESSAGE', 'SUBSCRIBE']) {
    it(`who is no trusted peer and speaks to the gateway by ${method} is refused, whatever identity he asserts`, async () => {
      const ppg = createPpg({
        domain: DOMAIN,
        store: 'memory',
        sip: {
          leg: 'direct',
          direct: { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] },
          trustedPeers: ['192.0.2.1'],
        },
      });
      const peer = await loopbackStack();
      await ppg.start();
      try {
        const port = ppg.directListening[0]?.port ?? 0;
        const headers = {
          CSeq: `1 ${method}`,
          Event: 'oma-push',
          Contact: '<sip:alice@127.0.0.1>',
          'P-Asserted-Identity': `<sip:alice@${DOMAIN}>`,
        };
        const request = { ...messageRequest(headers), method, uri: `sip:push@${DOMAIN}` };
        const answer = await send(peer.stack, request, { protocol: 'udp', host: '127.0.0.1', port }).next();
        assert.equal(statusOf(answer), 403);
      } finally {
        await peer.stack.stop();
        await ppg.stop();
      }
    });
  }

  describe('who subscribes to pushes', function () {
    this.timeout(30_000);
    const EVENT = 'oma-push;event-app-id="x-wap-application:mms.ua"';
    let home: Scene;
    before(async () => {
      home = await Scene.of({ sip: { omaPush: true } });
    });
    after(() => home.close());
    const push = { headers: ['X-Wap-Application-Id: x-wap-application:mms.ua'], qos: 'delivery-method="confirmed"' };

    it('a registered user gets his pushes, for what he subscribed to', async () => {
      const phone = await home.phone('sub', {
        applications: ['mms.ua'],
        subscribe: { applications: ['x-wap-application:mms.ua'] },
      });
      await until(() => home.node.ppg.omaPush?.subscriptions === 1);
      const to = [`sip:sub@${DOMAIN}`];
      assert.equal(await home.code('shop', { pushId: 's1', to, attributes: home.notify, ...push }), 1001);
      assert.equal((await until(() => home.notified('s1')[0])).state, 'delivered');
      assert.equal(phone.pushes[0]?.method, 'NOTIFY');
    });

    it('who says that he is another is refused, and gets nothing of his', async () => {
      const { sip = 0, direct = 0 } = home.node.ports;
      const mallory = await loopbackStack();
      try {
        for (const [port, asserted] of [
          [sip, `<sip:sub@${DOMAIN}>`], // through the core, which knows where its users are
          [direct, undefined], // to the gateway, with nobody who vouches for him
        ] as const) {
          const request = messageRequest({
            CSeq: '1 SUBSCRIBE',
            'Call-ID': `spoofed-${port}`,
            From: `<sip:sub@${DOMAIN}>;tag=1`,
            To: `<sip:push@${DOMAIN}>`,
            Contact: `<sip:mallory@127.0.0.1:${mallory.at('udp').port}>`,
            Event: EVENT,
            ...(asserted !== undefined && { 'P-Asserted-Identity': asserted }),
          });
          const subscribe = { ...request, method: 'SUBSCRIBE', uri: `sip:push@${DOMAIN}` };
          const answer = await send(mallory.stack, subscribe, { protocol: 'udp', host: '127.0.0.1', port }).next();
          assert.equal(statusOf(answer), 403);
        }
        assert.equal(home.node.ppg.omaPush?.subscriptions, 1);
      } finally {
        await mallory.stack.stop();
      }
    });

    it('who opted out gets nothing by subscribing', async () => {
      const phone = await home.phone('out', { applications: ['mms.ua'], subscribe: {} });
      home.node.ppg.setBlocked([{ user: `out@${DOMAIN}` }]);
      assert.equal(await home.code('shop', { pushId: 'out', to: [`sip:out@${DOMAIN}`], ...push }), 2001);
      assert.equal(phone.pushes.length, 0);
    });

    it('a subscription ends with the registration', async () => {
      const phone = await home.phone('leaver', { applications: ['mms.ua'], subscribe: {} });
      await until(() => home.node.ppg.omaPush?.subscriptions === 3);
      await phone.deregister();
      await until(() => home.node.ppg.omaPush?.subscriptions === 2);
      const to = [`sip:leaver@${DOMAIN}`];
      assert.equal(await home.code('shop', { pushId: 'left', to, attributes: home.notify, ...push }), 1001);
      await until(() => home.node.ppg.inFlight === 0);
      assert.deepEqual([phone.pushes.length, home.notified('left').length], [0, 0]);
    });
  });
});

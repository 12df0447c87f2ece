import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { ServerTransaction } from '../../../lib/stack/types.ts';
import { DOMAIN } from './host-app.ts';
import { account, inState, next, Scene, submitByPap } from './scene.ts';

const TEXT = { to: `sip:alice@${DOMAIN}`, type: 'text/plain', body: 'hello', deliveryMethod: 'confirmed' } as const;

describe('a gateway in an app, over its life', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await new Scene().start();
  });
  afterEach(() => scene.stop());

  it('drains when it stops, and leaves the app connected', async () => {
    const { app, ppg } = await scene.appWithGateway();
    let held: ServerTransaction | undefined;
    const arrived = new Promise<void>((resolve) => {
      scene.core.onRequest = (transaction) => {
        held = transaction;
        resolve();
      };
    });
    let last: string | undefined;
    ppg.on('state', ({ state }) => {
      last = state;
    });
    await ppg.submit(TEXT);
    await arrived;
    let stopped = false;
    const stopping = ppg.stop().then(() => {
      stopped = true;
    });
    await assert.rejects(ppg.submit(TEXT), { code: 'PPG_E_STATE' });
    const alice = scene.user('alice');
    assert.equal((await alice.ask({ method: 'OPTIONS', uri: scene.appUri })).status, 200);
    assert.equal(stopped, false, 'an attempt is under way');
    held?.respond(respondTo(held.request, 200));
    await stopping;
    assert.equal(last, 'delivered');
    assert.equal(scene.net.clients, 1);
    assert.equal((await alice.register({ contact: `<${scene.net.peer.uri()}>` })).status, 200);
    assert.equal((await alice.message(alice.aor, 'still relayed')).status, 200);
    assert.equal(app.saw.length > 0, true);
  });

  it('is gone from the app when it has stopped: what was its own is passed on', async () => {
    const { app, ppg } = await scene.appWithGateway();
    await ppg.stop();
    const alice = scene.user('alice');
    const options = await alice.ask({ method: 'OPTIONS', uri: `sip:push@${DOMAIN}` });
    assert.equal(options.headers.get('Allow'), 'MESSAGE', 'the app has answered');
    const register = await alice.ask({
      method: 'REGISTER',
      uri: scene.appUri,
      from: `sip:core@${DOMAIN}`,
      to: alice.aor,
    });
    assert.equal(register.status, 401);
    assert.equal(app.saw.length, 2);
  });

  it('answers PAP after its end, with a code', async () => {
    const { app, ppg } = await scene.appWithGateway('mount', { initiators: [await account('shop')] });
    await ppg.stop();
    const answer = await submitByPap(app, 'shop');
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 3000);
  });

  it('sends over a second connection where it has one', async () => {
    const outbound = await scene.outbound();
    const { app, ppg } = await scene.appWithGateway('mount', { outbound });
    const request = app.srf.request.bind(app.srf);
    let byApp = 0;
    app.srf.request = (...args) => {
      byApp++;
      return request(...(args as Parameters<typeof request>));
    };
    const delivered = inState(ppg, 'delivered');
    await ppg.submit(TEXT);
    await delivered;
    assert.equal(byApp, 0);
    assert.equal(scene.net.clients, 2);
    const alice = scene.user('alice');
    for (let i = 0; i < 4; i++) {
      const { status } = await alice.ask({ method: 'OPTIONS', uri: scene.appUri });
      assert.equal(status, 200, 'no request is routed to the second connection');
    }
    await ppg.stop();
    assert.equal(scene.net.clients, 2, 'neither connection is its own');
  });

  it('sends again what was in flight when the link broke: same call, higher CSeq, delivered', async () => {
    const { app, ppg } = await scene.appWithGateway('mount', { retry: { first: 50 } });
    scene.core.answers.push(0);
    const lost = inState(ppg, 'pending');
    const { pushId } = await ppg.submit(TEXT);
    await scene.core.got(1);
    const linked = new Promise((resolve) => app.srf.once('connect', resolve));
    await scene.net.sipdDown();
    await lost;
    assert.equal(ppg.ready, false);
    const delivered = inState(ppg, 'delivered');
    await scene.net.sipdUp();
    await Promise.all([linked, delivered]);
    assert.equal(ppg.ready, true);
    const requests = (await scene.core.got(2)).map(({ headers }) => [headers.get('Call-ID'), headers.get('CSeq')]);
    const [first, second] = [requests[0], requests.at(-1)];
    assert.equal(second?.[0], first?.[0]);
    assert.deepEqual([first?.[1], second?.[1]], ['1 MESSAGE', '101 MESSAGE']);
    const status = await ppg.status(pushId);
    assert.deepEqual(
      status?.recipients[0]?.attempts.map(({ result }) => result),
      ['unknown', 'delivered'],
    );
    // the routes are back as well, in the order they were chained
    assert.equal((await scene.user('bob').register({ contact: '<sip:bob@192.0.2.8>' })).status, 200);
  });

  it('holds what is submitted while the link is down', async () => {
    const { ppg } = await scene.appWithGateway('mount', { retry: { first: 50 } });
    await scene.net.sipdDown();
    const accepted = next(ppg, 'accepted');
    const delivered = inState(ppg, 'delivered');
    assert.equal((await ppg.submit(TEXT)).code, 1001);
    await accepted;
    await scene.net.sipdUp();
    await delivered;
    const [push] = await scene.core.got(1);
    assert.equal(push?.headers.get('CSeq')?.endsWith(' MESSAGE'), true);
  });

  it('is out of the way when it could not start', async () => {
    const { host, port } = scene.core.stack.listening.find(({ protocol }) => protocol === 'tcp') ?? assert.fail();
    const direct = { listen: [{ protocol: 'tcp', host, port }] } as const;
    let taken: ReturnType<Scene['gateway']> | undefined;
    await scene.app({
      mount: (srf) => {
        taken = scene.gateway(srf, { sip: { direct } });
        return { front: [taken.middleware] };
      },
    });
    await assert.rejects(taken?.start() ?? assert.fail(), { code: 'PPG_E_SIP_TRANSPORT' });
    const options = await scene.user('alice').ask({ method: 'OPTIONS', uri: `sip:push@${DOMAIN}` });
    assert.equal(options.headers.get('Allow'), 'MESSAGE');
  });

  it('recommends a second connection only to those who send over the first', async () => {
    const said: string[] = [];
    const write = (fields: object | string, text = ''): void =>
      void said.push(typeof fields === 'string' ? fields : text);
    const log = { debug: write, info: write, warn: write, error: write };
    const direct = { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] } as const;
    const { ppg } = await scene.appWithGateway('mount', { log, sip: { leg: 'direct', direct } });
    const delivered = inState(ppg, 'delivered');
    await ppg.submit(TEXT);
    await delivered;
    assert.deepEqual(
      said.filter((line) => line.includes('outbound')),
      [],
    );
    scene.gateway(scene.net.srf(), { log });
    assert.equal(said.filter((line) => line.includes('outbound')).length, 1);
  });
});

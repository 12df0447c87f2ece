import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scene, until } from '../../conformance/scene.ts';
import { freePorts } from '../../support/ports.ts';

const LOCAL = '127.0.0.1';
const TEXT = 'a text that a phone may refuse for its form';

const BINARY = Buffer.from([0, 1, 2]);

async function untilState(scene: Scene, state: string): Promise<void> {
  for (;;) {
    const status = await scene.node.ppg.status('p', 'shop');
    if (status?.recipients[0]?.state === state) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A gateway with a direct leg that serves contents in clear. */
async function sceneWith(more: Parameters<typeof Scene.of>[0] = {}, port?: number): Promise<Scene> {
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  return Scene.of({
    ...more,
    config: {
      http: { host: LOCAL, port: free },
      content: { url: `http://${LOCAL}:${free}/content`, allowHttp: true },
      ...more.config,
    },
  });
}

describe('a push by reference', function () {
  this.timeout(60_000);

  it('follows a MESSAGE whose form was refused, at once, and is no merged request', async () => {
    const scene = await sceneWith();
    try {
      const phone = await scene.phone('alice', { answers: '415,200' });
      const wishes = { pushId: 'p', attributes: scene.notify, qos: 'delivery-method="confirmed"', body: TEXT };
      assert.equal(await scene.code('shop', wishes), 1001);
      const [first, second] = await until(() => phone.pushes.length > 1 && phone.pushes);
      assert.deepEqual([first?.profile, second?.profile], ['headers', 'indirection']);
      assert.equal(second?.body.toString(), TEXT);
      assert.notEqual(first?.callId, second?.callId);
      assert.equal(first?.headers.get('X-Wap-Push-Id'), second?.headers.get('X-Wap-Push-Id'));
      const [result] = await until(() => scene.notified('p').length > 0 && scene.notified('p'));
      assert.equal(result?.state, 'delivered');
    } finally {
      await scene.close();
    }
  });

  it('is fetched by the URL of before from a gateway that was started again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ppg-reference-'));
    const [port = 0] = await freePorts(1);
    const life = (): Promise<Scene> =>
      sceneWith({ config: { store: `sqlite:${join(folder, 'ppg.db')}` }, sip: { leg: 'drachtio' } }, port);
    let scene = await life();
    try {
      const phone = await scene.phone('alice', { fetches: false });
      assert.equal(await scene.code('shop', { pushId: 'p', qos: 'delivery-method="confirmed"', body: BINARY }), 1001);
      const push = await until(() => phone.pushes[0]);
      const { url = '' } = push.reference ?? {};
      await untilState(scene, 'awaiting-confirmation');
      await scene.close();

      scene = await life();
      const response = await fetch(url);
      assert.deepEqual([response.status, Buffer.from(await response.arrayBuffer())], [200, BINARY]);
      await untilState(scene, 'delivered');
      assert.equal((await fetch(url)).status, 410);
    } finally {
      await scene.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('that is unconfirmed keeps its content until it is fetched, then is delivered, unconfirmed', async () => {
    const scene = await sceneWith({ sip: { leg: 'drachtio' } });
    try {
      const phone = await scene.phone('alice', { fetches: false });
      const qos = 'delivery-method="unconfirmed"';
      assert.equal(await scene.code('shop', { pushId: 'p', attributes: scene.notify, qos, body: BINARY }), 1001);
      const { reference } = await until(() => phone.pushes[0]);
      await untilState(scene, 'awaiting-confirmation');
      assert.equal(scene.notified('p').length, 0);
      assert.equal((await fetch(reference?.url ?? '')).status, 200);
      const [result] = await until(() => scene.notified('p').length > 0 && scene.notified('p'));
      assert.deepEqual([result?.state, result?.qos?.deliveryMethod], ['delivered', 'unconfirmed']);
    } finally {
      await scene.close();
    }
  });

  it('that is fetched by nobody ends as timeout, and its URL with it', async () => {
    const scene = await sceneWith({ sip: { leg: 'drachtio' }, config: { limits: { confirmWait: 200 } } });
    try {
      const phone = await scene.phone('alice', { fetches: false });
      assert.equal(await scene.code('shop', { pushId: 'p', attributes: scene.notify, body: BINARY }), 1001);
      const { reference } = await until(() => phone.pushes[0]);
      const [result] = await until(() => scene.notified('p').length > 0 && scene.notified('p'));
      assert.equal(result?.state, 'timeout');
      const { status } = await fetch(reference?.url ?? '');
      assert.ok(status === 410 || status === 404, `${status}`);
    } finally {
      await scene.close();
    }
  });
});

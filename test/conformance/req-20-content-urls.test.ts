import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { checkOptions } from '../../lib/options/options.ts';
import { freePorts } from '../support/ports.ts';
import { tlsFile, tlsText } from '../support/tls-fixtures.ts';
import { DOMAIN, Scene, until } from './scene.ts';

const LOCAL = '127.0.0.1';
const CA = tlsText('ca.pem');

const BINARY = Buffer.from([0, 1, 2, 3, 255]);

describe('REQ20: contents that are fetched go by HTTPS, and once', () => {
  let scene: Scene;
  before(async () => {
    const [port = 0] = await freePorts(1);
    scene = await Scene.of({
      config: {
        http: { host: LOCAL, port, tls: { cert: tlsFile('server.pem'), key: tlsFile('server.key') } },
        content: { url: `https://${LOCAL}:${port}/content/` },
        notify: { allowPrivate: true },
      },
      sip: { leg: 'drachtio' },
    });
  });
  after(() => scene.close());

  const statusOf = (url: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request(url, { ca: CA, agent: false }, (incoming) => {
        incoming.resume();
        incoming.on('end', () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on('error', reject);
      outgoing.end();
    });

  async function fetched(user: string, options: { ca?: string } = { ca: CA }): Promise<ReceivedPush> {
    const phone = await scene.phone(user, options);
    const result = await scene.node.ppg.submit({
      pushId: user,
      to: `sip:${user}@${DOMAIN}`,
      type: 'application/x-any',
      body: BINARY,
      deliveryMethod: 'confirmed',
    });
    assert.equal(result.code, 1001);
    return until(() => phone.pushes[0]);
  }

  const stateOf = async (pushId: string): Promise<string | undefined> =>
    (await scene.node.ppg.status(pushId))?.recipients[0]?.state;

  async function untilState(pushId: string, state: string): Promise<void> {
    while ((await stateOf(pushId)) !== state) await new Promise((resolve) => setImmediate(resolve));
  }

  it('the URL is https, nobody can guess it, and once the device has the content it is gone', async () => {
    const push = await fetched('alice');
    const url = push.fetched?.url ?? '';
    assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/content\/[\w.-]{50,}$/);
    assert.ok(push.body.equals(BINARY));
    await untilState('alice', 'delivered');
    const status = await scene.node.ppg.status('alice');
    assert.equal(status?.recipients[0]?.attempts[0]?.bearer, 'indirection');
    assert.equal(status?.push.content, undefined);
    assert.equal(await statusOf(url), 410);
    assert.equal(await statusOf(`${url.slice(0, -30)}${'A'.repeat(30)}`), 404);
  });

  it('a device that does not trust the server has nothing, and the push waits', async () => {
    const push = await fetched('bob', {});
    assert.equal(push.fetched?.status, undefined);
    await untilState('bob', 'awaiting-confirmation');
    assert.equal(await statusOf(push.fetched?.url ?? ''), 200);
    await untilState('bob', 'delivered');
    assert.equal(await statusOf(push.fetched?.url ?? ''), 410);
  });

  it('nothing is said to who asks in clear', async () => {
    const socket = connect(scene.node.ports.http, LOCAL);
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.write('GET /content/x HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    assert.doesNotMatch(received, /nothing here/);
  });

  it('a URL that is not https must be asked for', () => {
    const of = (content: object): unknown => checkOptions({ domain: DOMAIN, content });
    assert.throws(() => of({ url: 'http://ppg.example.com/content' }), /content\.url: must be https/);
    assert.throws(() => of({ url: 'https://user@ppg.example.com/' }), /content\.url/);
    assert.throws(() => of({ url: 'https://ppg.example.com/?a="b' }), /content\.url/);
    assert.ok(of({ url: 'http://ppg.example.com/content', allowHttp: true }));
    assert.ok(of({ url: 'https://ppg.example.com/content' }));
  });
});

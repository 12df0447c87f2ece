import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** Around what a datagram, a frame of drachtio-server, an SMS and the older bearers carry (REQ12: not less than these). */
const BY_MESSAGE = [0, 1, 900, 1299, 1300, 1301, 1400, 4000, 4100, 12_300, 65_536, 1_048_576];
const BY_REFERENCE = [0, 1, 1300, 4100, 65_536, 1_048_576, 10_485_760];

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/** Random octets; the first is NUL, so that no text may carry them. */
const content = (size: number): Buffer => {
  const octets = randomBytes(size);
  if (size > 0) octets[0] = 0;
  return octets;
};

describe('REQ12: content of every size', function () {
  this.timeout(60_000);

  const suites = [
    { by: 'MESSAGE', sizes: BY_MESSAGE, leg: 'direct', profile: 'headers', transport: 'tcp' },
    { by: 'reference', sizes: BY_REFERENCE, leg: 'drachtio', profile: 'indirection', transport: 'udp' },
  ] as const;
  for (const { by, sizes, leg, profile, transport } of suites) {
    describe(`by ${by}`, () => {
      let scene: Scene;
      let phone: Awaited<ReturnType<Scene['phone']>>;
      before(async () => {
        const [port = 0] = await freePorts(1);
        scene = await Scene.of({
          config: {
            http: { host: '127.0.0.1', port },
            content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
            limits: { maxBodyBytes: 12 * 1024 * 1024 },
          },
          sip: { leg },
        });
        phone = await scene.phone('alice', { transport });
      });
      after(() => scene.close());

      for (const size of sizes) {
        for (const method of ['confirmed', 'unconfirmed'] as const) {
          it(`${size} octets, ${method}`, async () => {
            const body = content(size);
            const pushId = `${size} ${method}`;
            const wishes = { pushId, to: [`sip:alice@${DOMAIN}`], attributes: scene.notify };
            const qos = `delivery-method="${method}"`;
            assert.equal(await scene.code('shop', { ...wishes, qos, type: 'application/x-any', body }), 1001);
            const push = await until(() => phone.pushes.find((one) => one.sha256 === sha256(body)));
            assert.equal(push.size, size);
            // What is no more than text goes as it is, whichever way.
            assert.equal(push.profile, size === 0 ? 'headers' : profile);
            if (push.fetched !== undefined) {
              const { status, sizeMatches, hashMatches } = push.fetched;
              assert.deepEqual([status, sizeMatches, hashMatches], [200, true, true]);
            }
            const [result] = await until(() => scene.notified(pushId).length > 0 && scene.notified(pushId));
            assert.equal(result?.state, 'delivered');
            assert.equal(result?.code, 1000);
            phone.pushes.length = 0;
          });
        }
      }
    });
  }
});

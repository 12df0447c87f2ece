import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** Around what a datagram, a frame of drachtio-server, an SMS and the older bearers carry (REQ12: not less than these). */
const SIZES = [0, 1, 900, 1299, 1300, 1301, 1400, 4000, 4100, 12_300, 65_536, 1_048_576, 10_485_760] as const;

/** What the gateway of these tests calls its bearers, so that a push can ask for one. */
const BEARERS = { MESSAGE: ['sip-message'], MSRP: ['msrp-session'], REFERENCE: ['indirection'] };

interface Way {
  readonly what: string;
  readonly leg: 'direct' | 'drachtio';
  readonly bearer: keyof typeof BEARERS;
  /** Text goes where octets do not. */
  readonly text?: true;
  /** How it is to arrive. */
  readonly method: 'MESSAGE' | 'SEND';
  readonly profile: 'headers' | 'indirection' | 'mime-base64';
  /** Octets of the largest content that it carries; docs/bearers.md. */
  readonly upTo: number;
}

const ANY = Number.POSITIVE_INFINITY;

const WAYS: readonly Way[] = [
  { what: 'MESSAGE', leg: 'direct', bearer: 'MESSAGE', method: 'MESSAGE', profile: 'headers', upTo: ANY },
  { what: 'MSRP', leg: 'direct', bearer: 'MSRP', method: 'SEND', profile: 'headers', upTo: ANY },
  { what: 'reference', leg: 'direct', bearer: 'REFERENCE', method: 'MESSAGE', profile: 'indirection', upTo: ANY },
  {
    what: 'MESSAGE',
    leg: 'drachtio',
    bearer: 'MESSAGE',
    text: true,
    method: 'MESSAGE',
    profile: 'headers',
    upTo: 1400,
  },
  {
    what: 'MESSAGE in base64',
    leg: 'drachtio',
    bearer: 'MESSAGE',
    method: 'MESSAGE',
    profile: 'mime-base64',
    upTo: 1400,
  },
  { what: 'MSRP', leg: 'drachtio', bearer: 'MSRP', method: 'SEND', profile: 'headers', upTo: ANY },
  { what: 'reference', leg: 'drachtio', bearer: 'REFERENCE', method: 'MESSAGE', profile: 'indirection', upTo: ANY },
];

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/** Random octets; the first is NUL, so that no text may carry them. */
function octets(size: number): Buffer {
  const made = randomBytes(size);
  if (size > 0) made[0] = 0;
  return made;
}

const letters = (size: number): Buffer => Buffer.from(randomBytes(size).toString('base64').slice(0, size), 'latin1');

describe('REQ12: content of every size', function () {
  this.timeout(60_000);

  for (const leg of ['direct', 'drachtio'] as const) {
    describe(`over the ${leg} leg`, () => {
      let scene: Scene;
      let phone: Awaited<ReturnType<Scene['phone']>>;
      before(async () => {
        const [port = 0] = await freePorts(1);
        scene = await Scene.of({
          config: {
            http: { host: '127.0.0.1', port },
            content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
            msrp: { enabled: true, port: 0 },
            qos: { bearers: BEARERS },
            limits: { maxBodyBytes: 12 * 1024 * 1024 },
          },
          sip: { leg },
        });
        const accept = ['*/*', 'text/plain', 'application/x-any', 'multipart/mixed', 'message/external-body'];
        phone = await scene.phone('alice', { transport: leg === 'direct' ? 'tcp' : 'udp', msrp: {}, accept });
      });
      after(() => scene.close());

      for (const { what, bearer, text, method, profile, upTo } of WAYS.filter((way) => way.leg === leg)) {
        const content = text === true ? letters : octets;
        const kind = text === true ? 'letters' : 'octets';
        const submitted = async (pushId: string, delivery: string, body: Buffer): Promise<number> => {
          const wishes = { pushId, to: [`sip:alice@${DOMAIN}`], attributes: scene.notify, body };
          const qos = `delivery-method="${delivery}" bearer="${bearer}" bearer-required="true"`;
          return scene.code('shop', { ...wishes, qos, type: text === true ? 'text/plain' : 'application/x-any' });
        };

        for (const size of SIZES.filter((one) => one <= upTo)) {
          for (const delivery of ['confirmed', 'unconfirmed']) {
            it(`by ${what}: ${size} ${kind}, ${delivery}`, async () => {
              phone.pushes.length = 0;
              const body = content(size);
              const pushId = `${what} ${size} ${delivery}`;
              assert.equal(await submitted(pushId, delivery, body), 1001);
              const push = await until(() => phone.pushes[0]);
              assert.deepEqual([push.size, push.sha256, push.method], [size, sha256(body), method]);
              // What is no more than text needs no base64.
              assert.equal(push.profile, size === 0 && profile === 'mime-base64' ? 'headers' : profile);
              if (push.fetched !== undefined) {
                const { status, sizeMatches, hashMatches } = push.fetched;
                assert.deepEqual([status, sizeMatches, hashMatches], [200, true, true]);
              }
              const { state, code, qos } = await until(() => scene.notified(pushId)[0]);
              assert.deepEqual([state, code, qos?.deliveryMethod], ['delivered', 1000, delivery]);
              assert.equal(phone.pushes.length, 1);
            });
          }
        }

        for (const size of SIZES.filter((one) => one > upTo)) {
          it(`by ${what} alone: ${size} ${kind} are undeliverable 3006, and nothing of them is sent`, async () => {
            phone.pushes.length = 0;
            const { pushes } = phone.counters;
            const pushId = `${what} ${size}`;
            assert.equal(await submitted(pushId, 'confirmed', content(size)), 1001);
            const { state, code } = await until(() => scene.notified(pushId)[0]);
            assert.deepEqual([state, code, phone.counters.pushes], ['undeliverable', 3006, pushes]);
          });
        }
      }
    });
  }
});

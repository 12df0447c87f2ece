import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { type Core, createCore } from '../../lib/embedded/core/core.ts';
import type { CoreOptions } from '../../lib/embedded/core/options.ts';
import type { Phone, PhoneOptions } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { DOMAIN, Scene, type SceneOptions, until } from './scene.ts';

interface Network {
  readonly what: string;
  /** Undefined: the core of `serve` itself. */
  readonly core?: Partial<CoreOptions>;
  readonly scene: SceneOptions;
}

/** Cores by what they tell an application server: everything, contacts without their features, nothing at all. */
const NETWORKS: readonly Network[] = [
  { what: 'that registers its users with the gateway', scene: {} },
  { what: 'that registers them and serves the reg event', scene: { sip: { registrations: 'both' } } },
  {
    what: 'that serves the reg event alone, without feature tags',
    core: { regEvent: { everyone: true, features: 'instance' } },
    scene: { sip: { registrations: 'reg-event' } },
  },
  {
    what: 'that is asked for the reg event and has none',
    core: { regEvent: { watchers: [] } },
    scene: { sip: { registrations: 'reg-event' } },
  },
  { what: 'that tells nothing', core: { regEvent: false }, scene: { sip: { registrations: 'none' } } },
];

for (const { what, core: coreOptions, scene: options } of NETWORKS) {
  describe(`REQ17: a core ${what}`, function () {
    this.timeout(60_000);
    let core: Core | undefined;
    let scene: Scene;
    let server: PhoneOptions['server'];

    before(async () => {
      let nextHop: string | undefined;
      if (coreOptions !== undefined) {
        const listen = [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] as const;
        const stack = createSipStack({ clock: systemClock, listen });
        core = createCore({
          clock: systemClock,
          log: silentLogger,
          stack,
          domain: DOMAIN,
          applicationServers: [],
          bindings: createMemoryBindings(),
          ...coreOptions,
        });
        await core.start();
        nextHop = `sip:127.0.0.1:${stack.listening[0]?.port}`;
      }
      scene = await Scene.of({
        ...options,
        sip: { ...options.sip, ...(nextHop !== undefined && { nextHop }) },
        // where nobody tells of a registration, trying again is what finds it
        config: { retry: { first: 50, longest: 200 } },
      });
      const port = nextHop === undefined ? (scene.node.ports.sip ?? 0) : Number(nextHop.split(':')[2]);
      server = { host: '127.0.0.1', port };
    });

    after(async () => {
      await scene.close();
      await core?.stop();
    });

    const phone = (user: string): Promise<Phone & { pushes: ReceivedPush[] }> => scene.phone(user, { server });
    const push = (pushId: string, user: string): Promise<number> =>
      scene.code('shop', {
        pushId,
        to: [`sip:${user}@${DOMAIN}`],
        attributes: scene.notify,
        qos: 'delivery-method="confirmed"',
      });

    it('a push reaches who is registered, once', async () => {
      const alice = await phone('alice');
      assert.equal(await push('there', 'alice'), 1001);
      const { state, code } = await until(() => scene.notified('there')[0]);
      assert.deepEqual([state, code, alice.pushes.length], ['delivered', 1000, 1]);
    });

    it('a push for who is away waits, and reaches him when he comes', async () => {
      assert.equal(await push('away', 'bob'), 1001);
      await until(() => scene.node.ppg.inFlight === 0);
      assert.deepEqual(scene.notified('away'), []);
      const bob = await phone('bob');
      const { state } = await until(() => scene.notified('away')[0]);
      assert.deepEqual([state, bob.pushes.length], ['delivered', 1]);
    });
  });
}

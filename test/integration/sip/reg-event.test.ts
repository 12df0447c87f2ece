import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { type Core, createCore } from '../../../lib/embedded/core/core.ts';
import type { RegEventOptions } from '../../../lib/embedded/core/options.ts';
import { createPhone, type Phone } from '../../../lib/embedded/phone/phone.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import { createPpg, type Ppg } from '../../../lib/ppg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import type { Store } from '../../../lib/store/store.ts';
import { DOMAIN, Scene, until } from '../../conformance/scene.ts';
import { Learned } from '../../support/learned.ts';

const MMS = 'x-wap-application:mms.ua';
const WML = 'x-wap-application:wml.ua';

for (const leg of ['direct', 'drachtio'] as const) {
  for (const registrations of ['reg-event', 'both'] as const) {
    describe(`registrations by ${registrations} from the embedded core, over the ${leg} leg`, function () {
      this.timeout(60_000);
      let scene: Scene;
      const learned = new Learned();
      before(async () => {
        scene = await Scene.of({ sip: { leg, registrations }, log: learned.log });
      });
      after(() => scene.close());

      const push = (pushId: string, user: string, application: string): Promise<number> =>
        scene.code('shop', {
          pushId,
          to: [`sip:${user}@${DOMAIN}`],
          attributes: scene.notify,
          qos: 'delivery-method="confirmed"',
          headers: [`X-Wap-Application-Id: ${application}`],
        });

      it('bring a push to the device that runs the application, and to no other', async () => {
        const mms = await scene.phone('two', { applications: ['mms.ua'] });
        const wml = await scene.phone('two', { applications: ['wml.ua'] });
        await until(() => learned.devices('two') === 2);
        assert.equal(await push('m', 'two', MMS), 1001);
        assert.equal(await push('w', 'two', WML), 1001);
        await until(() => scene.notified('m')[0] && scene.notified('w')[0]);
        assert.deepEqual([mms.pushes.length, wml.pushes.length], [1, 1]);
        assert.equal(scene.notified('m')[0]?.state, 'delivered');
      });

      it('refuse what no device runs', async () => {
        await scene.phone('one', { applications: ['mms.ua'] });
        await until(() => learned.devices('one') === 1);
        assert.equal(await push('first', 'one', MMS), 1001);
        await until(() => scene.notified('first')[0]);
        assert.equal(await push('none', 'one', 'x-wap-application:ulp.ua'), 1001);
        const { state, code } = await until(() => scene.notified('none')[0]);
        assert.deepEqual([state, code], ['undeliverable', 2006]);
      });

      it('wake what waits for somebody who was not there', async () => {
        assert.equal(await push('wait', 'late', WML), 1001);
        await until(() => (scene.node.ppg.regEvents?.subscriptions ?? 0) > 0 && scene.node.ppg.inFlight === 0);
        const phone = await scene.phone('late');
        await until(() => scene.notified('wait')[0]);
        assert.equal(phone.pushes.length, 1);
        await phone.deregister();
        await until(() => learned.devices('late') === 0);
        assert.equal(await push('again', 'late', WML), 1001);
        await until(() => scene.node.ppg.inFlight === 0);
        const status = await scene.pap('shop', '<statusquery-message push-id="again"/>');
        assert.ok(status.message === 'statusquery-response' && status.results[0]?.state === 'pending');
        assert.equal(phone.pushes.length, 1);
        await phone.register();
        await until(() => scene.notified('again')[0]);
        assert.equal(phone.pushes.length, 2);
      });
    });
  }
}

describe('a core that sends no REGISTER to the gateway', function () {
  this.timeout(60_000);
  let core: Core;
  let port: number;
  let ppg: Ppg | undefined;
  let states: EngineEvents['state'][];
  const phones: Phone[] = [];

  async function begin(regEvent: RegEventOptions | false): Promise<void> {
    const stack = createSipStack({ clock: systemClock, listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });
    core = createCore({
      clock: systemClock,
      log: silentLogger,
      stack,
      domain: DOMAIN,
      applicationServers: [],
      bindings: createMemoryBindings(),
      regEvent,
    });
    await core.start();
    port = stack.listening[0]?.port ?? 0;
  }

  async function gateway(store: Store = createMemoryStore()): Promise<Ppg> {
    const made = createPpg({
      domain: DOMAIN,
      store,
      sip: {
        leg: 'direct',
        direct: { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] },
        nextHop: `sip:127.0.0.1:${port}`,
        registrations: 'reg-event',
      },
      retry: { first: 60_000 },
    });
    made.on('state', (event) => states.push(event));
    await made.start();
    ppg = made;
    return made;
  }

  async function phone(user: string, applications: readonly string[] = ['wml.ua']): Promise<Phone & { count: number }> {
    const made = createPhone({
      clock: systemClock,
      log: silentLogger,
      server: { host: '127.0.0.1', port },
      user: `${user}@${DOMAIN}`,
      applications,
    });
    phones.push(made);
    const counted = Object.assign(made, { count: 0 });
    made.on('push', () => counted.count++);
    await made.start();
    return counted;
  }

  const submit = (user: string) =>
    ppg?.submit({ to: `sip:${user}@${DOMAIN}`, type: 'text/plain', body: 'hello', deliveryMethod: 'confirmed' });
  const delivered = () => states.filter(({ state }) => state === 'delivered').length;

  beforeEach(() => {
    states = [];
  });

  afterEach(async () => {
    await Promise.all(phones.splice(0).map((one) => one.stop()));
    await ppg?.stop();
    ppg = undefined;
    await core.stop();
  });

  it('wakes what waits by its NOTIFY, though it tells no feature tags', async () => {
    await begin({ everyone: true, features: 'instance' });
    await gateway();
    await submit('alice');
    await until(() => states.some(({ state }) => state === 'pending'));
    const alice = await phone('alice');
    await until(() => delivered() === 1);
    assert.equal(alice.count, 1);
    assert.equal(ppg?.regEvents?.subscriptions, 1);
    assert.equal(ppg?.regEvents?.subscribes.accepted, 1);
  });

  it('reaches every device of a user, each by its GRUU', async () => {
    await begin({ everyone: true });
    await gateway();
    const both = [await phone('alice'), await phone('alice')];
    await submit('alice');
    await until(() => both.every(({ count }) => count === 1));
    await until(() => delivered() === 1);
  });

  it('is subscribed to again after a restart, for who is asked for', async () => {
    await begin({ everyone: true });
    const store = createMemoryStore();
    await gateway(store);
    const alice = await phone('alice');
    await submit('alice');
    await until(() => delivered() === 1);
    const known = await store.registration(`sip:alice@${DOMAIN}`);
    assert.equal(known?.devices.length, 1);
    await ppg?.stop();
    const next = createMemoryStore();
    await gateway(next);
    if (known !== undefined) await next.saveRegistration(known);
    await submit('alice');
    await until(() => delivered() === 2);
    await until(() => ppg?.regEvents?.subscriptions === 1);
    assert.equal(alice.count, 2);
  });

  it('that refuses the subscription leaves pushes to its own search, with ordinary back-off', async () => {
    await begin({ watchers: ['192.0.2.1'] });
    await gateway();
    const alice = await phone('alice');
    await submit('alice');
    await until(() => delivered() === 1);
    assert.equal(alice.count, 1);
    assert.deepEqual([ppg?.regEvents?.subscriptions, ppg?.regEvents?.refused], [0, 1]);
    await submit('bob');
    const waiting = await until(() => states.find(({ state }) => state === 'pending'));
    assert.ok((waiting.due ?? 0) < Date.now() + 120_000, 'nobody would tell that bob came');
  });
});

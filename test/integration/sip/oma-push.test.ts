import assert from 'node:assert/strict';
import type { Phone } from '../../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../../lib/embedded/phone/push-log.ts';
import { DOMAIN, Scene, until } from '../../conformance/scene.ts';
import { Learned } from '../../support/learned.ts';
import { freePorts } from '../../support/ports.ts';

const MMS = 'x-wap-application:mms.ua';
const ULP = 'x-oma-application:ulp.ua';

for (const leg of ['direct', 'drachtio'] as const) {
  describe(`devices that subscribe to pushes, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let scene: Scene;
    const learned = new Learned();
    before(async () => {
      const [port = 0] = await freePorts(1);
      scene = await Scene.of({
        sip: { leg, omaPush: { failures: 2 } },
        config: {
          http: { host: '127.0.0.1', port },
          content: { url: `http://127.0.0.1:${port}/content`, allowHttp: true },
        },
        log: learned.log,
      });
    });
    after(() => scene.close());

    const push = (pushId: string, user: string, application = MMS, body: Buffer | string = 'hello'): Promise<number> =>
      scene.code('shop', {
        pushId,
        to: [`sip:${user}@${DOMAIN}`],
        attributes: scene.notify,
        qos: 'delivery-method="confirmed"',
        headers: [`X-Wap-Application-Id: ${application}`],
        body,
      });

    const accepted = (): number => scene.node.ppg.omaPush?.subscribes.accepted ?? 0;
    const open = (): number => scene.node.ppg.omaPush?.subscriptions ?? 0;

    const subscriber = async (user: string, more: Parameters<Scene['phone']>[1] = {}): Promise<Subscriber> => {
      const before = accepted();
      const phone = await scene.phone(user, {
        applications: ['mms.ua'],
        subscribe: { applications: [MMS] },
        ...more,
      });
      await until(() => accepted() > before);
      await until(() => learned.devices(user) === 1);
      return phone;
    };

    const outcome = (pushId: string): Promise<string> =>
      until(() => scene.notified(pushId)[0]).then(({ state, code }) => `${state} ${code}`);

    it('are told what was accepted, and get each push as a NOTIFY for its one application', async () => {
      const phone = await subscriber('alice', { subscribe: { applications: [MMS, ULP], deviceCapabilities: 'A/B/1' } });
      assert.match(
        phone.subscription?.get('Event') ?? '',
        /event-app-id="x-wap-application:mms.ua,x-oma-application:ulp.ua"/,
      );
      assert.match(phone.subscription?.get('Accept') ?? '', /message\/external-body/);
      assert.match(phone.subscription?.get('Allow') ?? '', /SUBSCRIBE/);
      assert.equal(phone.subscription?.get('Expires'), '86400');
      assert.equal(await push('a1', 'alice'), 1001);
      assert.equal(await outcome('a1'), 'delivered 1000');
      assert.equal(await push('a2', 'alice', ULP), 1001);
      assert.equal(await outcome('a2'), 'delivered 1000');
      assert.deepEqual(
        phone.pushes.map(({ method, contentType, applicationId, body, duplicate, headers }) => ({
          ...{ method, contentType, applicationId, duplicate },
          body: body.toString(),
          event: headers.get('Event'),
        })),
        [MMS, ULP].map((application) => ({
          ...{ method: 'NOTIFY', contentType: 'text/plain', applicationId: application, duplicate: false },
          body: 'hello',
          event: `oma-push;event-app-id="${application}"`,
        })),
      );
      assert.equal(phone.counters.pushes, 2, 'the NOTIFYs without content are no pushes');
    });

    it('still get by MESSAGE what they did not subscribe for', async () => {
      const phone = await subscriber('both', { applications: ['mms.ua', 'wml.ua'] });
      assert.equal(await push('b', 'both', 'x-wap-application:wml.ua'), 1001);
      assert.equal(await outcome('b'), 'delivered 1000');
      assert.equal(phone.pushes[0]?.method, 'MESSAGE');
    });

    it('wake what waits for them', async () => {
      const phone = await subscriber('sleeper', { answers: '480,200' });
      const before = open();
      await phone.unsubscribe();
      await until(() => open() === before - 1);
      assert.equal(await push('s', 'sleeper'), 1001);
      await until(() => phone.pushes.length === 1);
      await until(() => scene.node.ppg.inFlight === 0);
      assert.deepEqual(scene.notified('s'), []);
      await phone.subscribe();
      assert.equal(await outcome('s'), 'delivered 1000');
      assert.deepEqual(
        phone.pushes.map(({ method, answered }) => [method, answered]),
        [
          ['MESSAGE', 480],
          ['NOTIFY', 200],
        ],
      );
    });

    it('that know their subscription no more get the push by MESSAGE at once', async () => {
      const phone = await subscriber('forgetful', { answers: '481,200' });
      assert.equal(await push('f', 'forgetful'), 1001);
      assert.equal(await outcome('f'), 'delivered 1000');
      assert.deepEqual(methodsOf(phone), ['NOTIFY 481', 'MESSAGE 200']);
      assert.equal(await phone.refreshSubscription(), 481);
    });

    it('that refuse a push are not asked by another bearer', async () => {
      const phone = await subscriber('refuser', { answers: '603' });
      assert.equal(await push('r', 'refuser'), 1001);
      assert.equal(await outcome('r'), 'aborted 5235');
      assert.deepEqual(methodsOf(phone), ['NOTIFY 603']);
    });

    it('are left alone for as long as they ask', async () => {
      const phone = await subscriber('busy', { answers: '503:600,200' });
      assert.equal(await push('y', 'busy'), 1001);
      await until(() => phone.pushes.length === 1);
      await until(() => scene.node.ppg.inFlight === 0);
      assert.ok(phone.subscribed);
      assert.equal(await phone.refreshSubscription(), 200, 'it goes on');
    });

    it('are locked out when they subscribe again and again and take nothing', async () => {
      const phone = await subscriber('lost', { answers: '481,200,481,200' });
      assert.equal(await push('l1', 'lost'), 1001);
      assert.equal(await outcome('l1'), 'delivered 1000');
      const before = accepted();
      await phone.subscribe();
      await until(() => accepted() > before);
      assert.equal(await push('l2', 'lost'), 1001);
      assert.equal(await outcome('l2'), 'delivered 1000');
      assert.deepEqual(methodsOf(phone), ['NOTIFY 481', 'MESSAGE 200', 'NOTIFY 481', 'MESSAGE 200']);
      await assert.rejects(phone.subscribe(), { sipStatus: 480 });
      assert.equal(scene.node.ppg.omaPush?.subscribes.locked, 1);
    });

    it('refresh, and unsubscribe', async () => {
      const phone = await subscriber('tidy');
      assert.equal(await phone.refreshSubscription(), 200);
      const before = open();
      await phone.unsubscribe();
      await until(() => open() === before - 1);
      assert.equal(await push('t', 'tidy'), 1001);
      assert.equal(await outcome('t'), 'delivered 1000');
      assert.deepEqual(methodsOf(phone), ['MESSAGE 200']);
    });

    it('that are two devices of one user get one each', async () => {
      const one = await subscriber('pair');
      const before = accepted();
      const other = await scene.phone('pair', { applications: ['mms.ua'], subscribe: { applications: [MMS] } });
      await until(() => accepted() > before && learned.devices('pair') === 2);
      assert.equal(await push('p', 'pair'), 1001);
      assert.equal(await outcome('p'), 'delivered 1000');
      await until(() => one.pushes.length + other.pushes.length === 2);
      assert.deepEqual([methodsOf(one), methodsOf(other)], [['NOTIFY 200'], ['NOTIFY 200']]);
    });

    it('get octets that the leg does not carry by reference, and fetch them', async () => {
      const phone = await subscriber('binary');
      const body = Buffer.from([0, 1, 2, 0xff, 0]);
      assert.equal(await push('o', 'binary', MMS, body), 1001);
      assert.equal(await outcome('o'), 'delivered 1000');
      assert.deepEqual([...(phone.pushes[0]?.body ?? [])], [...body]);
      assert.deepEqual(methodsOf(phone), ['NOTIFY 200']);
      assert.equal(phone.pushes[0]?.profile, leg === 'direct' ? 'headers' : 'indirection');
    });

    it('are sent away, to come again later, by a gateway that stops', async () => {
      const phone = await subscriber('last');
      await scene.node.ppg.stop();
      await until(() => !phone.subscribed);
    });
  });
}

type Subscriber = Phone & { pushes: ReceivedPush[] };

const methodsOf = ({ pushes }: Subscriber): string[] => pushes.map(({ method, answered }) => `${method} ${answered}`);

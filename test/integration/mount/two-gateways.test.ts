import assert from 'node:assert/strict';
import type { Ppg } from '../../../lib/ppg.ts';
import type { HostApp } from './host-app.ts';
import { account, inState, Scene, submitByPap } from './scene.ts';

describe('two gateways in one process', () => {
  let scene: Scene;
  let apps: HostApp[];
  let one: Ppg;
  let two: Ppg;

  beforeEach(async () => {
    scene = await new Scene().start();
    // two accounts of one name: only the gateway tells them apart
    const shop = await account('shop');
    const made: Ppg[] = [];
    apps = [
      await scene.app({
        mount: (srf) => {
          const ppg = scene.gateway(srf, { domain: 'one.test', initiators: [shop] });
          const other = scene.gateway(srf, { domain: 'two.test', initiators: [{ ...shop, name: 'shop' }] });
          made.push(ppg, other);
          ppg.mount(srf);
          const [pap, otherPap] = [ppg.pap(), other.pap()];
          return {
            front: [other.middleware],
            pap: (req, res, next) => {
              if (req.headers['x-gateway'] === 'two') otherPap(req, res, next);
              else pap(req, res, next);
            },
          };
        },
      }),
    ];
    [one, two] = made as [Ppg, Ppg];
    await Promise.all([one.start(), two.start()]);
  });
  afterEach(() => scene.stop());

  it('answer each for its own identity', async () => {
    const alice = scene.user('alice');
    for (const domain of ['one.test', 'two.test']) {
      const { headers } = await alice.ask({ method: 'OPTIONS', uri: `sip:push@${domain}` });
      assert.match(headers.all('Allow').join(), /REGISTER/);
    }
    assert.equal(apps[0]?.saw.length, 0);
    await one.stop();
    const { headers } = await alice.ask({ method: 'OPTIONS', uri: 'sip:push@one.test' });
    assert.equal(headers.get('Allow'), 'MESSAGE', 'the app answers for a gateway that is gone');
    const other = await alice.ask({ method: 'OPTIONS', uri: 'sip:push@two.test' });
    assert.match(other.headers.all('Allow').join(), /REGISTER/);
  });

  it('take the same push-id each, and know nothing of the other one', async () => {
    const text = { type: 'text/plain', body: 'hello', pushId: 'the same', deliveryMethod: 'confirmed' } as const;
    const states: string[] = [];
    one.on('state', ({ state }) => states.push(`one ${state}`));
    two.on('state', ({ state }) => states.push(`two ${state}`));
    const first = inState(one, 'delivered');
    assert.equal((await one.submit({ ...text, to: 'sip:alice@one.test' })).code, 1001);
    await first;
    assert.equal(await two.status('the same'), undefined);
    const second = inState(two, 'delivered');
    assert.equal((await two.submit({ ...text, to: '+15550100' })).code, 1001);
    await second;
    assert.deepEqual(states, ['one delivered', 'two delivered']);
    assert.deepEqual(
      scene.core.requests.map(({ uri, headers }) => [uri, headers.get('P-Asserted-Identity')]),
      [
        ['sip:alice@one.test', '<sip:push@one.test>'],
        ['sip:+15550100@two.test;user=phone', '<sip:push@two.test>'],
      ],
    );
  });

  it('learn third-party registrations each at its own identity', async () => {
    scene.core.answers.push(480, 480);
    const text = { to: 'sip:alice@one.test', type: 'text/plain', body: 'hello' } as const;
    for (const ppg of [one, two]) {
      const waiting = inState(ppg, 'pending');
      await ppg.submit(text);
      await waiting;
    }
    const delivered = inState(two, 'delivered');
    const user = scene.user('core');
    const answer = await user.ask({
      method: 'REGISTER',
      uri: 'sip:push@two.test',
      from: 'sip:scscf.two.test',
      to: 'sip:alice@one.test',
      headers: [{ name: 'Expires', value: '600' }],
    });
    assert.equal(answer.status, 200);
    await delivered;
    await user.ask({ method: 'OPTIONS', uri: scene.appUri });
    assert.deepEqual([(await one.counts()).pending, (await two.counts()).pending], [1, 0]);
  });

  it('have accounts and PAP endpoints of their own', async () => {
    const [app] = apps;
    assert.ok(app);
    const answer = await submitByPap(app, 'shop', { pushId: 'pap', to: 'alice@one.test' });
    assert.ok(answer.message === 'push-response');
    assert.equal(answer.code, 1001);
    assert.notEqual(await one.status('pap', 'shop'), undefined);
    assert.equal(await two.status('pap', 'shop'), undefined);
  });
});

import assert from 'node:assert/strict';
import type { Ppg } from '../../../lib/ppg.ts';
import { DOMAIN, type HostApp } from './host-app.ts';
import { type Form, inState, Scene } from './scene.ts';
import type { User } from './user.ts';

const TEXT = { type: 'text/plain', body: 'hello', deliveryMethod: 'confirmed' } as const;

describe('registrations that the gateway sees in an app', () => {
  let scene: Scene;
  let app: HostApp;
  let ppg: Ppg;
  let alice: User;
  const contact = '<sip:alice@192.0.2.7:5060>;+sip.instance="<urn:uuid:a>"';

  async function begin(form: Form = 'mount'): Promise<void> {
    ({ app, ppg } = await scene.appWithGateway(form));
    alice = scene.user('alice');
  }

  /** A push for alice that the core could not bring to her. */
  async function waitingPush(): Promise<string> {
    scene.core.answers.push(480);
    const waiting = inState(ppg, 'pending');
    const { pushId } = await ppg.submit({ to: alice.aor, ...TEXT });
    await waiting;
    return pushId;
  }

  /** Enough turns of every loop for a push to have left, had anything woken it. */
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) assert.equal((await alice.ask({ method: 'OPTIONS', uri: scene.appUri })).status, 200);
  };

  beforeEach(async () => {
    scene = await new Scene().start();
  });
  afterEach(() => scene.stop());

  for (const form of ['mount', 'chain'] as const) {
    it(`wake what waits: from the final 200 of the app's registrar, and from no other answer (${form})`, async () => {
      await begin(form);
      await waitingPush();
      const challenge = await alice.registerUnauthorized({ contact });
      assert.equal(challenge.status, 401);
      const refused = await alice.registerAuthorized(challenge, { contact, password: 'wrong' });
      assert.equal(refused.status, 403);
      await settled();
      assert.equal(scene.core.requests.length, 1, 'neither 401 nor 403 is a registration');

      const delivered = inState(ppg, 'delivered');
      assert.equal((await alice.register({ contact })).status, 200);
      await delivered;
      const [first, second] = await scene.core.got(2);
      assert.equal(second?.headers.get('Call-ID'), first?.headers.get('Call-ID'), 'a retry can be recognised');
      assert.deepEqual(second?.headers.get('CSeq'), '101 MESSAGE');
      assert.match(second?.headers.all('Accept-Contact').join() ?? '', /urn:uuid:a/);
    });
  }

  it('name devices, which are asked what they can before the first push to them', async () => {
    await begin();
    await alice.register({ contact });
    scene.core.told = [{ name: 'Accept', value: 'text/plain' }];
    const refused = inState(ppg, 'undeliverable');
    await ppg.submit({ to: alice.aor, ...TEXT, type: 'text/html' });
    assert.equal((await refused).code, 2005);
    const delivered = inState(ppg, 'delivered');
    await ppg.submit({ to: alice.aor, ...TEXT });
    await delivered;
    assert.equal(scene.core.requests.length, 1);
    const [question, ...others] = scene.core.questions;
    assert.equal(others.length, 0);
    assert.match(question?.headers.get('Accept-Contact') ?? '', /\+sip\.instance="<urn:uuid:a>";require;explicit/);
    assert.equal(question?.headers.get('Request-Disposition'), 'no-fork');
    assert.equal(question?.headers.get('P-Asserted-Identity'), `<sip:push@${DOMAIN}>`);
    assert.equal(question?.headers.all('Contact').length, 1);
  });

  it('are not made by a REGISTER that only asks', async () => {
    await begin();
    await waitingPush();
    const asked = await alice.ask({ method: 'REGISTER', uri: `sip:${DOMAIN}`, to: alice.aor });
    assert.equal(asked.status, 401);
    await settled();
    assert.equal(scene.core.requests.length, 1);
  });

  it('end when the user leaves: a push waits, and nothing is sent', async () => {
    await begin();
    await alice.register({ contact });
    await alice.register({ contact, expires: 0 });
    const waiting = inState(ppg, 'pending');
    const { pushId } = await ppg.submit({ to: alice.aor, ...TEXT });
    assert.match((await waiting).cause, /not registered/);
    assert.equal(scene.core.requests.length, 0);
    const delivered = inState(ppg, 'delivered');
    await alice.register({ contact });
    await delivered;
    assert.equal((await ppg.status(pushId))?.recipients[0]?.state, 'delivered');
  });

  for (const [what, uri] of [
    ['the identity', () => `sip:push@${DOMAIN}`],
    ['the address without a user', () => scene.appUri],
  ] as const) {
    it(`are taken from a core that REGISTERs somebody else at ${what}, and the app never sees it`, async () => {
      await begin();
      await waitingPush();
      const delivered = inState(ppg, 'delivered');
      const answer = await alice.ask({
        method: 'REGISTER',
        uri: uri(),
        from: `sip:scscf.${DOMAIN}`,
        to: alice.aor,
        headers: [
          { name: 'Contact', value: `<sip:scscf.${DOMAIN}>` },
          { name: 'Expires', value: '600' },
        ],
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('Expires'), '600');
      await delivered;
      assert.deepEqual(app.saw, []);
    });
  }

  it('are not taken from a stranger: the app has its REGISTER, and challenges it', async () => {
    ({ app, ppg } = await scene.appWithGateway('mount', { sip: { trustedPeers: ['192.0.2.0/24'] } }));
    alice = scene.user('alice');
    await waitingPush();
    const answer = await alice.ask({
      method: 'REGISTER',
      uri: scene.appUri,
      from: `sip:scscf.${DOMAIN}`,
      to: alice.aor,
      headers: [{ name: 'Contact', value: `<sip:scscf.${DOMAIN}>` }],
    });
    assert.equal(answer.status, 401);
    assert.equal(app.saw.length, 1);
    await settled();
    assert.equal(scene.core.requests.length, 1);
  });

  it('leave OPTIONS to the gateway answered by the gateway, MESSAGE to it and all else to the app', async () => {
    await begin();
    const own = await alice.ask({ method: 'OPTIONS', uri: `sip:push@${DOMAIN}` });
    assert.deepEqual([own.status, own.headers.all('Allow').join(', ')], [200, 'REGISTER, OPTIONS']);
    assert.equal(app.saw.length, 0);
    assert.equal((await alice.ask({ method: 'OPTIONS', uri: scene.appUri })).headers.get('Allow'), 'MESSAGE');
    const toGateway = await alice.message(`sip:push@${DOMAIN}`, 'who are you?');
    assert.equal(toGateway.status, 480, 'no report on a push: the app answers it');
    assert.deepEqual(
      app.saw.map(({ method, uri, body }) => [method, uri, body]),
      [
        ['OPTIONS', scene.appUri, ''],
        ['MESSAGE', `sip:push@${DOMAIN}`, 'who are you?'],
      ],
    );
  });
});

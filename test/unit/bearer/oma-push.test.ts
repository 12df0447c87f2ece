import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { DeliveryTarget, Offer } from '../../../lib/bearer/bearer.ts';
import { createOmaPushBearer, createOmaPushReferenceBearer } from '../../../lib/bearer/oma-push.ts';
import { createReferenceWriter } from '../../../lib/bearer/reference.ts';
import { route } from '../../../lib/engine/router.ts';
import type { Device, Registration } from '../../../lib/model/device.ts';
import { tokenSecret } from '../../../lib/security/token-secret.ts';
import type { SipAnswer } from '../../../lib/sip/leg.ts';
import { readPushEvent } from '../../../lib/sip/oma-push/event.ts';
import { DEFAULT_OMA_PUSH, OmaPushSubscriptions } from '../../../lib/sip/oma-push/oma-push.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeSipNotifier } from '../../support/fake-notifier-leg.ts';
import { ACCEPTED_AT, fakeAttempt, fakeDevice, fakePush } from '../../support/fake-push.ts';
import { fakeAnswer, fakeRequest } from '../../support/fake-sip.ts';

const ALICE = 'sip:alice@example.com';
const MMS = 'oma-push;event-app-id="x-wap-application:mms.ua,ulp.ua";id=5';
const NEVER = Number.MAX_SAFE_INTEGER;

describe('a push as NOTIFY', () => {
  let clock: FakeClock;
  let subscriptions: OmaPushSubscriptions;
  let notifier: FakeSipNotifier;

  beforeEach(() => {
    clock = new FakeClock(ACCEPTED_AT);
    subscriptions = new OmaPushSubscriptions({ policy: DEFAULT_OMA_PUSH, clock, log: silentLogger });
    notifier = subscribe({ id: 'd1', contact: 'sip:alice@10.0.0.5' });
  });

  function subscribe(named: Partial<Device>, event = MMS, leg: 'direct' | 'drachtio' = 'direct'): FakeSipNotifier {
    const made = new FakeSipNotifier(event, 600);
    const binary = leg === 'direct';
    subscriptions.begin({
      aors: [ALICE],
      device: fakeDevice(named),
      event: readPushEvent(event),
      notifier: made,
      leg: { name: leg, can: { binary, route: binary, maxRequestBytes: binary ? 65_000 : 3850 } },
    });
    return made;
  }

  const registration = (devices: readonly Device[], more: Partial<Registration> = {}): Registration => ({
    ...{ aor: ALICE, registered: true, devices, updatedAt: clock.now(), expiresAt: NEVER },
    ...more,
  });

  const target = (of: Partial<Device> = {}): DeliveryTarget => {
    const device = subscriptions.over(ALICE, registration([fakeDevice(of)]))?.devices[0];
    assert.ok(device);
    return { kind: 'device', device };
  };

  const bearer = (maxBytes?: number): ReturnType<typeof createOmaPushBearer> =>
    createOmaPushBearer({ subscriptions, log: silentLogger, maxBytes });

  const offer = (offered: Offer): string =>
    offered.offer === 'no' ? `${offered.code} ${offered.cause}` : offered.offer;

  it('has the content as its body, its push headers, and one application in its Event', async () => {
    const content = {
      headers: [{ name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' }],
      body: Buffer.from([0, 255]),
    };
    const result = await bearer().deliver(fakeAttempt({ push: fakePush({ content }), target: target() }));
    assert.deepEqual(result, { kind: 'delivered', proof: 'device', cause: 'sip 200 OK', leg: 'direct' });
    const [sent] = notifier.sent;
    assert.deepEqual([...(sent?.body ?? [])], [0, 255]);
    assert.deepEqual(
      sent?.headers.map(({ name, value }) => `${name}: ${value}`),
      [
        'Event: oma-push;event-app-id="x-wap-application:mms.ua";id=5',
        'X-Wap-Push-Id: 01abcdefghjkmnpqrstvwx',
        'Content-Type: text/plain',
        'X-Wap-Application-Id: x-wap-application:mms.ua',
      ],
    );
  });

  it('goes to a device that subscribed for its application, and to no other', () => {
    assert.equal(offer(bearer().offers(fakePush(), target())), 'yes');
    assert.match(offer(bearer().offers(fakePush({ applicationId: 'wml.ua' }), target())), /no subscription/);
    assert.match(offer(bearer().offers(fakePush(), target({ contact: 'sip:alice@10.0.0.6' }))), /no subscription/);
    assert.match(offer(bearer().offers(fakePush(), { kind: 'aor' })), /no subscription/);
    const capabilities = { until: NEVER, types: ['image/png'] };
    assert.match(offer(bearer().offers(fakePush(), target({ capabilities }))), /^2005 /);
  });

  it('is not for what is too large, or too binary for the leg, unless base64 or a reference will do', () => {
    assert.match(offer(bearer(4).offers(fakePush(), target())), /^3006 5 octets are more than 4/);
    subscribe({ id: 'd1', contact: 'sip:alice@10.0.0.5' }, MMS, 'drachtio');
    const binary = fakePush({ content: { body: Buffer.from([0]) } });
    assert.match(offer(bearer().offers(binary, target())), /^3006 the drachtio leg/);
    const capabilities = { until: NEVER, types: ['text/plain', 'multipart/mixed'] };
    assert.equal(offer(bearer().offers(binary, target({ capabilities }))), 'transform');
    const secret = tokenSecret(undefined);
    const references = createReferenceWriter({ url: 'https://a/b', secret, wait: 1, clock, domain: 'example.com' });
    const byReference = createOmaPushReferenceBearer({ subscriptions, references, log: silentLogger });
    assert.equal(offer(byReference.offers(binary, target())), 'transform');
  });

  for (const [answer, expected] of [
    [fakeAnswer(200), 'delivered'],
    [fakeAnswer(202), 'accepted'],
    [fakeAnswer(481), 'retry offline device, another bearer'],
    [fakeAnswer(489), 'retry offline device, another bearer'],
    [fakeAnswer(480), 'retry offline device, another bearer'],
    [fakeAnswer(503, { 'Retry-After': '5' }), 'retry overload recipient'],
    [fakeAnswer(503, {}, { local: true }), 'retry overload device, another bearer'],
    [fakeAnswer(500), 'retry error device'],
    [fakeAnswer(486), 'retry busy device'],
    [fakeAnswer(415), 'failed aborted 5238, another bearer'],
    [fakeAnswer(400), 'failed undeliverable 4000, another bearer'],
    [fakeAnswer(603), 'failed aborted 5235'],
    [fakeAnswer(408, {}, { local: true }), 'unknown'],
    [{ kind: 'unknown', cause: 'link lost' }, 'unknown'],
    [{ kind: 'not-sent', cause: 'ended' }, 'retry offline device, another bearer'],
    [{ kind: 'not-sent', code: 'PPG_E_LEG_CANNOT', cause: 'x' }, 'failed undeliverable 3006, another bearer'],
  ] as const satisfies readonly (readonly [SipAnswer, string])[]) {
    const name = answer.kind === 'response' ? `${answer.status}${answer.local ? ' of our own' : ''}` : answer.kind;
    it(`answered ${name} is ${expected}`, async () => {
      notifier.answer = () => answer;
      const result = await bearer().deliver(fakeAttempt({ target: target() }));
      const other = 'otherBearer' in result && result.otherBearer === true ? ', another bearer' : '';
      const what =
        result.kind === 'retry'
          ? ` ${result.why} ${result.scope}`
          : result.kind === 'failed'
            ? ` ${result.state} ${result.code}`
            : '';
      assert.equal(`${result.kind}${what}${other}`, expected);
    });
  }

  it('rests for as long as the device asks, and goes by it again afterwards', async () => {
    notifier.answer = () => fakeAnswer(503, { 'Retry-After': '5' });
    await bearer().deliver(fakeAttempt({ target: target() }));
    assert.match(offer(bearer().offers(fakePush(), target())), /no subscription/);
    await clock.advance(5_000);
    assert.equal(offer(bearer().offers(fakePush(), target())), 'yes');
  });

  it('goes by another bearer where the subscription has ended meanwhile', async () => {
    const before = target();
    notifier.finish('expired');
    assert.match(offer(bearer().offers(fakePush(), before)), /no subscription/);
    const result = await bearer().deliver(fakeAttempt({ target: before }));
    assert.deepEqual([result.kind, 'otherBearer' in result && result.otherBearer], ['retry', true]);
  });

  it('goes for the applications that the last refresh named', () => {
    notifier.refreshed(fakeRequest({ headers: { Event: 'oma-push;event-app-id="wml.ua"' } }), 600);
    assert.equal(offer(bearer().offers(fakePush({ applicationId: 'wml.ua' }), target())), 'yes');
    assert.match(offer(bearer().offers(fakePush(), target())), /no subscription/);
  });

  describe('what subscriptions tell of a user', () => {
    const ways = (known: Registration | undefined, application: string): string => {
      const address = { text: ALICE, aor: ALICE };
      const found = route(address, application, subscriptions.over(ALICE, known), []);
      if (found.kind !== 'targets') return found.kind;
      return found.targets.map((one) => (one.kind === 'aor' ? 'fork' : one.device.id)).join();
    };

    it('where nobody else tells: the subscriber for its applications, a fork for all others', () => {
      assert.equal(ways(undefined, 'mms.ua'), 'd1');
      assert.equal(ways(undefined, 'wml.ua'), 'fork');
      assert.equal(ways(registration([]), 'mms.ua'), 'd1');
      assert.equal(ways(registration([]), 'wml.ua'), 'fork');
    });

    it('beside a registration: what the device runs besides its tags, and nothing against others', () => {
      const own = fakeDevice({ instance: 'urn:uuid:1', contact: 'sip:alice@10.0.0.5' });
      const other = fakeDevice({ id: 'd2', instance: 'urn:uuid:2', contact: 'sip:alice@10.0.0.6' });
      assert.equal(ways(registration([own, other]), 'mms.ua'), 'd1');
      assert.equal(ways(registration([own, other]), 'wml.ua'), 'd1,d2');
      const tagged = { ...own, applications: ['wml.ua'] };
      assert.equal(ways(registration([tagged]), 'mms.ua'), 'd1');
      assert.equal(ways(registration([tagged]), 'syncml.dm'), 'refused');
    });

    it('nothing once the user has left, unless somebody subscribed since', async () => {
      const left = registration([], { registered: false });
      assert.equal(ways(left, 'mms.ua'), 'offline');
      await clock.advance(1);
      subscribe({ id: 'd3', contact: 'sip:alice@10.0.0.7' });
      assert.equal(ways(left, 'mms.ua'), 'd3');
    });

    it('is the same object until something changes', () => {
      const known = registration([fakeDevice()]);
      const before = subscriptions.over(ALICE, known);
      assert.equal(subscriptions.over(ALICE, known), before);
      subscribe({ id: 'd9', contact: 'sip:alice@10.0.0.9' });
      assert.notEqual(subscriptions.over(ALICE, known), before);
      assert.equal(subscriptions.over('sip:bob@example.com', known), known);
    });

    it('ends when the user leaves, and when he is forgotten', () => {
      subscriptions.leave(ALICE);
      assert.deepEqual(notifier.ends, ['deactivated']);
      const another = subscribe({ id: 'd1', contact: 'sip:alice@10.0.0.5' });
      subscriptions.forget(ALICE);
      assert.deepEqual([another.ends, subscriptions.counts.subscriptions], [['noresource'], 0]);
    });
  });
});

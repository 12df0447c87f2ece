import assert from 'node:assert/strict';
import { createSubscribeHandler, createSubscribeMiddleware } from '../../../handlers/subscribe.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Told } from '../../../lib/sip/capabilities/answer.ts';
import { DEFAULT_OMA_PUSH, OmaPushSubscriptions } from '../../../lib/sip/oma-push/oma-push.ts';
import { ownAddress } from '../../../lib/sip/own-address.ts';
import { trustedPeers } from '../../../lib/sip/trusted-peers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeIncomingSubscription } from '../../support/fake-notifier-leg.ts';
import { FakeResponse, fakeRequest } from '../../support/fake-sip.ts';

const PUSH = 'sip:push@example.com';
const ALICE = 'sip:alice@example.com';
const EVENT = 'oma-push;event-app-id="x-wap-application:mms.ua"';

describe('SUBSCRIBE to oma-push', () => {
  const own = ownAddress(PUSH, () => ['10.0.0.9:5070']);
  let clock: FakeClock;
  let subscriptions: OmaPushSubscriptions;
  let told: Told[];
  let nexts: number;
  let running: boolean;

  beforeEach(() => {
    clock = new FakeClock();
    subscriptions = new OmaPushSubscriptions({
      policy: { ...DEFAULT_OMA_PUSH, subscriptions: 3, perUser: 2, failures: 1 },
      clock,
      log: silentLogger,
    });
    [told, nexts, running] = [[], 0, true];
  });

  /** Answers the statuses that the SUBSCRIBE was answered with. */
  async function subscribe(
    headers: Readonly<Record<string, string>> = {},
    { uri = PUSH, source = '127.0.0.1', last = false } = {},
  ): Promise<FakeIncomingSubscription> {
    const handler = createSubscribeHandler({
      ...{ subscriptions, own, domain: 'example.com', allow: ['OPTIONS', 'SUBSCRIBE'], log: silentLogger },
      trusts: trustedPeers(['127.0.0.1']),
      running: () => running,
      onTold: (_one, tale) => told.push(tale),
    });
    const subscription = new FakeIncomingSubscription({
      uri,
      source,
      headers: {
        From: `<${ALICE}>;tag=1`,
        'P-Asserted-Identity': `<${ALICE}>`,
        Contact: '<sip:alice@192.0.2.7>;+sip.instance="<urn:uuid:1>"',
        Event: EVENT,
        ...headers,
      },
    });
    handler({ name: 'direct', can: { binary: true, route: true, maxRequestBytes: 65_000 }, last })(
      subscription,
      () => nexts++,
    );
    await subscription.settled();
    return subscription;
  }

  const statusOf = async (...given: Parameters<typeof subscribe>): Promise<number> =>
    (await subscribe(...given)).status;

  it('is accepted from the user whom the core vouches for, with what was accepted', async () => {
    const { status, accepted } = await subscribe({ Expires: '600' });
    assert.equal(status, 200);
    assert.equal(accepted?.expires, 600);
    assert.deepEqual(Object.fromEntries((accepted?.headers ?? []).map(({ name, value }) => [name, value])), {
      Event: EVENT,
      Accept: 'message/external-body',
      Allow: 'OPTIONS, SUBSCRIBE',
      'Allow-Events': 'oma-push',
    });
    assert.equal(subscriptions.counts.subscriptions, 1);
    const device = subscriptions.over(ALICE, undefined)?.devices[0];
    assert.deepEqual([device?.id, [...(device?.subscribed?.keys() ?? [])]], ['urn:uuid:1', ['mms.ua']]);
  });

  it('lasts a day where nobody says, and no longer than that', async () => {
    assert.equal((await subscribe()).accepted?.expires, 86_400);
    assert.equal((await subscribe({ Expires: '999999' })).accepted?.expires, 86_400);
  });

  it('is accepted to the own address-of-record, as an initial filter criterion sends it, and to nobody else’s', async () => {
    assert.equal(await statusOf({}, { uri: ALICE }), 200);
    assert.equal(await statusOf({}, { uri: 'sip:bob@example.com' }), 0);
    assert.equal(await statusOf({}, { uri: ALICE, source: '192.0.2.1' }), 0);
    assert.equal(nexts, 2);
  });

  it('of whom nobody vouches for is refused 403', async () => {
    assert.equal(await statusOf({}, { source: '192.0.2.1' }), 403);
    assert.equal(await statusOf({ 'P-Asserted-Identity': '>' }), 403);
    assert.equal(subscriptions.counts.subscribes.refused, 2);
  });

  it('without applications, with what is none, or without a device is refused 400', async () => {
    for (const headers of [
      { Event: 'oma-push' },
      { Event: 'oma-push;event-app-id=""' },
      { Event: 'oma-push;event-app-id="a b"' },
      { Event: 'oma-push;event-app-id="mms.ua' },
      { Contact: '*' },
      { Contact: '<sip:a@b>, <sip:c@d>' },
    ])
      assert.equal(await statusOf(headers), 400, JSON.stringify(headers));
    assert.equal(subscriptions.counts.subscriptions, 0);
  });

  it('for too short a time is refused 423, and one that only looks is answered', async () => {
    const { status, headers } = await subscribe({ Expires: '59' });
    assert.deepEqual([status, headers], [423, { 'Min-Expires': '60' }]);
    assert.equal(await statusOf({ Expires: '0' }), 200);
    assert.equal(subscriptions.counts.subscriptions, 0);
  });

  it('to another package goes on, but for 489 where nobody else would answer', async () => {
    assert.equal(await statusOf({ Event: 'reg' }), 0);
    const { status, headers } = await subscribe({ Event: 'reg' }, { last: true });
    assert.deepEqual([status, headers], [489, { 'Allow-Events': 'oma-push' }]);
    assert.equal(await statusOf({ Event: 'presence' }, { last: true, uri: ALICE }), 0);
    assert.equal(await statusOf({ Event: 'reg' }, { last: true, source: '192.0.2.1' }), 0);
    assert.equal(nexts, 3);
  });

  it('by the other name of the package is accepted', async () => {
    const { status, accepted } = await subscribe({ Event: 'push;event-app-id="mms.ua"' });
    assert.equal(status, 200);
    assert.equal(accepted?.headers?.[0]?.value, 'push;event-app-id="mms.ua"');
  });

  it('tells what the device can', async () => {
    await subscribe({
      Event: `${EVENT};dev-cap="https://example.com/uaprof.xml"`,
      Accept: 'text/plain, application/vnd.wap.mms-message',
      'User-Agent': 'Phone/1',
    });
    assert.deepEqual(told, [
      {
        profile: 'https://example.com/uaprof.xml',
        types: ['text/plain', 'application/vnd.wap.mms-message'],
        userAgent: 'Phone/1',
      },
    ]);
    await subscribe({ Event: `${EVENT};dev-cap="Model 3/Vendor/1.0"` });
    assert.equal(told[1]?.userAgent, 'Model 3/Vendor/1.0');
  });

  it('anew by the same device takes the place of the one before, and a third of a user that of the oldest', async () => {
    const first = await subscribe();
    const again = await subscribe();
    assert.deepEqual([first.notifier.ends, again.notifier.ends], [['noresource'], []]);
    const other = (n: number): Record<string, string> => ({ Contact: `<sip:alice@192.0.2.${n}>` });
    await subscribe(other(8));
    await subscribe(other(9));
    assert.deepEqual(again.notifier.ends, ['noresource']);
    assert.equal(subscriptions.counts.subscriptions, 2);
  });

  it('beyond what there is room for is refused, and the core is not told that the server is down', async () => {
    for (const user of ['a', 'b', 'c'])
      assert.equal(await statusOf({ 'P-Asserted-Identity': `<sip:${user}@example.com>` }), 200);
    const { status, headers } = await subscribe();
    assert.deepEqual([status, headers], [500, { 'Retry-After': '60' }]);
  });

  it('of a device that takes no NOTIFY is refused for a while', async () => {
    const { notifier } = await subscribe();
    notifier.finish('gone');
    assert.equal(subscriptions.counts.subscriptions, 0);
    const { status, headers } = await subscribe();
    assert.deepEqual([status, headers], [480, { 'Retry-After': '300' }]);
    await clock.advance(300_000);
    assert.equal(await statusOf(), 200);
  });

  it('is refused for now while the gateway does not run', async () => {
    running = false;
    assert.equal(await statusOf(), 480);
    assert.equal(await statusOf({}, { uri: 'sip:bob@example.com' }), 0);
  });

  it('within a dialog that is gone is answered 481, and what is not ours goes on', () => {
    const middleware = createSubscribeMiddleware((_req, _res, next) => next(), { own, log: silentLogger });
    const ask = (uri: string, headers: Readonly<Record<string, string>>): number | 'next' => {
      const res = new FakeResponse();
      let passed = false;
      middleware(fakeRequest({ method: 'SUBSCRIBE', uri, headers }), res, () => {
        passed = true;
      });
      return passed ? 'next' : (res.sent[0]?.status ?? 0);
    };
    const within = { To: `<${PUSH}>;tag=2`, Event: EVENT };
    assert.equal(ask('sip:10.0.0.9:5070', within), 481);
    assert.equal(ask('sip:10.0.0.9:5070', { ...within, Event: 'presence' }), 'next');
    assert.equal(ask('sip:10.0.0.8:5070', within), 'next');
    assert.equal(ask(PUSH, { To: `<${PUSH}>`, Event: EVENT }), 'next');
  });
});

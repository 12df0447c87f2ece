import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { RegEventsOptions } from '../../../../lib/sip/reg-event/options.ts';
import { RegEvents } from '../../../../lib/sip/reg-event/reg-event.ts';
import type { RegistrationUpdate } from '../../../../lib/sip/registrations/update.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeNotifier, regInfo } from '../../../support/fake-notifier.ts';
import { fakeAnswer } from '../../../support/fake-sip.ts';

const ALICE = 'sip:alice@example.com';
const BOB = 'sip:bob@example.com';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('the reg event as a source (RFC 3680, RFC 6665)', () => {
  let clock: FakeClock;
  let core: FakeNotifier;
  let events: RegEvents;
  let learned: (RegistrationUpdate & { tellsFeatures: boolean })[];

  const make = (options: Partial<RegEventsOptions> = {}): void => {
    events = new RegEvents({
      sender: core,
      identity: 'sip:push@example.com',
      domain: 'example.com',
      clock,
      log: silentLogger,
      learn: async (update, tellsFeatures) => void learned.push({ ...update, tellsFeatures }),
      ...options,
    });
  };

  /** Subscribes and lets the core tell of one contact. */
  async function live(aor = ALICE): Promise<void> {
    void events.ask(aor);
    await settle();
    assert.equal(core.last.tell(aor, [{}]), 200);
    await settle();
    assert.equal(events.watches(aor), true);
  }

  const isSettled = async (promise: Promise<void> | undefined): Promise<boolean> => {
    let done = false;
    void promise?.then(() => {
      done = true;
    });
    await settle();
    return done;
  };

  beforeEach(() => {
    clock = new FakeClock();
    core = new FakeNotifier();
    learned = [];
    make();
  });

  afterEach(async () => {
    const stopped = events.stop();
    await clock.advance(1000);
    await stopped;
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  it('subscribes to whom it is asked for, as the gateway', async () => {
    const asked = events.ask(ALICE);
    await settle();
    const { request_ } = core.last;
    assert.deepEqual([request_.method, request_.uri], ['SUBSCRIBE', ALICE]);
    for (const [name, value] of [
      ['To', `<${ALICE}>`],
      ['Event', 'reg'],
      ['Accept', 'application/reginfo+xml'],
      ['Expires', '3600'],
      ['P-Asserted-Identity', '<sip:push@example.com>'],
      ['CSeq', '1 SUBSCRIBE'],
    ] as const)
      assert.equal(core.last.header(name), value);
    assert.match(core.last.header('From'), /^<sip:push@example\.com>;tag=\w+$/);
    assert.equal(await isSettled(asked), false);
    assert.equal(events.watches(ALICE), false);
    core.last.tell(ALICE, [{}]);
    assert.equal(await isSettled(asked), true);
    assert.equal(events.watches(ALICE), true);
    assert.deepEqual(
      learned.map(({ aors, kind, devices }) => [aors[0], kind, devices.length]),
      [[ALICE, 'registered', 1]],
    );
    assert.equal(events.ask(ALICE), undefined);
    assert.equal(core.subscriptions.length, 1);
  });

  it('asks a number as a number', async () => {
    void events.ask('sip:+358401@example.com');
    await settle();
    assert.equal(core.last.request_.uri, 'sip:+358401@example.com;user=phone');
  });

  it('hears a NOTIFY that comes before the 2xx', async () => {
    core.onSubscribe = (subscription) => void subscription.tell(ALICE, [{}]);
    assert.equal(await isSettled(events.ask(ALICE)), true);
    assert.equal(events.watches(ALICE), true);
    await clock.advance(55 * MINUTE);
    assert.deepEqual(core.last.refreshes, ['3600']);
  });

  it('lets nobody wait longer than two seconds', async () => {
    const asked = events.ask(ALICE);
    await clock.advance(1999);
    assert.equal(await isSettled(asked), false);
    await clock.advance(1);
    assert.equal(await isSettled(asked), true);
    core.last.tell(ALICE, [{}]);
  });

  it('gives up where no NOTIFY comes in 32 s, and tries again with back-off', async () => {
    void events.ask(ALICE);
    await clock.advance(32 * SECOND);
    assert.deepEqual(core.last.refreshes, ['0'], 'the core is told');
    assert.equal(events.ask(ALICE), undefined);
    await clock.advance(5 * SECOND);
    assert.notEqual(events.ask(ALICE), undefined);
    await settle();
    assert.equal(core.subscriptions.length, 2);
  });

  it('is refreshed before it ends, by the time that the last NOTIFY gave', async () => {
    await live();
    core.last.refreshAnswer = fakeAnswer(200, { Expires: '600' });
    await clock.advance(55 * MINUTE);
    assert.deepEqual(core.last.refreshes, ['3600']);
    await clock.advance(5 * MINUTE);
    assert.deepEqual(core.last.refreshes, ['3600', '3600']);
    core.last.tell(ALICE, [{}], 'active;expires=60');
    await clock.advance(30 * SECOND);
    assert.equal(core.last.refreshes.length, 3);
    assert.equal(core.subscriptions.length, 1);
  });

  it('ends with its time when nobody has asked in a day', async () => {
    await live();
    for (let hours = 0; hours < 25; hours++) {
      await clock.advance(HOUR);
      if (!core.last.ended) core.last.tell(ALICE, [{}]);
    }
    assert.equal(core.last.refreshes.at(-1), '0');
    assert.equal(core.subscriptions.length, 1);
    assert.equal(events.watches(ALICE), false);
    assert.notEqual(events.ask(ALICE), undefined, 'and is made again for who asks');
    await settle();
    assert.equal(core.subscriptions.length, 2);
  });

  it('asks for the whole state after a gap, not more often than every five seconds', async () => {
    await live();
    assert.equal(core.last.notify(regInfo(7, 'partial', ALICE, [{}])), 200);
    await settle();
    assert.deepEqual(core.last.refreshes, ['3600']);
    core.last.notify(regInfo(9, 'partial', ALICE, [{}]));
    core.last.notify(regInfo(11, 'partial', ALICE, [{}]));
    await clock.advance(4999);
    assert.equal(core.last.refreshes.length, 1);
    await clock.advance(1);
    assert.equal(core.last.refreshes.length, 2);
    assert.equal(learned.length, 1);
    assert.equal(events.counts.notifies.gap, 3);
  });

  for (const [what, headers, body, status] of [
    ['without Subscription-State', { Event: 'reg' }, '', 400],
    ['of another package', { Event: 'presence', 'Subscription-State': 'active' }, '', 489],
    ['of another type', { Event: 'reg', 'Subscription-State': 'active', 'Content-Type': 'text/plain' }, 'x', 415],
    [
      'that cannot be read',
      { Event: 'reg', 'Subscription-State': 'active', 'Content-Type': 'application/reginfo+xml' },
      '<reginfo',
      400,
    ],
    ['with a state that cannot be read', { Event: 'reg', 'Subscription-State': 'active;"' }, '', 400],
  ] as const) {
    it(`answers a NOTIFY ${what} ${status}, and what was known stays`, async () => {
      await live();
      assert.equal(core.last.send(headers, body), status);
      assert.equal(learned.length, 1);
      assert.equal(events.counts.notifies.bad, 1);
      assert.equal(core.last.tell(ALICE, [{}]), 200);
    });
  }

  it('takes a NOTIFY without a document for one: the core knows nothing of the user', async () => {
    const asked = events.ask(ALICE);
    await settle();
    assert.equal(core.last.notify(undefined, 'pending;expires=600'), 200);
    assert.equal(await isSettled(asked), true);
    assert.equal(events.watches(ALICE), true);
    assert.equal(learned.length, 0);
    await clock.advance(40 * SECOND);
    assert.equal(core.last.ended, false);
  });

  it('leaves requests that are no NOTIFY to others', async () => {
    await live();
    assert.equal(core.last.send({}, '', 'INFO'), 405);
  });

  for (const [reason, after] of [
    ['deactivated', 0],
    ['timeout', 0],
    ['probation', MINUTE],
    ['giveup', MINUTE],
    ['probation;retry-after=7', 7 * SECOND],
    ['noresource', HOUR],
    ['rejected;retry-after=5', 24 * HOUR],
  ] as const) {
    it(`comes again ${after === 0 ? 'at once' : `after ${after / SECOND} s`} where the core says ${reason}`, async () => {
      await live();
      await clock.advance(MINUTE);
      void events.ask(ALICE);
      core.last.tell(ALICE, [], `terminated;reason=${reason}`);
      assert.equal(learned.at(-1)?.kind, 'deregistered', 'its document counts');
      assert.equal(events.watches(ALICE), false);
      if (after > 0) {
        await clock.advance(after - 1);
        assert.equal(core.subscriptions.length, 1);
        assert.equal(events.ask(ALICE), undefined);
      }
      await clock.advance(1);
      // in a day nobody has asked: it waits until somebody does
      if (after >= 24 * HOUR) void events.ask(ALICE);
      await settle();
      assert.equal(core.subscriptions.length, 2);
    });
  }

  it('does not run in circles with a core that ends every subscription at once', async () => {
    core.onSubscribe = (subscription) => void subscription.tell(ALICE, [{}], 'terminated;reason=deactivated');
    void events.ask(ALICE);
    await clock.advance(HOUR);
    assert.ok(core.subscriptions.length > 2 && core.subscriptions.length < 20, String(core.subscriptions.length));
  });

  it('is made again when the dialog is lost', async () => {
    await live();
    await clock.advance(MINUTE);
    core.last.lose('link lost');
    await clock.advance(5 * SECOND);
    assert.equal(core.subscriptions.length, 2);
    core.last.tell(ALICE, [{}]);
    await clock.advance(MINUTE);
    core.last.refreshAnswer = fakeAnswer(481);
    await clock.advance(54 * MINUTE);
    await clock.advance(5 * SECOND);
    assert.equal(core.subscriptions.length, 3);
  });

  for (const status of [404, 405, 410, 416, 480, 485, 489, 501, 604]) {
    it(`answered ${status} to a refresh it is over (RFC 6665 section 4.1.2.2), and made again`, async () => {
      await live();
      core.last.refreshAnswer = fakeAnswer(status);
      await clock.advance(55 * MINUTE);
      await clock.advance(SECOND);
      assert.equal(core.subscriptions.length, 2);
      assert.equal(events.watches(ALICE), false);
      await clock.advance(2 * SECOND);
    });
  }

  it('answered 500 to a refresh it stays, and is refreshed again', async () => {
    await live();
    core.last.refreshAnswer = fakeAnswer(500);
    await clock.advance(56 * MINUTE);
    assert.deepEqual([core.subscriptions.length, core.last.refreshes], [1, ['3600', '3600']]);
    assert.equal(events.watches(ALICE), true);
  });

  for (const [status, headers, first] of [
    [403, {}, HOUR],
    [489, {}, HOUR],
    [404, {}, MINUTE],
    [500, {}, 5 * SECOND],
    [503, { 'Retry-After': '90 (busy);duration=5' }, 90 * SECOND],
  ] as const) {
    it(`answered ${status} is not repeated before ${first / SECOND} s`, async () => {
      core.answers.push(fakeAnswer(status, headers));
      assert.equal(await isSettled(events.ask(ALICE)), true);
      assert.equal(events.ask(ALICE), undefined);
      assert.deepEqual([events.counts.refused, events.counts.subscribes.refused], [1, 1]);
      await clock.advance(first - 1);
      assert.equal(events.ask(ALICE), undefined);
      await clock.advance(1);
      core.answers.push(fakeAnswer(status));
      assert.notEqual(events.ask(ALICE), undefined);
      await clock.advance(first);
      if (status !== 503) assert.equal(events.ask(ALICE), undefined, 'then twice as long');
      assert.equal(core.subscriptions.length, 2);
    });
  }

  it('answered 423 is repeated at once with the time that the core wants', async () => {
    core.answers.push(fakeAnswer(423, { 'Min-Expires': '7200' }));
    void events.ask(ALICE);
    await settle();
    assert.deepEqual(
      core.subscriptions.map((one) => one.header('Expires')),
      ['3600', '7200'],
    );
    core.last.tell(ALICE, [{}]);
    assert.equal(events.watches(ALICE), true);
  });

  it('lets a core alone that has no such package', async () => {
    for (let i = 0; i < 5; i++) {
      core.answers.push(fakeAnswer(489));
      void events.ask(`sip:u${i}@example.com`);
      await settle();
    }
    assert.equal(events.ask(ALICE), undefined);
    await clock.advance(MINUTE);
    assert.notEqual(events.ask(ALICE), undefined);
    await settle();
    assert.equal(core.subscriptions.length, 6);
  });

  it('sends no more new SUBSCRIBEs than agreed in a second', async () => {
    make({ perSecond: 10 });
    for (let i = 0; i < 30; i++) void events.ask(`sip:u${i}@example.com`);
    await settle();
    assert.equal(core.subscriptions.length, 10);
    await clock.advance(1000);
    assert.equal(core.subscriptions.length, 20);
    await clock.advance(1000);
    assert.equal(core.subscriptions.length, 30);
  });

  it('has no more subscriptions than agreed: who was asked for longest ago gives way', async () => {
    make({ subscriptions: 2 });
    await live('sip:u1@example.com');
    await live('sip:u2@example.com');
    assert.equal(events.ask('sip:u3@example.com'), undefined, 'both are in use');
    assert.equal(events.counts.subscribes.shed, 1);
    await clock.advance(31 * SECOND);
    void events.ask('sip:u1@example.com');
    await live('sip:u3@example.com');
    assert.deepEqual(
      [1, 2, 3].map((n) => events.watches(`sip:u${n}@example.com`)),
      [true, false, true],
    );
    assert.deepEqual(core.subscriptions[1]?.refreshes, ['0']);
    assert.equal(events.counts.subscriptions, 2);
  });

  it('needs one subscription for an implicit set', async () => {
    void events.ask(ALICE);
    await settle();
    const documents = [ALICE, BOB].map((aor) => regInfo(0, 'full', aor, [{}]));
    const whole = { ...regInfo(0, 'full', ALICE, []), registrations: documents.flatMap((one) => one.registrations) };
    core.last.notify(whole);
    await settle();
    assert.equal(events.watches(BOB), true);
    assert.equal(events.ask(BOB), undefined);
    assert.equal(core.subscriptions.length, 1);
    core.last.notify(regInfo(1, 'full', ALICE, [{}]));
    assert.equal(events.watches(BOB), false, 'no longer of the set');
    assert.notEqual(events.ask(BOB), undefined);
  });

  it('says whether the core tells feature tags', async () => {
    await live();
    core.last.tell(ALICE, [{ params: [{ name: '+g.oma.pusheventapp', value: 'mms.ua' }] }]);
    core.last.tell(ALICE, [{}]);
    assert.deepEqual(
      learned.map(({ tellsFeatures }) => tellsFeatures),
      [false, true, true],
    );
  });

  it('forgets a user on demand, and stops politely', async () => {
    await live();
    events.forget(ALICE);
    assert.deepEqual(core.last.refreshes, ['0']);
    assert.equal(events.watches(ALICE), false);
    await live(BOB);
    const stopping = events.stop();
    await stopping;
    assert.deepEqual(core.last.refreshes, ['0']);
    assert.equal(events.ask(ALICE), undefined);
  });
});

import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import { RegEvents } from '../../../../lib/sip/reg-event/reg-event.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeNotifier } from '../../../support/fake-notifier.ts';

const ALICE = 'sip:alice@example.com';
const MINUTE = 60_000;

describe('whether a core tells the state at a refresh (RFC 6665 section 4.2.1.2)', () => {
  let clock: FakeClock;
  let core: FakeNotifier;
  let events: RegEvents;

  beforeEach(async () => {
    clock = new FakeClock();
    core = new FakeNotifier();
    events = new RegEvents({
      sender: core,
      identity: 'sip:push@example.com',
      domain: 'example.com',
      clock,
      log: silentLogger,
      learn: async () => undefined,
    });
    void events.ask(ALICE);
    await settle();
    core.last.tell(ALICE, [{}]);
    await settle();
  });

  afterEach(async () => {
    const stopped = events.stop();
    await clock.advance(1000);
    await stopped;
    assert.equal(clock.pending, 0, 'no timer is left');
  });

  /** Asks anew; the core tells after so long, or never. Whether the subscription was replaced, which is then told. */
  async function renew(after?: number): Promise<boolean> {
    await clock.advance(5000);
    const { length } = core.subscriptions;
    const asked = events.renew(ALICE);
    await settle();
    const { last } = core;
    if (after !== undefined && core.subscriptions.length === length) {
      await clock.advance(after);
      if (core.last === last) last.tell(ALICE, [{}]);
    } else await clock.advance(2000);
    await settle();
    if (core.last !== last || core.subscriptions.length > length) core.last.tell(ALICE, [{}]);
    await settle();
    await asked;
    return core.subscriptions.length > length;
  }

  it('is believed until a refresh brings no NOTIFY in half a second', async () => {
    assert.equal(await renew(499), false);
    assert.equal(events.isTrusted, true);
  });

  it('is not doubted for one NOTIFY that is lost, where refreshes were told before', async () => {
    await renew(10);
    assert.equal(await renew(), true, 'this one is replaced');
    assert.equal(events.isTrusted, true);
    assert.equal(await renew(10), false);
    assert.equal(await renew(), true);
    assert.equal(await renew(), true);
    assert.equal(events.isTrusted, false, 'twice in a row is no accident');
  });

  it('is tried again every ten minutes, and believed after two that were told', async () => {
    await renew();
    assert.equal(events.isTrusted, false);
    assert.equal(await renew(10), true, 'replaced at once');
    await clock.advance(10 * MINUTE);
    assert.equal(await renew(10), false);
    assert.equal(events.isTrusted, false, 'once may be an accident');
    assert.equal(await renew(10), true);
    await clock.advance(10 * MINUTE);
    assert.equal(await renew(10), false);
    assert.equal(events.isTrusted, true);
    assert.equal(await renew(10), false);
  });

  it('is asked again after ten minutes only where the try brought nothing', async () => {
    await renew();
    await clock.advance(10 * MINUTE);
    const before = core.last;
    const asked = events.renew(ALICE);
    await clock.advance(1999);
    assert.deepEqual(before.refreshes, ['3600'], 'it has two seconds');
    await clock.advance(1);
    await asked;
    assert.deepEqual(before.refreshes, ['3600', '0']);
    core.last.tell(ALICE, [{}]);
    await settle();
    assert.equal(await renew(10), true);
    assert.equal(events.isTrusted, false);
  });

  it('has two seconds from then on where it was seen to take its time', async () => {
    assert.equal(await renew(800), true);
    for (let times = 0; times < 2; times++) {
      await clock.advance(10 * MINUTE);
      assert.equal(await renew(800), false);
    }
    assert.equal(events.isTrusted, true);
    assert.equal(await renew(800), false);
    assert.equal(events.isTrusted, true);
  });

  it('is seen at the refreshes that are made in time too', async () => {
    await renew();
    for (let times = 0; times < 2; times++) {
      assert.equal(events.isTrusted, false);
      core.last.notify(undefined, 'active;expires=60');
      await clock.advance(31_000);
      core.last.tell(ALICE, [{}]);
      await settle();
    }
    assert.equal(events.isTrusted, true);
  });

  it('is not seen in a NOTIFY that no refresh asked for', async () => {
    await renew();
    for (let times = 0; times < 5; times++) core.last.tell(ALICE, [{}]);
    await settle();
    assert.equal(events.isTrusted, false);
  });
});

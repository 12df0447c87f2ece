import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { Device, Registration } from '../../../../lib/model/device.ts';
import { RegEvents } from '../../../../lib/sip/reg-event/reg-event.ts';
import { createRegistrations, type Registrations } from '../../../../lib/sip/registrations/registrations.ts';
import { type RegisterNews, withRegEvents } from '../../../../lib/sip/registrations/sources.ts';
import type { RegistrationUpdate } from '../../../../lib/sip/registrations/update.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeNotifier } from '../../../support/fake-notifier.ts';
import { fakeAnswer } from '../../../support/fake-sip.ts';

const ALICE = 'sip:alice@example.com';
const HOUR = 3_600_000;
const SCSCF = 'sip:scscf.example.com:6060';

describe('registrations with the reg event as a source', () => {
  let clock: FakeClock;
  let core: FakeNotifier;
  let regEvents: RegEvents;
  let known: Registrations;
  let sources: Registrations & RegisterNews;
  let heard: string[];
  let rows: Map<string, Registration>;

  function make(source: 'reg-event' | 'both'): void {
    known = createRegistrations({
      store: {
        registration: async (aor) => rows.get(aor),
        saveRegistration: async (registration) => void rows.set(registration.aor, registration),
      },
      clock,
      log: silentLogger,
      source,
    });
    regEvents = new RegEvents({
      sender: core,
      identity: 'sip:push@example.com',
      domain: 'example.com',
      clock,
      log: silentLogger,
      learn: (update, tellsFeatures) =>
        known.apply(tellsFeatures && source === 'reg-event' ? update : { ...update, withoutFeatures: true }),
    });
    sources = withRegEvents(known, regEvents, source);
    for (const [event, mark] of [
      ['registered', '+'],
      ['deregistered', '-'],
    ] as const)
      sources.on(event, ({ aor }) => heard.push(mark + aor));
  }

  const device = (id: string, more: Partial<Device> = {}): Device => ({
    id,
    contact: `sip:${id}@10.0.0.1`,
    features: {},
    expiresAt: clock.now() + HOUR,
    ...more,
  });
  const update = (more: Partial<RegistrationUpdate> = {}): RegistrationUpdate => ({
    aors: [ALICE],
    kind: 'registered',
    devices: [],
    removed: [],
    expiresAt: clock.now() + HOUR,
    servedBy: SCSCF,
    ...more,
  });
  const gone = (): RegistrationUpdate => update({ kind: 'deregistered', expiresAt: 0 });
  const contacts = (registration: Registration | undefined): string[] | undefined =>
    registration?.devices.map(({ contact }) => contact).sort();

  beforeEach(() => {
    clock = new FakeClock();
    core = new FakeNotifier();
    heard = [];
    rows = new Map();
  });

  afterEach(async () => {
    const stopped = regEvents.stop();
    await clock.advance(1000);
    await stopped;
  });

  for (const source of ['reg-event', 'both'] as const) {
    describe(source, () => {
      beforeEach(() => make(source));

      it('a push for somebody unknown waits for the first NOTIFY', async () => {
        const found = Promise.resolve(sources.find(ALICE));
        await settle();
        core.last.tell(ALICE, [{}]);
        assert.deepEqual(contacts(await found), ['sip:c0@10.0.0.1']);
        const again = sources.find(ALICE);
        assert.ok(!(again instanceof Promise), 'who is known is answered at once');
        assert.equal(core.subscriptions.length, 1);
      });

      it('a push does not wait for a core that does not tell', async () => {
        core.answers.push(fakeAnswer(403));
        assert.equal(await sources.find(ALICE), undefined);
        assert.equal(await sources.find(ALICE), undefined);
        assert.equal(core.subscriptions.length, 1);
      });

      it('a REGISTER without devices wakes nobody before the devices are known', async () => {
        const told = sources.thirdParty(update());
        await settle();
        assert.deepEqual(heard, []);
        core.last.tell(ALICE, [{}]);
        await told;
        assert.equal(heard[0] as string | undefined, `+${ALICE}`);
        const registration = await sources.find(ALICE);
        assert.deepEqual(contacts(registration), ['sip:c0@10.0.0.1']);
        assert.equal(registration?.servedBy, SCSCF);
      });

      it('a REGISTER without devices wakes after two seconds where the core does not tell them', async () => {
        const told = sources.thirdParty(update());
        await clock.advance(2000);
        await told;
        assert.deepEqual(heard, [`+${ALICE}`]);
      });

      it('a REGISTER without devices has the core tell anew of who is watched', async () => {
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, []);
        await settle();
        heard.length = 0;
        const told = sources.thirdParty(update());
        await settle();
        assert.deepEqual(core.last.refreshes, ['3600']);
        assert.deepEqual(heard, [], 'nobody is woken before the devices are known');
        core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }]);
        await told;
        assert.equal(heard[0], `+${ALICE}`);
        assert.deepEqual(contacts(await sources.find(ALICE)), ['sip:a@10.0.0.1']);
      });

      it('one more device of somebody who is there is asked for, and nobody waits for it', async () => {
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }]);
        await settle();
        await sources.thirdParty(update());
        assert.deepEqual(core.last.refreshes, ['3600']);
        // the next one is told within five seconds of the last SUBSCRIBE, and its turn outlives a NOTIFY
        await sources.thirdParty(update());
        core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }, { uri: 'sip:b@10.0.0.1' }]);
        await settle();
        assert.deepEqual(contacts(await sources.find(ALICE)), ['sip:a@10.0.0.1', 'sip:b@10.0.0.1']);
        await clock.advance(5000);
        assert.deepEqual(core.last.refreshes, ['3600', '3600']);
      });

      it('a core that tells nothing at a refresh is subscribed to anew, the next time at once', async () => {
        void regEvents.ask(ALICE);
        await settle();
        const before = core.last;
        before.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }]);
        await settle();
        await sources.thirdParty(update());
        await clock.advance(500);
        assert.deepEqual(before.refreshes, ['3600', '0']);
        assert.equal(core.subscriptions.length, 2);
        core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }, { uri: 'sip:b@10.0.0.1' }]);
        await settle();
        assert.deepEqual(contacts(await sources.find(ALICE)), ['sip:a@10.0.0.1', 'sip:b@10.0.0.1']);
        await sources.thirdParty(update());
        await settle();
        assert.equal(core.subscriptions.length, 3);
        assert.deepEqual(core.subscriptions[1]?.refreshes, ['0']);
      });

      it('who leaves while the core is asked anew stays away', async () => {
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, []);
        await settle();
        const told = sources.thirdParty(update());
        await settle();
        await sources.thirdParty(gone());
        await clock.advance(3000);
        await told;
        assert.equal((await known.find(ALICE))?.registered, false);
      });

      it('who left while his devices were asked for stays away', async () => {
        const told = sources.thirdParty(update());
        await settle();
        await sources.thirdParty(gone());
        await clock.advance(2000);
        await told;
        assert.deepEqual(heard, [`-${ALICE}`]);
        assert.equal((await known.find(ALICE))?.registered, false);
      });

      it('a NOTIFY that says that the user has left wins over the REGISTER before it', async () => {
        const told = sources.thirdParty(update());
        await settle();
        core.last.tell(ALICE, []);
        await told;
        assert.deepEqual(heard, [`-${ALICE}`]);
      });

      it('the reg event says which contacts there are', async () => {
        await known.apply(update({ devices: [device('old'), device('kept')] }));
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, [{ uri: 'sip:kept@10.0.0.1' }, { uri: 'sip:new@10.0.0.1' }]);
        await settle();
        assert.deepEqual(contacts(await sources.find(ALICE)), ['sip:kept@10.0.0.1', 'sip:new@10.0.0.1']);
      });

      it('a core that tells no tags erases none, and keeps instance and GRUU', async () => {
        const told = device('urn:uuid:1', {
          contact: 'sip:a@10.0.0.1',
          instance: 'urn:uuid:1',
          gruu: `${ALICE};gr=1`,
          applications: ['mms.ua'],
          features: { '+g.3gpp.smsip': '' },
        });
        await known.apply(update({ devices: [told] }));
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, [{ uri: told.contact, params: [] }]);
        await settle();
        const [after] = (await sources.find(ALICE))?.devices ?? [];
        assert.deepEqual(after, { ...told, expiresAt: after?.expiresAt ?? 0 });
      });

      it('tells whether somebody will say that a user came back', async () => {
        assert.equal(sources.covers, true);
        assert.equal(sources.coversUser?.(ALICE), source === 'both');
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, []);
        await settle();
        assert.equal(sources.coversUser?.(ALICE), true);
        assert.equal((await sources.find(ALICE))?.registered, false);
      });

      it('a subscription that a restart has lost is made again for who is asked for', async () => {
        await known.apply(update({ devices: [device('a')] }));
        const found = sources.find(ALICE);
        assert.ok(!(found instanceof Promise), 'what the store knows is good enough to begin with');
        await settle();
        assert.equal(core.subscriptions.length, source === 'both' ? 0 : 1);
      });

      it('is forgotten as a whole', async () => {
        void regEvents.ask(ALICE);
        await settle();
        core.last.tell(ALICE, [{}]);
        await settle();
        sources.forget(ALICE);
        assert.equal(regEvents.watches(ALICE), false);
      });
    });
  }

  it('both: a REGISTER with devices is learned at once, and its tags outlive every document', async () => {
    make('both');
    await sources.thirdParty(update({ devices: [device('a', { applications: ['mms.ua'] })] }));
    assert.deepEqual(heard, [`+${ALICE}`]);
    assert.equal(core.subscriptions.length, 0);
    void regEvents.ask(ALICE);
    await settle();
    core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1', params: [{ name: 'audio' }] }]);
    await settle();
    const [after] = (await sources.find(ALICE))?.devices ?? [];
    assert.deepEqual([after?.applications, after?.features], [['mms.ua'], { audio: '' }]);
    await sources.thirdParty(update({ devices: [device('a')] }));
    const [fresh] = (await sources.find(ALICE))?.devices ?? [];
    assert.equal(fresh?.applications, undefined, 'a REGISTER without the tag takes it away');
  });

  it('reg-event: a REGISTER says only that there is news', async () => {
    make('reg-event');
    const told = sources.thirdParty(update({ devices: [device('body')] }));
    await settle();
    core.last.tell(ALICE, [{ uri: 'sip:event@10.0.0.1' }]);
    await told;
    await sources.observed(update({ devices: [device('observed')] }));
    assert.deepEqual(contacts(await sources.find(ALICE)), ['sip:event@10.0.0.1']);
  });

  it('reg-event: a core that tells tags is taken at its word', async () => {
    make('reg-event');
    void regEvents.ask(ALICE);
    await settle();
    const tag = { name: '+g.oma.pusheventapp', value: 'mms.ua' };
    core.last.tell(ALICE, [{ params: [tag] }]);
    core.last.tell(ALICE, [{ params: [] }]);
    await settle();
    assert.equal((await sources.find(ALICE))?.devices[0]?.applications, undefined);
  });

  describe('reg-event, with a core that tells who left and not who came back', () => {
    /** Alice was there, and left. */
    beforeEach(async () => {
      make('reg-event');
      void regEvents.ask(ALICE);
      await settle();
      core.last.tell(ALICE, []);
      await settle();
    });

    it('who was heard to be away is asked for again by the next push that is a minute later', async () => {
      assert.equal((await sources.find(ALICE))?.registered, false);
      await clock.advance(59_000);
      assert.equal((await sources.find(ALICE))?.registered, false);
      assert.deepEqual(core.last.refreshes, []);
      await clock.advance(1000);
      const found = sources.find(ALICE);
      assert.deepEqual(core.last.refreshes, ['3600']);
      core.last.tell(ALICE, [{ uri: 'sip:back@10.0.0.1' }]);
      assert.deepEqual(contacts(await found), ['sip:back@10.0.0.1']);
      assert.deepEqual(heard, [`-${ALICE}`, `+${ALICE}`], 'and what waits for him is woken');
    });

    it('a core that tells nothing at a refresh either is subscribed to anew, and nobody is trusted to tell', async () => {
      assert.equal(sources.coversUser?.(ALICE), true);
      await clock.advance(60_000);
      const found = [sources.find(ALICE), sources.find(ALICE)];
      await clock.advance(500);
      assert.equal(core.subscriptions.length, 2, 'one for both');
      core.last.tell(ALICE, [{ uri: 'sip:back@10.0.0.1' }]);
      for (const one of found) assert.deepEqual(contacts(await one), ['sip:back@10.0.0.1']);
      assert.equal(sources.coversUser?.(ALICE), false, 'so that what waits is tried again soon');
    });

    it('who asks while one subscription makes room for another waits for it', async () => {
      let end: () => void = () => undefined;
      await clock.advance(60_000);
      const before = core.last;
      before.end = () =>
        new Promise((resolve) => {
          end = resolve;
        });
      const found = Promise.resolve(sources.find(ALICE));
      await clock.advance(500);
      const late = Promise.resolve(sources.find(ALICE));
      await settle();
      assert.equal(core.subscriptions.length, 1, 'the old one has not ended');
      end();
      await settle();
      assert.equal(core.subscriptions.length, 2);
      core.last.tell(ALICE, [{ uri: 'sip:back@10.0.0.1' }]);
      assert.deepEqual(contacts(await found), contacts(await late));
    });

    it('a core that does not answer the end of a subscription holds nobody up', async () => {
      await clock.advance(60_000);
      core.last.end = () => new Promise(() => undefined);
      const found = Promise.resolve(sources.find(ALICE));
      await clock.advance(500 + 2000);
      assert.equal(core.subscriptions.length, 2);
      core.last.tell(ALICE, [{ uri: 'sip:back@10.0.0.1' }]);
      assert.deepEqual(contacts(await found), ['sip:back@10.0.0.1']);
    });

    it('whose devices have run out by what is known is asked for again', async () => {
      core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1', expires: 100 }]);
      await clock.advance(101_000);
      const found = sources.find(ALICE);
      assert.deepEqual(core.last.refreshes, ['3600']);
      core.last.tell(ALICE, [{ uri: 'sip:a@10.0.0.1' }]);
      assert.deepEqual(contacts(await found), ['sip:a@10.0.0.1']);
    });
  });

  it('reg-event: whom nobody watches is not known to be away', async () => {
    make('reg-event');
    await known.apply(gone());
    core.answers.push(fakeAnswer(403));
    assert.equal(await sources.find(ALICE), undefined);
    assert.equal((await known.find(ALICE))?.registered, false);
  });
});

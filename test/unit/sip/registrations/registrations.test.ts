import assert from 'node:assert/strict';
import { silentLogger } from '../../../../lib/base/log.ts';
import type { Device, Registration } from '../../../../lib/model/device.ts';
import { createRegistrations, type Registrations } from '../../../../lib/sip/registrations/registrations.ts';
import type { RegistrationUpdate } from '../../../../lib/sip/registrations/update.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';

const ALICE = 'sip:alice@example.com';
const HOUR = 3_600_000;

class FakeStore {
  readonly rows = new Map<string, Registration>();
  readonly reads: string[] = [];
  failing = false;
  /** Set to hold every read until it resolves. */
  gate: Promise<void> | undefined;

  async registration(aor: string): Promise<Registration | undefined> {
    this.reads.push(aor);
    const answer = this.rows.get(aor);
    await this.gate;
    if (this.failing) throw new Error('disk');
    return answer;
  }

  async saveRegistration(registration: Registration): Promise<void> {
    if (this.failing) throw new Error('disk');
    this.rows.set(registration.aor, registration);
  }
}

const device = (id: string, expiresAt: number): Device => ({
  id,
  contact: `sip:${id}@10.0.0.1`,
  features: {},
  expiresAt,
});

describe('registrations', () => {
  let clock: FakeClock;
  let store: FakeStore;
  let registrations: Registrations;
  let heard: string[];

  const make = (
    options: { cacheSize?: number; cacheMs?: number; source?: 'register' | 'none' } = {},
  ): Registrations => {
    const made = createRegistrations({ store, clock, log: silentLogger, source: 'register', ...options });
    made.on('registered', ({ aor }) => heard.push(`+${aor}`));
    made.on('deregistered', ({ aor }) => heard.push(`-${aor}`));
    return made;
  };
  const registered = (devices: readonly Device[], expiresAt = clock.now() + HOUR): Registration => ({
    aor: ALICE,
    registered: true,
    devices,
    updatedAt: clock.now(),
    expiresAt,
  });
  const update = (devices: readonly Device[], more: Partial<RegistrationUpdate> = {}): RegistrationUpdate => ({
    aors: [ALICE],
    kind: 'registered',
    devices,
    removed: [],
    expiresAt: 0,
    ...more,
  });
  const now = (of: Registrations = registrations): Registration | undefined => {
    const found = of.find(ALICE);
    assert.ok(!(found instanceof Promise), 'the cache answers at once');
    return found;
  };
  const ids = (): string[] => (now()?.devices ?? []).map(({ id }) => id).sort();

  beforeEach(() => {
    clock = new FakeClock();
    store = new FakeStore();
    heard = [];
    registrations = make();
  });

  it('what was learned is stored, told of, and answered without a promise', async () => {
    const registration = registered([device('a', clock.now() + HOUR)]);
    await registrations.learn(registration);
    assert.equal(store.rows.get(ALICE), registration);
    assert.equal(now(), registration);
    assert.deepEqual(heard, [`+${ALICE}`]);
    assert.deepEqual(store.reads, []);
  });

  it('it is in the store before anybody is told', async () => {
    let stored = false;
    registrations.on('registered', () => {
      stored = store.rows.has(ALICE);
    });
    await registrations.learn(registered([]));
    assert.equal(stored, true);
  });

  it('the store is asked once, and "nothing known" is remembered as well', async () => {
    assert.deepEqual(await Promise.all([registrations.find(ALICE), registrations.find(ALICE)]), [undefined, undefined]);
    assert.equal(now(), undefined);
    assert.deepEqual(store.reads, [ALICE]);
  });

  it('a store that fails makes the user unknown, and is asked again', async () => {
    store.failing = true;
    assert.equal(await registrations.find(ALICE), undefined);
    store.failing = false;
    store.rows.set(ALICE, registered([]));
    assert.equal((await registrations.find(ALICE))?.registered, true);
  });

  it('a registration that cannot be stored still wakes', async () => {
    store.failing = true;
    await registrations.learn(registered([]));
    assert.deepEqual(heard, [`+${ALICE}`]);
    assert.equal(now()?.registered, true);
  });

  it('a registration learned while the store was read wins over what the store answers', async () => {
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const reading = registrations.find(ALICE);
    await registrations.learn(registered([device('new', clock.now() + HOUR)]));
    open();
    assert.equal((await reading)?.devices[0]?.id, 'new');
    assert.deepEqual(ids(), ['new']);
  });

  it('contacts that turn out to be one device are one', async () => {
    const contact = 'sip:a@10.0.0.1';
    const named = { ...device('urn:uuid:1', clock.now() + HOUR), contact, instance: 'urn:uuid:1' };
    await registrations.apply(update([named]));
    const bare = { ...device(contact, clock.now() + HOUR), contact };
    await registrations.apply(update([named, bare], { withoutFeatures: true }));
    assert.deepEqual(ids(), ['urn:uuid:1']);
  });

  it('a complete update leaves out whom it does not mention, and the S-CSCF stays known', async () => {
    await registrations.apply(update([device('a', clock.now() + HOUR)], { servedBy: 'sip:scscf.example.com' }));
    await registrations.apply(update([device('b', clock.now() + HOUR)], { complete: true }));
    assert.deepEqual(ids(), ['b']);
    assert.equal(now()?.servedBy, 'sip:scscf.example.com');
    await registrations.deregister(ALICE);
    assert.equal(now()?.servedBy, undefined);
  });

  it('expired devices are left out of answers', async () => {
    await registrations.learn(registered([device('a', clock.now() + 1000), device('b', clock.now() + HOUR)]));
    clock.tick(1000);
    assert.deepEqual(ids(), ['b']);
  });

  it('a registration whose devices all expired is not known, rather than offline', async () => {
    await registrations.learn(registered([device('a', clock.now() + 1000)], clock.now() + 1000));
    clock.tick(999);
    assert.equal(now()?.registered, true);
    clock.tick(1);
    assert.equal(now(), undefined);
  });

  it('a user who left is known to be offline, for a while', async () => {
    await registrations.learn(registered([device('a', clock.now() + HOUR)]));
    await registrations.deregister(ALICE);
    assert.equal(now()?.registered, false);
    assert.deepEqual(heard, [`+${ALICE}`, `-${ALICE}`]);
    clock.tick(8 * 24 * HOUR);
    assert.equal(now(), undefined);
  });

  it('an update keeps the devices that it does not mention', async () => {
    await registrations.learn(registered([device('a', clock.now() + HOUR), device('gone', clock.now() + 10)]));
    clock.tick(10);
    await registrations.apply(update([device('b', clock.now() + HOUR)]));
    assert.deepEqual(ids(), ['a', 'b']);
    assert.deepEqual(
      store.rows
        .get(ALICE)
        ?.devices.map(({ id }) => id)
        .sort(),
      ['a', 'b'],
    );
  });

  it('a device that registers again replaces itself, also from another contact', async () => {
    await registrations.learn(
      registered([{ ...device('urn:uuid:1', clock.now() + HOUR), contact: 'sip:old@10.0.0.9' }]),
    );
    await registrations.apply(update([device('urn:uuid:1', clock.now() + HOUR)]));
    assert.deepEqual(
      now()?.devices.map(({ contact }) => contact),
      ['sip:urn:uuid:1@10.0.0.1'],
    );
  });

  it('the last device to go takes the user offline', async () => {
    await registrations.learn(
      registered([{ ...device('a', clock.now() + HOUR), instance: 'a' }, device('b', clock.now() + HOUR)]),
    );
    await registrations.apply(update([], { removed: [{ contact: 'sip:new@10.0.0.9', instance: 'a' }] }));
    assert.deepEqual(ids(), ['b']);
    await registrations.apply(update([], { removed: [{ contact: 'sip:b@10.0.0.1' }] }));
    assert.equal(now()?.registered, false);
    assert.deepEqual(heard.slice(1), [`+${ALICE}`, `-${ALICE}`]);
  });

  describe('flows of one device (RFC 5626)', () => {
    // as in its section 9.3 both flows have the same contact, unless one says otherwise
    const flow = (id: string, seconds: number, contact = 'sip:a@10.0.0.1'): Device => {
      const expiresAt = clock.now() + seconds * 1000;
      return {
        id: 'urn:uuid:1',
        instance: 'urn:uuid:1',
        contact,
        features: {},
        flows: [{ id, contact, expiresAt }],
        expiresAt,
      };
    };
    const gone = (id: string, contact = 'sip:a@10.0.0.1') => ({ contact, instance: 'urn:uuid:1', flow: id });
    const known = (): (readonly [string, number, string])[] =>
      (now()?.devices ?? []).map(({ contact, expiresAt, flows = [] }) => [
        contact,
        (expiresAt - clock.now()) / 1000,
        flows
          .map(({ id }) => id)
          .sort()
          .join(),
      ]);

    it('it stays as long as one of them does', async () => {
      await registrations.apply(update([flow('1', 600)]));
      await registrations.apply(update([flow('2', 60, 'sip:b@10.0.0.2')]));
      assert.deepEqual(known(), [['sip:a@10.0.0.1', 600, '1,2']]);
      await registrations.apply(update([], { removed: [gone('1')] }));
      assert.deepEqual(known(), [['sip:b@10.0.0.2', 60, '2']]);
      await registrations.apply(update([], { removed: [gone('2', 'sip:b@10.0.0.2')] }));
      assert.equal(now()?.registered, false);
    });

    it('one of two with the same contact leaves the other', async () => {
      await registrations.apply(update([flow('1', 600)]));
      await registrations.apply(update([flow('2', 60)]));
      await registrations.apply(update([], { removed: [gone('1')] }));
      assert.deepEqual(known(), [['sip:a@10.0.0.1', 60, '2']]);
    });

    it('one that ran out is forgotten with the next news', async () => {
      await registrations.apply(update([flow('1', 600)]));
      await registrations.apply(update([flow('2', 60, 'sip:b@10.0.0.2')]));
      clock.tick(61_000);
      await registrations.apply(update([flow('1', 600)]));
      assert.deepEqual(known(), [['sip:a@10.0.0.1', 600, '1']]);
    });

    it('who leaves without naming a flow leaves with all', async () => {
      await registrations.apply(update([flow('1', 600)]));
      await registrations.apply(update([flow('2', 60)]));
      await registrations.apply(update([], { removed: [{ contact: 'sip:other@10.0.0.9', instance: 'urn:uuid:1' }] }));
      assert.equal(now()?.registered, false);
    });

    it('a flow that leaves takes a device with it of which no flows were told', async () => {
      const { flows: _, ...whole } = flow('1', 600);
      await registrations.apply(update([whole]));
      await registrations.apply(update([], { removed: [gone('1')] }));
      assert.equal(now()?.registered, false);
    });

    it('who registers without flows has none', async () => {
      await registrations.apply(update([flow('1', 600)]));
      const { flows: _, ...whole } = flow('1', 60);
      await registrations.apply(update([whole]));
      assert.deepEqual(known(), [['sip:a@10.0.0.1', 60, '']]);
    });

    it('what no longer tells of flows keeps none of them', async () => {
      await registrations.apply(update([flow('1', 60)]));
      const { flows: _, ...whole } = flow('1', 600);
      await registrations.apply(update([whole], { withoutFeatures: true, complete: true }));
      assert.deepEqual(known(), [['sip:a@10.0.0.1', 600, '']]);
    });
  });

  it('a registration without devices says that the user is there', async () => {
    await registrations.apply(update([], { expiresAt: clock.now() + HOUR }));
    assert.deepEqual(now()?.devices, []);
    assert.equal(now()?.registered, true);
  });

  it('updates of one user are merged one after the other', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => registrations.apply(update([device(id, clock.now() + HOUR)]))));
    assert.deepEqual(ids(), ['a', 'b', 'c']);
  });

  it('an update holds for every identity of the set', async () => {
    const tel = 'sip:+15551234@example.com';
    await registrations.apply(update([device('a', clock.now() + HOUR)], { aors: [ALICE, tel] }));
    assert.deepEqual(heard.sort(), [`+${ALICE}`, `+${tel}`].sort());
    assert.equal((await registrations.find(tel))?.devices[0]?.id, 'a');
  });

  describe('an implicit set (3GPP TS 23.228 section 5.2.1a)', () => {
    const TEL = 'sip:+15551234@example.com';
    const known = async (aor: string): Promise<boolean | undefined> => (await registrations.find(aor))?.registered;

    beforeEach(async () => {
      const devices = [device('a', clock.now() + HOUR), device('b', clock.now() + HOUR)];
      await registrations.apply(update(devices, { aors: [ALICE, TEL], isWholeSet: true }));
      heard.length = 0;
    });

    it('leaves as a whole, though only one of it is named', async () => {
      await registrations.apply(update([], { kind: 'deregistered', isWholeSet: false }));
      assert.deepEqual([await known(ALICE), await known(TEL)], [false, false]);
      assert.deepEqual(heard, [`-${ALICE}`, `-${TEL}`]);
    });

    it('comes back as a whole, though only one of it is named', async () => {
      await registrations.apply(update([], { aors: [TEL], kind: 'deregistered', isWholeSet: false }));
      heard.length = 0;
      await registrations.apply(update([device('a', clock.now() + HOUR)], { isWholeSet: false }));
      assert.deepEqual([await known(ALICE), await known(TEL)], [true, true]);
      assert.deepEqual(heard, [`+${ALICE}`, `+${TEL}`]);
    });

    it('is known when news of it come at once', async () => {
      const [bob, work] = ['sip:bob@example.com', 'sip:work@example.com'];
      const came = registrations.apply(
        update([device('a', clock.now() + HOUR)], { aors: [bob, work], isWholeSet: true }),
      );
      const left = registrations.apply(update([], { aors: [bob], kind: 'deregistered', isWholeSet: false }));
      await Promise.all([came, left]);
      assert.deepEqual([await known(bob), await known(work)], [false, false]);
    });

    it('loses one device as a whole', async () => {
      await registrations.apply(update([], { removed: [{ contact: 'sip:a@10.0.0.1' }], isWholeSet: false }));
      for (const aor of [ALICE, TEL])
        assert.deepEqual(
          (await registrations.find(aor))?.devices.map(({ id }) => id),
          ['b'],
        );
    });

    it('is what was told last', async () => {
      await registrations.apply(update([device('a', clock.now() + HOUR)], { isWholeSet: true }));
      await registrations.apply(update([], { kind: 'deregistered', isWholeSet: false }));
      assert.deepEqual([await known(ALICE), await known(TEL)], [false, true]);
    });

    it('does not bring back who was erased', async () => {
      store.rows.delete(TEL);
      registrations.forget(TEL);
      await registrations.apply(update([device('a', clock.now() + HOUR)], { isWholeSet: false }));
      await registrations.apply(update([], { kind: 'deregistered', isWholeSet: false }));
      assert.deepEqual([await known(ALICE), await known(TEL), store.rows.has(TEL)], [false, undefined, false]);
    });

    describe('whose devices have GRUUs (RFC 5627 section 3.1)', () => {
      const WORK = 'sip:alice.work@example.com';
      const URN = 'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6';
      const gruus = async () =>
        Promise.all([ALICE, WORK, TEL].map(async (aor) => (await registrations.find(aor))?.devices[0]?.gruu));
      const named = (gruu: string): Device => ({ ...device(URN, clock.now() + HOUR), instance: URN, gruu });
      const tell = (gruu: string, more: Partial<RegistrationUpdate> = {}): Promise<void> =>
        registrations.apply(update([named(gruu)], { aors: [ALICE, WORK, TEL], isWholeSet: true, ...more }));

      it('gives each its own where gr is the instance, and numbers none', async () => {
        await tell(`${ALICE};gr=${URN}`);
        assert.deepEqual(await gruus(), [`${ALICE};gr=${URN}`, `${WORK};gr=${URN}`, undefined]);
        const escaped = URN.toUpperCase().replaceAll(':', '%3A');
        await tell(`${ALICE};gr=${escaped}`, { aors: [ALICE], isWholeSet: false });
        assert.deepEqual(await gruus(), [`${ALICE};gr=${escaped}`, `${WORK};gr=${escaped}`, undefined]);
      });

      it('gives the others none where gr is something else', async () => {
        await tell(`${ALICE};gr=kjh29x97us97d`);
        assert.deepEqual(await gruus(), [`${ALICE};gr=kjh29x97us97d`, undefined, undefined]);
        await tell('sip:device-7@gruu.example.com;gr');
        assert.deepEqual(await gruus(), ['sip:device-7@gruu.example.com;gr', undefined, undefined]);
      });

      it('gives it to the identity that it belongs to, though the REGISTER is for another', async () => {
        await tell(`${WORK};gr=abc`);
        assert.deepEqual(await gruus(), [undefined, `${WORK};gr=abc`, undefined]);
        await tell(`${WORK};gr=${URN}`);
        assert.deepEqual(await gruus(), [`${ALICE};gr=${URN}`, `${WORK};gr=${URN}`, undefined]);
      });

      it('leaves an identity the one that it had of its own', async () => {
        await registrations.apply(update([named(`${WORK};gr=w`)], { aors: [WORK] }));
        await tell(`${ALICE};gr=a`);
        assert.deepEqual(await gruus(), [`${ALICE};gr=a`, `${WORK};gr=w`, undefined]);
      });
    });

    it('is no concern of who speaks of one address alone', async () => {
      await registrations.apply(update([], { kind: 'deregistered' }));
      assert.deepEqual([await known(ALICE), await known(TEL)], [false, true]);
      assert.deepEqual(now()?.identities, [TEL]);
    });
  });

  it('features survive an answer that leaves them out', async () => {
    const told: Device = { ...device('a', clock.now() + 1000), applications: ['mms.ua'], features: { audio: '' } };
    await registrations.learn(registered([told]));
    await registrations.apply(update([device('a', clock.now() + HOUR)], { withoutFeatures: true }));
    assert.deepEqual(now()?.devices, [{ ...told, expiresAt: clock.now() + HOUR }]);
  });

  it('the cache is bounded and lets the least recently used go', async () => {
    const small = make({ cacheSize: 2 });
    for (const user of ['a', 'b']) await small.find(`sip:${user}@x`);
    small.find('sip:a@x');
    await small.find('sip:c@x');
    assert.equal(small.find('sip:a@x'), undefined);
    assert.ok(small.find('sip:b@x') instanceof Promise, 'b went');
    await settle();
  });

  it('with several nodes a cached answer is read again after a while', async () => {
    const shared = make({ cacheMs: 5000 });
    assert.equal(await shared.find(ALICE), undefined);
    store.rows.set(ALICE, registered([]));
    clock.tick(4999);
    assert.equal(shared.find(ALICE), undefined);
    clock.tick(1);
    assert.equal((await shared.find(ALICE))?.registered, true);
  });

  it('says whether anybody tells of registrations', () => {
    assert.equal(registrations.covers, true);
    assert.equal(make({ source: 'none' }).covers, false);
  });

  it('a listener that is taken off hears nothing more', async () => {
    let calls = 0;
    const off = registrations.on('registered', () => calls++);
    off();
    await registrations.learn(registered([]));
    assert.equal(calls, 0);
  });
});

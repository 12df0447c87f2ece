import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { Events } from '../../../lib/base/events.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import type { RecipientState } from '../../../lib/model/states.ts';
import { Admission, type AdmissionAccount } from '../../../lib/security/admission.ts';
import { OpenLedger } from '../../../lib/security/ledger.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { submission } from '../../support/model.ts';

function scene({ accounts = [], backlog = 0 }: { accounts?: AdmissionAccount[]; backlog?: number }) {
  const events = new Events<EngineEvents>((error) => {
    throw error;
  });
  const ledger = new OpenLedger(events);
  const clock = new FakeClock();
  const stored = new Map<string, number>();
  const recounts: number[] = [];
  const recount = async () => {
    recounts.push(clock.now());
    return new Map(stored);
  };
  const admission = new Admission({
    blocked: () => false,
    accounts,
    ledger,
    domainOf: () => 'ims.test',
    backlog,
    recount,
    clock,
    log: silentLogger,
  });
  const of = { pushId: 'p', push: 'k', at: 0 };
  return {
    ledger,
    clock,
    stored,
    recounts,
    admission,
    admit: async (initiator: string) => admission.admit(submission({ initiator })),
    accepted: (initiator: string, recipients = 1) =>
      events.emit('accepted', { ...of, initiator, recipients, expiresAt: 0 }),
    state: (initiator: string, state: RecipientState) =>
      events.emit('state', { ...of, initiator, index: 0, address: '', state, code: 1000, cause: '' }),
  };
}

describe('admission', () => {
  it('refuses what the policy refuses, with 2001 and the rule', async () => {
    const { admit } = scene({ accounts: [{ name: 'a', allow: { maxContentBytes: 1 } }] });
    await assert.rejects(admit('a'), { code: 'PPG_E_FORBIDDEN', papCode: 2001, rule: 'allow.maxContentBytes' });
    await admit('b');
  });

  it('lets an account ask about those only to whom it may push', () => {
    const { admission } = scene({
      accounts: [
        { name: 'a', allow: { recipients: { domains: ['other.test'] } } },
        { name: 'b', allow: { maxContentBytes: 0 } },
      ],
    });
    const [alice] = submission().recipients;
    assert.ok(alice);
    assert.throws(() => admission.mayAsk('a', alice), {
      code: 'PPG_E_FORBIDDEN',
      papCode: 2001,
      rule: 'allow.recipients',
    });
    admission.mayAsk('a', { ...alice, aor: 'sip:alice@other.test' });
    for (const name of ['b', 'app']) admission.mayAsk(name, alice);
  });

  it('counts what is open, and what is on its way to the disk', async () => {
    const { admit, accepted, state, stored } = scene({ accounts: [{ name: 'a', allow: { open: 2 } }] });
    const done = await admit('a');
    accepted('a');
    stored.set('a', 1);
    done();
    const second = await admit('a');
    const quota = { code: 'PPG_E_QUOTA', rule: 'allow.open', retryAfter: 10_000 };
    await assert.rejects(admit('a'), quota);
    second(); // it was not stored
    const third = await admit('a');
    accepted('a');
    third();
    state('a', 'pending');
    await assert.rejects(admit('a'), quota);
    state('a', 'delivered');
    await admit('a');
    await admit('b');
  });

  it('has a backlog that all share', async () => {
    const { admit, accepted, ledger } = scene({ backlog: 3 });
    ledger.set(new Map([['', 1]]));
    accepted('a', 2);
    await assert.rejects(admit('b'), { code: 'PPG_E_OVERLOAD', rule: 'limits.backlog', retryAfter: 5000 });
  });

  it('asks the store again when a limit is reached, but not at every refusal', async () => {
    const { admit, ledger, recounts, clock } = scene({ accounts: [{ name: 'a', allow: { open: 1 } }] });
    ledger.set(new Map([['a', 7]])); // gone wrong: the store has none
    await assert.rejects(admit('a'));
    await settle();
    const done = await admit('a');
    await assert.rejects(admit('a'));
    await assert.rejects(admit('a'));
    assert.equal(recounts.length, 1);
    clock.tick(30_000);
    await assert.rejects(admit('a'));
    assert.equal(recounts.length, 2);
    done();
  });

  it('gives a recount no power over what is on its way to the disk', async () => {
    const { admit, ledger } = scene({ backlog: 1 });
    await admit('a');
    ledger.set(new Map());
    assert.equal(ledger.total, 1);
  });

  it('lets others in when the rules change, and keeps the old ones when the new cannot be read', async () => {
    const { admission, admit } = scene({ accounts: [{ name: 'a', allow: { contentTypes: [] } }] });
    assert.throws(() => admission.prepare([{ name: 'a', allow: { applications: ['a b'] } }]), {
      code: 'PPG_E_OPTIONS',
    });
    await assert.rejects(admit('a'));
    admission.prepare([{ name: 'a' }])();
    await admit('a');
  });

  describe('rates', () => {
    beforeEach(() => mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1_000_000 }));
    afterEach(() => mock.timers.reset());

    it('holds submissions per second and a burst, and says when to come again', async () => {
      const { admit } = scene({ accounts: [{ name: 'a', allow: { rate: { perSecond: 2, burst: 3 } } }] });
      for (let i = 0; i < 5; i++) await admit('a');
      await assert.rejects(admit('a'), { code: 'PPG_E_QUOTA', rule: 'allow.rate', retryAfter: 1000 });
      mock.timers.tick(1000);
      for (let i = 0; i < 2; i++) await admit('a');
      await assert.rejects(admit('a'), { rule: 'allow.rate' });
      mock.timers.tick(10_000);
      for (let i = 0; i < 5; i++) await admit('a');
    });

    it('goes on counting when the accounts are read again', async () => {
      const rules = { name: 'a', allow: { rate: { perSecond: 1 } } };
      const { admission, admit } = scene({ accounts: [rules] });
      await admit('a');
      admission.prepare([{ name: 'a', allow: { rate: { perSecond: 1 }, maxRecipients: 9 } }])();
      await assert.rejects(admit('a'), { rule: 'allow.rate' });
      admission.prepare([{ name: 'a', allow: { rate: { perSecond: 2 } } }])();
      await admit('a');
    });

    it('gives each account its own', async () => {
      const allow = { rate: { perSecond: 1 } };
      const { admit } = scene({
        accounts: [
          { name: 'a', allow },
          { name: 'b', allow },
        ],
      });
      await admit('a');
      await admit('b');
      await assert.rejects(admit('a'), { rule: 'allow.rate' });
    });
  });
});

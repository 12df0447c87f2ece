import assert from 'node:assert/strict';
import type { InitiatorConfiguration } from '../../../lib/options/initiators.ts';
import type { PpgOptions } from '../../../lib/ppg.ts';
import { basic, secretHash, TenantGateway } from '../../support/tenants.ts';

type Allow = InitiatorConfiguration['allow'];

describe('two Push Initiators side by side', () => {
  let gateway: TenantGateway;
  let passwordHash: string;
  const serve = async (one: Allow, other: Allow = undefined, more: Partial<PpgOptions> = {}): Promise<void> => {
    gateway = await TenantGateway.of({
      initiators: [
        { name: 'one', passwordHash, allow: one },
        { name: 'other', passwordHash, allow: other },
      ],
      ...more,
    });
  };
  before(async () => {
    passwordHash = await secretHash();
  });
  afterEach(() => gateway.close());

  it('do not see each other and may use the same push-id', async () => {
    await serve(undefined);
    assert.deepEqual((await gateway.push('one', { pushId: '1' })).slice(0, 2), [202, 1001]);
    assert.deepEqual((await gateway.push('other', { pushId: '1' })).slice(0, 2), [202, 1001]);
    assert.deepEqual((await gateway.push('one', { pushId: '1' })).slice(0, 2), [202, 2007]);
    await gateway.push('one', { pushId: 'mine' });
    const seen = await gateway.pap('other', '<statusquery-message push-id="mine"/>');
    assert.ok(seen.message === 'statusquery-response');
    assert.deepEqual(
      seen.results.map(({ code }) => code),
      [2004],
    );
  });

  it('cannot cancel or replace what the other has, nor ask about whom they may not reach', async () => {
    await serve({ recipients: { numbers: ['+49'] } });
    await gateway.push('other', { pushId: 'theirs' });
    const cancelled = await gateway.pap('one', '<cancel-message push-id="theirs"/>');
    assert.ok(cancelled.message === 'cancel-response');
    assert.deepEqual(
      cancelled.results.map(({ code }) => code),
      [2004],
    );
    const attributes = 'replace-push-id="theirs" replace-method="pending-only"';
    assert.equal((await gateway.push('one', { to: ['+4930123'], attributes }))[1], 2004);
    for (const [user, code] of [
      ['one', 2001],
      ['other', 3008],
    ] as const) {
      const answer = await gateway.pap(
        user,
        '<ccq-message><address address-value="sip:alice@ims.test"/></ccq-message>',
      );
      assert.ok(answer.message === 'ccq-response');
      assert.equal(answer.code, code, answer.desc);
    }
    const still = await gateway.pap('other', '<statusquery-message push-id="theirs"/>');
    assert.ok(still.message === 'statusquery-response');
    assert.equal(still.results[0]?.state, 'pending');
  });

  it('are told nothing of a user who is blocked for them', async () => {
    await serve(undefined, undefined, { block: [{ user: 'alice@ims.test', initiator: 'one' }] });
    for (const [user, who, code] of [
      ['one', 'alice', 2001],
      ['one', 'bob', 3008],
      ['other', 'alice', 3008],
    ] as const) {
      const question = `<ccq-message><address address-value="sip:${who}@ims.test"/></ccq-message>`;
      const answer = await gateway.pap(user, question);
      assert.ok(answer.message === 'ccq-response');
      assert.equal(answer.code, code, answer.desc);
    }
  });

  it('are each held to what they may do, and told which rule it was', async () => {
    await serve(
      { recipients: { numbers: ['+49'] }, applications: ['mms.ua'], notifyTargets: ['pi.test'] },
      { recipients: { domains: ['ims.test'] }, priorities: ['low'] },
    );
    const refused: [string, Parameters<TenantGateway['push']>[1], string][] = [
      ['one', { to: ['sip:alice@ims.test'], application: 'mms.ua' }, 'allow.recipients'],
      ['one', { to: ['+4930123'] }, 'allow.applications'],
      [
        'one',
        { to: ['+4930123'], application: 'mms.ua', attributes: 'ppg-notify-requested-to="http://evil.test/"' },
        'allow.notifyTargets',
      ],
      ['other', {}, 'allow.priorities'],
    ];
    for (const [user, wishes, rule] of refused) {
      const [status, code, desc] = await gateway.push(user, wishes);
      assert.deepEqual([status, code], [202, 2001], desc);
      assert.ok(desc.includes(`(${rule})`), desc);
    }
    const attributes = 'ppg-notify-requested-to="http://pi.test/"';
    assert.equal((await gateway.push('one', { to: ['+4930123'], application: 'mms.ua', attributes }))[1], 1001);
    assert.equal((await gateway.push('other', { qos: '<quality-of-service priority="low"/>' }))[1], 1001);
    assert.equal((await gateway.ppg.counts()).pending, 2);
  });

  it('have rates of their own: 429 with Retry-After, and nothing is stored', async () => {
    await serve({ rate: { perSecond: 1 } });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await gateway.post(basic('one')));
    const late = answers.find(({ status }) => status === 429);
    assert.ok(late !== undefined && /code="3000"/.test(late.text) && /allow\.rate/.test(late.text), late?.text);
    assert.equal(late.headers['retry-after'], '1');
    for (let i = 0; i < 4; i++) assert.equal((await gateway.push('other'))[1], 1001);
    const taken = answers.filter(({ status }) => status === 202).length;
    assert.equal((await gateway.ppg.counts()).pending, taken + 4);
  });

  it('have quotas of their own on what is open', async () => {
    await serve({ open: 2 });
    const all = await Promise.all(Array.from({ length: 5 }, () => gateway.push('one')));
    assert.equal(all.filter(([status, code]) => status === 202 && code === 1001).length, 2);
    const full = await gateway.post(basic('one'));
    assert.deepEqual([full.status, full.headers['retry-after']], [429, '10']);
    assert.equal(
      (await gateway.push('other', { to: ['sip:a@ims.test', 'sip:b@ims.test', 'sip:c@ims.test'] }))[1],
      1001,
    );
  });

  it('share a backlog: 503 with Retry-After', async () => {
    await serve(undefined, undefined, { limits: { backlog: 2 } });
    assert.equal((await gateway.push('one', { to: ['sip:a@ims.test', 'sip:b@ims.test'] }))[1], 1001);
    const full = await gateway.post(basic('other'));
    assert.deepEqual([full.status, full.headers['retry-after']], [503, '5']);
    assert.match(full.text, /limits\.backlog/);
    assert.equal((await gateway.ppg.counts()).pending, 2);
  });

  it('can be replaced while the gateway runs', async () => {
    await serve(undefined);
    assert.equal((await gateway.push('one'))[1], 1001);
    gateway.ppg.setInitiators([{ name: 'one', passwordHash, allow: { contentTypes: [] } }]);
    assert.equal((await gateway.push('one'))[1], 2001);
    assert.equal((await gateway.post(basic('other'))).status, 401);
    assert.throws(() => gateway.ppg.setInitiators([{ name: 'one', allow: { rate: { perSecond: 0 } } }]), {
      code: 'PPG_E_OPTIONS',
      message: /initiators\.0\.allow\.rate\.perSecond/,
    });
    assert.equal((await gateway.push('one'))[1], 2001);
  });
});

describe('what is open', () => {
  it('is counted from the store at start', async () => {
    const { createMemoryData } = await import('../../../lib/store/memory-rows.ts');
    const { createMemoryStore } = await import('../../../lib/store/memory.ts');
    const data = createMemoryData();
    const initiators = [{ name: 'one', passwordHash: await secretHash(), allow: { open: 1 } }];
    const first = await TenantGateway.of({ store: createMemoryStore(data), initiators });
    assert.equal((await first.push('one'))[1], 1001);
    await first.close();
    const second = await TenantGateway.of({ store: createMemoryStore(data), initiators });
    try {
      assert.equal((await second.push('one'))[0], 429);
    } finally {
      await second.close();
    }
  });
});

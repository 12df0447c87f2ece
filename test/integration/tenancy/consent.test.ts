import assert from 'node:assert/strict';
import { EngineBench } from '../../support/engine.ts';
import { address, submission } from '../../support/model.ts';
import { basic, pushBody, secretHash, TenantGateway } from '../../support/tenants.ts';

describe('what a subscriber does not want', () => {
  it('is not tried, and ends as forbidden', async () => {
    const bench = new EngineBench({ allowDelivery: (_push, { aor }) => aor !== 'sip:alice@ims.test' });
    await bench.engine.start();
    await bench.engine.submit(
      submission({ recipients: [address('alice'), address('bob')], notifyUrl: 'http://pi.test/' }),
    );
    await bench.clock.advance(1000);
    assert.deepEqual(
      bench.bearer.attempts.map((attempt) => attempt.address.aor),
      ['sip:bob@ims.test'],
    );
    assert.deepEqual(bench.posted.map(({ state, code }) => [state, code]).sort(), [
      ['delivered', 1000],
      ['undeliverable', 2001],
    ]);
    await bench.engine.stop();
  });

  it('waits while nobody can say, and goes when somebody can', async () => {
    let answer: boolean | 'unsure' = 'unsure';
    const bench = new EngineBench({ allowDelivery: async () => answer });
    await bench.engine.start();
    await bench.engine.submit(submission());
    await bench.clock.advance(1000);
    assert.equal(bench.states.at(-1)?.state, 'pending');
    answer = true;
    await bench.clock.advance(300_000);
    assert.equal(bench.states.at(-1)?.state, 'delivered');
    await bench.engine.stop();
  });
});

describe('how long pushes are kept', () => {
  it('is shorter for an account that says so', async () => {
    const bench = new EngineBench({ retentions: () => new Map([['mmsc', 60_000]]) });
    await bench.engine.start();
    await bench.engine.submit(submission({ pushId: 'short' }));
    await bench.engine.submit(submission({ pushId: 'long', initiator: 'other' }));
    await bench.clock.advance(30_000);
    assert.ok(await bench.engine.find('mmsc', 'short'));
    await bench.clock.advance(120_000);
    assert.equal(await bench.engine.find('mmsc', 'short'), undefined);
    assert.ok(await bench.engine.find('other', 'long'));
    await bench.engine.stop();
  });
});

describe('a gateway with block list and audit', () => {
  const lines: Record<string, unknown>[] = [];
  let gateway: TenantGateway;
  before(async () => {
    const passwordHash = await secretHash();
    gateway = await TenantGateway.of({
      initiators: [{ name: 'one', passwordHash, allow: { maxContentBytes: 100 } }],
      block: [{ user: 'alice' }],
      audit: { info: (fields: object | string) => void lines.push(fields as Record<string, unknown>) },
    });
  });
  after(() => gateway.close());

  it('refuses at submission what no recipient may have', async () => {
    const [status, code, desc] = await gateway.push('one', { to: ['sip:alice@ims.test'], pushId: 'blocked' });
    assert.deepEqual([status, code], [202, 2001]);
    assert.match(desc, /\(block\)/);
    assert.equal(
      (await gateway.push('one', { to: ['sip:alice@ims.test', 'sip:bob@ims.test'], pushId: 'half' }))[1],
      1001,
    );
  });

  it('takes another list while it runs', async () => {
    gateway.ppg.setBlocked([{ user: 'bob' }]);
    assert.equal((await gateway.push('one', { to: ['sip:alice@ims.test'] }))[1], 1001);
    assert.equal((await gateway.push('one', { to: ['sip:bob@ims.test'] }))[1], 2001);
    assert.throws(() => gateway.ppg.setBlocked([{ user: 'a b' }]), { code: 'PPG_E_OPTIONS' });
    gateway.ppg.setBlocked([{ user: 'alice' }]);
  });

  it('writes a line for every decision, and no content, address or secret in any', async () => {
    lines.length = 0;
    await gateway.push('one', { pushId: 'taken', to: ['sip:carol@ims.test'], body: 'SECRET-CONTENT' });
    await gateway.push('one', { pushId: 'taken', to: ['sip:carol@ims.test'] });
    await gateway.push('one', { pushId: 'big', to: ['sip:carol@ims.test'], body: 'x'.repeat(101) });
    await gateway.post(basic('one', 'WRONG-PASSWORD'));
    await gateway.post(basic('PASSWORD-AS-NAME', 'x'));
    await gateway.endpoint.post(pushBody(), 'multipart/related; boundary=B', {});
    await gateway.pap(
      'one',
      '<cancel-message push-id="taken"><address address-value="sip:carol@ims.test"/></cancel-message>',
    );
    const told = lines.map(({ event, initiator, pushId, code, rule, reason, state }) => ({
      event,
      initiator,
      pushId,
      code,
      rule,
      reason,
      state,
    }));
    const none = {
      initiator: undefined,
      pushId: undefined,
      code: undefined,
      rule: undefined,
      reason: undefined,
      state: undefined,
    };
    const one = { ...none, initiator: 'one' };
    assert.deepEqual(told, [
      { ...one, event: 'accepted', pushId: 'taken' },
      { ...one, event: 'refused', pushId: 'taken', code: 2007 },
      { ...one, event: 'refused', pushId: 'big', code: 2001, rule: 'allow.maxContentBytes' },
      { ...one, event: 'denied', reason: 'wrong' },
      { ...none, event: 'denied', reason: 'wrong' },
      { ...one, event: 'cancelled', pushId: 'taken', state: 'cancelled', code: 1000 },
    ]);
    assert.doesNotMatch(JSON.stringify(lines), /SECRET-CONTENT|WRONG-PASSWORD|PASSWORD-AS-NAME|carol|Basic/);
  });
});

import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import { type BlockEntry, BlockList, parseBlockFile } from '../../../lib/security/block-list.ts';
import { type AllowDelivery, ConsentKeeper } from '../../../lib/security/consent.ts';
import { cpuTime } from '../../support/cpu-time.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { address, push, submission } from '../../support/model.ts';

const ALICE = 'sip:alice@ims.test';
const list = (...entries: BlockEntry[]): BlockList => new BlockList(entries, { domain: 'ims.test' });

describe('the block list', () => {
  it('holds for what fits every field of an entry', () => {
    const blocks = (entry: BlockEntry, initiator = 'shop', aor = ALICE, application = 'wml.ua') =>
      list(entry).blocks(initiator, aor, application);
    assert.ok(blocks({ user: 'alice' }));
    assert.ok(blocks({ user: 'SIP:alice@IMS.test', initiator: 'shop', application: 'x-wap-application:wml.ua' }));
    assert.ok(blocks({ user: '+49 30 1'.replaceAll(' ', '') }, 'shop', 'sip:+49301@ims.test'));
    assert.ok(blocks({ user: 'sip:a*@ims.test' }));
    assert.ok(blocks({ user: 'Alice' }), 'many cores do not look at letter case');
    assert.ok(blocks({ user: 'alice' }, 'shop', 'sip:ALICE@ims.test'));
    assert.ok(blocks({ initiator: 'shop' }));
    assert.ok(blocks({ application: '2' }));
    assert.ok(!blocks({ user: 'bob' }));
    assert.ok(!blocks({ user: 'alice', initiator: 'other' }));
    assert.ok(!blocks({ user: 'alice', application: 'mms.ua' }));
    assert.ok(!blocks({ user: 'sip:b*' }));
    assert.ok(!list().blocks('shop', ALICE, 'wml.ua'));
  });

  it('refuses entries that cannot be read, by their place', () => {
    for (const entry of [{}, { user: 'a b' }, { application: 'a b' }]) {
      assert.throws(() => list({ initiator: 'x' }, entry), { code: 'PPG_E_OPTIONS', message: /^block\.1: / });
    }
    const many = Array.from({ length: 1001 }, () => ({ initiator: 'x' }));
    assert.throws(() => list(...many), { code: 'PPG_E_OPTIONS' });
  });

  it('is read from a file, line by line', () => {
    const text =
      '# opt-out\r\nsip:alice@ims.test\n\n +49301  initiator=shop application=mms.ua\n* application=wml.ua\n';
    assert.deepEqual(parseBlockFile(text), [
      { user: 'sip:alice@ims.test' },
      { user: '+49301', initiator: 'shop', application: 'mms.ua' },
      { application: 'wml.ua' },
    ]);
    for (const line of ['alice shop', '*', 'alice initiator=']) {
      assert.throws(() => parseBlockFile(`bob\n${line}`), { code: 'PPG_E_OPTIONS', message: /line 2/ });
    }
  });

  it('finds one among a million as fast as among none', () => {
    const big = list(...Array.from({ length: 100_000 }, (_, i) => ({ user: `sip:u${i}@ims.test` })));
    const took = cpuTime(() => {
      for (let i = 0; i < 100_000; i++) big.blocks('shop', ALICE, 'wml.ua');
    });
    assert.ok(took < 1000, `${took} ms`);
    assert.ok(big.blocks('shop', 'sip:u5@ims.test', 'wml.ua'));
  });
});

describe('consent', () => {
  const clock = new FakeClock();
  const keeper = (allowDelivery?: AllowDelivery, ...entries: BlockEntry[]): ConsentKeeper =>
    new ConsentKeeper({ blocked: list(...entries), allowDelivery, clock, log: silentLogger });

  it('comes from the list first, then from the integrator', async () => {
    assert.equal(keeper().allows(push(), ALICE), true);
    assert.equal(keeper(() => true, { user: 'alice' }).allows(push(), ALICE), false);
    assert.equal(keeper(() => false).allows(push(), ALICE), false);
    assert.equal(await keeper(async () => true).allows(push(), ALICE), true);
    assert.equal(await keeper(async () => false).allows(push(), ALICE), false);
  });

  it('is neither given nor refused by what throws, rejects or does not answer', async () => {
    const failing: AllowDelivery = () => {
      throw new Error('down');
    };
    assert.equal(keeper(failing).allows(push(), ALICE), 'unsure');
    assert.equal(await keeper(() => Promise.reject(new Error('down'))).allows(push(), ALICE), 'unsure');
    const never = keeper(() => new Promise(() => undefined)).allows(push(), ALICE);
    await settle();
    clock.tick(10_000);
    assert.equal(await never, 'unsure');
    assert.equal(clock.pending, 0);
  });

  it('is refused for the address that was submitted as for the one it led to', () => {
    const other = 'sip:somebody@m.test';
    const opted = keeper(undefined, { user: 'alice' });
    assert.equal(opted.allows(push(), other), true);
    assert.equal(opted.allows(push(), other, ALICE), false);
    assert.equal(opted.allows(push(), ALICE, other), false);
  });

  it('is asked for without the content', () => {
    const seen: object[] = [];
    keeper((asked) => seen.push(asked) > 0).allows(push(), ALICE);
    assert.ok(seen.length === 1 && !('content' in (seen[0] ?? {})));
  });

  it('refuses a submission only when nobody of it may have it', () => {
    const recipients = [address('alice'), address('bob')];
    const one = keeper(undefined, { user: 'alice' });
    assert.equal(one.blocks(submission()), true);
    assert.equal(one.blocks(submission({ recipients })), false);
    assert.equal(keeper(undefined, { initiator: 'mmsc' }).blocks(submission({ recipients })), true);
  });
});

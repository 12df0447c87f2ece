import assert from 'node:assert/strict';
import { type AddressLookup, Directory } from '../../../lib/addressing/directory.ts';
import { compileRules } from '../../../lib/addressing/rules.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { parseAddress } from '../../../lib/codec/pap/address.ts';
import type { RecipientAddress } from '../../../lib/model/address.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeDns } from '../../support/fake-dns.ts';

const domain = 'home.test';
const address = (text: string): RecipientAddress => parseAddress(text, { domain });
const never = (): Promise<string> => new Promise(() => undefined);
const sip = (uri: string) => [
  { order: 1, preference: 1, flags: 'u', service: 'E2U+sip', replacement: '', regexp: `!^.*$!${uri}!` },
];

describe('directory', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock();
  });
  afterEach(() => assert.equal(clock.pending, 0));

  const aliases = { staff: ['sip:a@home.test', 'sip:b@home.test', '+4930'] };
  const directory = (lookup?: AddressLookup, dns: FakeDns = new FakeDns({}), enumSuffix?: string): Directory =>
    new Directory({
      lookup,
      dns,
      enumSuffix,
      domain,
      ...compileRules({ aliases, numbers: [{ prefix: '+49', domain: 'de.test' }] }, domain),
      timeout: 3000,
      keep: 60_000,
      clock,
      log: silentLogger,
    });
  const aors = async (of: Directory, ...texts: string[]): Promise<string[]> =>
    (await of.resolve(texts.map(address))).map(({ aor }) => aor);

  it('puts whom the lookup names in the place of the address, and keeps the text', async () => {
    const [found] = await directory((aor) => (aor === 'sip:4711@home.test' ? 'sip:meter@m.test' : undefined)).resolve([
      address('4711'),
    ]);
    assert.deepEqual(found, { text: '4711', aor: 'sip:meter@m.test' });
  });

  it('reads a number by the number ranges', async () =>
    assert.deepEqual(
      await aors(
        directory(async () => '+49301'),
        'bob',
      ),
      ['sip:+49301@de.test'],
    ));

  it('leaves what it has nothing to say of', async () =>
    assert.deepEqual(
      await aors(
        directory(() => undefined),
        'bob',
        '+4930',
      ),
      ['sip:bob@home.test', 'sip:+4930@home.test'],
    ));

  it('says 2002 for nobody', async () =>
    assert.rejects(directory(() => null).resolve([address('bob')]), { code: 'PPG_E_ADDRESS', papCode: 2002 }));

  it('asks ENUM for numbers only, and after the lookup', async () => {
    const dns = new FakeDns({
      naptr: { '2.1.3.4.e164.test': sip('sip:a@enum.test'), '3.1.3.4.e164.test': sip('sip:b@enum.test') },
    });
    const of = directory((aor) => (aor.startsWith('sip:+4313') ? 'sip:known@x.test' : undefined), dns, 'e164.test');
    assert.deepEqual(await aors(of, '+4312', '+4313', 'bob'), [
      'sip:a@enum.test',
      'sip:known@x.test',
      'sip:bob@home.test',
    ]);
    assert.deepEqual(dns.asked, ['NAPTR 2.1.3.4.e164.test']);
  });

  it('leaves a device that is named by its GRUU', async () => {
    const device = address('sip:a@x.test;gr=1');
    assert.deepEqual(await directory(() => 'sip:other@x.test').resolve([device]), [device]);
  });

  it('asks once for an address until its time is over, also when two ask at once', async () => {
    let asked = 0;
    const of = directory(async () => {
      asked++;
      return 'sip:x@x.test';
    });
    await Promise.all([aors(of, 'bob'), aors(of, 'bob')]);
    await aors(of, 'bob');
    assert.equal(asked, 1);
    clock.tick(60_001);
    await aors(of, 'bob');
    assert.equal(asked, 2);
  });

  for (const [what, lookup] of [
    ['fails', () => Promise.reject(new Error('db'))],
    [
      'throws',
      () => {
        throw new Error('db');
      },
    ],
    ['answers nonsense', () => 'sip:a@b\r\nRoute: <sip:evil>'],
  ] as const) {
    it(`refuses with 3000, to be tried again, when the lookup ${what}`, async () => {
      await assert.rejects(directory(lookup as AddressLookup).resolve([address('bob')]), {
        code: 'PPG_E_ADDRESS_LOOKUP',
        papCode: 3000,
        retryAfter: 5000,
      });
    });
  }

  it('waits no longer than it is told, and asks anew afterwards', async () => {
    let answer: () => Promise<string> = never;
    const of = directory(() => answer());
    const late = assert.rejects(of.resolve([address('bob')]), { code: 'PPG_E_ADDRESS_LOOKUP' });
    clock.tick(3000);
    await late;
    answer = async () => 'sip:x@x.test';
    assert.deepEqual(await aors(of, 'bob'), ['sip:x@x.test']);
  });

  it('has a bounded number of questions open', async () => {
    const of = directory(never);
    const open = Array.from({ length: 1000 }, (_, n) => of.resolve([address(`u${n}`)]).catch(() => undefined));
    await assert.rejects(of.resolve([address('one-more')]), { code: 'PPG_E_ADDRESS_LOOKUP', message: /too many/ });
    clock.tick(3000);
    await Promise.all(open);
  });

  it('leaves a question about a push as it is when it cannot tell', async () => {
    const bob = address('bob');
    assert.deepEqual(await directory(() => Promise.reject(new Error('db'))).resolveForQuery([bob]), [bob]);
  });

  it('puts every member in the place of a group, once, with the text of the group', async () => {
    const found = await directory((aor) => (aor === 'sip:b@home.test' ? 'sip:a@home.test' : undefined)).resolve([
      address('staff'),
      address('bob'),
    ]);
    assert.deepEqual(
      found.map(({ text, aor }) => `${text} ${aor}`),
      ['staff sip:a@home.test', 'staff sip:+4930@de.test', 'bob sip:bob@home.test'],
    );
  });

  it('takes a group from the lookup, and leaves out members who are nobody any more', async () => {
    const lookup = (aor: string): string | string[] | null | undefined => {
      if (aor === 'sip:team@home.test') return ['sip:x@home.test', '+4931'];
      return aor === 'sip:a@home.test' ? null : undefined;
    };
    assert.deepEqual(await aors(directory(lookup), 'team', 'staff'), [
      'sip:x@home.test',
      'sip:+4931@de.test',
      'sip:b@home.test',
      'sip:+4930@de.test',
    ]);
  });

  it('says 2002 for a group of nobody', async () => {
    for (const lookup of [() => [], (aor: string) => (aor === 'sip:staff@home.test' ? undefined : null)]) {
      await assert.rejects(directory(lookup).resolve([address('staff'), address('team')]), { papCode: 2002 });
    }
  });

  it('leaves a group as it was written in a question, since the push knows it by its text', async () => {
    const of = directory(() => undefined);
    assert.deepEqual(await of.resolveForQuery([address('staff'), address('bob')]), [address('staff'), address('bob')]);
  });

  it('has a bound for a group, and for all groups of a push together', async () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `sip:u${i}@home.test`);
    await assert.rejects(directory(() => many(1001)).resolve([address('team')]), { code: 'PPG_E_ADDRESS_LOOKUP' });
    const texts = Array.from({ length: 11 }, (_, i) => address(`team${i}`));
    await assert.rejects(directory(() => many(1000)).resolve(texts), { code: 'PPG_E_PUSH_REFUSED', papCode: 2000 });
    assert.equal((await directory(() => many(1000)).resolve(texts.slice(0, 10))).length, 10_000);
  });
});

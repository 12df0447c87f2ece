import assert from 'node:assert/strict';
import { Familiar } from '../../../lib/security/familiar.ts';
import { parsePasswordHash, verifyPassword } from '../../../lib/security/password.ts';
import {
  createPiAuth,
  hashPassword,
  type PiAccount,
  type PiAuth,
  type PiAuthOptions,
} from '../../../lib/security/pi-auth.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const CHEAP = { N: 16, r: 1, p: 1 };
const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const HOST = '192.0.2.1';

describe('hashPassword', () => {
  it('writes parameters, salt and hash, and no two hashes alike', async () => {
    const [first, second] = await Promise.all([hashPassword('s3cret', CHEAP), hashPassword('s3cret', CHEAP)]);
    assert.match(first, /^scrypt\$16\$1\$1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=$/);
    assert.notEqual(first, second);
    assert.equal(await verifyPassword('s3cret', parsePasswordHash(first)), true);
    assert.equal(await verifyPassword('s3cre', parsePasswordHash(first)), false);
  });

  for (const text of [
    '',
    's3cret',
    'scrypt$15$8$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    'scrypt$16777216$64$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  ]) {
    it(`refuses the hash ${JSON.stringify(text)}`, () =>
      assert.throws(() => parsePasswordHash(text), { code: 'PPG_E_OPTIONS' }));
  }
});

describe('PiAuth', () => {
  let shop: PiAccount;
  let clock: FakeClock;
  const make = (options: Partial<PiAuthOptions> = {}) => createPiAuth({ accounts: [shop], clock, ...options });

  before(async () => {
    shop = { name: 'shop', passwordHash: await hashPassword('s3\u20accret:x', CHEAP) };
  });
  beforeEach(() => {
    clock = new FakeClock();
  });
  const good = basic('shop', 's3\u20accret:x');

  it('lets the right password in, colons and all', async () => {
    assert.deepEqual(await make().check(good, HOST), { ok: true, account: shop });
  });

  it('answers verified credentials at once, without a promise', async () => {
    const auth = make();
    assert.ok(auth.check(good, HOST) instanceof Promise);
    await auth.check(good, HOST);
    assert.deepEqual(auth.check(good, 'elsewhere'), { ok: true, account: shop });
  });

  it('hashes again after five minutes', async () => {
    const auth = make();
    await auth.check(good, HOST);
    clock.tick(5 * 60_000 - 1);
    assert.ok(!(auth.check(good, HOST) instanceof Promise));
    clock.tick(1);
    assert.ok(auth.check(good, HOST) instanceof Promise);
  });

  it('forgets credentials when their account changes or goes', async () => {
    const auth = make();
    await auth.check(good, HOST);
    const generous: PiAccount = { ...shop, replyStatus: 200 };
    auth.setAccounts([generous]);
    assert.deepEqual(auth.check(good, HOST), { ok: true, account: generous });
    auth.setAccounts([{ ...shop, passwordHash: await hashPassword('other', CHEAP) }]);
    assert.deepEqual(await auth.check(good, HOST), { ok: false, reason: 'wrong' });
    auth.setAccounts([]);
    assert.deepEqual(await auth.check(good, HOST), { ok: false, reason: 'wrong' });
  });

  it('knows credentials again by their connection, until they change, expire or their account does', async () => {
    const auth = make();
    const connection = {};
    await auth.check(good, HOST);
    const known = () => auth.check(good, HOST, connection);
    assert.deepEqual([known(), known()], Array(2).fill({ ok: true, account: shop }));
    assert.deepEqual(await auth.check(basic('shop', 'wrong'), HOST, connection), { ok: false, reason: 'wrong' });
    assert.deepEqual(known(), { ok: true, account: shop });
    clock.tick(5 * 60_000);
    assert.ok(known() instanceof Promise);
    await known();
    assert.deepEqual([known(), known()], Array(2).fill({ ok: true, account: shop }));
    auth.setAccounts([]);
    assert.deepEqual(await known(), { ok: false, reason: 'wrong' });
  });

  it('does not let in by a hash that was begun before the account changed', async () => {
    const auth = make();
    const passwordHash = await hashPassword('other', CHEAP);
    const slow = auth.check(good, HOST);
    auth.setAccounts([{ ...shop, passwordHash }]);
    assert.deepEqual(await slow, { ok: false, reason: 'wrong' });
    assert.equal(auth.remembered, 0);
  });

  for (const [header, reason] of [
    [undefined, 'missing'],
    ['', 'malformed'],
    ['Bearer abc', 'malformed'],
    ['Basic', 'malformed'],
    ['Basic !!!', 'malformed'],
    [`Basic ${Buffer.from('nocolon').toString('base64')}`, 'malformed'],
    [`Basic ${'A'.repeat(5000)}`, 'malformed'],
    [basic('shop', ''), 'wrong'],
    [basic('shop', 's3\u20accret'), 'wrong'],
    [basic('nobody', 's3\u20accret:x'), 'wrong'],
    [basic('__proto__', 'x'), 'wrong'],
  ] as const) {
    it(`answers ${JSON.stringify(header?.slice(0, 30))} with ${reason}`, async () =>
      assert.deepEqual(await make().check(header, HOST), { ok: false, reason }));
  }

  it('stops hashing for a source and account after ten failures, and starts again after a minute', async () => {
    const auth = make();
    for (let i = 0; i < 10; i++)
      assert.deepEqual(await auth.check(basic('shop', `${i}`), HOST), { ok: false, reason: 'wrong' });
    assert.deepEqual(auth.check(basic('shop', 'x'), HOST), { ok: false, reason: 'limited', retryAfter: 60_000 });
    assert.deepEqual(await auth.check(good, '192.0.2.2'), { ok: true, account: shop });
    clock.tick(60_000);
    assert.deepEqual(await auth.check(basic('shop', 'x'), HOST), { ok: false, reason: 'wrong' });
  });

  it('keeps verified credentials going while somebody else guesses', async () => {
    const auth = make({ limits: { account: 3 } });
    await auth.check(good, HOST);
    for (let i = 0; i < 3; i++) await auth.check(basic('shop', `${i}`), `192.0.2.${i + 10}`);
    assert.deepEqual(auth.check(basic('shop', 'x'), '192.0.2.99'), {
      ok: false,
      reason: 'limited',
      retryAfter: 60_000,
    });
    assert.deepEqual(auth.check(good, HOST), { ok: true, account: shop });
  });

  describe('where an account has logged in before', () => {
    const flood = async (auth: PiAuth, tries: number) => {
      for (let i = 0; i < tries; i++) await auth.check(basic('shop', `${i}`), `198.51.100.${i}`);
    };
    const limited = { ok: false, reason: 'limited', retryAfter: 60_000 };

    for (const [address, again] of [
      [HOST, HOST],
      ['2001:db8:1:2::1', '2001:db8:1:2::99'],
    ] as const) {
      it(`lets it in while the whole world guesses: ${address}`, async () => {
        const auth = make({ limits: { account: 20 } });
        await auth.check(good, address);
        clock.tick(5 * 60_000);
        await flood(auth, 20);
        assert.deepEqual(auth.check(good, '198.51.100.200'), limited);
        assert.deepEqual(await auth.check(good, again), { ok: true, account: shop });
      });
    }

    it('does so too for an address that came while the credentials were remembered', async () => {
      const auth = make({ limits: { account: 5 } });
      await auth.check(good, HOST);
      await auth.check(good, '192.0.2.77', {});
      clock.tick(5 * 60_000);
      await flood(auth, 5);
      assert.deepEqual(await auth.check(good, '192.0.2.77'), { ok: true, account: shop });
    });

    it('lets it try no more than any other address, and takes nothing from the others', async () => {
      const auth = make({ limits: { pair: 3, source: 4, account: 5 } });
      await auth.check(good, HOST);
      const wrong = { ok: false, reason: 'wrong' };
      for (let i = 0; i < 3; i++) assert.deepEqual(await auth.check(basic('shop', `${i}`), HOST), wrong);
      assert.deepEqual(auth.check(basic('shop', 'x'), HOST), limited);
      for (let i = 0; i < 4; i++) assert.deepEqual(await auth.check(basic(`name${i}`, 'x'), HOST), wrong);
      assert.deepEqual(auth.check(basic('name9', 'x'), HOST), limited);
      await flood(auth, 5);
      assert.deepEqual(auth.check(basic('shop', 'x'), '198.51.100.99'), limited);
    });

    it('has a place in front of strangers, whose queue may be full', async () => {
      const auth = make({ concurrency: 1, queue: 2 });
      await auth.check(good, HOST);
      clock.tick(5 * 60_000);
      const ended: string[] = [];
      const checks = Array.from({ length: 3 }, async (_, i) => {
        await auth.check(basic(`name${i}`, 'x'), `198.51.100.${i}`);
        ended.push(`stranger ${i}`);
      });
      assert.deepEqual(auth.check(basic('name9', 'x'), '198.51.100.9'), {
        ok: false,
        reason: 'busy',
        retryAfter: 1000,
      });
      assert.deepEqual(await auth.check(good, HOST), { ok: true, account: shop });
      ended.push('the account');
      await Promise.all(checks);
      assert.deepEqual(ended, ['stranger 0', 'the account', 'stranger 1', 'stranger 2']);
    });

    it('ends after a day, and with the account; a new password changes nothing', async () => {
      const auth = make({ limits: { account: 2 } });
      await auth.check(good, HOST);
      auth.setAccounts([{ ...shop, passwordHash: await hashPassword('new', CHEAP) }]);
      await flood(auth, 2);
      assert.equal((await auth.check(basic('shop', 'new'), HOST)).ok, true);
      clock.tick(24 * 60 * 60_000);
      await flood(auth, 2);
      assert.deepEqual(auth.check(basic('shop', 'new'), HOST), limited);
      clock.tick(60_000);
      assert.equal((await auth.check(basic('shop', 'new'), HOST)).ok, true);
      auth.setAccounts([]);
      auth.setAccounts([shop]);
      await flood(auth, 2);
      assert.deepEqual(auth.check(good, HOST), limited);
    });

    it('remembers a hundred networks of each account, and those of others whatever one does', async () => {
      const familiar = new Familiar(clock, 1000);
      familiar.add('bank', 'a');
      for (let i = 0; i < 101; i++) familiar.add('shop', `${i}`);
      assert.deepEqual(
        [familiar.has('shop', '0'), familiar.has('shop', '1'), familiar.has('shop', '100'), familiar.has('bank', 'a')],
        [false, true, true, true],
      );
    });
  });

  it('limits a source that tries many names, a whole IPv6 network at once', async () => {
    const auth = make({ limits: { source: 3 } });
    for (let i = 0; i < 3; i++) await auth.check(basic(`name${i}`, 'x'), `2001:db8:1:2::${i + 1}`);
    assert.deepEqual(auth.check(basic('name9', 'x'), '2001:db8:1:2:ffff::9'), {
      ok: false,
      reason: 'limited',
      retryAfter: 60_000,
    });
    assert.deepEqual(await auth.check(basic('name9', 'x'), '2001:db8:1:3::1'), { ok: false, reason: 'wrong' });
  });

  it('counts attempts before their hash is done, so a burst gets no further than a row', async () => {
    const auth = make({ limits: { pair: 5 } });
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => auth.check(basic('shop', `${i}`), HOST)));
    assert.equal(results.filter((result) => !result.ok && result.reason === 'wrong').length, 5);
  });

  it('computes one hash for many connections that open with the same credentials', async () => {
    const auth = make({ limits: { pair: 2 } });
    const results = await Promise.all(Array.from({ length: 50 }, () => auth.check(good, HOST)));
    assert.ok(results.every(({ ok }) => ok));
    assert.equal(auth.remembered, 1);
  });

  it('turns checks away when too many wait for a hash', async () => {
    const auth = make({ concurrency: 1, queue: 2 });
    const checks = Array.from({ length: 4 }, (_, i) => auth.check(basic('shop', `${i}`), `192.0.2.${i}`));
    assert.deepEqual(checks[3], { ok: false, reason: 'busy', retryAfter: 1000 });
    assert.deepEqual(await Promise.all(checks.slice(0, 3)), Array(3).fill({ ok: false, reason: 'wrong' }));
  });

  it('refuses two accounts of one name, and names with a colon', () => {
    assert.throws(() => make({ accounts: [shop, shop] }), { code: 'PPG_E_OPTIONS' });
    assert.throws(() => make({ accounts: [{ ...shop, name: 'a:b' }] }), { code: 'PPG_E_OPTIONS' });
  });
});

import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { isForbidden, type Lookup, UrlGuard } from '../../../lib/security/ssrf.ts';

const REFUSED = { name: 'PpgError', code: 'PPG_E_NOTIFY_URL', papCode: 2000 };

describe('UrlGuard', () => {
  for (const url of [
    'http://example.com/',
    'https://pi.example.com:8443/notify?a=b',
    'http://8.8.8.8/',
    'http://[2001:4860:4860::8888]/',
    'http://172.32.0.1/',
    'http://100.128.0.1/',
    'http://[64:ff9b::808:808]/', // NAT64 of 8.8.8.8
    'http://[64:ff9b::8.8.8.8]/',
    'http://[64:ff9b:0:0:0:0:8.8.8.8]/',
  ]) {
    it(`lets ${url} pass`, () => assert.equal(new UrlGuard().checkUrl(url).href, new URL(url).href));
  }

  for (const url of [
    '',
    'hello',
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://user@example.com/',
    'http://:secret@example.com/',
    'http://localhost/',
    'http://LOCALHOST./',
    'http://db.localhost/',
    'http://printer.local/',
    'http://intranet/',
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://0/',
    'http://0.0.0.0/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://100.64.0.1/',
    'http://192.0.2.1/',
    'http://198.18.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:8.8.8.8]/',
    'http://[::7f00:1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b::]/',
    'http://[64:ff9b::1]/',
    'http://[64:ff9b::10.0.0.1]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[64:ff9b::c0a8:0]/',
    'http://[64:ff9b::ffff:ffff]/',
    'http://[64:ff9b::1:808:808]/',
    'http://[64:ff9b:1::808:808]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:0:7f00:1::]/',
    'http://[2001:db8::1]/',
    'http://[fc00::1]/',
    'http://[fd12:3456::1]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
  ]) {
    it(`refuses ${url}`, () => assert.throws(() => new UrlGuard().checkUrl(url), REFUSED));
  }

  it('lets private addresses pass when it is told to, but never other schemes or credentials', () => {
    const guard = new UrlGuard({ allowPrivate: true });
    for (const url of ['http://127.0.0.1:8000/', 'http://localhost/', 'http://[::1]/']) guard.checkUrl(url);
    for (const url of ['file:///x', 'http://a:b@127.0.0.1/']) assert.throws(() => guard.checkUrl(url), REFUSED);
  });

  it('lets what is allowed by name, address or range pass, and nothing beside it', () => {
    const guard = new UrlGuard({ allow: ['127.0.0.1', '10.1.0.0/16', 'fd00:1::/32', 'PI.internal', 'hooks'] });
    for (const url of ['http://127.0.0.1/', 'http://10.1.2.3/', 'http://[fd00:1::5]/', 'http://hooks/'])
      guard.checkUrl(url);
    for (const url of ['http://127.0.0.2/', 'http://10.2.0.1/', 'http://[fd00:2::1]/', 'http://other/']) {
      assert.throws(() => guard.checkUrl(url), REFUSED);
    }
    guard.checkResolved(['10.9.9.9'], 'pi.internal');
  });

  it('judges what stands for an IPv4 address in NAT64 as that address, whatever is allowed of IPv6', () => {
    const guard = new UrlGuard({ allow: ['64:ff9b::/96', '10.1.0.0/16', 'fd00::/8'] });
    guard.checkResolved(['64:ff9b::808:808', '64:FF9B::8.8.8.8', '64:ff9b::a01:203%eth0', 'fd00::1']);
    for (const address of ['64:ff9b::10.2.0.1', '64:ff9b::7f00:1', '64:ff9b:0:0:0:0:a9fe:a9fe', '64:ff9b::']) {
      assert.throws(() => guard.checkResolved([address]), REFUSED, address);
    }
    new UrlGuard({ allowPrivate: true }).checkResolved(['64:ff9b::7f00:1']);
  });

  it('takes a prefix of the network itself where it is allowed', () => {
    const address = '64:ff9b:1::808:808';
    assert.throws(() => new UrlGuard().checkResolved([address]), REFUSED);
    new UrlGuard({ allow: ['64:ff9b:1::/96'] }).checkResolved([address]);
  });

  it('refuses ranges that are none when it is made', () => {
    assert.throws(() => new UrlGuard({ allow: ['10.0.0.0/33'] }), { code: 'PPG_E_OPTIONS' });
  });

  it('refuses a name when one of its addresses is forbidden', () => {
    const guard = new UrlGuard();
    guard.checkResolved(['8.8.8.8', '2001:4860:4860::8888']);
    for (const addresses of [['8.8.8.8', '127.0.0.1'], ['fe80::1%eth0'], ['hello'], []]) {
      assert.throws(() => guard.checkResolved(addresses), REFUSED);
    }
  });

  describe('as a lookup', () => {
    const found =
      (answer: string | LookupAddress[] | Error): Lookup =>
      (_hostname, _options, callback) =>
        answer instanceof Error ? callback(answer, '') : callback(null, answer, 4);
    const ask = (guard: UrlGuard, answer: string | LookupAddress[] | Error) =>
      new Promise((resolve) => {
        guard.lookup(found(answer))('pi.example.com', {}, (error, address) => resolve(error ?? address));
      });

    it('hands public addresses on, one or all', async () => {
      assert.equal(await ask(new UrlGuard(), '8.8.8.8'), '8.8.8.8');
      const all = [{ address: '8.8.8.8', family: 4 }];
      assert.equal(await ask(new UrlGuard(), all), all);
    });

    it('refuses a name that was rebound to a private address', async () => {
      for (const answer of [
        '127.0.0.1',
        [
          { address: '8.8.8.8', family: 4 },
          { address: '::1', family: 6 },
        ],
      ]) {
        assert.equal(((await ask(new UrlGuard(), answer)) as { code?: string }).code, 'PPG_E_NOTIFY_URL');
      }
    });

    it('hands errors of the resolver on', async () => {
      const error = new Error('ENOTFOUND');
      assert.equal(await ask(new UrlGuard(), error), error);
    });
  });

  it('knows no address behind what is none', () => assert.equal(isForbidden('example.com'), true));
});

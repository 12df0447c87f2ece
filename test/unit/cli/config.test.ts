import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PpgError } from '../../../lib/base/errors.ts';
import { gatewayConfiguration, loadConfig } from '../../../lib/cli/config.ts';
import { temporaryDirectory } from '../../support/cli.ts';

describe('configuration of a standalone gateway', () => {
  const directory = temporaryDirectory();
  after(() => directory.remove());

  const put = (folder: string, name: string, content: object): string => {
    const path = directory.file(folder);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), JSON.stringify(content));
    return path;
  };
  const refusal = (env: Record<string, string>): string => {
    try {
      loadConfig(env, directory.file('nothing-here'));
    } catch (error) {
      assert.ok(error instanceof PpgError && error.code === 'PPG_E_CONFIG', String(error));
      return error.message;
    }
    throw new Error('it was taken');
  };

  it('has a default for everything, wherever it is started', () => {
    const { http, core, sipd, direct, store, accounts, sip } = loadConfig({}, directory.file('nothing-here'));
    assert.deepEqual(http, { host: '127.0.0.1', port: 8080 });
    assert.deepEqual([core.port, sipd.port, sipd.drachtioPort, direct.port], [5060, 5070, 9022, 5080]);
    assert.equal(store, 'sqlite:./ppg.db');
    assert.deepEqual(accounts, []);
    assert.equal(sip.nextHop, undefined);
  });

  it('takes config/ of the working directory over its own, and the environment over both', () => {
    put('app/config', 'default.json', { ppg: { domain: 'a.example', http: { port: 1 } }, other: { of: 'the app' } });
    const app = directory.file('app');
    assert.equal(loadConfig({}, app).domain, 'a.example');
    assert.deepEqual(loadConfig({ PPG_HTTP_PORT: '2' }, app).http, { host: '127.0.0.1', port: 2 });
  });

  it('NODE_CONFIG_DIR stands for config/ of the working directory', () => {
    const path = put('elsewhere', 'local.json', { ppg: { domain: 'b.example' } });
    assert.equal(loadConfig({ NODE_CONFIG_DIR: path }, directory.file('app')).domain, 'b.example');
  });

  it('an environment of the name test has ports of its own and keeps nothing', () => {
    const { http, store, log } = loadConfig({ NODE_ENV: 'test' }, directory.file('nothing-here'));
    assert.deepEqual([http.port, store, log.level], [0, 'memory', 'silent']);
  });

  it('hands on how PAP has to come, and what initiators call bearers', () => {
    const path = put('names', 'local.json', { ppg: { qos: { bearers: { SMS: ['sms'] } } } });
    const read = loadConfig(
      {
        NODE_CONFIG_DIR: path,
        PPG_REQUIRE_TLS: 'yes',
        PPG_TRUSTED_PROXIES: '10.0.0.1, 10.1.0.0/16',
        PPG_PAP_HOSTS: 'ppg.example.com, ppg',
      },
      directory.file('nothing-here'),
    );
    const { auth, qos, pap } = gatewayConfiguration(read);
    assert.deepEqual(pap, { hosts: ['ppg.example.com', 'ppg'] });
    assert.deepEqual(auth, { requireTls: true, trustedProxies: ['10.0.0.1', '10.1.0.0/16'] });
    assert.deepEqual(qos, { bearers: { SMS: ['sms'] } });
    assert.match(refusal({ PPG_REQUIRE_TLS: 'perhaps' }), /ppg\.auth\.requireTls \(PPG_REQUIRE_TLS\): must be 1/);
  });

  it('reads accounts, lists and flags from variables', () => {
    const { accounts, sip, notify } = loadConfig(
      {
        PPG_INITIATORS: 'mmsc:a:b, news:c',
        PPG_TRUSTED_PEERS: '10.0.0.0/8, ::1',
        PPG_NOTIFY_ALLOW_PRIVATE: '1',
        PPG_NOTIFY_ALLOW: '10.1.0.0/16, fd00::/8',
      },
      directory.file('nothing-here'),
    );
    assert.deepEqual(accounts, [
      { name: 'mmsc', password: 'a:b' },
      { name: 'news', password: 'c' },
    ]);
    assert.deepEqual(sip.trustedPeers, ['10.0.0.0/8', '::1']);
    assert.equal(notify['allowPrivate'], true);
    assert.deepEqual(notify['allow'], ['10.1.0.0/16', 'fd00::/8']);
  });

  it('reads TLS and trace of SIP from variables, and hands on to the gateway what is its own', () => {
    const none = loadConfig({}, directory.file('nothing-here')).sip;
    assert.deepEqual(none.tls, { port: 5081, requireClientCertificate: false, verifyServer: true });
    assert.equal(none.trace, false);
    const config = loadConfig(
      {
        PPG_SIP_TLS_CERT: 'a.pem',
        PPG_SIP_TLS_KEY: 'a.key',
        PPG_SIP_TLS_CA: 'ca.pem',
        PPG_SIP_TLS_PORT: '5061',
        PPG_SIP_TRACE: '1',
      },
      directory.file('nothing-here'),
    );
    const tls = { cert: 'a.pem', key: 'a.key', ca: 'ca.pem', requireClientCertificate: false, verifyServer: true };
    assert.deepEqual(config.sip.tls, { port: 5061, ...tls });
    assert.deepEqual(gatewayConfiguration(config).sip?.tls, tls);
    assert.equal(config.sip.trace, true);
    assert.match(refusal({ PPG_SIP_TLS_PORT: '99999' }), /ppg\.sip\.tls\.port \(PPG_SIP_TLS_PORT\): must be a port/);
  });

  it('names every value that cannot be used, with its variable and what is allowed', () => {
    const text = refusal({
      PPG_HTTP_PORT: '80800',
      PPG_SIP_LEG: 'both',
      PPG_INITIATORS: 'mmsc',
      PPG_LOG_LEVEL: 'loud',
    });
    assert.match(text, /ppg\.http\.port \(PPG_HTTP_PORT\): must be a port number, 0 to 65535/);
    assert.match(text, /ppg\.sip\.leg \(PPG_SIP_LEG\): must be auto, drachtio or direct/);
    assert.match(text, /\(PPG_INITIATORS\): must be NAME:PASSWORD/);
    assert.match(text, /ppg\.log\.level \(PPG_LOG_LEVEL\): must be one of trace, debug/);
  });

  it('names what the gateway itself cannot use in the same way', () => {
    const text = refusal({ PPG_DOMAIN: 'not a domain', PPG_NEXT_HOP: 'core.example.com', PPG_STORE: 'oracle' });
    assert.match(text, /ppg\.domain \(PPG_DOMAIN\): must be a domain name/);
    assert.match(text, /ppg\.sip\.nextHop \(PPG_NEXT_HOP\): must be a SIP URI/);
    assert.match(text, /ppg\.store \(PPG_STORE\): must be "memory" or "sqlite:FILE"/);
  });

  const refusals: readonly (readonly [variable: string, value: string, said: string])[] = [
    [
      'PPG_TRUSTED_PEERS',
      '127.0.0.1,10.0.0.0/99',
      'ppg.sip.trustedPeers.1 (PPG_TRUSTED_PEERS): must be an IP address or a',
    ],
    ['PPG_TRUSTED_PROXIES', 'proxy', 'ppg.auth.trustedProxies.0 (PPG_TRUSTED_PROXIES): must be an IP address or a'],
    ['PPG_NOTIFY_ALLOW', '::1,pi.test', 'ppg.notify.allow.1 (PPG_NOTIFY_ALLOW): must be an IP address or a'],
    ['PPG_PAP_HOSTS', 'ppg,ppg.test:80', 'ppg.pap.hosts.1 (PPG_PAP_HOSTS): must be a host name or address, without a'],
    ['PPG_SIP_HOST', 'localhost', 'ppg.sip.host (PPG_SIP_HOST): must be an IP address of this machine'],
    ['PPG_SIP_ADVERTISE', 'a b', 'ppg.sip.advertise (PPG_SIP_ADVERTISE): must be a host name or an address'],
    ['PPG_MSRP_ADVERTISE', 'a b', 'ppg.msrp.advertise (PPG_MSRP_ADVERTISE): must be a host name or an address'],
    ['PPG_SIP_TLS_CERT', 'a.pem', 'ppg.sip.tls.key (PPG_SIP_TLS_KEY): is missing: certificate and key go together'],
    ['PPG_HTTP_TLS_CERT', 'a.pem', 'ppg.http.tls.key (PPG_HTTP_TLS_KEY): is missing: certificate and key go together'],
    ['PPG_MSRP_TLS_KEY', 'a.key', 'ppg.msrp.tls.cert (PPG_MSRP_TLS_CERT): is missing: certificate and key go together'],
    ['PPG_CAPABILITIES_TTL', 'a day', 'ppg.sip.capabilities.ttl (PPG_CAPABILITIES_TTL): must be milliseconds'],
    [
      'PPG_CAPABILITIES_IN_FLIGHT',
      '0',
      'ppg.sip.capabilities.inFlight (PPG_CAPABILITIES_IN_FLIGHT): must be 1 or more',
    ],
  ];
  for (const [variable, value, said] of refusals) {
    it(`says what ${variable}=${value} lacks`, () => {
      const text = refusal({ [variable]: value });
      assert.ok(text.includes(said), text);
      assert.doesNotMatch(text, /invalid input/i);
    });
  }

  it('says a thing once: no cause repeats it in another form', () => {
    for (const given of [{ PPG_DOMAIN: 'not a domain' }, { PPG_HTTP_PORT: 'x' }]) {
      const read = (): unknown => loadConfig(given, directory.file('nothing-here'));
      assert.throws(read, (error) => error instanceof PpgError && error.cause === undefined);
    }
  });

  it('refuses what it does not know, and files that are no JSON', () => {
    const path = put('typo', 'default.json', { ppg: { htpp: {} } });
    assert.throws(() => loadConfig({ NODE_CONFIG_DIR: path }), /\n {2}ppg\.htpp: is no option$/);
    writeFileSync(join(path, 'default.json'), '{"ppg":');
    assert.throws(() => loadConfig({ NODE_CONFIG_DIR: path }), /Cannot parse config file/);
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { PpgOptions } from '../../../lib/ppg.ts';
import { TestRelay, type TestRelayOptions } from '../../support/msrp-relay.ts';
import { tlsPair, tlsText } from '../../support/tls-fixtures.ts';
import { MsrpScene, nextPush } from './scene.ts';

const ACCOUNT = { user: 'ppg', password: 'a secret "word"' };

describe('pushes by MSRP through a relay of the gateway (RFC 4976)', function () {
  this.timeout(60_000);
  let relay: TestRelay;
  let scene: MsrpScene | undefined;

  afterEach(async () => {
    await scene?.stop();
    scene = undefined;
    await relay.stop();
  });

  /** Resolves once `holds` does, looked at after every AUTH. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (relay.onAuth = resolve));
  }

  async function begin(
    more: Partial<TestRelayOptions> = {},
    account: Partial<typeof ACCOUNT> & { ca?: string } = {},
    options: Partial<PpgOptions> = {},
  ): Promise<MsrpScene> {
    relay = await new TestRelay({ ...ACCOUNT, ...more }).start();
    scene = await new MsrpScene('direct').start({
      ...options,
      msrp: {
        listen: false,
        setup: 'active',
        above: 0,
        transactionTime: 2_000,
        relay: { uri: relay.uri, ...ACCOUNT, ...account },
      },
    });
    return scene;
  }

  const ready = (): boolean => scene?.ppg.msrp?.relayReady === true;

  it('arrive, and the report of the device comes back', async () => {
    const of = await begin();
    await until(() => relay.granted > 0);
    const phone = await of.phone('alice');
    for (const size of [0, 2_000, 1_048_576]) {
      const body = randomBytes(size);
      const came = nextPush(phone);
      const { state, attempts } = await of.push('alice', body);
      assert.deepEqual(
        [state, attempts.map(({ bearer, cause }) => [bearer, cause])],
        ['delivered', [['msrp-session', 'msrp success report']]],
      );
      const push = await came;
      assert.ok(push.body.equals(body));
      assert.match(push.headers.get('From-Path') ?? '', new RegExp(`^msrp://127\\.0\\.0\\.1:${relay.port}/\\S+ msrp:`));
    }
    assert.ok(relay.handedOn > 100);
    assert.equal(relay.challenged, 1);
  });

  it('may go over TLS, where the certificate is that of the relay, and signed', async () => {
    await begin({ tls: tlsPair('server') }, { ca: tlsText('ca.pem') });
    await until(() => relay.granted > 0);
    assert.equal(relay.challenged, 1);
  });

  for (const name of ['stranger', 'other']) {
    it(`wait where the certificate is ${name === 'other' ? 'of another host' : 'signed by nobody who is trusted'}`, async () => {
      const of = await begin({ tls: tlsPair(name) }, { ca: tlsText('ca.pem') });
      await of.phone('alice');
      const { state, attempts } = await of.push('alice', randomBytes(2_000));
      assert.deepEqual([state, attempts.map(({ cause }) => cause)], ['pending', ['the MSRP relay is not there']]);
      assert.equal(relay.challenged + relay.granted, 0);
    });
  }

  it('wait where the password is wrong, which is sent once', async () => {
    const of = await begin({}, { password: 'another' });
    await until(() => relay.challenged === 2);
    await of.phone('alice');
    assert.equal((await of.push('alice', randomBytes(2_000))).state, 'pending');
    assert.equal(ready(), false);
  });

  it('go on once a relay that was lost is back', async () => {
    const of = await begin();
    await until(() => relay.granted > 0);
    await of.phone('alice');
    assert.equal((await of.push('alice', randomBytes(2_000))).state, 'delivered');
    relay.hangUp();
    await until(() => relay.granted > 1);
    await of.phone('bob');
    assert.equal((await of.push('bob', randomBytes(2_000))).state, 'delivered');
  });

  it('go on after an authorisation ran out, with an interval of the relay and a nonce that is stale', async () => {
    // Of one second: two are the least that count, and half way it is asked anew.
    const of = await begin({ seconds: 1 });
    await until(() => relay.granted === 1);
    relay.forgetNonces();
    await until(() => relay.granted === 2);
    await of.phone('alice');
    assert.equal((await of.push('alice', randomBytes(2_000))).state, 'delivered');
    assert.equal(ready(), true);
  });

  it('are never sent to a relay that refuses us', async () => {
    const of = await begin();
    await until(() => relay.granted > 0);
    relay.refusal = '403 Not any more';
    relay.hangUp();
    let auths = 0;
    await until(() => auths++ > 0);
    await of.phone('alice');
    const before = relay.handedOn;
    assert.equal((await of.push('alice', randomBytes(2_000))).state, 'pending');
    assert.equal(relay.handedOn, before);
  });
});

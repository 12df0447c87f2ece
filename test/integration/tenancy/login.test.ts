import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createPpg } from '../../../lib/ppg.ts';
import { basic, secretHash, TenantGateway } from '../../support/tenants.ts';

describe('log-in to PAP', () => {
  let gateway: TenantGateway;
  let token: string;
  before(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const auth = {
      token: { issuer: 'https://id.test/', audience: 'ppg', keys: { keys: [await exportJWK(publicKey)] } },
    };
    token = await new SignJWT({ sub: 'by-token' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://id.test/')
      .setAudience('ppg')
      .setExpirationTime('5m')
      .sign(privateKey);
    const initiators = [
      { name: 'by-token', allow: { recipients: { domains: ['ims.test'] } } },
      { name: 'by-password', passwordHash: await secretHash() },
      { name: 'by-hook' },
    ];
    gateway = await TenantGateway.of({
      auth,
      initiators,
      authenticate: ({ headers }) => (headers['x-verified'] === undefined ? undefined : String(headers['x-verified'])),
    });
  });
  after(() => gateway.close());

  it('goes by password, by token and by the check of the app, each to its own account', async () => {
    const ways: [string, Record<string, string>][] = [
      ['by-token', { Authorization: `Bearer ${token}` }],
      ['by-password', basic('by-password')],
      ['by-hook', { 'X-Verified': 'by-hook' }],
    ];
    for (const [name, headers] of ways) {
      assert.equal((await gateway.post(headers, { pushId: name })).status, 202, name);
      assert.ok(await gateway.ppg.status(name, name));
    }
  });

  it('holds an account to its policy whichever way it came', async () => {
    const { text } = await gateway.post({ Authorization: `Bearer ${token}` }, { to: ['sip:bob@elsewhere.test'] });
    assert.match(text, /code="2001".*allow\.recipients/s);
  });

  it('names every way to who comes without one, and an account without a password has none', async () => {
    const none = await gateway.post({});
    assert.equal(none.status, 401);
    assert.match(String(none.headers['www-authenticate']), /Basic .*Bearer /);
    assert.equal((await gateway.post(basic('by-token', ''))).status, 401);
    assert.equal((await gateway.post(basic('by-hook'))).status, 401);
    assert.equal((await gateway.post({ 'X-Verified': 'nobody' })).status, 401);
    assert.equal((await gateway.post({ Authorization: `Bearer ${token}x` })).status, 401);
  });

  it('is refused at start when it cannot be safe', () => {
    const make = (more: object) => () => createPpg({ domain: 'ims.test', store: 'memory', ...more });
    const token = { issuer: 'i', audience: 'a' };
    assert.throws(make({ auth: { token } }), /auth\.token: needs jwksUrl or keys/);
    assert.throws(make({ auth: { token: { ...token, jwksUrl: 'http://id.test/' } } }), /https/);
    const none = { ...token, keys: { keys: [] }, algorithms: ['none'] };
    assert.throws(make({ auth: { token: none } }), /must not be none/);
    const notify = { bearer: 'abc' };
    assert.throws(make({ initiators: [{ name: 'x', notify }] }), /initiators\.0\.notify: needs allow\.notifyTargets/);
  });
});

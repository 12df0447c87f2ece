import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { PpgOptions } from '../../../lib/ppg.ts';
import { createPpg } from '../../../lib/ppg.ts';
import { Endpoint } from '../../support/pap-endpoint.ts';
import { basic, pushBody, secretHash, TenantGateway } from '../../support/tenants.ts';

const pem = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');

describe('PAP in clear', () => {
  let gateway: TenantGateway | undefined;
  let passwordHash: string;
  const denied: string[] = [];
  const serve = async (options: Partial<PpgOptions>): Promise<TenantGateway> => {
    gateway = await TenantGateway.of(options);
    gateway.ppg.on('denied', ({ reason, initiator = 'nobody' }) => denied.push(`${reason} ${initiator}`));
    return gateway;
  };
  before(async () => {
    passwordHash = await secretHash();
  });
  beforeEach(() => {
    denied.length = 0;
  });
  afterEach(async () => {
    await gateway?.close();
    gateway = undefined;
  });
  const accounts = (): PpgOptions['initiators'] => [
    { name: 'bank', passwordHash, requireTls: true },
    { name: 'shop', passwordHash },
  ];

  it('of an account that must use TLS is refused with 403 and a sentence; others are not held to it', async () => {
    const one = await serve({ initiators: accounts() });
    const refused = await one.post(basic('bank'));
    assert.deepEqual([refused.status, refused.text], [403, 'this account may send PAP by HTTPS only\n']);
    assert.equal(refused.headers.connection, 'close');
    assert.equal((await one.post(basic('shop'))).status, 202);
    assert.deepEqual(denied, ['plaintext bank']);
  });

  it('is refused altogether where the gateway is told so, without a challenge and before a password is looked at', async () => {
    const one = await serve({ initiators: accounts(), auth: { requireTls: true } });
    for (const headers of [{}, basic('shop'), basic('shop', 'wrong')]) {
      const { status, text, headers: told } = await one.post(headers);
      assert.deepEqual([status, text], [403, 'this gateway takes PAP by HTTPS only\n']);
      assert.equal(told['www-authenticate'], undefined);
    }
    assert.deepEqual(denied, ['plaintext nobody', 'plaintext nobody', 'plaintext nobody']);
  });

  for (const [who, trustedProxies, status] of [
    ['a trusted proxy', ['127.0.0.0/8'], 202],
    ['anybody else', ['192.0.2.1'], 403],
  ] as const) {
    it(`that ${who} says was HTTPS: ${status}`, async () => {
      const one = await serve({ initiators: accounts(), auth: { requireTls: true, trustedProxies } });
      const answer = await one.post({
        ...basic('bank'),
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-For': '198.51.100.7',
      });
      assert.equal(answer.status, status);
      const forged = { 'X-Forwarded-Proto': 'https, http' };
      assert.equal(
        (await one.post({ ...basic('bank'), ...forged })).status,
        403,
        'only what the proxy wrote itself counts',
      );
    });
  }

  it('is no matter for a proxy that cannot be read: the gateway is not made', () =>
    assert.throws(() => createPpg({ domain: 'ims.test', store: 'memory', auth: { trustedProxies: ['proxy'] } }), {
      code: 'PPG_E_OPTIONS',
      message: /auth\.trustedProxies/,
    }));

  it('is not what came by TLS', async () => {
    const ppg = createPpg({
      domain: 'ims.test',
      store: 'memory',
      initiators: accounts(),
      auth: { requireTls: true },
    });
    const pap = ppg.pap();
    const server = createServer({ cert: pem('server.pem'), key: pem('server.key') }, (request, response) =>
      pap(request, response, () => response.end()),
    );
    const endpoint = await Endpoint.of(server);
    await ppg.start();
    try {
      const type = 'multipart/related; boundary=B; type="application/xml"';
      const answer = await endpoint.post(pushBody(), type, { headers: basic('bank'), ca: pem('ca.pem') });
      assert.equal(answer.status, 202);
    } finally {
      await endpoint.close();
      await ppg.stop();
    }
  });
});

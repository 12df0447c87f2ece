import assert from 'node:assert/strict';
import { request } from 'node:http';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import { type RunningHttp, startHttp } from '../../../lib/cli/http.ts';
import { createHealth } from '../../../lib/ops/health.ts';
import { createMetrics, type Metrics } from '../../../lib/ops/metrics.ts';
import { createPpg, type Ppg } from '../../../lib/ppg.ts';
import { basic, pushBody, secretHash } from '../../support/tenants.ts';

const TYPE = 'multipart/related; boundary=B; type="application/xml"';
const TOKEN = 'an-operators-own-token';

interface Outcome {
  readonly status: number;
  readonly invited: boolean;
}

describe('Expect: 100-continue at the server that serve owns', () => {
  let ppg: Ppg;
  let metrics: Metrics;
  let http: RunningHttp;

  before(async () => {
    const passwordHash = await secretHash();
    ppg = createPpg({
      domain: 'ims.test',
      store: 'memory',
      initiators: [
        { name: 'shop', passwordHash },
        { name: 'bank', passwordHash, requireTls: true },
        { name: 'besieged', passwordHash },
      ],
      authenticate: ({ headers }) => {
        if (headers['x-test'] === 'no answer') throw new Error('the directory is away');
        return undefined;
      },
    });
    metrics = createMetrics(ppg);
    http = await startHttp({
      ...{ ppg, metrics, log: silentLogger, clock: systemClock, health: createHealth(ppg, systemClock) },
      ...{ host: '127.0.0.1', port: 0, adminToken: TOKEN },
    });
    await ppg.start();
  });
  after(async () => {
    const drained = http.drain();
    http.close();
    await drained;
    await ppg.stop();
    metrics.close();
  });

  /** Sends the body only once it was asked for. */
  const expecting = (
    headers: Record<string, string>,
    { path = '/pap', body = pushBody() }: { path?: string; body?: string } = {},
  ): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      let invited = false;
      const outgoing = request({
        ...{ host: '127.0.0.1', port: http.port, method: 'POST', path, agent: false },
        headers: {
          Expect: '100-continue',
          'Content-Type': TYPE,
          'Content-Length': Buffer.byteLength(body),
          ...headers,
        },
      });
      outgoing.on('continue', () => {
        invited = true;
        outgoing.end(body);
      });
      outgoing.on('response', (incoming) => {
        incoming.resume();
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, invited });
          outgoing.destroy();
        });
      });
      outgoing.on('error', reject);
      outgoing.flushHeaders();
    });

  for (const path of ['/pap', '/pap/', '/pap?a=b']) {
    it(`asks for the body of a request that may be, at ${path}`, async () =>
      assert.deepEqual(await expecting(basic('shop'), { path }), { status: 202, invited: true }));
  }

  for (const [what, headers, status] of [
    ['without credentials', {}, 401],
    ['with the wrong password', basic('shop', 'wrong'), 401],
    ['of an account that must come by TLS', basic('bank'), 403],
    ['that announces too much', { ...basic('shop'), 'Content-Length': '1000000000' }, 413],
    ['of another type', { ...basic('shop'), 'Content-Type': 'application/json' }, 415],
    ['that expects something else', { ...basic('shop'), Expect: 'miracles' }, 417],
    ['that cannot be judged just now', { ...basic('shop'), 'X-Test': 'no answer' }, 503],
  ] as const) {
    it(`answers one ${what} with ${status}, unread`, async () =>
      assert.deepEqual(await expecting(headers), { status, invited: false }));
  }

  it('answers one of an account that is guessed at with 429, unread', async () => {
    for (let i = 0; i < 10; i++) await expecting(basic('besieged', `${i}`));
    assert.deepEqual(await expecting(basic('besieged')), { status: 429, invited: false });
  });

  it('asks an operator for the body once he has shown the token, and nobody for one that has no use', async () => {
    const command = { path: '/admin/notifications/replay', body: '{}' };
    const json = { 'Content-Type': 'application/json' };
    assert.deepEqual(await expecting(json, command), { status: 401, invited: false });
    assert.deepEqual(await expecting({ ...json, Authorization: `Bearer ${TOKEN}` }, command), {
      status: 200,
      invited: true,
    });
    assert.deepEqual(await expecting({}, { path: '/nowhere' }), { status: 404, invited: false });
  });
});

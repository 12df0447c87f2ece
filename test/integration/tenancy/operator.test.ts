import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Logger } from '../../../lib/base/log.ts';
import { adminRouter } from '../../../lib/cli/admin.ts';
import { startHttp } from '../../../lib/cli/http.ts';
import { erase, notifications } from '../../../lib/cli/operate.ts';
import type { Terminal } from '../../../lib/cli/terminal.ts';
import { createHealth } from '../../../lib/ops/health.ts';
import { createMetrics } from '../../../lib/ops/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { basic, secretHash, TenantGateway } from '../../support/tenants.ts';

const QUIET: Terminal = {
  line: () => undefined,
  note: () => undefined,
  octets: () => undefined,
  interactive: false,
  input: async () => Buffer.alloc(0),
};
const TOKEN = 'an-operators-own-token';

describe('an operator of a running gateway', () => {
  let gateway: TenantGateway;
  let admin: Server;
  let pi: Server;
  let url: string;
  let notifyUrl: string;
  let status = 500;
  const got: string[] = [];
  const clock = new FakeClock();
  const logged: string[] = [];
  const keep = (fields: object | string, message?: string): void => {
    logged.push(
      JSON.stringify([fields, message], (_key, value) =>
        value instanceof Error ? `${value.stack} ${JSON.stringify(value)}` : value,
      ),
    );
  };
  const log: Logger = { debug: keep, info: keep, warn: keep, error: keep };

  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  before(async () => {
    pi = createServer((req, res) => {
      got.push(req.headers.authorization ?? '');
      req.resume();
      res.writeHead(status).end();
    }).listen(0, '127.0.0.1');
    await once(pi, 'listening');
    notifyUrl = `http://127.0.0.1:${portOf(pi)}/notify`;
    gateway = await TenantGateway.of({
      log,
      initiators: [
        {
          name: 'one',
          passwordHash: await secretHash(),
          allow: { notifyTargets: ['127.0.0.1'] },
          notify: { bearer: 'NOTIFY-TOKEN' },
        },
      ],
      notify: { allowPrivate: true, first: 0, giveUpAfter: 0 },
    });
    const app = express().use('/admin', adminRouter({ ppg: gateway.ppg, token: TOKEN, clock, log }));
    admin = createServer(app).listen(0, '127.0.0.1');
    await once(admin, 'listening');
    url = `http://127.0.0.1:${portOf(admin)}/admin`;
  });
  after(async () => {
    await gateway.close();
    for (const server of [admin, pi]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  /** A push that is over at once, and whose notification the PI does not take. */
  const dead = async (pushId: string): Promise<void> => {
    const ended = new Promise<void>((resolve) => {
      const off = gateway.ppg.on('notification', (event) => {
        if (event.pushId !== pushId) return;
        off();
        resolve();
      });
    });
    const attributes = `deliver-before-timestamp="2020-01-01T00:00:00Z" ppg-notify-requested-to="${notifyUrl}"`;
    assert.equal((await gateway.push('one', { pushId, attributes, body: 'SECRET-CONTENT' }))[1], 1001);
    await ended;
  };

  const cli = async (run: (terminal: Terminal) => Promise<number>): Promise<[number, string]> => {
    const out: string[] = [];
    const write = (text: string): void => void out.push(text);
    return [await run({ ...QUIET, line: write, note: write }), out.join('\n')];
  };
  const options = () => ({ url, token: TOKEN });

  it('sees what was given up, and has it sent again', async () => {
    await dead('d1');
    await dead('d2');
    const [code, text] = await cli((terminal) => notifications(options(), terminal));
    assert.equal(code, 0);
    assert.match(text, /one d1 sip:alice@ims\.test: expired, 4001; http:.* not taken in 1 tries\n.* d2 /);
    status = 202;
    const taken = new Promise((resolve) => gateway.ppg.on('notification', ({ result }) => resolve(result)));
    assert.deepEqual(await cli((terminal) => notifications({ ...options(), replay: true, pushId: 'd2' }, terminal)), [
      0,
      '1 sent again',
    ]);
    assert.equal(await taken, 'done');
    const [, left] = await cli((terminal) => notifications({ ...options(), json: true }, terminal));
    assert.deepEqual(
      JSON.parse(left).map(({ pushId }: { pushId: string }) => pushId),
      ['d1'],
    );
    assert.equal(got.at(-1), 'Bearer NOTIFY-TOKEN');
  });

  it('erases a subscriber', async () => {
    await gateway.push('one', { pushId: 'e1', to: ['sip:erin@ims.test', 'sip:bob@ims.test'] });
    const ended = new Promise((resolve) => gateway.ppg.on('state', resolve));
    assert.deepEqual(await cli((terminal) => erase('erin@ims.test', options(), terminal)), [
      0,
      '1 waiting ended, 1 erased, 0 remaining',
    ]);
    assert.equal(((await ended) as { state: string }).state, 'cancelled');
    const found = await gateway.ppg.status('e1', 'one');
    assert.deepEqual(
      found?.recipients.map(({ address, state }) => [address.aor, state]),
      [
        ['sip:anonymous@anonymous.invalid', 'cancelled'],
        ['sip:bob@ims.test', 'pending'],
      ],
    );
  });

  it('has to say whom and what in a form that can be read', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
      const answer = await fetch(url + path, { headers, ...init });
      await answer.body?.cancel();
      return answer.status;
    };
    assert.equal(await ask('/erase', { method: 'POST', body: '{"user":"a b"}' }), 400);
    assert.equal(await ask('/erase', { method: 'POST', body: '{}' }), 400);
    assert.equal(await ask('/erase', { method: 'POST', body: '{"user"' }), 400);
    assert.equal(await ask('/erase', { method: 'POST', body: `"${'x'.repeat(20_000)}"` }), 413);
    assert.equal(await ask('/notifications?limit=0'), 400);
    assert.equal(await ask('/nothing'), 404);
  });

  it('is nobody without the token, and not for long', async () => {
    const ask = async (authorization: string): Promise<number> =>
      (await fetch(`${url}/notifications`, { headers: { authorization } })).status;
    for (let i = 0; i < 10; i++) assert.equal(await ask('Bearer GUESSED-TOKEN'), 401);
    assert.equal(await ask(`Bearer ${TOKEN}`), 429);
    clock.tick(60_000);
    assert.equal(await ask(`Bearer ${TOKEN}`), 200);
    await assert.rejects(notifications({ url }, QUIET), {
      code: 'PPG_E_CONFIG',
    });
  });

  it('is told of in the audit of serve when he did not know the token', async () => {
    const lines: object[] = [];
    const audit = { info: (fields: object | string) => void lines.push(fields as object) };
    const metrics = createMetrics(gateway.ppg);
    const health = createHealth(gateway.ppg, clock);
    const http = await startHttp({
      ...{ ppg: gateway.ppg, health, metrics, log, clock, audit },
      ...{ host: '127.0.0.1', port: 0, adminToken: TOKEN },
    });
    try {
      for (let i = 0; i < 12; i++) {
        const headers = { authorization: i === 0 ? `Bearer ${TOKEN}` : 'Bearer GUESSED-TOKEN' };
        const answer = await fetch(`http://127.0.0.1:${http.port}/admin/notifications`, { headers });
        await answer.body?.cancel();
      }
    } finally {
      const drained = http.drain();
      http.close();
      await drained;
      metrics.close();
    }
    const line = { event: 'operator-denied', at: clock.now(), source: '127.0.0.1', reason: 'wrong', attempts: 1 };
    assert.deepEqual(lines, [...Array(10).fill(line), { ...line, reason: 'limited' }]);
  });

  it('finds neither content nor credentials in the log, at any level', async () => {
    await gateway.post(basic('one', 'WRONG-PASSWORD'), { body: 'SECRET-CONTENT' });
    await gateway.push('one', { body: 'SECRET-CONTENT', to: ['not an address'] });
    await gateway.endpoint.post('--B\r\n\r\nSECRET-CONTENT\r\n--B--', 'multipart/related; boundary=B', {
      headers: basic('one'),
    });
    const encoded = Buffer.from('one:secret').toString('base64');
    const wrong = Buffer.from('one:WRONG-PASSWORD').toString('base64');
    assert.ok(logged.length > 3);
    for (const line of logged) {
      for (const hidden of [
        'SECRET-CONTENT',
        'WRONG-PASSWORD',
        'NOTIFY-TOKEN',
        'GUESSED-TOKEN',
        TOKEN,
        encoded,
        wrong,
        'scrypt$',
        'uthorization',
      ]) {
        assert.ok(!line.includes(hidden), `${hidden} in ${line}`);
      }
    }
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { encodeMmsNotification } from '../../../lib/cli/demo/mms-notification.ts';
import {
  FREE_PORTS,
  runCli,
  type ServedGateway,
  serveGateway,
  startCli,
  temporaryDirectory,
} from '../../support/cli.ts';
import type { Program } from '../../support/process.ts';

const ALICE = 'alice@ims.localhost';

describe('drachtio-ppg serve, phone and push', function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  let gateway: ServedGateway;
  const processes: Program[] = [];

  const run = (...args: string[]) => runCli(args, { cwd: directory.path });
  const account = (): string[] => ['--url', gateway.url, '--user', 'pi', '--pass', 'secret'];
  const phone = async (user: string, ...args: string[]): Promise<Program> => {
    const cli = startCli(['phone', '--server', gateway.registrar, '--user', user, '--json', ...args]);
    processes.push(cli);
    await cli.until(/registered sip:/);
    return cli;
  };

  before(async () => {
    gateway = await serveGateway(directory.path);
  });
  after(async () => {
    for (const one of processes) await one.kill();
    await gateway?.cli.kill();
    directory.remove();
  });

  it('a binary push comes to the device octet for octet, and --wait tells so', async () => {
    const body = encodeMmsNotification({
      transactionId: 'T1',
      from: '+358401234567/TYPE=PLMN',
      messageSize: 1000,
      expiresIn: 3600,
      contentLocation: 'http://mmsc.localhost/T1',
    });
    writeFileSync(directory.file('mms.bin'), body);
    const device = await phone(ALICE, '--app', 'mms.ua');
    const type = 'application/vnd.wap.mms-message';
    const pushed = await run(
      'push',
      ...account(),
      '--to',
      ALICE,
      '--app',
      'mms.ua',
      '--type',
      type,
      '--confirmed',
      '--wait',
      directory.file('mms.bin'),
    );
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(pushed.stdout, /^sip:alice@ims\.localhost: delivered \(confirmed\), 1000 /);
    const line = (await device.until(/^\{.*\}$/m))[0];
    const push = JSON.parse(line) as { size: number; sha256: string; contentType: string; headers: { name: string }[] };
    assert.equal(push.size, body.length);
    assert.equal(push.sha256, createHash('sha256').update(body).digest('hex'));
    assert.equal(push.contentType, type);
    assert.ok(push.headers.some(({ name }) => name.toLowerCase() === 'x-wap-application-id'));
    device.signal('SIGINT');
    assert.equal(await device.ended, 0);
  });

  it('a push for a user who is away waits for the registration, and status tells both', async () => {
    const options = ['--to', 'bob@ims.localhost', '--app', 'wml.ua', '--type', 'text/plain', '--push-id', 'p-bob'];
    const pushed = await runCli(['push', ...account(), ...options, '--json', '-'], { input: 'hello' });
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.deepEqual(JSON.parse(pushed.stdout).code, 1001);
    const waiting = await run('status', 'p-bob', ...account());
    assert.equal(waiting.code, 0, waiting.stderr);
    assert.match(waiting.stdout, /^sip:bob@ims\.localhost: pending/);
    const device = await phone('bob@ims.localhost', '--app', 'wml.ua', '--transport', 'tcp');
    await device.until(/"size":5/);
    const again = await runCli(['push', ...account(), ...options, '-'], { input: 'hello' });
    assert.equal(again.code, 1);
    assert.match(again.stdout, /^2007 /);
  });

  it('a push that waits is cancelled, or replaced, and one that is gone is not', async () => {
    const push = (...options: string[]) =>
      runCli(['push', ...account(), '--to', 'dora@ims.localhost', '--type', 'text/plain', ...options, '-'], {
        input: 'hello',
      });
    await push('--push-id', 'p-dora');
    const replaced = await push('--push-id', 'p-dora-2', '--replace', 'p-dora', '--pending-only');
    assert.match(replaced.stdout, /^1001 /, replaced.stderr);
    const old = await run('status', 'p-dora', ...account());
    assert.match(old.stdout, /dora@ims\.localhost: cancelled, 1000 Replaced by another push/);
    const stranger = await run('cancel', 'p-dora-2', ...account(), '--to', 'nobody@ims.localhost');
    assert.equal(stranger.code, 1);
    assert.match(stranger.stdout, /^sip:nobody@ims\.localhost: not cancelled, 2003 /);
    const cancelled = await run('cancel', 'p-dora-2', ...account(), '--to', 'dora@ims.localhost');
    assert.equal(cancelled.code, 0, cancelled.stderr);
    assert.match(cancelled.stdout, /^sip:dora@ims\.localhost: cancelled, 1000 OK$/m);
    const again = await run('cancel', 'p-dora-2', ...account(), '--json');
    assert.equal(again.code, 1);
    assert.equal(JSON.parse(again.stdout).code, 3003);
    const unknown = await run('cancel', 'nobody-sent-this', ...account());
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /2004/);
    const alone = await push('--pending-only');
    assert.equal(alone.code, 2);
    assert.match(alone.stderr, /--replace/);
  });

  it('a refusal by the device ends the wait with exit code 1', async () => {
    await phone('carol@ims.localhost', '--app', 'wml.ua', '--answer', '603');
    const pushed = await runCli(
      [
        'push',
        ...account(),
        '--to',
        'sip:carol@ims.localhost',
        '--app',
        'wml.ua',
        '--type',
        'text/plain',
        '--confirmed',
        '--wait',
        '-',
      ],
      { input: 'hello' },
    );
    assert.equal(pushed.code, 1);
    assert.match(pushed.stdout, /: aborted, 5235 /);
  });

  it('a wrong password and an unknown push-id are told as what they are', async () => {
    const wrong = await run('status', 'p-bob', '--url', gateway.url, '--user', 'pi', '--pass', 'guess');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /does not know this user and password/);
    const unknown = await run('status', 'nobody-sent-this', ...account());
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /2004/);
  });

  it('health, readiness and metrics are served beside PAP', async () => {
    const base = gateway.url.replace(/\/pap$/, '');
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    const ready = await fetch(`${base}/readyz`);
    assert.equal(ready.status, 200, await ready.text());
    const metrics = await (await fetch(`${base}/metrics`)).text();
    assert.match(metrics, /^ppg_pushes_accepted_total [1-9]/m);
    assert.match(metrics, /^ppg_recipients_final_total\{state="delivered",code="1000"\} [1-9]/m);
    assert.match(metrics, /^process_resident_memory_bytes /m);
    assert.equal((await fetch(`${base}/elsewhere`)).status, 404);
  });

  it('a second gateway on the same store, and one on a taken port, say what to do', async () => {
    const store = await runCli(['serve'], {
      env: { ...FREE_PORTS, PPG_STORE: `sqlite:${directory.file('ppg.db')}`, PPG_LOG_LEVEL: 'silent' },
    });
    assert.equal(store.code, 1, store.stderr);
    assert.match(store.stderr, /ppg\.db/);
    const port = new URL(gateway.url).port;
    const taken = await runCli(['serve'], {
      env: { ...FREE_PORTS, PPG_STORE: 'memory', PPG_HTTP_PORT: port, PPG_LOG_LEVEL: 'silent' },
    });
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`port ${port} \\(HTTP\\).*in use.*PPG_HTTP_PORT`));
    assert.equal(taken.stderr.trim().split('\n').length, 1, taken.stderr);
  });

  for (const command of ['serve', 'core', 'sipd'])
    it(`${command} logs which variables it does not know, and starts`, async () => {
      const env = { ...FREE_PORTS, PPG_STORE: 'memory', PPG_HTTP_PROT: '8081', PPG_LOG_LEVEL: 'warn' };
      const args = command === 'core' ? ['--as', 'sip:127.0.0.1:9'] : [];
      const started = startCli([command, ...args], { cwd: directory.path, env });
      try {
        await started.until(/"msg":"PPG_HTTP_PROT is not known; did you mean PPG_HTTP_PORT\?"/);
        await started.until(command === 'serve' ? /users at / : /UDP and TCP/);
      } finally {
        await started.kill();
      }
    });

  it('SIGTERM does not wait for a silent device longer than stopWithin, and the push goes on at the next start', async () => {
    const own = temporaryDirectory();
    let served = await serveGateway(own.path, { PPG_STOP_WITHIN: '300' });
    try {
      const target = (): string[] => ['--url', served.url, '--user', 'pi', '--pass', 'secret'];
      const device = startCli([
        'phone',
        '--server',
        served.registrar,
        '--user',
        ALICE,
        '--answer',
        'silent,200',
        '--json',
      ]);
      processes.push(device);
      await device.until(/registered/);
      const options = ['--to', ALICE, '--type', 'text/plain', '--push-id', 'p-silent', '--confirmed', '-'];
      const pushed = await runCli(['push', ...target(), ...options], { input: 'hello' });
      assert.equal(pushed.code, 0, pushed.stderr);
      await device.until(/"answered":"silent"/);
      served.cli.signal('SIGTERM');
      assert.equal(await served.cli.ended, 0);
      assert.match(served.cli.stderr, /did not end in time/);
      served = await serveGateway(own.path);
      await device.until(/"answered":200/);
      const { stdout, stderr } = await runCli(['status', 'p-silent', ...target()]);
      assert.match(stdout, /delivered \(confirmed\), 1000|pending/, stderr);
    } finally {
      await served.cli.kill();
      own.remove();
    }
  });

  it('SIGTERM ends it with 0, and the next start knows pushes and registrations', async () => {
    gateway.cli.signal('SIGTERM');
    assert.equal(await gateway.cli.ended, 0, gateway.cli.stderr);
    gateway = await serveGateway(directory.path);
    const status = await run('status', 'p-bob', ...account());
    assert.match(status.stdout, /^sip:bob@ims\.localhost: delivered/, status.stderr);
    // bob's phone still listens and has not registered anew: only the core's file knows it
    const pushed = await runCli(
      [
        'push',
        ...account(),
        '--to',
        'bob@ims.localhost',
        '--app',
        'wml.ua',
        '--type',
        'text/plain',
        '--confirmed',
        '--wait',
        '-',
      ],
      { input: 'again' },
    );
    assert.equal(pushed.code, 0, pushed.stdout + pushed.stderr);
  });
});

describe('drachtio-ppg serve with one leg only', function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  after(() => directory.remove());

  for (const leg of ['direct', 'drachtio']) {
    it(`PPG_SIP_LEG=${leg} delivers text`, async () => {
      const { cli, url, registrar } = await serveGateway(directory.path, { PPG_SIP_LEG: leg, PPG_STORE: 'memory' });
      const device = startCli(['phone', '--server', registrar, '--user', ALICE, '--app', 'wml.ua', '--json']);
      try {
        await device.until(/registered/);
        const pushed = await runCli(
          ['push', '--url', url, '--user', 'pi', '--to', ALICE, '--type', 'text/plain', '--confirmed', '--wait', '-'],
          { input: 'hello', env: { PPG_PASSWORD: 'secret' } },
        );
        assert.equal(pushed.code, 0, pushed.stdout + pushed.stderr + cli.stdout);
        assert.equal(/direct \(SIP/.test(cli.stderr), leg === 'direct');
        assert.equal(/drachtio-srf on sipd/.test(cli.stderr), leg === 'drachtio');
      } finally {
        await device.kill();
        await cli.kill();
      }
    });
  }

  it('a core with users in config/ registers nobody without the password', async () => {
    const app = temporaryDirectory();
    mkdirSync(app.file('config'));
    writeFileSync(app.file('config/default.json'), JSON.stringify({ ppg: { core: { users: { alice: 'wonder' } } } }));
    const { cli, registrar } = await serveGateway(app.path, { PPG_STORE: 'memory' });
    const args = ['phone', '--server', registrar, '--user', ALICE];
    const device = startCli([...args, '--pass', 'wonder']);
    try {
      for (const wrong of [args, [...args, '--pass', 'guess']]) {
        const { code, stderr } = await runCli(wrong);
        assert.equal(code, 1);
        assert.match(stderr, /40[13]/);
      }
      await device.until(/registered sip:alice/);
    } finally {
      await device.kill();
      await cli.kill();
      app.remove();
    }
  });

  it('a port that sipd or core cannot have is told by its variable', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    try {
      for (const variable of ['PPG_SIPD_PORT', 'PPG_SIP_PORT', 'PPG_DIRECT_PORT', 'PPG_DRACHTIO_PORT']) {
        const { code, stderr } = await runCli(['serve'], {
          env: { ...FREE_PORTS, PPG_STORE: 'memory', PPG_LOG_LEVEL: 'silent', [variable]: String(port) },
        });
        assert.equal(code, 1, stderr);
        assert.match(stderr, new RegExp(`port ${port} .*in use.*${variable}`));
      }
    } finally {
      server.close();
    }
  });
});

describe('drachtio-ppg serve beside a server and a core of their own', function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  const processes: Program[] = [];
  const start = (args: string[], env: Record<string, string> = {}): Program => {
    const cli = startCli(args, { env: { ...FREE_PORTS, PPG_LOG_LEVEL: 'silent', ...env }, cwd: directory.path });
    processes.push(cli);
    return cli;
  };
  after(async () => {
    for (const one of processes) await one.kill();
    directory.remove();
  });

  it('starts neither of the embedded ones, and delivers', async () => {
    const sipd = await start(['sipd', '--secret', 'cymru']).until(/SIP on \S+:(\d+) .*127\.0\.0\.1:(\d+)/);
    const core = await start(['core', '--as', `sip:127.0.0.1:${sipd[1]}`]).until(/register at \S+:(\d+)/);
    const beside = {
      DRACHTIO_HOST: '127.0.0.1',
      DRACHTIO_PORT: sipd[2] as string,
      PPG_NEXT_HOP: `sip:127.0.0.1:${core[1]}`,
      PPG_STORE: 'memory',
      PPG_INITIATORS: 'pi:secret',
    };
    const refused = start(['serve'], { ...beside, DRACHTIO_SECRET: 'wrong' });
    assert.equal(await refused.ended, 1);
    assert.match(refused.stderr, /is the secret right\?/);
    assert.equal(await start(['serve'], beside).ended, 2, 'a server without its secret');

    const gateway = start(['serve'], { ...beside, DRACHTIO_SECRET: 'cymru' });
    const [, url = ''] = await gateway.until(/PAP +(http:\S+)/);
    await gateway.until(new RegExp(`core +sip:127\\.0\\.0\\.1:${core[1]} `)); // Its lines may come in several pieces.
    await start(['phone', '--server', `127.0.0.1:${core[1]}`, '--user', ALICE, '--app', 'wml.ua']).until(/registered/);
    const pushed = await runCli(
      [
        'push',
        '--url',
        url,
        '--user',
        'pi',
        '--pass',
        'secret',
        '--to',
        ALICE,
        '--type',
        'text/plain',
        '--confirmed',
        '--wait',
        '-',
      ],
      { input: 'hello' },
    );
    assert.equal(pushed.code, 0, pushed.stdout + pushed.stderr);
  });
});

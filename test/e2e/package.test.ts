import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { createPhone, type Phone } from '../../lib/embedded/phone/phone.ts';
import type { ReceivedPush } from '../../lib/embedded/phone/push-log.ts';
import { hashPassword } from '../../lib/security/password.ts';
import { User } from '../integration/mount/user.ts';
import { Program } from '../support/process.ts';
import { Peer, SECRET, SipdNet } from '../support/sipd-net.ts';

const run = promisify(execFile);
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const TSX = createRequire(import.meta.url).resolve('tsx');

const CONSUMER = `
import Srf from 'drachtio-srf';
import { createPpg, PpgError, type Ppg, type PpgOptions, type SipHandler } from 'drachtio-ppg';
const options: PpgOptions = { domain: 'ims.example.com', store: 'memory', retry: { first: 100 } };
const ppg: Ppg = createPpg(options);
const handler: SipHandler = ppg.middleware;
ppg.on('state', ({ state, code }) => { const final: boolean = state === 'delivered'; console.log(final, code + 1); });
ppg.submit({ to: 'alice@ims.example.com', type: 'text/plain', body: 'x' }).catch((error: unknown) => {
  if (error instanceof PpgError) console.log(error.papCode, handler.length);
});
// @ts-expect-error an option that does not exist
createPpg({ domain: 'ims.example.com', colour: 'red' });
const srf = new Srf();
createPpg({ ...options, srf }).mount(srf);
srf.use('register', ppg.middleware); // as docs/mounting.md says for TypeScript
`;

/** A project that has the packed package in node_modules, and of other packages only those it says it needs. */
class Consumer {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'ppg-package-'));
  files: readonly string[] = [];

  async install(): Promise<void> {
    const modules = join(this.folder, 'node_modules');
    const own = join(modules, 'drachtio-ppg');
    mkdirSync(own, { recursive: true });
    await run('npm', ['run', '--silent', 'build'], { cwd: ROOT }).catch((error: { stdout: string }) => {
      throw new Error(`the project does not build\n${error.stdout}`);
    });
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', this.folder];
    const { stdout } = await run('npm', pack, { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 });
    const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
    assert.ok(packed);
    this.files = packed.files.map(({ path }) => path);
    await run('tar', ['-xzf', join(this.folder, packed.filename), '-C', own, '--strip-components=1']);
    const needed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies), '@types'];
    for (const name of needed) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    this.write('package.json', '{ "name": "consumer", "private": true, "type": "module" }');
  }

  write(name: string, text: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** The text of a file of the package, to be run as a user would who copied it. */
  copy(name: string): string {
    const text = readFileSync(join(this.folder, 'node_modules/drachtio-ppg/examples', name), 'utf8');
    return this.write(name, text);
  }

  /** Type errors of a file; none is ''. */
  async check(name: string, text: string, more: readonly string[] = []): Promise<string> {
    const file = this.write(name, text);
    const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', ...more];
    return run(process.execPath, [TSC, ...strict, file], { cwd: this.folder }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A program of the consumer's, run by this Node. */
const startNodeProgram = (args: readonly string[], cwd: string, env: Record<string, string>): Program =>
  new Program(process.execPath, args, { cwd, env: { ...process.env, ...env }, input: '' });

describe('the package', function () {
  this.timeout(120_000);
  const consumer = new Consumer();
  before(() => consumer.install());
  after(() => consumer.remove());

  it('holds what it needs', () => {
    for (const file of [
      ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'config/default.json'],
      ...['dist/lib/index.js', 'dist/lib/index.d.ts', 'dist/lib/cli/main.js', 'dist/handlers/pap.js'],
      ...['docs/mounting.md', 'examples/mount-in-app.cjs', 'examples/standalone.ts'],
    ])
      assert.ok(consumer.files.includes(file), file);
  });

  it('holds no tests, no benches, no database, and nothing compiled whose source is gone', () => {
    const stray = consumer.files.filter((file) =>
      /(^|\/)(test|bench|fixtures|node_modules)\/|\.test\.|\.db/.test(file),
    );
    assert.deepEqual(stray, []);
    const orphans = consumer.files
      .filter((file) => file.startsWith('dist/') && file.endsWith('.js'))
      .filter((file) => !existsSync(join(ROOT, file.slice('dist/'.length).replace(/\.js$/, '.ts'))));
    assert.deepEqual(orphans, [], 'dist has files of an older build: remove it and build again');
  });

  it('is loaded by import and by require, as one and the same', async () => {
    const file = consumer.write(
      'both.mjs',
      `import { createRequire } from 'node:module';
       import * as imported from 'drachtio-ppg';
       const required = createRequire(import.meta.url)('drachtio-ppg');
       console.log(Object.keys(imported).sort().join(), required.createPpg === imported.createPpg);`,
    );
    const { stdout } = await run(process.execPath, [file]);
    assert.equal(stdout.trim(), 'PpgError,createPpg,hashPassword true');
    const common = consumer.write('common.cjs', "console.log(typeof require('drachtio-ppg').createPpg)");
    assert.equal((await run(process.execPath, [common])).stdout.trim(), 'function');
  });

  it('has a phone for tests of others, with its types', async () => {
    const program = `
      import { createServer } from 'node:net';
      import { createPhone, nextPush, type Phone, type ReceivedPush } from 'drachtio-ppg/testing';
      const phone: Phone = createPhone({ server: { host: '127.0.0.1', port: 1 }, user: 'alice@ims.example.com' });
      const none: Promise<ReceivedPush> = nextPush(phone, ({ profile }) => profile === 'mime', 1);
      none.catch((error: { code: string }) => console.log(phone.aor, error.code, typeof createServer));
    `;
    assert.equal(await consumer.check('phone.ts', program, ['--skipLibCheck', 'false']), '');
    const file = consumer.write(
      'phone.mjs',
      program.replace(/, type \w+|: (Phone|Promise<ReceivedPush>|\{ code: string \})/g, ''),
    );
    const { stdout } = await run(process.execPath, [file]);
    assert.equal(stdout.trim(), 'sip:alice@ims.example.com PPG_E_SIP_TIMEOUT function');
  });

  it('has types that a strict consumer can use, itself checked', async () => {
    assert.equal(await consumer.check('consumer.ts', CONSUMER, ['--skipLibCheck', 'false']), '');
    const wrong = CONSUMER.replace("store: 'memory'", 'store: 1');
    assert.match(await consumer.check('wrong.ts', wrong), /^wrong\.ts.*TS2322/);
  });

  it('shows in its README what can be compiled', async () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1] as string);
    assert.ok(blocks.length > 0, 'README.md has an example');
    for (const [index, block] of blocks.entries()) {
      assert.equal(await consumer.check(`readme-${index}.ts`, block, ['--skipLibCheck']), '', `example ${index + 1}`);
    }
  });

  it('has a command', async () => {
    const own = JSON.parse(readFileSync(join(consumer.folder, 'node_modules/drachtio-ppg/package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    const bin = join(consumer.folder, 'node_modules/drachtio-ppg', own.bin['drachtio-ppg'] as string);
    assert.match(readFileSync(bin, 'utf8'), /^#!\/usr\/bin\/env node\n/);
    assert.equal((await run(process.execPath, [bin, '--version'])).stdout.trim(), manifest.version);
  });

  describe('examples/standalone.ts', () => {
    let peer: Peer;
    beforeEach(async () => {
      peer = await new Peer().start();
    });
    afterEach(() => peer.stack.stop());

    it('submits a push and says what became of it', async () => {
      const file = consumer.copy('standalone.ts');
      const program = startNodeProgram(['--import', TSX, file, 'bob@ims.example.com', 'Grüße'], consumer.folder, {
        PPG_NEXT_HOP: peer.uri(),
      });
      assert.equal(await program.ended, 0, program.stdout + program.stderr);
      const lines = program.stdout.split('\n');
      assert.match(lines[0] ?? '', /^push .+: 1001$/);
      assert.match(lines[1] ?? '', /bob@ims\.example\.com.*: delivered, PAP code 1000/);
      assert.equal(peer.requests[0]?.body.toString(), 'Grüße');
    });
  });

  describe('examples/mount-in-app.cjs', function () {
    this.timeout(120_000);
    let net: SipdNet;
    let program: Program;
    let phone: Phone;
    let url: string;

    before(async () => {
      net = await new SipdNet().start();
      program = startNodeProgram([consumer.copy('mount-in-app.cjs')], consumer.folder, {
        DOMAIN: 'ims.test',
        DRACHTIO_PORT: String(net.appPort),
        DRACHTIO_SECRET: SECRET,
        APP_SIP: `sip:127.0.0.1:${net.sipPort('udp')}`,
        HTTP_PORT: '0',
        PPG_STORE: 'memory',
        MMSC_HASH: await hashPassword('secret', { N: 16, r: 1, p: 1 }),
      });
      url = (await program.until(/^ready: (.+)$/m))[1] as string;
      phone = createPhone({
        clock: systemClock,
        log: silentLogger,
        server: { host: '127.0.0.1', port: net.sipPort('udp') },
        user: 'alice@ims.test',
        applications: ['mms.ua', 'wml.ua'],
      });
    });
    after(async () => {
      await phone.stop();
      await program.end();
      await net.stop();
    });

    const pushed = (): Promise<ReceivedPush> =>
      new Promise((resolve) => {
        const off = phone.on('push', (push) => {
          off();
          resolve(push);
        });
      });

    const notice = (text: string): Promise<Response> =>
      fetch(`${url}/notices`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ to: 'alice@ims.test', text }),
      });

    it('keeps a push for a user who is absent, and delivers it when the phone registers', async () => {
      const answer = await notice('first');
      assert.equal(answer.status, 202);
      await program.until(/: pending /);
      const push = pushed();
      await phone.start();
      assert.equal((await push).body.toString(), 'first');
      await program.until(/: delivered /);
      assert.deepEqual(await (await fetch(`${url}/users`)).json(), ['sip:alice@ims.test']);
    });

    it('takes a push by PAP', async () => {
      const push = pushed();
      const control =
        '<?xml version="1.0"?><pap><push-message push-id="pap-1"><address address-value="WAPPUSH=alice%40ims.test/TYPE=USER@ppg.ims.test"/></push-message></pap>';
      const body = `--B\r\nContent-Type: application/xml\r\n\r\n${control}\r\n--B\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\nby PAP\r\n--B--\r\n`;
      const answer = await fetch(`${url}/pap`, {
        method: 'POST',
        headers: {
          'Content-Type': 'multipart/related; boundary=B; type="application/xml"',
          Authorization: `Basic ${Buffer.from('mmsc:secret').toString('base64')}`,
        },
        body,
      });
      assert.equal(answer.status, 202);
      assert.match(await answer.text(), /code="1001"/);
      const { body: got, headers } = await push;
      assert.equal(got.toString(), 'by PAP');
      assert.equal(headers.get('X-Wap-Application-Id'), 'x-wap-application:mms.ua');
    });

    it('still relays what its users send, and says what is wrong with a notice', async () => {
      const push = pushed();
      const bob = new User('bob', net.peer.stack, net.sipPort('udp'));
      assert.equal((await bob.message('sip:carol@ims.test', 'anybody there?')).status, 480);
      assert.equal((await bob.message('sip:alice@ims.test', 'from bob')).status, 200);
      const { body, headers } = await push;
      assert.deepEqual([body.toString(), headers.get('From')?.split(';')[0]], ['from bob', '<sip:bob@ims.test>']);
      const pushedToo = pushed();
      assert.equal((await notice('second')).status, 202);
      assert.equal((await pushedToo).body.toString(), 'second');
      const wrong = await fetch(`${url}/notices`, { method: 'POST' });
      assert.equal(wrong.status, 400);
    });

    it('ends when it is asked to', async () => {
      program.signal('SIGTERM');
      assert.equal(await program.ended, 0);
    });
  });
});

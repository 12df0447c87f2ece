import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { runCli, type ServedGateway, serveGateway, temporaryDirectory } from '../../support/cli.ts';
import { basic, pushBody, secretHash } from '../../support/tenants.ts';

const TOKEN = 'an-operators-own-token';

describe('SIGHUP to drachtio-ppg serve', function () {
  this.timeout(120_000);
  const directory = temporaryDirectory();
  let gateway: ServedGateway;

  const configure = (initiators: unknown): void => {
    writeFileSync(directory.file('config/local.json'), JSON.stringify({ ppg: { initiators } }));
  };
  const submit = async (user: string): Promise<number> => {
    const headers = { ...basic(user), 'Content-Type': 'multipart/related; boundary=B; type="application/xml"' };
    const { status, body } = await fetch(gateway.url, {
      method: 'POST',
      headers,
      body: pushBody({ to: ['sip:erin@ims.localhost'] }),
    });
    await body?.cancel();
    return status;
  };

  /** Lines are written behind the decision. */
  const written = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(readFileSync(directory.file('audit.jsonl'), 'utf8'))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  before(async () => {
    mkdirSync(directory.file('config'));
    configure([{ name: 'old', passwordHash: await secretHash() }]);
    writeFileSync(directory.file('block.txt'), 'sip:nobody@ims.localhost\n');
    gateway = await serveGateway(directory.path, {
      PPG_LOG_LEVEL: 'info',
      PPG_ADMIN_TOKEN: TOKEN,
      PPG_AUDIT_FILE: directory.file('audit.jsonl'),
      PPG_BLOCK_FILE: directory.file('block.txt'),
    });
  });
  after(async () => {
    await gateway?.cli.kill();
    directory.remove();
  });

  it('takes over another block list, and opens the audit file anew', async () => {
    assert.equal(await submit('old'), 202);
    await written(/"event":"accepted".*"initiator":"old"/);
    assert.equal(statSync(directory.file('audit.jsonl')).mode & 0o777, 0o600);
    renameSync(directory.file('audit.jsonl'), directory.file('audit.1'));
    writeFileSync(directory.file('block.txt'), '* initiator=old\n');
    gateway.cli.signal('SIGHUP');
    await gateway.cli.until(/was read again/);
    await submit('old');
    await written(/"event":"refused".*"rule":"block"/);
  });

  it('beside it an operator sees what was given up, and erases a subscriber', async () => {
    const to = ['--url', gateway.url.replace('/pap', '/admin'), '--token', TOKEN];
    const dead = await runCli(['notifications', ...to, '--json']);
    assert.deepEqual([dead.code, dead.stdout], [0, '[]\n'], dead.stderr);
    const erased = await runCli(['erase', 'erin@ims.localhost', ...to]);
    assert.deepEqual([erased.code, erased.stdout], [0, '1 waiting ended, 1 erased, 0 remaining\n'], erased.stderr);
    const stranger = await runCli(['erase', 'erin@ims.localhost', to[0] ?? '', to[1] ?? '', '--token', 'wrong']);
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /401/);
    assert.equal((await runCli(['notifications', '--url', 'http://127.0.0.1:1/admin', '--token', 'x'])).code, 1);
    assert.equal((await runCli(['notifications'])).code, 2);
  });

  it('takes over other accounts, and keeps the old ones while the new cannot be used', async () => {
    writeFileSync(directory.file('block.txt'), '');
    assert.deepEqual([await submit('old'), await submit('new')], [202, 401]);
    configure([{ name: 'new', passwordHash: await secretHash(), allow: { rate: 'much' } }]);
    gateway.cli.signal('SIGHUP');
    await gateway.cli.until(/ppg\.initiators\.0\.allow\.rate.*the old one stays/);
    assert.deepEqual([await submit('old'), await submit('new')], [202, 401]);
    configure([{ name: 'new', passwordHash: await secretHash() }]);
    gateway.cli.signal('SIGHUP');
    await gateway.cli.until(/was read again[\s\S]*was read again/);
    assert.deepEqual([await submit('old'), await submit('new')], [401, 202]);
    assert.ok(gateway.cli.running);
  });
});

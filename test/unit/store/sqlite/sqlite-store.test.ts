import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../../../lib/base/log.ts';
import { silentLogger } from '../../../../lib/base/log.ts';
import { openDatabase } from '../../../../lib/store/sqlite/driver.ts';
import { CommitGate } from '../../../../lib/store/sqlite/gate.ts';
import { createSqliteStore } from '../../../../lib/store/sqlite/sqlite-store.ts';
import { delivered, lease, settle, submit, submitAndClaim, T0 } from '../../../contract/store/harness.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type StoreFolder, storeFolder } from '../../../support/sqlite-store.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');

/** A logger that keeps what it was told, by level. */
function listening(): { log: Logger; told: string[] } {
  const told: string[] = [];
  const at =
    (level: string) =>
    (fields: object | string, message?: string): void => {
      told.push(`${level}: ${message ?? String(fields)}`);
    };
  return { log: { ...silentLogger, warn: at('warn'), error: at('error') }, told };
}

/** Resolves when a commit stands at the gate. */
async function standing(gate: CommitGate): Promise<void> {
  while (!gate.waiting) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs a module with the project's TypeScript loader. */
function runScript(script: string): { status: number | null; stdout: string; stderr: string } {
  const args = ['--import=tsx', '--input-type=module', '--eval', script];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', timeout: 9000 });
}

describe('SQLite store', () => {
  let folder: StoreFolder;
  beforeEach(() => {
    folder = storeFolder();
  });
  afterEach(() => folder.dispose());

  it('answers nothing before its commit', async () => {
    const gate = new CommitGate();
    const store = await folder.open(T0, { gate });
    const release = gate.hold();
    let answered = 0;
    const calls = ['k1', 'k2'].map((key) => submit(store, key).then(() => answered++));
    await standing(gate);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, 0);
    const dead = await folder.openKilled(T0);
    assert.equal((await dead.counts()).pending, 0, 'and what is not committed is not there');
    release();
    await Promise.all(calls);
    assert.equal((await (await folder.openKilled(T0)).counts()).pending, 2);
  });

  it('leaves nothing of a subscriber that was erased in its file', async () => {
    const store = await folder.open(T0);
    const [user, body] = ['to-be-forgotten', Buffer.from('a secret for to-be-forgotten. '.repeat(20))];
    for (let i = 0; i < 20; i++) await submit(store, `w${i}`, { users: [`user${i}`], body: Buffer.alloc(700, 'w') });
    const claim = await submitAndClaim(store, 'k1', { users: [user], body, notifyUrl: undefined });
    await settle(store, claim, delivered);
    await submit(store, 'k2', { users: [user, 'bob'], body, notifyUrl: undefined });
    await store.operator?.erase({ aor: `sip:${user}@example.com`, at: T0 + 1 });
    await store.cancel({ initiator: 'pi', pushId: 'k2@pi.example.com', addresses: [], at: T0 + 2 });
    await store.close();
    const left = readFileSync(folder.file);
    assert.ok(left.includes('sip:user7@example.com'), 'the file was searched');
    assert.equal(left.indexOf(user), -1);
  });

  it('shares a transaction between calls that come while it is busy', async () => {
    const gate = new CommitGate();
    const store = await folder.open(T0, { gate });
    const release = gate.hold();
    const first = submit(store, 'k000');
    await standing(gate);
    const others = Array.from({ length: 100 }, (_, i) => submit(store, `k${i + 1}`));
    const before = gate.commits;
    release();
    await Promise.all([first, ...others]);
    assert.equal(gate.commits - before, 1);
  });

  it('keeps contents apart when calls are more than fit into one transaction', async () => {
    const store = await folder.open(T0, { maxBatch: 3 });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const bodies = keys.map((key, i) => Buffer.from(key.repeat(i * 700)));
    await Promise.all(keys.map((key, i) => submit(store, key, { body: bodies[i] ?? Buffer.alloc(0), users: [key] })));
    const claims = await store.claimDue({ now: T0, limit: 99, ...lease() });
    assert.deepEqual(
      new Map(claims.map((claim) => [claim.push, claim.pushData.content?.body])),
      new Map(keys.map((key, i) => [key, bodies[i]])),
    );
  });

  it('a commit that fails rejects its callers, takes everything back, and the next one succeeds', async () => {
    const { log, told } = listening();
    const gate = new CommitGate();
    const store = await folder.open(T0, { gate, log });
    const claim = await submitAndClaim(store, 'k1');
    await submit(store, 'k2');
    const counts = await store.counts();
    gate.fail(1);
    await assert.rejects(settle(store, claim, delivered, { next: lease() }), { code: 'PPG_E_STORE', retryable: true });
    assert.deepEqual(await store.counts(), counts);
    assert.match(told.join('\n'), /error: the store failed/);
    const { applied, next } = await settle(store, claim, delivered, { next: lease() });
    assert.equal(applied, true);
    assert.equal(next?.push, 'k2');
  });

  it('a call that fails does not fail those that share its transaction', async () => {
    const store = await folder.open(T0);
    const calls = [
      submit(store, 'k1', { users: ['alice'], lease: lease() }),
      submit(store, 'k1', { users: ['bob'], lease: lease(), pushId: 'another push with the same key' }),
      submit(store, 'k2', { users: ['bob'], lease: lease() }),
    ];
    const results = await Promise.allSettled(calls);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(await store.counts(), {
      pending: 0,
      sending: 2,
      awaitingConfirmation: 0,
      notifications: 0,
      deadNotifications: 0,
    });
  });

  it('a value that cannot be stored is refused before it reaches the database', async () => {
    const store = await folder.open(T0);
    await assert.rejects(store.registration(true as unknown as string), { code: 'PPG_E_STORE' });
    await assert.rejects(store.registration('sip:a\0b@c.d'), { code: 'PPG_E_STORE' });
    await assert.rejects(store.registration(undefined as unknown as string), { code: 'PPG_E_STORE' });
    assert.equal(await store.registration('sip:a@b.c'), undefined);
  });

  it('warns of a slow disk, once a minute', async () => {
    const { log, told } = listening();
    const gate = new CommitGate();
    const clock = new FakeClock();
    const store = await folder.open(T0, { gate, log, clock });
    for (const key of ['k1', 'k2']) {
      const release = gate.hold();
      const call = submit(store, key);
      await standing(gate);
      clock.tick(1500);
      release();
      await call;
    }
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /warn: .*slow/);
  });

  it('a file in use is refused with a sentence that says what to do', async () => {
    await folder.open(T0);
    await assert.rejects(folder.open(T0), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'PPG_E_STORE_LOCKED');
      assert.match(error.message, /in use by another process.*Stop the other gateway/);
      return true;
    });
    const url = new URL('../../../../lib/store/sqlite/sqlite-store.ts', import.meta.url).href;
    const script = `
      const { createSqliteStore } = await import(${JSON.stringify(url)});
      const store = createSqliteStore({ file: ${JSON.stringify(folder.file)} });
      await store.open(0).then(() => console.log('opened'), (error) => console.log(error.code));
      await store.close();`;
    const { stdout, stderr } = runScript(script);
    assert.equal(stdout.trim(), 'PPG_E_STORE_LOCKED', stderr);
  });

  it('a closed file is free for the next', async () => {
    const first = await folder.open(T0);
    await submit(first, 'k1');
    await first.close();
    assert.equal((await (await folder.open(T0)).counts()).pending, 1);
  });

  it('works from source in a process of its own, and the thread does not keep it alive', () => {
    const url = new URL('../../../../lib/store/sqlite/sqlite-store.ts', import.meta.url).href;
    const script = `
      const { createSqliteStore } = await import(${JSON.stringify(url)});
      const store = createSqliteStore({ file: ${JSON.stringify(folder.file)} });
      await store.open(0);
      console.log((await store.counts()).pending);
      await store.close();`;
    const { status, stdout, stderr } = runScript(script);
    assert.equal(stderr, '');
    assert.equal(stdout.trim(), '0');
    assert.equal(status, 0);
  });

  it('a thread that dies fails every call that waits and every later one', async () => {
    const { log, told } = listening();
    const program = `
      import { parentPort } from 'node:worker_threads';
      parentPort.postMessage({ type: 'opened' });
      parentPort.on('message', () => { throw new Error('out of luck'); });`;
    const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const broken: string[] = [];
    const store = await folder.open(T0, { log, workerUrl, onBroken: (cause) => broken.push(cause) });
    const results = await Promise.allSettled([submit(store, 'k1'), submit(store, 'k2')]);
    for (const result of results) {
      assert.equal(result.status, 'rejected');
      assert.equal((result.reason as { code: string }).code, 'PPG_E_STORE');
    }
    await assert.rejects(submit(store, 'k3'), { code: 'PPG_E_STORE' });
    assert.match(told.join('\n'), /error: the database thread ended/);
    await store.close();
    assert.deepEqual(broken, ['out of luck']);
  });

  it('a file that is no database, and one of a newer release, are refused with the reason', async () => {
    writeFileSync(folder.file, 'this is not a database, it is a text that is long enough to be looked at\n'.repeat(99));
    await assert.rejects(folder.open(T0), { code: 'PPG_E_STORE', message: /cannot be opened: .*not a database/ });
    writeFileSync(folder.file, '');
    const db = openDatabase(folder.file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    await assert.rejects(folder.open(T0), { code: 'PPG_E_STORE', message: /newer release/ });
  });

  it('a folder that cannot be made is an error of the store', async () => {
    const store = createSqliteStore({ file: '/dev/null/ppg.db' });
    await assert.rejects(store.open(T0), { code: 'PPG_E_STORE' });
    await assert.rejects(store.counts(), { code: 'PPG_E_STORE_CLOSED' });
    await store.close();
  });

  it('nobody else may read the file', async () => {
    const store = await folder.open(T0);
    await submit(store, 'k1');
    for (const suffix of ['', '-wal']) assert.equal(statSync(folder.file + suffix).mode & 0o077, 0);
  });

  it('what waits behind one in flight is not in the index that claimDue reads', async () => {
    const store = await folder.open(T0);
    await submitAndClaim(store, 'k0000', { lease: lease(T0 + 1e9) });
    const keys = Array.from({ length: 1000 }, (_, i) => `k${String(i + 1).padStart(4, '0')}`);
    await Promise.all(keys.map((key, i) => submit(store, key, { due: i % 2 === 0 ? T0 : T0 + 5 })));
    assert.deepEqual(await store.claimDue({ now: T0 + 5, limit: 10, ...lease() }), []);
    const db = openDatabase(folder.copy());
    const scheduled = 'SELECT count(*) FROM recipient INDEXED BY recipient_due WHERE state = 0 AND due > 0';
    assert.equal(db.prepare(scheduled).get([])?.[0], 0);
    assert.equal(db.prepare('SELECT count(*) FROM recipient WHERE state = 0').get([])?.[0], 1000);
    db.close();
  });

  it('the log of changes is folded back into the file and does not grow without end', async function () {
    this.timeout(60_000);
    const store = await folder.open(T0);
    const body = Buffer.alloc(3000, 'x');
    for (let round = 0; round < 30; round++) {
      const keys = Array.from({ length: 250 }, (_, i) => `r${round}k${i}`);
      await Promise.all(
        keys.map(async (key) => settle(store, await submitAndClaim(store, key, { users: [key], body }), delivered)),
      );
    }
    assert.ok(statSync(`${folder.file}-wal`).size < 40_000_000, `${statSync(`${folder.file}-wal`).size}`);
  });
});

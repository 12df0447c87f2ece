import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { orderedIds } from '../lib/base/ids.ts';
import type { Outcome } from '../lib/model/delivery.ts';
import type { AttemptRecord } from '../lib/model/push.ts';
import { createSqliteStore } from '../lib/store/sqlite/sqlite-store.ts';
import type { Acceptance, Store } from '../lib/store/store.ts';

/**
 * What the store costs: `node --import=tsx bench/store.ts [pending]`, where `pending` (default 100000, 1000000 for
 * the real thing) is how many waiting pushes the second half is measured with. Prints one table. CPU is that of the
 * whole process: the caller, the thread and the kernel's share of both.
 */
const IN_FLIGHT = 200;
const ROUNDS = 20_000;
const HOUR = 3_600_000;
const BODY = Buffer.alloc(300, 'x');

const nextKey = orderedIds(Date.now);

function acceptance(user: string, due: number, leaseUntil?: number): Acceptance {
  const key = nextKey();
  const now = Date.now();
  return {
    push: {
      key,
      initiator: 'bench',
      pushId: `${key}@pi.example.com`,
      qos: { priority: 'medium', deliveryMethod: 'confirmed', networkRequired: false, bearerRequired: false },
      notifyUrl: 'http://pi.example.com/notify',
      progressNotes: false,
      papVersion: '2.0',
      acceptedAt: now,
      expiresAt: now + 168 * HOUR,
      applicationId: 'wml.ua',
      content: { type: 'application/vnd.wap.sic', headers: [{ name: 'X-Wap-Application-Id', value: '2' }], body: BODY },
    },
    recipients: [{ text: `WAPPUSH=${user}/TYPE=USER@example.com`, aor: `sip:${user}@example.com` }],
    due: due === 0 ? now : due,
    ...(leaseUntil !== undefined && { lease: { owner: 'bench', leaseUntil } }),
  };
}

const DELIVERED: Outcome = { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' };

const attempt = (push: string): AttemptRecord => ({
  attempt: 1,
  device: 'urn:uuid:00000000-0000-0000-0000-000000000001',
  bearer: 'sip-message',
  leg: 'direct',
  callId: push,
  startedAt: Date.now(),
  endedAt: Date.now(),
  result: 'delivered',
  code: 1000,
  cause: 'sip 200',
});

async function confirmedPush(store: Store, n: number): Promise<void> {
  const lease = { owner: 'bench', leaseUntil: Date.now() + 120_000 };
  const accepted = await store.accept(acceptance(`user${n % 100_000}`, 0, lease.leaseUntil));
  const claim = accepted.accepted ? accepted.claims[0] : undefined;
  if (claim === undefined) throw new Error('not claimed');
  const { push, index } = claim;
  const settled = await store.settle({
    push,
    index,
    attempt: claim.attempt,
    at: Date.now(),
    outcome: DELIVERED,
    attempts: [attempt(push)],
    next: lease,
    notifyLease: lease,
  });
  if (settled.notification === undefined) throw new Error('not notified');
  await store.settleNotification({ push, index, result: 'done', tries: settled.notification.tries });
}

async function acceptLater(store: Store, n: number): Promise<void> {
  await store.accept(acceptance(`later${n}`, Date.now() + 24 * HOUR));
}

interface Line {
  readonly what: string;
  readonly perSecond: number;
  readonly cpu: number;
  readonly p50: number;
  readonly p99: number;
}

async function measure(what: string, rounds: number, one: (n: number) => Promise<void>): Promise<Line> {
  const times: number[] = [];
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let n = next++; n < rounds; n = next++) {
      const from = performance.now();
      await one(n);
      times.push(performance.now() - from);
    }
  };
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, runner));
  const took = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  return {
    what,
    perSecond: (1000 * rounds) / took,
    cpu: (user + system) / rounds,
    p50: times[Math.floor(rounds * 0.5)] ?? 0,
    p99: times[Math.floor(rounds * 0.99)] ?? 0,
  };
}

function print(lines: readonly Line[]): void {
  console.log(
    `${'what'.padEnd(42)} ${'per s'.padStart(8)} ${'CPU µs'.padStart(8)} ${'p50 ms'.padStart(8)} ${'p99 ms'.padStart(8)}`,
  );
  for (const { what, perSecond, cpu, p50, p99 } of lines) {
    const cells = [perSecond.toFixed(0), cpu.toFixed(1), p50.toFixed(1), p99.toFixed(1)];
    console.log(`${what.padEnd(42)} ${cells.map((cell) => cell.padStart(8)).join(' ')}`);
  }
}

async function main(): Promise<void> {
  const pending = Number(process.argv[2] ?? 100_000);
  const folder = mkdtempSync(join(tmpdir(), 'ppg-bench-'));
  const file = join(folder, 'bench.db');
  const lines: Line[] = [];
  try {
    let store = createSqliteStore({ file });
    await store.open(Date.now());
    await measure('warm-up', 5000, (n) => confirmedPush(store, n));
    lines.push(await measure('accept+lease, settle, notification done', ROUNDS, (n) => confirmedPush(store, n)));
    lines.push(await measure('accept only, deliver later', ROUNDS, (n) => acceptLater(store, n)));
    const filled = await measure(`filling up to ${pending} pending`, pending, (n) => acceptLater(store, n + ROUNDS));
    lines.push(filled);
    const base = ROUNDS + pending;
    lines.push(await measure(`accept only, ${pending} pending`, ROUNDS, (n) => acceptLater(store, n + base)));
    lines.push(await measure(`the three, ${pending} pending`, ROUNDS, (n) => confirmedPush(store, n)));
    await store.close();

    const from = performance.now();
    store = createSqliteStore({ file });
    await store.open(Date.now());
    const opened = performance.now() - from;
    const claims = await store.claimDue({ now: Date.now() + 48 * HOUR, limit: 64, owner: 'b', leaseUntil: 1e15 });
    const first = performance.now() - from;
    await store.close();
    print(lines);
    console.log(
      `open with ${pending} pending: ${opened.toFixed(0)} ms; ${claims.length} claims after ${first.toFixed(0)} ms`,
    );
    console.log(
      `file ${(statSync(file).size / 1e6).toFixed(0)} MB, resident ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();

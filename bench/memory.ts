import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { drained, nextRun } from './measure.ts';
import type { DeviceCommands } from './parts/device.ts';
import type { GatewayCommands, GatewayOptions } from './parts/gateway.ts';
import type { LoadCommands, LoadResult } from './parts/load.ts';
import { micros } from './parts/part.ts';
import type { SinkCommands } from './parts/sink.ts';
import { Part } from './process.ts';
import { machine } from './report.ts';
import { quantile } from './stats.ts';

const USAGE = `usage: npm run bench:memory -- [options]
  --delivered N  pushes that are delivered and notified, the heap looked at six times (default 300000)
  --pending N    pushes that wait, for the rate beside an empty store, memory and a restart (default 1000000; 0: none)
  --dir PATH     where databases are made (default: the system's directory for temporary files)
`;

/** What a gateway holds after many pushes, and with many: `npm run bench:memory`, some minutes. */
const LOOKS = 6;
const USERS = 20_000;
const CONNECTIONS = 50;
/** Submissions of one round of the load generator; each round's answer must come within a minute. */
const MOST = 40_000;
const HOUR = 3_600_000;
/** More than wait at any time. */
const BACKLOG = 10_000_000;
/** Submissions by which a rate is measured, and rounds of it. */
const SAMPLE = 10_000;
const ROUNDS = 5;

type Gateway = Part<GatewayCommands>;
type Load = Part<LoadCommands>;

interface Parts {
  readonly load: Load;
  readonly device: Part<DeviceCommands>;
  readonly sink: Part<SinkCommands>;
}

async function gatewayOn(file: string, { device }: Parts): Promise<Gateway> {
  const options: GatewayOptions = {
    file,
    device: `sip:127.0.0.1:${await device.call('port')};transport=udp`,
    backlog: BACKLOG,
  };
  return Part.start<GatewayCommands>('gateway', options, ['--expose-gc']);
}

async function submit(
  load: Load,
  gateway: Gateway,
  job: { most: number; notifyUrl?: string; after?: number; users?: number },
): Promise<LoadResult> {
  const port = await gateway.call('port');
  const common = { run: nextRun(), host: '127.0.0.1', port, path: '/pap', connections: CONNECTIONS, time: 50_000 };
  const result = await load.call('run', { ...common, users: USERS, ...job });
  if (result.refused > 0) throw new Error(`${result.refused} were refused, the first by\n${result.refusal}`);
  return result;
}

const megabytes = (octets: number): string => (octets / 1e6).toFixed(1);

async function delivered(parts: Parts, file: string, wanted: number): Promise<void> {
  const gateway = await gatewayOn(file, parts);
  try {
    const notifyUrl = `http://127.0.0.1:${await parts.sink.call('port')}/result`;
    console.log('| delivered and notified | heap MB | resident MB |\n|---:|---:|---:|');
    for (let look = 0, done = 0; look <= LOOKS; look++) {
      const goal = Math.round((wanted * look) / LOOKS);
      while (done < goal) {
        await parts.sink.call('reset');
        await parts.device.call('reset');
        const { accepted } = await submit(parts.load, gateway, { most: Math.min(MOST, goal - done), notifyUrl });
        const seen = await drained(parts.sink, accepted);
        if (seen.distinct < accepted) throw new Error(`${accepted - seen.distinct} notifications did not come`);
        done += accepted;
      }
      // The transactions that ended last are held for timer K (5 s).
      if (look > 0) await new Promise((resolve) => setTimeout(resolve, 6000));
      const { heap, resident } = await gateway.call('memory');
      console.log(`| ${done} | ${megabytes(heap)} | ${megabytes(resident)} |`);
    }
  } finally {
    await gateway.end();
  }
  console.log(`\nThe database has ${megabytes(statSync(file).size)} MB.\n`);
}

const rateOf = ({ accepted, startedAt, endedAt }: LoadResult): number => accepted / ((endedAt - startedAt) / 1e6);

async function pending(parts: Parts, folder: string, wanted: number): Promise<void> {
  const file = join(folder, 'pending.db');
  const before = micros();
  const empty = await gatewayOn(join(folder, 'empty.db'), parts);
  const started = micros();
  const full = await gatewayOn(file, parts);
  try {
    const later = (gateway: Gateway, most: number): Promise<LoadResult> =>
      submit(parts.load, gateway, { most, after: HOUR });
    for (const gateway of [empty, full]) await later(gateway, SAMPLE);
    const startedAt = performance.now();
    for (let left = wanted; left > 0; left -= MOST) await later(full, Math.min(left, MOST));
    const filled = (performance.now() - startedAt) / 1000;
    const ratios: number[] = [];
    const rates: number[] = [];
    // In turns, and the store that counts as empty has some tens of thousands itself by the end.
    for (let round = 0; round < ROUNDS; round++) {
      const [one, other] = [rateOf(await later(empty, SAMPLE)), rateOf(await later(full, SAMPLE))];
      rates.push(other);
      ratios.push(other / one);
    }
    const { heap, resident } = await full.call('memory');
    const middle = (values: readonly number[]): number => quantile(values, 0.5) ?? Number.NaN;
    console.log(`${wanted} pushes wait; they were accepted in ${filled.toFixed(0)} s.`);
    console.log(`- accept: ${middle(rates).toFixed(0)}/s, ${middle(ratios).toFixed(2)} of an empty store's (medians)`);
    console.log(`- memory: ${megabytes(resident)} MB resident, ${megabytes(heap)} MB of heap`);
    await parts.device.call('reset');
    const soon = await submit(parts.load, full, { most: 1, after: 3000, users: 1 });
    await full.end();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const again = micros();
    const restarted = await gatewayOn(file, parts);
    const ready = micros();
    const seen = await drained(parts.device, soon.accepted);
    const { resident: after } = await restarted.call('memory');
    await restarted.end();
    if (seen.distinct === 0) throw new Error('the push that was due did not come');
    const seconds = (from: number, to: number): string => ((to - from) / 1e6).toFixed(2);
    console.log(
      `- restart: ready after ${seconds(again, ready)} s, first delivery after ${seconds(again, seen.lastAt)} s, ` +
        `${megabytes(after)} MB resident then (an empty one was ready after ${seconds(before, started)} s)`,
    );
    console.log(`- the database has ${megabytes(statSync(file).size)} MB`);
  } finally {
    await Promise.all([empty.end(), full.end()]);
  }
}

function amount(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 5_000_000) throw new Error(`${name} is from 0 to 5000000`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      delivered: { type: 'string', default: '300000' },
      pending: { type: 'string', default: '1000000' },
      dir: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const wanted = { delivered: amount('--delivered', values.delivered), pending: amount('--pending', values.pending) };
  build();
  const folder = mkdtempSync(join(values.dir ?? tmpdir(), 'drachtio-ppg-memory-'));
  const parts: Parts = {
    load: await Part.start('load'),
    device: await Part.start('device'),
    sink: await Part.start('sink'),
  };
  const { cpus, model, node } = machine();
  console.log(`${cpus} × ${model}, Node ${node}\n`);
  try {
    if (wanted.delivered > 0) await delivered(parts, join(folder, 'delivered.db'), wanted.delivered);
    if (wanted.pending > 0) await pending(parts, folder, wanted.pending);
  } finally {
    await Promise.all(Object.values(parts).map((part: Part<object>) => part.end()));
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

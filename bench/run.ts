import { parseArgs } from 'node:util';
import { type BenchOptions, bench, rowsNamed } from './bench.ts';
import { machine, notes, table } from './report.ts';
import { ROWS, type Row } from './rows.ts';
import type { DrachtioServer, Transport } from './stage.ts';

const USAGE = `usage: npm run bench -- [options]
  --quick          short rounds: under a minute
  --only NAMES     only these rows, with commas between: ${ROWS.map(({ name }) => name).join(', ')}
  --seconds N      length of a round (default 4)
  --rounds N       rounds, in turns over all rows (default 3)
  --connections N  submitting connections, and MESSAGEs in flight of the bare loop (default 50)
  --rate N         submit N a second, in open loop: what a push costs at equal load (default: as fast as it goes)
  --waiting N      pushes that wait for others in the row "registration" (default 100000; 10000 with --quick)
  --drachtio SERVER  HOST:PORT:SECRET of a drachtio-server on this machine, which takes the place of sipd (default:
                   DRACHTIO_HOST, DRACHTIO_PORT, DRACHTIO_SECRET)
  --transport NAME the device is reached by udp (default) or tcp, but from the relay
  --dir PATH       where databases are made (default: the system's directory for temporary files)
  --profile PATH   leave a CPU profile of each gateway there
  --json           JSON instead of the table
`;

const FULL = { seconds: 4, warmUp: 6000, waiting: 100_000 };
const QUICK = { seconds: 0.8, warmUp: 1200, waiting: 10_000 };
/** Submissions of one round, and recipients that take turns. */
const BOUNDS = { most: 200_000, users: 20_000 };

interface Arguments extends Omit<BenchOptions, 'onStep' | 'signal'> {
  readonly json: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      seconds: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '50' },
      rate: { type: 'string' },
      waiting: { type: 'string' },
      drachtio: { type: 'string' },
      transport: { type: 'string', default: 'udp' },
      dir: { type: 'string' },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const pace = values.quick ? QUICK : FULL;
  const seconds = values.seconds === undefined ? pace.seconds : within('--seconds', values.seconds, 0.1, 60);
  const drachtio = serverOf(values.drachtio ?? serverInEnvironment());
  const rows = rowsNamed(values.only.split(',').filter((name) => name !== ''));
  return {
    rows: drachtio === undefined ? rows : rows.map(throughServer),
    drachtio,
    rounds: Math.round(within('--rounds', values.rounds, 1, 20)),
    effort: {
      time: seconds * 1000,
      connections: Math.round(within('--connections', values.connections, 1, 1000)),
      rate: values.rate === undefined ? undefined : within('--rate', values.rate, 1, 100_000),
      waiting:
        values.waiting === undefined ? pace.waiting : Math.round(within('--waiting', values.waiting, 0, 2_000_000)),
      ...BOUNDS,
    },
    warmUp: pace.warmUp,
    transport: transportOf(values.transport),
    directory: values.dir,
    profile: values.profile,
    json: values.json,
  };
}

function serverInEnvironment(): string | undefined {
  const { DRACHTIO_HOST: host = '127.0.0.1', DRACHTIO_PORT: port, DRACHTIO_SECRET: secret } = process.env;
  return port === undefined || secret === undefined ? undefined : `${host}:${port}:${secret}`;
}

function serverOf(text: string | undefined): DrachtioServer | undefined {
  if (text === undefined) return undefined;
  const [, host, port, secret] = /^([^:]+|\[[^\]]+\]):(\d+):(.+)$/.exec(text) ?? [];
  if (host === undefined || secret === undefined) throw new Error('--drachtio is HOST:PORT:SECRET');
  return { host: host.replace(/[[\]]/g, ''), port: Number(port), secret };
}

function transportOf(name: string): Transport {
  if (name !== 'udp' && name !== 'tcp') throw new Error('--transport is udp or tcp');
  return name;
}

/** The rows of sipd are those of the server that takes its place. */
const throughServer = (row: Row): Row => ({ ...row, title: row.title.replace('sipd', 'drachtio-server') });

function within(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isNaN(value) || value < least || value > most) throw new Error(`${name} is from ${least} to ${most}`);
  return value;
}

/** One line that is written over; nothing where nobody looks. */
function progress(done: number, all: number, what: string): void {
  if (!process.stderr.isTTY) return;
  const line = done === all ? '' : `[${String(done + 1).padStart(String(all).length)}/${all}] ${what}`;
  process.stderr.write(`\r\u001b[2K${line}`);
}

async function main(): Promise<void> {
  const { json, ...options } = readArguments();
  const stopping = new AbortController();
  // the round under way is ended, then the processes are
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stopping.abort(new Error(`ended by ${signal}`)));
  const lines = await bench({ ...options, onStep: progress, signal: stopping.signal });
  const facts = machine();
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: facts, lines }, undefined, 2)}\n`);
    return;
  }
  const { rounds, effort } = options;
  process.stdout.write(
    `${facts.cpus} × ${facts.model}, ${facts.memoryGiB} GiB, ${facts.system}, Node ${facts.node}; ` +
      `medians of ${rounds} rounds of ${effort.time / 1000} s, ${effort.connections} connections` +
      `${effort.rate === undefined ? '' : `, ${effort.rate}/s`}\n\n` +
      `${table(lines, options.rows)}\n${notes(lines)}`,
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

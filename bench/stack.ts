import { parseArgs } from 'node:util';
import { build } from './build.ts';
import type { LoopResult } from './parts/closed-loop.ts';
import type { BareCommands } from './parts/stack-bare.ts';
import type { StackNodeCommands } from './parts/stack-node.ts';
import { Part } from './process.ts';
import { machine } from './report.ts';
import { median } from './stats.ts';

/**
 * What a transaction of the SIP stack costs: `npm run bench:stack -- [--seconds N] [--rounds N] [--at-once N]`. MESSAGEs
 * of a push's size, the stack as UAC and as UAS, its peer each time a bare loop in another process; and that loop with
 * itself on both sides, in the same rounds, as the yardstick. Then the memory that open transactions hold.
 */
type Protocol = 'udp' | 'tcp';
type Bare = Part<BareCommands>;
type Node = Part<StackNodeCommands>;

interface Figures {
  readonly perSecond: number;
  /** CPU of the measured process for each transaction, microseconds. */
  readonly cpu: number;
  readonly failed: number;
}

interface Row {
  readonly title: string;
  /** The row it is compared with; a yardstick has none. */
  readonly against?: Row;
  readonly rounds: Figures[];
}

const WARM_UP = 2500; // ms
/** Transactions open at once when memory is measured. */
const OPEN = 50_000;
/** No timer of a transaction fires while memory is measured. Milliseconds. */
const HOUR = 3_600_000;

interface Options {
  readonly time: number;
  readonly rounds: number;
  readonly atOnce: number;
}

const rowsOf = (protocol: Protocol): Record<'bareUac' | 'bareUas' | 'uac' | 'uas', Row> => {
  const name = protocol.toUpperCase();
  const bareUac = { title: `bare loop, sends, ${name}`, rounds: [] };
  const bareUas = { title: `bare loop, answers, ${name}`, rounds: [] };
  return {
    bareUac,
    uac: { title: `stack as UAC, ${name}`, against: bareUac, rounds: [] },
    bareUas,
    uas: { title: `stack as UAS, ${name}`, against: bareUas, rounds: [] },
  };
};

interface Parts {
  readonly sender: Bare;
  readonly answerer: Bare;
  readonly uac: Node;
  readonly uas: Node;
}

type Measured = Bare | Node;

const cpuOf = (part: Measured): Promise<number> => (part as Part<object>).call('cpu');

/** One round; figures of the sender, and of the one who answers. */
async function exchange(
  from: Measured,
  to: Measured,
  protocol: Protocol,
  time: number,
  atOnce: number,
): Promise<[Figures, Figures]> {
  const port = await (to as Bare).call(protocol);
  const before = [await cpuOf(from), await cpuOf(to)] as const;
  const result: LoopResult = await (from as Bare).call('run', { protocol, port, time, atOnce });
  const used = [(await cpuOf(from)) - before[0], (await cpuOf(to)) - before[1]] as const;
  const { answered, failed, took } = result;
  const figures = (cpu: number): Figures => ({ perSecond: (1000 * answered) / took, cpu: cpu / answered, failed });
  return [figures(used[0]), figures(used[1])];
}

/** The rows of one transport take turns within a round, so that what else the machine does falls on all of them. */
async function rates(parts: Parts, { time, rounds, atOnce }: Options): Promise<Row[]> {
  const all = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, rows: rowsOf(protocol) }));
  for (let round = 0; round <= rounds; round++) {
    for (const { protocol, rows } of all) {
      const length = round === 0 ? WARM_UP : time;
      const [bareUac, bareUas] = await exchange(parts.sender, parts.answerer, protocol, length, atOnce);
      const [uac] = await exchange(parts.uac, parts.answerer, protocol, length, atOnce);
      const [, uas] = await exchange(parts.sender, parts.uas, protocol, length, atOnce);
      if (round === 0) continue; // while what is hot was being compiled
      rows.bareUac.rounds.push(bareUac);
      rows.bareUas.rounds.push(bareUas);
      rows.uac.rounds.push(uac);
      rows.uas.rounds.push(uas);
    }
  }
  return all.flatMap(({ rows }) => Object.values(rows));
}

interface Memory {
  readonly what: string;
  readonly octets: number;
}

/** What OPEN transactions hold, in a process of their own that may collect its garbage. */
async function memory(what: string, fill: (node: Node) => Promise<void>): Promise<Memory> {
  const node: Node = await Part.start('stack-node', { timers: { t1: HOUR / 64, t2: HOUR, t4: HOUR } }, ['--expose-gc']);
  try {
    const before = await node.call('held');
    await fill(node);
    const after = await node.call('held');
    return { what, octets: (after.octets - before.octets) / (after.open - before.open) };
  } finally {
    await node.end();
  }
}

async function memories({ sender, answerer }: Parts): Promise<Memory[]> {
  const port = await answerer.call('udp');
  const begun = (node: Node): Promise<void> => node.call('begin', { port, count: OPEN });
  const flooded = async (node: Node, answers: boolean): Promise<void> => {
    await node.call('answers', answers);
    await sender.call('flood', { port: await node.call('udp'), count: OPEN });
  };
  await answerer.call('answers', false);
  const unanswered = await memory('client, waits for its answer', begun);
  await answerer.call('answers', true);
  return [
    unanswered,
    await memory('client, has its answer and waits for timer K (5 s)', begun),
    await memory('server, its user has the request and has not answered', (node) => flooded(node, false)),
    await memory('server, has answered and waits for timer J (32 s)', (node) => flooded(node, true)),
  ];
}

/** Markdown; the first column of words, the others of figures. */
function table(cells: readonly (readonly string[])[]): string {
  const [head = []] = cells;
  const widths = head.map((_cell, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell[column === 0 ? 'padEnd' : 'padStart'](widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [first, ...rest] = cells.map(line);
  return `${[first, line(rule), ...rest].join('\n')}\n`;
}

const over = (row: Row, pick: (figures: Figures) => number): number => median(row.rounds.map(pick)) ?? Number.NaN;

/** Ratios are taken within a round. */
function ratio(row: Row, pick: (figures: Figures) => number): string {
  const other = row.against?.rounds;
  if (other === undefined) return '';
  return (median(row.rounds.map((one, at) => pick(one) / pick(other[at] ?? one))) ?? Number.NaN).toFixed(2);
}

const ratesTable = (rows: readonly Row[]): string =>
  table([
    ['what', 'transactions/s', 'of the bare loop', 'CPU µs', '× bare loop', 'failed'],
    ...rows.map((row) => [
      row.title,
      over(row, ({ perSecond }) => perSecond).toFixed(0),
      ratio(row, ({ perSecond }) => perSecond),
      over(row, ({ cpu }) => cpu).toFixed(1),
      ratio(row, ({ cpu }) => cpu),
      String(row.rounds.reduce((sum, { failed }) => sum + failed, 0)),
    ]),
  ]);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      'at-once': { type: 'string', default: '50' },
    },
  });
  const options = {
    time: 1000 * Number(values.seconds),
    rounds: Number(values.rounds),
    atOnce: Number(values['at-once']),
  };
  if (!Object.values(options).every((value) => value > 0)) throw new Error('the options are numbers above 0');
  build();
  const parts: Parts = {
    sender: await Part.start('stack-bare'),
    answerer: await Part.start('stack-bare'),
    uac: await Part.start('stack-node'),
    uas: await Part.start('stack-node'),
  };
  try {
    const { cpus, model, node } = machine();
    console.log(`${cpus} × ${model}, Node ${node}; medians of ${options.rounds} rounds of ${values.seconds} s,`);
    console.log(`${options.atOnce} transactions under way\n`);
    console.log(ratesTable(await rates(parts, options)));
    const held = await memories(parts);
    console.log(
      table([['open transaction over UDP', 'octets'], ...held.map(({ what, octets }) => [what, octets.toFixed(0)])]),
    );
  } finally {
    await Promise.all(Object.values(parts).map((part: Measured) => (part as Part<object>).end()));
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

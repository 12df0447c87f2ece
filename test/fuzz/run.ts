import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { attempt, type FuzzResult, type FuzzTarget, fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const USAGE = `usage: npm run fuzz -- [options]
  --runs N      mutated inputs for each parser (default 200000)
  --only NAMES  only these, with commas between: ${TARGETS.map(({ name }) => name).join(', ')}
  --seed N      the same seed gives the same inputs (default: of the time)
  --bound MS    what one input may take (default 50)
  --growth MB   what the heap may grow (default 16)
  --input FILE  run one kept input instead, with --only NAME; its error is shown
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200000' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    bound: { type: 'string', default: '50' },
    growth: { type: 'string', default: '16' },
    input: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function main(): number {
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const targets = chosen();
  if (values.input !== undefined) return rerun(targets, values.input);
  const [runs, seed, bound, growth] = [
    number('runs', 1, 1e9),
    number('seed', 0, 2 ** 31),
    number('bound', 1, 60_000),
    number('growth', 1, 4096) * 2 ** 20,
  ];
  let stopped = false;
  process.once('SIGINT', () => {
    stopped = true;
  });
  process.stderr.write(`seed ${seed}, ${runs} inputs for each of ${targets.length} parsers\n`);
  let directory: string | undefined;
  let failed = 0;
  for (const target of targets) {
    const onProgress = progressOf(target.name, runs);
    const result = fuzz(target, { runs, seed, bound, growth, onProgress, stopped: () => stopped });
    process.stdout.write(`${row(result)}\n`);
    if (result.leaks) failed++;
    for (const { kind, run, input, what } of result.failures) {
      directory ??= mkdtempSync(join(tmpdir(), 'ppg-fuzz-'));
      const file = join(directory, `${target.name}-${seed}-${run}`);
      writeFileSync(file, input);
      failed++;
      process.stdout.write(`  ${kind} in run ${run}: ${what.split('\n').slice(0, 4).join('\n    ')}\n`);
      process.stdout.write(`  again: npm run fuzz -- --only ${target.name} --input ${file}\n`);
    }
    if (stopped) break;
  }
  return failed === 0 ? 0 : 1;
}

function chosen(): readonly FuzzTarget[] {
  const names = values.only.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown !== undefined) throw new Error(`no parser is called ${unknown}\n${USAGE}`);
  return names.length === 0 ? TARGETS : TARGETS.filter(({ name }) => names.includes(name));
}

function rerun(targets: readonly FuzzTarget[], file: string): number {
  const input = readFileSync(file);
  let failed = 0;
  for (const target of targets) {
    const start = performance.now();
    const outcome = attempt(target, input);
    const took = (performance.now() - start).toFixed(2);
    const bad = typeof outcome === 'string';
    if (bad) failed++;
    process.stdout.write(
      `${target.name}: ${bad ? outcome : outcome === undefined ? 'read' : 'refused'} (${took} ms)\n`,
    );
  }
  return failed === 0 ? 0 : 1;
}

function number(name: 'runs' | 'seed' | 'bound' | 'growth', least: number, most: number): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} is a whole number from ${least} to ${most}`);
  return value;
}

/** A bar that is written over; nothing where nobody looks. */
function progressOf(name: string, runs: number): (done: number) => void {
  if (!process.stderr.isTTY) return () => undefined;
  let shown = 0;
  return (done) => {
    const now = performance.now();
    if (done > 0 && done < runs && now - shown < 100) return;
    shown = now;
    const filled = Math.round((done / runs) * 30);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(30 - filled)}`;
    process.stderr.write(done === runs ? '\r\u001b[2K' : `\r${name.padEnd(20)} [${bar}] ${done}/${runs}`);
  };
}

function row({ name, runs, read, refused, failures, seconds, slowest, grown, leaks }: FuzzResult): string {
  const rate = Math.round(runs / Math.max(seconds, 0.001));
  return [
    name.padEnd(20),
    `${runs} inputs: ${read} read, ${refused} refused, ${failures.length} failures;`,
    `${rate}/s, slowest ${slowest.toFixed(1)} ms, heap +${(grown / 2 ** 20).toFixed(1)} MB${leaks ? ' (leaks)' : ''}`,
  ].join(' ');
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

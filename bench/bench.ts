import { build } from './build.ts';
import type { Effort, Figures } from './measure.ts';
import { type Line, lineOf } from './report.ts';
import { ROWS, type Row } from './rows.ts';
import { Stage, type StageOptions } from './stage.ts';

export interface BenchOptions extends StageOptions {
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly effort: Effort;
  /** Unmeasured run of each row before the first round: until it is warm, or for so many milliseconds. */
  readonly warmUp: number;
  /** Told of each step. */
  readonly onStep: (done: number, all: number, what: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The rows of those names, in the table's order. Throws for a name that no row has. */
export function rowsNamed(names: readonly string[]): readonly Row[] {
  const unknown = names.find((name) => !ROWS.some((row) => row.name === name));
  if (unknown !== undefined)
    throw new Error(`no row "${unknown}"; there are ${ROWS.map(({ name }) => name).join(', ')}`);
  return names.length === 0 ? ROWS : ROWS.filter(({ name }) => names.includes(name));
}

/** Pushes after which what is hot has been compiled. */
const WARM = 15_000;

/**
 * Runs the rows in turns, so that what else the machine does falls on all of them alike. Every process has ended and
 * every file is removed when it resolves or rejects.
 */
export async function bench(options: BenchOptions): Promise<Line[]> {
  const { rows, rounds, effort, warmUp, onStep, signal } = options;
  build();
  const stage = new Stage(options);
  const figures = new Map<string, Figures[]>(rows.map(({ name }) => [name, []]));
  const warm = rows.filter(({ slow }) => slow !== true);
  const steps = warm.length + rounds * rows.length;
  let done = 0;
  const step = async (row: Row, what: string, change: Partial<Effort> = {}): Promise<Figures> => {
    signal?.throwIfAborted();
    onStep(done++, steps, `${what}: ${row.title}`);
    return row.round(stage, { ...effort, ...change });
  };
  try {
    for (const row of warm) await step(row, 'warm-up', { time: warmUp, most: WARM, rate: undefined });
    for (let round = 1; round <= rounds; round++) {
      for (const row of rows) figures.get(row.name)?.push(await step(row, `round ${round}`));
    }
  } finally {
    await stage.end();
  }
  onStep(steps, steps, 'done');
  return rows.map((row) => lineOf(row, figures));
}

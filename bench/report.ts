import { cpus, release, totalmem, type } from 'node:os';
import type { Figures } from './measure.ts';
import type { Row } from './rows.ts';
import { median } from './stats.ts';

/** A row's medians over the rounds. Times in milliseconds. */
export interface Line {
  readonly name: string;
  readonly title: string;
  readonly perSecond?: number | undefined;
  /** The row it is compared with, and its share of that row's rate. */
  readonly against?: string | undefined;
  readonly rateRatio?: number | undefined;
  readonly cpuPerPush?: number | undefined;
  /** CPU against the yardstick's. */
  readonly cpuRatio?: number | undefined;
  readonly p50?: number | undefined;
  readonly p99?: number | undefined;
  readonly lost: number;
  readonly refused: number;
  readonly pushes: number;
  readonly rounds: readonly Figures[];
}

/** Figures of every row by its name, one for each round. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

export function lineOf(row: Row, all: Rounds): Line {
  const rounds = all.get(row.name) ?? [];
  const over = (pick: (figures: Figures, round: number) => number | undefined): number | undefined =>
    median(rounds.map(pick));
  const sum = (pick: (figures: Figures) => number): number => rounds.reduce((total, one) => total + pick(one), 0);
  const other = (name: string | undefined, round: number): Figures | undefined =>
    name === undefined ? undefined : all.get(name)?.[round];
  return {
    name: row.name,
    title: row.title,
    against: row.against,
    perSecond: over((one) => one.perSecond),
    rateRatio: over((one, round) => ratio(one.perSecond, other(row.against, round)?.perSecond)),
    cpuPerPush: over((one) => one.cpuPerPush),
    cpuRatio: over((one, round) => {
      const base = row.cpu?.above === undefined ? 0 : other(row.cpu.above, round)?.cpuPerPush;
      if (one.cpuPerPush === undefined || base === undefined) return undefined;
      return ratio(one.cpuPerPush - base, other(row.cpu?.against, round)?.cpuPerPush);
    }),
    p50: over((one) => one.p50),
    p99: over((one) => one.p99),
    lost: sum((one) => one.lost),
    refused: sum((one) => one.refused),
    pushes: sum((one) => one.pushes),
    rounds,
  };
}

const ratio = (value: number | undefined, base: number | undefined): number | undefined =>
  value === undefined || base === undefined || base === 0 ? undefined : value / base;

/** A Markdown table that can be pasted as it is. */
export function table(lines: readonly Line[], rows: readonly Row[]): string {
  const cells = [
    ['what', 'pushes/s', 'rate of its yardstick', 'CPU ms/push', 'CPU of its yardstick', 'p50 ms', 'p99 ms', 'lost'],
    ...lines.map((line) => [
      line.title,
      digits(line.perSecond, 0),
      line.rateRatio === undefined ? '' : `${digits(line.rateRatio, 2)} of ${line.against}`,
      digits(line.cpuPerPush, 3),
      line.cpuRatio === undefined
        ? ''
        : cpuWords(
            line.cpuRatio,
            rows.find(({ name }) => name === line.name),
          ),
      digits(line.p50, 2),
      digits(line.p99, 2),
      `${line.lost + line.refused} of ${line.pushes + line.refused}`,
    ]),
  ];
  const widths = (cells[0] ?? []).map((_cell, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell[column === 0 ? 'padEnd' : 'padStart'](widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [text(head), text(rule), ...body.map(text)].join('\n');
}

/** What is to be said of what was lost. */
export const notes = (lines: readonly Line[]): string =>
  lines
    .flatMap(({ name, rounds }) => rounds.map(({ lost, note }) => ({ name, lost, note })))
    .flatMap(({ name, lost, note }) => (note === undefined ? [] : [`\n${name}: ${lost} lost; ${note}\n`]))
    .join('');

function cpuWords(value: number, row: Row | undefined): string {
  const above = row?.cpu?.above;
  return `${digits(value, 2)} × ${row?.cpu?.against}${above === undefined ? '' : ` above ${above}`}`;
}

const digits = (value: number | undefined, places: number): string =>
  value === undefined ? '' : value.toFixed(places);

/** What the figures depend on. */
export function machine(): { cpus: number; model: string; memoryGiB: number; node: string; system: string } {
  const all = cpus();
  return {
    cpus: all.length,
    model: all[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    system: `${type()} ${release()}`,
  };
}

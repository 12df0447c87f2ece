import type { LoadCommands } from './parts/load.ts';
import type { Seen } from './parts/sink.ts';
import type { Part } from './process.ts';
import { quantile } from './stats.ts';

/** One round of one row; times in milliseconds. */
export interface Figures {
  /** Pushes that were counted. */
  readonly pushes: number;
  readonly perSecond?: number | undefined;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** CPU of the measured process with all its threads. */
  readonly cpuPerPush?: number | undefined;
  readonly lost: number;
  readonly refused: number;
  /** Where the lost ones are, as far as somebody knows. */
  readonly note?: string | undefined;
}

export interface Effort {
  /** Milliseconds of one round. */
  readonly time: number;
  /** Submitting connections, and MESSAGEs in flight of the bare loop. */
  readonly connections: number;
  /** Submissions a second, in open loop; without it each connection submits again when it has its answer. */
  readonly rate?: number | undefined;
  /** Submissions of one round at the most: bounds memory and disk. */
  readonly most: number;
  /** Recipients that take turns: more than a gateway has in flight, so that none waits for another push of its own. */
  readonly users: number;
  /** Pushes that wait for other users in the registration row. */
  readonly waiting: number;
}

/** The way of a push, as far as a row has it. */
export interface Way {
  readonly load: Part<LoadCommands>;
  readonly measured: Part<{ port(): number }>;
  readonly path: string;
  /** Where it ends, and what counts what comes there; without it a push ends with its acceptance. */
  readonly end?: Part<{ reset(): void; seen(): Seen }> | undefined;
  readonly notifyUrl?: string | undefined;
  readonly after?: number | undefined;
  /** Asked when something is lost. */
  readonly explain?: (() => Promise<string>) | undefined;
}

/** Nothing new for so long: what has not come is lost. Longer than the first four retransmissions of SIP (7.5 s). */
const SILENCE = 8000;
const LOOK_EVERY = 10;

let lastRun = 0;

/** A number that no other run of this bench has, for push-ids. */
export const nextRun = (): number => ++lastRun;

/** Submits, waits for the last push to reach its end, and counts. */
export async function throughput(way: Way, { time, connections, rate, most, users }: Effort): Promise<Figures> {
  const { load, measured, end, path, notifyUrl, after } = way;
  await end?.call('reset');
  const port = await measured.call('port');
  const before = await measured.call('cpu');
  const { accepted, refused, refusal, startedAt, endedAt, latencies } = await load.call('run', {
    run: nextRun(),
    host: '127.0.0.1',
    port,
    path,
    notifyUrl,
    after,
    connections,
    rate,
    time,
    most,
    users,
  });
  if (accepted === 0) throw new Error(`no submission was accepted; the first answer was\n${refusal}`);
  const seen = end === undefined ? { distinct: accepted, lastAt: endedAt } : await drained(end, accepted);
  const cpu = (await measured.call('cpu')) - before;
  return {
    pushes: accepted,
    perSecond: seen.distinct / ((seen.lastAt - startedAt) / 1e6),
    ...inMilliseconds(latencies),
    cpuPerPush: cpu / 1000 / seen.distinct,
    lost: accepted - seen.distinct,
    refused,
    note: seen.distinct < accepted ? await way.explain?.() : undefined,
  };
}

/** Waits until `wanted` have come, or nothing more comes. */
export async function drained(end: Part<{ seen(): Seen }>, wanted: number): Promise<Seen> {
  let last = -1;
  let quiet = 0;
  for (;;) {
    const seen = await end.call('seen');
    if (seen.distinct >= wanted || quiet >= SILENCE) return seen;
    quiet = seen.distinct === last ? quiet + LOOK_EVERY : 0;
    last = seen.distinct;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

export const inMilliseconds = (micros: readonly number[]): Pick<Figures, 'p50' | 'p99'> => ({
  p50: toMilliseconds(quantile(micros, 0.5)),
  p99: toMilliseconds(quantile(micros, 0.99)),
});

const toMilliseconds = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : value / 1000;

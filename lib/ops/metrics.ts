import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Clock, systemClock } from '../base/clock.ts';
import { timeOfOrderedId } from '../base/ids.ts';
import { isTerminal } from '../model/states.ts';
import { countsReader } from './counts.ts';
import { countMsrp } from './msrp-metrics.ts';
import type { Observed } from './observed.ts';
import { countOmaPush } from './oma-push-metrics.ts';
import { countRegEvents } from './reg-event-metrics.ts';
import { countSip } from './sip-metrics.ts';

export interface MetricsOptions {
  readonly clock?: Clock;
  /** Adds the metrics of the process (memory, CPU, event loop). Default false: a host has its own. */
  readonly process?: boolean;
}

export interface Metrics {
  /** For an HTTP answer. */
  readonly contentType: string;
  /** The metrics as text for Prometheus. Never rejects for a store that does not answer: its gauges are left out. */
  text(): Promise<string>;
  /** The registry they live in, to be merged with a host's. Never prom-client's global one. */
  readonly registry: Registry;
  /** Takes the listeners off the gateway. */
  close(): void;
}

/** Seconds; from a device next door to one that was offline for days. */
const DELIVERY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600, 21_600, 86_400, 604_800];

/** Counts what a gateway tells of. docs/operations.md lists the names and what they mean. */
export function createMetrics(ppg: Observed, options: MetricsOptions = {}): Metrics {
  const { clock = systemClock } = options;
  const registry = new Registry();
  const registers = [registry];
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const off = [
    ...countSubmissions(ppg, registers),
    ...countOutcomes(ppg, registers),
    ...countNotifications(ppg, registers),
    ...countPauses(ppg, registers, clock),
    ...countCapabilities(ppg, registers),
    ...countDownloads(ppg, registers),
    ...countProofs(ppg, registers),
    ...countTransformations(ppg, registers),
  ];
  gaugeStore(ppg, registers, clock);
  countRegEvents(ppg, registers);
  countOmaPush(ppg, registers);
  countMsrp(ppg, registers);
  countSip(ppg, registers);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    registry,
    close: () => {
      for (const take of off) take();
    },
  };
}

type Off = () => void;

function countSubmissions(ppg: Observed, registers: Registry[]): Off[] {
  const accepted = new Counter({
    name: 'ppg_pushes_accepted_total',
    help: 'Pushes made durable and answered 1001',
    registers,
  });
  const recipients = new Counter({
    name: 'ppg_recipients_accepted_total',
    help: 'Recipients of the accepted pushes',
    registers,
  });
  const refused = new Counter({
    name: 'ppg_pushes_refused_total',
    help: 'Messages of Push Initiators that were refused, by PAP code',
    labelNames: ['code'],
    registers,
  });
  const byRule = new Counter({
    name: 'ppg_policy_refusals_total',
    help: 'Those of them that an option refused: a rule of the account, the block list, the backlog',
    labelNames: ['rule'],
    registers,
  });
  const denied = new Counter({
    name: 'ppg_logins_refused_total',
    help: 'Log-ins refused, by reason; those without credentials are left out',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['wrong', 'malformed', 'limited', 'busy', 'plaintext']) denied.inc({ reason }, 0);
  return [
    ppg.on('denied', (event) => {
      if (event.reason !== 'missing') denied.inc({ reason: event.reason });
    }),
    ppg.on('accepted', (event) => {
      accepted.inc();
      recipients.inc(event.recipients);
    }),
    ppg.on('refused', (event) => {
      refused.inc({ code: event.code });
      if (event.rule !== undefined) byRule.inc({ rule: event.rule });
    }),
  ];
}

function countOutcomes(ppg: Observed, registers: Registry[]): Off[] {
  const attempts = new Counter({
    name: 'ppg_attempts_total',
    help: 'Attempts begun; one per recipient, whatever the number of its devices',
    registers,
  });
  const retries = new Counter({
    name: 'ppg_attempts_retried_total',
    help: 'Attempts that left the recipient waiting for another one, by PAP code of the cause',
    labelNames: ['code'],
    registers,
  });
  const finals = new Counter({
    name: 'ppg_recipients_final_total',
    help: 'Recipients that came to their final state, by state and PAP code',
    labelNames: ['state', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'ppg_delivery_seconds',
    help: 'From acceptance of a push to the final state of a recipient, by state',
    labelNames: ['state'],
    buckets: DELIVERY_BUCKETS,
    registers,
  });
  return [
    ppg.on('attempt', () => attempts.inc()),
    ppg.on('state', (event) => {
      if (event.state === 'pending') retries.inc({ code: event.code });
      if (!isTerminal(event.state)) return;
      finals.inc({ state: event.state, code: event.code });
      // the key tells when the push was accepted: no table of pushes under way is needed
      const acceptedAt = timeOfOrderedId(event.push);
      if (acceptedAt !== undefined) {
        seconds.observe({ state: event.state }, Math.max(0, event.at - acceptedAt) / 1000);
      }
    }),
  ];
}

function countNotifications(ppg: Observed, registers: Registry[]): Off[] {
  const notifications = new Counter({
    name: 'ppg_notifications_total',
    help: 'Result notifications tried: done, retry (will be tried again), dead (given up)',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['done', 'retry', 'dead']) notifications.inc({ result }, 0);
  return [ppg.on('notification', (event) => notifications.inc({ result: event.result }))];
}

function countProofs(ppg: Observed, registers: Registry[]): Off[] {
  const proofs = new Counter({
    name: 'ppg_proofs_total',
    help: 'Reports on pushes besides the answers to attempts, by source: applied, early (the attempt is under way), ignored',
    labelNames: ['source', 'result'],
    registers,
  });
  return [ppg.on('proof', ({ source, result }) => proofs.inc({ source, result }))];
}

function countDownloads(ppg: Observed, registers: Registry[]): Off[] {
  const downloads = new Counter({
    name: 'ppg_content_downloads_total',
    help: 'Requests for content by reference: complete, part, head, not-modified, broken-off, refused; by HTTP status',
    labelNames: ['result', 'status'],
    registers,
  });
  const bytes = new Counter({
    name: 'ppg_content_bytes_total',
    help: 'Octets of content that devices fetched',
    registers,
  });
  return [
    ppg.on('download', (event) => {
      downloads.inc({ result: event.result, status: event.status });
      bytes.inc(event.bytes);
    }),
  ];
}

function countTransformations(ppg: Observed, registers: Registry[]): Off[] {
  const transformations = new Counter({
    name: 'ppg_transformations_total',
    help: 'Attempts that carried the content in another form: compiled to WBXML, decompiled, or in another charset',
    labelNames: ['change'],
    registers,
  });
  for (const change of ['compiled', 'decompiled', 'charset']) transformations.inc({ change }, 0);
  return [ppg.on('transformed', ({ change }) => transformations.inc({ change }))];
}

function countCapabilities(ppg: Observed, registers: Registry[]): Off[] {
  const queries = new Counter({
    name: 'ppg_capability_queries_total',
    help: 'Devices asked what they can by OPTIONS: told, nothing, refused, absent, silent, failed, or shed for lack of room',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['told', 'nothing', 'refused', 'absent', 'silent', 'failed', 'shed']) queries.inc({ result }, 0);
  for (const [name, help, which] of [
    ['ppg_capability_cache_hits_total', 'Devices whose answer was known when a push came', 'hits'],
    ['ppg_capability_cache_misses_total', 'Devices of which nothing was known when a push came', 'misses'],
  ] as const) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(ppg.capabilityCounts[which]);
      },
    });
  }
  return [ppg.on('capabilities', ({ result }) => queries.inc({ result }))];
}

function countPauses(ppg: Observed, registers: Registry[], clock: Clock): Off[] {
  const pauses = new Counter({
    name: 'ppg_hop_pauses_total',
    help: 'Times the next hop was given a rest because it was overloaded',
    registers,
  });
  let pausedUntil = 0;
  new Gauge({
    name: 'ppg_hop_paused',
    help: '1 while the next hop is given a rest',
    registers,
    collect() {
      this.set(pausedUntil > clock.now() ? 1 : 0);
    },
  });
  return [
    ppg.on('hop', (event) => {
      pausedUntil = event.pausedUntil ?? 0;
      if (event.pausedUntil !== undefined) pauses.inc();
    }),
  ];
}

function gaugeStore(ppg: Observed, registers: Registry[], clock: Clock): void {
  const counts = countsReader(ppg, clock);
  const counted = async (): Promise<Awaited<ReturnType<typeof counts>> | undefined> => {
    try {
      return await counts();
    } catch {
      return undefined; // readiness tells of a store that does not answer; a scrape goes on without it
    }
  };
  new Gauge({
    name: 'ppg_ready',
    help: '1 while a SIP leg has a way out',
    registers,
    collect() {
      this.set(ppg.ready ? 1 : 0);
    },
  });
  new Gauge({
    name: 'ppg_leg_ready',
    help: '1 while this SIP leg has a way out: drachtio, direct',
    labelNames: ['leg'],
    registers,
    collect() {
      for (const { name: leg, ready } of ppg.legs) this.set({ leg }, ready ? 1 : 0);
    },
  });
  new Gauge({
    name: 'ppg_in_flight',
    help: 'Attempts under way on this node',
    registers,
    collect() {
      this.set(ppg.inFlight);
    },
  });
  new Gauge({
    name: 'ppg_wakes_waiting',
    help: 'Users who registered and whose waiting pushes are not let go yet (limits.wakeRate)',
    registers,
    collect() {
      this.set(ppg.wakesWaiting ?? 0);
    },
  });
  new Gauge({
    name: 'ppg_recipients',
    help: 'Recipients in the store that are not final, by state',
    labelNames: ['state'],
    registers,
    async collect() {
      const now = await counted();
      this.reset();
      if (now === undefined) return;
      this.set({ state: 'pending' }, now.pending);
      this.set({ state: 'sending' }, now.sending);
      this.set({ state: 'awaiting-confirmation' }, now.awaitingConfirmation);
    },
  });
  new Gauge({
    name: 'ppg_notifications',
    help: 'Result notifications in the store: owed, or dead after the last try',
    labelNames: ['state'],
    registers,
    async collect() {
      const now = await counted();
      this.reset();
      if (now === undefined) return;
      this.set({ state: 'owed' }, now.notifications);
      this.set({ state: 'dead' }, now.deadNotifications);
    },
  });
}

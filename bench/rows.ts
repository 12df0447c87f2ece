import { capabilitiesRound } from './capabilities.ts';
import { drained, type Effort, type Figures, inMilliseconds, nextRun, throughput } from './measure.ts';
import { registrationRound } from './registration.ts';
import type { Stage } from './stage.ts';

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly round: (stage: Stage, effort: Effort) => Promise<Figures>;
  /** The row that its rate is compared with, in the same round. */
  readonly against?: string;
  /** The row that its CPU is compared with; `above`: only what it uses more than that row. */
  readonly cpu?: { readonly against: string; readonly above?: string };
  /** True when there is nothing to warm: the row is about single pushes. */
  readonly slow?: boolean;
}

/** Submissions a second of the latency row, and its connections. */
const CALM = { rate: 100, connections: 16 };
const HOUR = 3_600_000;

export const ROWS: readonly Row[] = [
  { name: 'relay', title: 'do-nothing relay, notified', round: relay(true) },
  { name: 'relay-silent', title: 'do-nothing relay, not notified', round: relay(false) },
  {
    name: 'direct',
    title: 'gateway, direct leg: confirmed, durable, notified',
    round: gateway('direct', true),
    against: 'relay',
    cpu: { against: 'relay' },
  },
  {
    name: 'direct-silent',
    title: 'gateway, direct leg: confirmed, durable',
    round: gateway('direct', false),
    against: 'relay-silent',
    cpu: { against: 'relay-silent' },
  },
  { name: 'srf', title: 'bare drachtio-srf loop through sipd', round: bareSrf },
  {
    name: 'sipd',
    title: 'gateway through sipd: confirmed, durable, notified',
    round: gateway('sipd', true),
    against: 'srf',
    cpu: { against: 'relay', above: 'srf' },
  },
  {
    name: 'sipd-silent',
    title: 'gateway through sipd: confirmed, durable',
    round: gateway('sipd', false),
    against: 'srf',
    cpu: { against: 'relay-silent', above: 'srf' },
  },
  {
    name: 'asked',
    title: 'direct leg, to registered devices that tell by OPTIONS what they can',
    round: capabilitiesRound,
    against: 'direct',
    cpu: { against: 'direct' },
  },
  { name: 'responder', title: 'bare Node HTTP responder', round: responder },
  {
    name: 'accept',
    title: 'gateway, accept only: durable, deliver later',
    round: acceptOnly('accept', false),
    against: 'responder',
    cpu: { against: 'responder' },
  },
  {
    name: 'accept-tenants',
    title: 'the same, 200 accounts with every rule, 100,000 opt-outs',
    round: acceptOnly('accept-tenants', true),
    against: 'accept',
    cpu: { against: 'accept' },
  },
  { name: 'latency', title: `PAP POST to MESSAGE, ${CALM.rate}/s`, round: latency, slow: true },
  { name: 'registration', title: 'registration to MESSAGE of a waiting push', round: registrationRound, slow: true },
];

function relay(notifies: boolean): Row['round'] {
  return async (stage, effort) => {
    const [load, measured] = [await stage.load(), await stage.relay(notifies)];
    const end = notifies ? await stage.sink() : await stage.device();
    return throughput({ load, measured, path: '/', end }, effort);
  };
}

function gateway(leg: 'direct' | 'sipd', notifies: boolean): Row['round'] {
  return async (stage, effort) => {
    const [load, measured] = [await stage.load(), await stage.gateway(leg, leg)];
    const explain = async (): Promise<string> => `the store of the gateway has ${await measured.call('waiting')}`;
    const way = { load, measured, path: '/pap', explain };
    if (!notifies) return throughput({ ...way, end: await stage.device() }, effort);
    const end = await stage.sink();
    const notifyUrl = `http://127.0.0.1:${await end.call('port')}/result`;
    return throughput({ ...way, end, notifyUrl }, effort);
  };
}

async function responder(stage: Stage, effort: Effort): Promise<Figures> {
  return throughput({ load: await stage.load(), measured: await stage.responder(), path: '/' }, effort);
}

function acceptOnly(name: string, tenants: boolean): Row['round'] {
  return async (stage, effort) => {
    const [load, measured] = [await stage.load(), await stage.gateway(name, 'direct', tenants)];
    return throughput({ load, measured, path: '/pap', after: HOUR }, effort);
  };
}

async function bareSrf(stage: Stage, { time, connections, most }: Effort): Promise<Figures> {
  const [srf, device] = [await stage.bareSrf(), await stage.device()];
  await device.call('reset');
  const before = await srf.call('cpu');
  const result = await srf.call('run', { inFlight: connections, time, most });
  const { answered, failed, startedAt, endedAt, latencies } = result;
  return {
    pushes: answered + failed,
    perSecond: answered / ((endedAt - startedAt) / 1e6),
    ...inMilliseconds(latencies),
    cpuPerPush: ((await srf.call('cpu')) - before) / 1000 / answered,
    lost: failed,
    refused: 0,
  };
}

/** Open loop: what a push waits for behind others is counted, since they come when they come. */
async function latency(stage: Stage, { time, most, users }: Effort): Promise<Figures> {
  const [load, gateway, device] = [await stage.load(), await stage.gateway('direct', 'direct'), await stage.device()];
  await device.call('reset');
  const job = { host: '127.0.0.1', port: await gateway.call('port'), path: '/pap', run: nextRun(), time, most, users };
  const { accepted, refused } = await load.call('run', { ...job, ...CALM });
  const { distinct } = await drained(device, accepted);
  return {
    pushes: accepted,
    ...inMilliseconds(await device.call('sinceSubmitted')),
    lost: accepted - distinct,
    refused,
  };
}

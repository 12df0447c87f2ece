import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AuditLog } from '../ops/audit.ts';
import { createHealth } from '../ops/health.ts';
import { createMetrics } from '../ops/metrics.ts';
import type { PpgConfiguration } from '../options/options.ts';
import { createPpg, type Ppg } from '../ppg.ts';
import { type BlockEntry, parseBlockFile } from '../security/block-list.ts';
import { hashPassword } from '../security/password.ts';
import type { SrfLike } from '../sip/drachtio/srf-like.ts';
import { connectSrf, disconnectSrf } from '../sip/drachtio/srf-link.ts';
import type { SipTraceListener } from '../stack/trace.ts';
import { traceLine } from '../stack/trace-text.ts';
import { gatewayConfiguration } from './config.ts';
import type { NodeConfig } from './config-schema.ts';
import {
  bindingsFile,
  bothTransports,
  loopbackOf,
  type NodeTls,
  nodeUri,
  openBindings,
  type RunningCore,
  type RunningSipd,
  startCore,
  startSipd,
} from './embedded.ts';
import { startHttp } from './http.ts';
import { freePort, opening, type PortNames } from './listen.ts';
import { secretOf } from './secret-file.ts';
import { loadSrf } from './srf.ts';
import { checkTlsFiles } from './tls-files.ts';

export interface NodeOptions {
  readonly log: Logger;
  readonly audit?: AuditLog | undefined;
  readonly clock?: Clock;
}

/** Where a running node is reached; undefined: it has none of that. */
export interface NodePorts {
  readonly http: number;
  /** Where phones register. */
  readonly sip: number | undefined;
  readonly sipd: number | undefined;
  /** The protocol port of sipd. */
  readonly drachtio: number | undefined;
  readonly direct: number | undefined;
  /** TLS of the direct leg. */
  readonly directTls: number | undefined;
  /** TLS of core and sipd. */
  readonly sipTls?: number | undefined;
  readonly sipdTls?: number | undefined;
}

/** A standalone gateway with everything that runs beside it. */
export interface RunningNode {
  readonly ppg: Ppg;
  readonly ports: NodePorts;
  /** What the node sends to: the embedded core or the real one. */
  readonly nextHop: string;
  /** `host:port` at which the gateway takes SIP from the core. */
  readonly announced: string;
  /** Number of accounts that may submit. */
  readonly accounts: number;
  /** Resolves with the cause when the store can do nothing more: only another start helps. */
  readonly broken: Promise<string>;
  /**
   * Takes nothing new, waits for what is under way, and stops everything. Never longer than the configuration's
   * `stopWithin`; true when all had ended by then. What had not is taken up again at the next start.
   */
  stop(): Promise<boolean>;
  /**
   * Takes over what may change while the node runs: accounts, the block list and certificates. Rejects with PPG_E_OPTIONS or
   * PPG_E_CONFIG when they cannot be used; what was there stays then.
   */
  reload(config: NodeConfig): Promise<void>;
}

/**
 * Starts a standalone gateway as production has it, role by role: a drachtio server (real, or sipd), the gateway as an
 * application on it with two connections, its direct leg, a SIP/IP core (real, or the pocket one), and HTTP.
 * What has been started is stopped again when a later part fails.
 * Rejects with PPG_E_LISTEN, PPG_E_LEG_DOWN, PPG_E_CONFIG, PPG_E_STORE or PPG_E_STORE_LOCKED.
 */
export async function startNode(config: NodeConfig, options: NodeOptions): Promise<RunningNode> {
  const started: (() => Promise<void> | void)[] = [];
  try {
    return await start(config, options, started);
  } catch (error) {
    for (const stop of started.reverse()) {
      try {
        await stop();
      } catch (second) {
        options.log.warn({ cause: messageOf(second) }, 'stopping after a failed start');
      }
    }
    throw error;
  }
}

async function start(
  config: NodeConfig,
  { log, audit, clock = systemClock }: NodeOptions,
  started: (() => Promise<void> | void)[],
): Promise<RunningNode> {
  const { sip } = config;
  checkTlsFiles(config);
  const embedded = { clock, log, host: sip.host, advertise: sip.advertise };
  const traceOf = (part: string): SipTraceListener | undefined =>
    sip.trace ? (trace) => log.debug({ sip: part }, traceLine(trace)) : undefined;
  const accounts = await accountsOf(config);
  const server = await startServer(config, { ...embedded, trace: traceOf('sipd') }, started);
  const ownCore = sip.nextHop === undefined;
  // the gateway must know its next hop before the core runs, since the core tells it of registrations as it starts
  const corePort = ownCore && config.core.port === 0 ? await freePort(loopbackOf(sip.host)) : config.core.port;
  const nextHop = sip.nextHop ?? nodeUri(sip.host, corePort);

  const ppg = createPpg({
    ...gatewayConfiguration(config),
    secret: secretOf(config),
    initiators: accounts,
    block: blockedBy(config),
    ...(audit !== undefined && { audit }),
    sip: {
      ...gatewayConfiguration(config).sip,
      nextHop,
      trustedPeers: ownCore ? [...new Set([...sip.trustedPeers, loopbackOf(sip.host)])] : sip.trustedPeers,
      direct: sip.leg === 'drachtio' ? false : directOf(config),
    },
    ...(server !== undefined && { srf: server.srf, outbound: server.outbound, standalone: true }),
    trace: traceOf('direct'),
    clock,
    log,
  });
  const broken = new Promise<string>((resolve) => ppg.on('broken', ({ cause }) => resolve(cause)));
  const metrics = createMetrics(ppg, { clock, process: true });
  started.push(() => metrics.close());
  if (server !== undefined) ppg.mount(server.srf);
  started.push(() => ppg.stop());
  await opening(gatewayPorts(config), () => startWithStore(ppg));

  const direct = ppg.directListening[0]?.port;
  const directTls = ppg.directListening.find(({ protocol }) => protocol === 'tls')?.port;
  const announced = server?.announced ?? hostPort(sip.host, direct ?? config.direct.port);
  const core = ownCore
    ? await startOwnCore(config, { ...embedded, port: corePort, trace: traceOf('core') }, announced)
    : undefined;
  if (core !== undefined) started.push(core.stop);

  const health = createHealth(ppg, clock);
  const adminToken = config.admin?.token;
  const http = await startHttp({ ppg, health, metrics, log, audit, clock, ...config.http, adminToken });

  const stopAll = async (): Promise<void> => {
    health.stopping();
    const drained = http.drain();
    await ppg.stop();
    http.close();
    await drained;
    await core?.stop();
    await server?.stop();
    metrics.close();
  };
  return {
    ppg,
    ports: {
      http: http.port,
      sip: core?.port,
      sipd: server?.sipd?.port,
      drachtio: server?.sipd?.drachtioPort,
      direct,
      directTls,
      sipTls: core?.tlsPort,
      sipdTls: server?.sipd?.tlsPort,
    },
    nextHop,
    announced,
    accounts: accounts.length,
    broken,
    stop: () => inTime(stopAll(), config.stopWithin, clock),
    async reload(again) {
      checkTlsFiles(again);
      const [accounts, blocked] = [await accountsOf(again), blockedBy(again)];
      http.reload();
      ppg.setInitiators(accounts);
      ppg.setBlocked(blocked);
      ppg.reloadTls();
      core?.reloadTls();
      server?.sipd?.reloadTls();
    },
  };
}

interface DrachtioServer {
  readonly srf: SrfLike;
  readonly outbound: SrfLike;
  readonly sipd: RunningSipd | undefined;
  /** `host:port` of its SIP side. */
  readonly announced: string;
  stop(): Promise<void>;
}

interface Embedded {
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: string;
  readonly advertise: string | undefined;
  readonly trace?: SipTraceListener | undefined;
}

/** The drachtio server: the real one when its host is given, otherwise sipd; none when only the direct leg is wanted. */
async function startServer(
  config: NodeConfig,
  embedded: Embedded,
  started: (() => Promise<void> | void)[],
): Promise<DrachtioServer | undefined> {
  const real = config.drachtio.host;
  if (config.sip.leg === 'direct' && real === undefined) return undefined;
  const newSrf = await loadSrf();
  const secret = real === undefined ? randomBytes(24).toString('hex') : config.drachtio.secret;
  if (secret === undefined) {
    throw new PpgError('PPG_E_CONFIG', 'DRACHTIO_HOST is set without DRACHTIO_SECRET; set the secret of that server');
  }
  let sipd: RunningSipd | undefined;
  if (real === undefined) {
    sipd = await startSipd({ ...embedded, ...config.sipd, tls: tlsAt(config, config.sipd.tlsPort), secret });
    started.push(sipd.stop);
  }
  const target = { host: real ?? '127.0.0.1', port: sipd?.drachtioPort ?? config.drachtio.port, secret };
  const [srf, outbound] = [newSrf(), newSrf()];
  started.push(() => {
    disconnectSrf(srf);
    disconnectSrf(outbound);
  });
  const { clock, log } = embedded;
  // both go to one server: one of them tells
  const watched = (one: SrfLike): { clock: Clock; log?: Logger } => (one === srf ? { clock, log } : { clock });
  const linking = Promise.all([srf, outbound].map((one) => connectSrf(one, { ...target, ...watched(one) })));
  const [hostPorts = ''] = await linking.catch((error: unknown): never => {
    if (real === undefined || !(error instanceof PpgError)) throw error;
    const text = `${error.message}; DRACHTIO_HOST, DRACHTIO_PORT and DRACHTIO_SECRET say which server it is`;
    throw new PpgError(error.code, text, { cause: error.cause });
  });
  return {
    srf,
    outbound,
    sipd,
    announced: sipd === undefined ? firstHostPort(hostPorts) : hostPort(embedded.host, sipd.port),
    async stop() {
      disconnectSrf(outbound);
      disconnectSrf(srf);
      await sipd?.stop();
    },
  };
}

/** What the gateway itself listens on. */
function gatewayPorts({ sip, direct, msrp }: NodeConfig): PortNames {
  const msrpTls = (msrp?.['tls'] as { port?: number } | undefined)?.port;
  return {
    host: sip.host,
    hostSetBy: 'PPG_SIP_HOST',
    ports: [
      { what: 'SIP of the direct leg', port: direct.port, setBy: 'PPG_DIRECT_PORT' },
      ...(sip.tls === undefined
        ? []
        : [{ what: 'SIP of the direct leg, by TLS', port: sip.tls.port, setBy: 'PPG_SIP_TLS_PORT' }]),
      ...(msrp === undefined ? [] : [{ what: 'MSRP', port: msrp.port, setBy: 'PPG_MSRP_PORT' }]),
      ...(msrpTls === undefined ? [] : [{ what: 'MSRP by TLS', port: msrpTls, setBy: 'PPG_MSRP_TLS_PORT' }]),
    ],
  };
}

/** A store that cannot be used is told with the variable that names it. */
async function startWithStore(ppg: Ppg): Promise<void> {
  try {
    await ppg.start();
  } catch (error) {
    if (!(error instanceof PpgError) || (error.code !== 'PPG_E_STORE' && error.code !== 'PPG_E_STORE_LOCKED'))
      throw error;
    throw new PpgError(error.code, `ppg.store (PPG_STORE): ${error.message}`, { cause: error.cause });
  }
}

/** How others on this machine reach what listens there: `127.0.0.1:5060`, `[::1]:5060`. */
const hostPort = (host: string, port: number): string => nodeUri(host, port).slice('sip:'.length);

/** `10.0.0.1:5060` of `udp/10.0.0.1:5060,tcp/10.0.0.1:5060`. */
function firstHostPort(hostPorts: string): string {
  const first = hostPorts.split(',')[0] ?? '';
  return first.slice(first.indexOf('/') + 1);
}

const directOf = ({ sip, direct }: NodeConfig): NonNullable<NonNullable<PpgConfiguration['sip']>['direct']> => ({
  listen: [
    ...bothTransports(sip.host, direct.port),
    ...(sip.tls?.cert === undefined ? [] : [{ protocol: 'tls' as const, host: sip.host, port: sip.tls.port }]),
  ],
  advertise: sip.advertise,
  keepAlive: direct.keepAlive,
  connectionsPerAddress: direct.connectionsPerAddress,
});

function startOwnCore(
  config: NodeConfig,
  embedded: Embedded & { port: number },
  announced: string,
): Promise<RunningCore> {
  const { domain, identity, store, core } = config;
  const gateway = `sip:${announced}`;
  return startCore({
    ...embedded,
    domain,
    applicationServers: [gateway],
    services: { [userOf(identity) ?? 'push']: gateway },
    users: core.users,
    wsPort: core.wsPort,
    // phones have no certificates: who they are is what digest authentication is for
    tls: { ...tlsAt(config, core.tlsPort), requireClientCertificate: false },
    bindings: openBindings(bindingsFile(store), embedded.log),
    // the direct leg may have another address than the one that is announced
    watchers: [loopbackOf(embedded.host)],
  });
}

/** The TLS of the node, at a port of its own. */
const tlsAt = ({ sip }: NodeConfig, port: number | undefined): NodeTls => ({ ...sip.tls, port });

const userOf = (uri: string | undefined): string | undefined => /^sips?:([^@;]+)@/i.exec(uri ?? '')?.[1];

async function accountsOf({ initiators, accounts }: NodeConfig): Promise<NonNullable<PpgConfiguration['initiators']>> {
  const hashed = await Promise.all(
    accounts.map(async ({ name, password }) => ({ name, passwordHash: await hashPassword(password) })),
  );
  const all = [...(initiators as NonNullable<PpgConfiguration['initiators']>), ...hashed];
  const twice = all.find(({ name }, at) => all.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) {
    throw new PpgError(
      'PPG_E_CONFIG',
      `the account "${twice.name}" is given twice; PPG_INITIATORS adds to ppg.initiators`,
    );
  }
  return all;
}

/** The entries of the configuration and those of its file. Throws PPG_E_CONFIG. */
function blockedBy({ block, blockFile }: NodeConfig): readonly BlockEntry[] {
  const given = (block ?? []) as readonly BlockEntry[];
  if (blockFile === undefined) return given;
  try {
    return [...given, ...parseBlockFile(readFileSync(blockFile, 'utf8'))];
  } catch (error) {
    throw new PpgError('PPG_E_CONFIG', `ppg.blockFile (PPG_BLOCK_FILE): ${messageOf(error)}`, { cause: error });
  }
}

async function inTime(work: Promise<void>, within: number, clock: Clock): Promise<boolean> {
  let timer: unknown;
  const late = new Promise<boolean>((resolve) => {
    timer = clock.setTimeout(() => resolve(false), within);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clock.clearTimeout(timer);
  }
}

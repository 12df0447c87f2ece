import type { NodeConfig } from '../../lib/cli/config-schema.ts';
import { createLog } from '../../lib/cli/log.ts';
import { startNode } from '../../lib/cli/node.ts';
import { hashPassword } from '../../lib/security/password.ts';
import { ACCOUNT, DOMAIN } from './pap-post.ts';
import { runPart } from './part.ts';

export interface GatewayOptions {
  /** Of the SQLite database. */
  readonly file: string;
  /** SIP URI of the device, which is the next hop. */
  readonly device: string;
  /** With accounts, rules, limits and a block list, as an operator has them. */
  readonly tenants?: boolean | undefined;
  /** Recipients that may wait. Default: the gateway's own bound. */
  readonly backlog?: number | undefined;
  /** Sends by MSRP what is too large for a MESSAGE. */
  readonly msrp?: boolean | undefined;
  /** A drachtio server's protocol port and secret; without it the direct leg sends. */
  readonly drachtio?: { readonly host: string; readonly port: number; readonly secret: string } | undefined;
}

export interface GatewayCommands {
  port(): number;
  /** SIP port of the direct leg. */
  directPort(): number;
  /** What its store still has to do, in words. */
  waiting(): Promise<string>;
  /** Devices whose capabilities were known when a push came, and those that were not, since it started. */
  capabilities(): { readonly hits: number; readonly misses: number };
  /** MSRP sessions open now. */
  sessions(): number;
  /** Octets, after garbage collection where the process may (`--expose-gc`). */
  memory(): Memory;
  /** Ends it in good order. */
  stop(): Promise<void>;
}

export interface Memory {
  /** Of JavaScript, and of its buffers. */
  readonly heap: number;
  readonly resident: number;
}

const HOST = '127.0.0.1';
const LOOPBACK: readonly string[] = [HOST, '::1'];

/** A gateway as `drachtio-ppg serve` runs it, between a given next hop and, perhaps, a given drachtio server. */
const TENANTS = 200;
const OPTED_OUT = 100_000;
/** Rules that the pushes of the bench keep, so that every one of them is looked at. */
const ALLOW = {
  recipients: {
    domains: ['ims.example.com'],
    numbers: ['+1', '+49', '+3584'],
    patterns: ['sip:meter-*@ims.example.com'],
  },
  applications: ['mms.ua', 'wml.ua', 'push.sia'],
  contentTypes: ['application/*', 'text/vnd.wap.si'],
  deliveryMethods: ['confirmed', 'unconfirmed'],
  maxContentBytes: 65_536,
  maxRecipients: 100,
  notifyTargets: ['*.example.com', '127.0.0.1'],
  open: 10_000_000,
  rate: { perSecond: 1_000_000, burst: 1_000_000 },
};

async function tenants(): Promise<Pick<NodeConfig, 'initiators' | 'accounts' | 'block'>> {
  const passwordHash = await hashPassword(ACCOUNT.password);
  const others = Array.from({ length: TENANTS - 1 }, (_, n) => ({ name: `tenant-${n}`, passwordHash, allow: ALLOW }));
  const own = {
    name: ACCOUNT.name,
    passwordHash,
    allow: ALLOW,
    initiatorUris: ['https://pi.example.com/'],
    trusted: true,
  };
  const block = Array.from({ length: OPTED_OUT }, (_, n) => ({ user: `opted-out-${n}@${DOMAIN}` }));
  return { initiators: [...others, own], accounts: [], block };
}

runPart(async ({ file, device, drachtio, msrp, backlog, tenants: many }: GatewayOptions): Promise<GatewayCommands> => {
  const node = await startNode(
    {
      domain: DOMAIN,
      store: `sqlite:${file}`,
      ...(many === true ? await tenants() : { initiators: [], accounts: [ACCOUNT] }),
      http: { host: HOST, port: 0 },
      sip: {
        host: HOST,
        nextHop: device,
        leg: drachtio === undefined ? 'direct' : 'drachtio',
        trustedPeers: LOOPBACK,
        registrations: 'register',
        notFoundIsFinal: false,
      },
      // neither is started, since next hop and leg are given
      core: { port: 0 },
      sipd: { port: 0, drachtioPort: 0 },
      direct: { port: 0 },
      drachtio: { host: undefined, port: 0, ...drachtio },
      ...(msrp === true && { msrp: { enabled: true, port: 0 } }),
      limits: backlog === undefined ? {} : { backlog },
      retry: {},
      notify: { allowPrivate: true },
      log: { level: 'warn' },
      stopWithin: 5000,
    },
    { log: createLog('warn') },
  );
  return {
    port: () => node.ports.http,
    directPort: () => node.ports.direct ?? 0,
    waiting: async () =>
      Object.entries(await node.ppg.counts())
        .map(([what, count]) => `${count} ${what}`)
        .join(', '),
    capabilities: () => ({ ...node.ppg.capabilityCounts }),
    sessions: () => node.ppg.msrp?.sessions ?? 0,
    memory() {
      globalThis.gc?.();
      const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
      return { heap: heapUsed + arrayBuffers, resident: rss };
    },
    async stop() {
      await node.stop();
    },
  };
});

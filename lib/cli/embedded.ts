import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { formatHostPort } from '../codec/sip/host.ts';
import { type Core, createCore } from '../embedded/core/core.ts';
import { createSipd, type Sipd } from '../embedded/sipd/sipd.ts';
import type { StackControls } from '../stack/controls.ts';
import { createSipStack } from '../stack/stack.ts';
import type { TlsOptions } from '../stack/tls-options.ts';
import type { SipTraceListener } from '../stack/trace.ts';
import type { ListenPoint, Protocol, SipStack } from '../stack/types.ts';
import type { BindingStore } from '../store/bindings.ts';
import { createMemoryBindings } from '../store/memory-bindings.ts';
import { createSqliteBindings } from '../store/sqlite/bindings.ts';
import { opening, type PortName, type PortNames } from './listen.ts';

/** What core and sipd have in common. */
export interface EmbeddedOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where SIP is listened to, by UDP and TCP at `port`. */
  readonly host: string;
  readonly port: number;
  /** What Via and the like name instead of the host. */
  readonly advertise?: string | undefined;
  /** TLS is listened to at its port once it has a certificate; without one it is only done as a client. */
  readonly tls?: NodeTls | undefined;
  /** SIP by WebSocket (RFC 7118) is listened to there: `wss` with the certificate, where there is one, else `ws`. */
  readonly wsPort?: number | undefined;
  /** Is told of every SIP message. */
  readonly trace?: SipTraceListener | undefined;
}

/** TLS of a node; a port of undefined: it does not listen. */
export type NodeTls = TlsOptions & { readonly port?: number | undefined };

/** Something that runs. */
export interface Running {
  /** SIP port, UDP and TCP. */
  readonly port: number;
  /** Of TLS and of WebSocket; undefined: not listened to. */
  readonly tlsPort: number | undefined;
  readonly wsPort: number | undefined;
  /** Reads the certificates again. Throws PPG_E_OPTIONS; what was there stays then. */
  reloadTls(): void;
  stop(): Promise<void>;
}

/** UDP and TCP on one port. */
export const bothTransports = (host: string, port: number): ListenPoint[] => [
  { protocol: 'udp', host, port },
  { protocol: 'tcp', host, port },
];

const listenPoints = ({ host, port, tls, wsPort }: EmbeddedOptions): ListenPoint[] => {
  const secure = tls?.cert !== undefined;
  return [
    ...bothTransports(host, port),
    ...(secure && tls.port !== undefined ? [{ protocol: 'tls' as const, host, port: tls.port }] : []),
    ...(wsPort === undefined ? [] : [{ protocol: secure ? ('wss' as const) : ('ws' as const), host, port: wsPort }]),
  ];
};

/** Where a stack that runs is reached. */
function runningStack(stack: SipStack & StackControls): Omit<Running, 'stop'> {
  const portOf = (...protocols: Protocol[]): number | undefined =>
    stack.listening.find(({ protocol }) => protocols.includes(protocol))?.port;
  return {
    port: portOf('udp') ?? 0,
    tlsPort: portOf('tls'),
    wsPort: portOf('ws', 'wss'),
    reloadTls: () => stack.reloadTls(),
  };
}

/** The variables of the port for UDP and TCP, for TLS, and for WebSocket. */
type SetBy = readonly [plain: string, tls: string, ws: string];

/** What is listened to, for the operator. */
const portNames = (what: string, [plain, secure, web]: SetBy, options: EmbeddedOptions): PortNames => ({
  host: options.host,
  hostSetBy: 'PPG_SIP_HOST',
  ports: [
    { what, port: options.port, setBy: plain },
    ...(options.tls?.port === undefined ? [] : [{ what: `${what}, by TLS`, port: options.tls.port, setBy: secure }]),
    ...(options.wsPort === undefined ? [] : [{ what: `${what}, by WebSocket`, port: options.wsPort, setBy: web }]),
  ],
});

/** The address by which this machine's own nodes reach one that listens on `host`. */
export function loopbackOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** SIP URI of a node on this machine. */
export const nodeUri = (host: string, port: number): string =>
  `sip:${formatHostPort({ host: loopbackOf(host), port })}`;

const sentBy = (advertise: string | undefined): { sentBy?: { host: string } } =>
  advertise === undefined ? {} : { sentBy: { host: advertise } };

export interface SipdNodeOptions extends EmbeddedOptions {
  /** Where applications connect; always on loopback. */
  readonly drachtioPort: number;
  readonly secret: string;
}

export interface RunningSipd extends Running {
  readonly drachtioPort: number;
}

/** Starts the stand-in for drachtio-server. Rejects with PPG_E_LISTEN when a port is taken. */
export async function startSipd(options: SipdNodeOptions): Promise<RunningSipd> {
  const { clock, log, drachtioPort, secret, advertise, tls, trace } = options;
  const stack = createSipStack({ clock, log, listen: listenPoints(options), tls, trace, ...sentBy(advertise) });
  const sipd: Sipd = createSipd({ clock, log, stack, advertise, port: drachtioPort, secret });
  const variables: SetBy = ['PPG_SIPD_PORT', 'PPG_SIPD_TLS_PORT', 'PPG_SIPD_WS_PORT'];
  await opening(portNames("SIP of the gateway's server", variables, options), () => stack.start());
  try {
    const name: PortName = { what: 'drachtio protocol', port: drachtioPort, setBy: 'PPG_DRACHTIO_PORT' };
    await opening({ host: '127.0.0.1', ports: [name] }, () => sipd.start());
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return {
    ...runningStack(stack),
    drachtioPort: sipd.port,
    async stop() {
      await sipd.stop();
      await stack.stop();
    },
  };
}

export interface CoreNodeOptions extends EmbeddedOptions {
  readonly domain: string;
  /** SIP URIs that are told of registrations. */
  readonly applicationServers: readonly string[];
  /** User part of the gateway's identity to the SIP URI that takes its requests. */
  readonly services: Readonly<Record<string, string>>;
  /** Names and passwords; without them everybody may register. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  readonly bindings: BindingStore;
  /** Addresses besides theirs from which reg event subscriptions are taken. */
  readonly watchers?: readonly string[];
}

export interface RunningCore extends Running {
  readonly core: Core;
}

/** Starts the pocket SIP/IP core. Rejects with PPG_E_LISTEN when its port is taken. */
export async function startCore(options: CoreNodeOptions): Promise<RunningCore> {
  const { clock, log, domain, applicationServers, services, users, bindings, advertise, tls, trace } = options;
  const { watchers = [] } = options;
  const stack = createSipStack({ clock, log, listen: listenPoints(options), tls, trace, ...sentBy(advertise) });
  const core = createCore({
    clock,
    log,
    stack,
    domain,
    aliases: advertise === undefined ? [] : [advertise],
    applicationServers,
    services,
    bindings,
    regEvent: { watchers },
    ...(users !== undefined && { digest: { users } }),
  });
  try {
    const variables: SetBy = ['PPG_SIP_PORT', 'PPG_CORE_TLS_PORT', 'PPG_SIP_WS_PORT'];
    await opening(portNames('SIP, where phones register', variables, options), () => core.start());
  } catch (error) {
    await bindings.close();
    throw error;
  }
  return { core, ...runningStack(stack), stop: () => core.stop() };
}

/** Where a core beside this store keeps its registrations; undefined: in memory. */
export function bindingsFile(store: string): string | undefined {
  if (!store.startsWith('sqlite:')) return undefined;
  const file = store.slice('sqlite:'.length);
  return file === ':memory:' ? undefined : `${file.replace(/\.db$/, '')}.core.db`;
}

/** Registrations in a file, or in memory without one. */
export const openBindings = (file: string | undefined, log: Logger): BindingStore =>
  file === undefined ? createMemoryBindings() : createSqliteBindings({ file, log });

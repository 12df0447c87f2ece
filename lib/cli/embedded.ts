import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { formatHostPort } from '../codec/sip/host.ts';
import { type Core, createCore } from '../embedded/core/core.ts';
import { createSipd, type Sipd } from '../embedded/sipd/sipd.ts';
import { createSipStack } from '../stack/stack.ts';
import type { SipTraceListener } from '../stack/trace.ts';
import type { ListenPoint } from '../stack/types.ts';
import type { BindingStore } from '../store/bindings.ts';
import { createMemoryBindings } from '../store/memory-bindings.ts';
import { createSqliteBindings } from '../store/sqlite/bindings.ts';
import { opening } from './listen.ts';

/** What core and sipd have in common. */
export interface EmbeddedOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where SIP is listened to, by UDP and TCP. */
  readonly host: string;
  readonly port: number;
  /** What Via and the like name instead of the host. */
  readonly advertise?: string | undefined;
  /** Is told of every SIP message. */
  readonly trace?: SipTraceListener | undefined;
}

/** Something that runs. */
export interface Running {
  /** SIP port. */
  readonly port: number;
  stop(): Promise<void>;
}

/** UDP and TCP on one port. */
export const bothTransports = (host: string, port: number): ListenPoint[] => [
  { protocol: 'udp', host, port },
  { protocol: 'tcp', host, port },
];

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
  const { clock, log, host, port, drachtioPort, secret, advertise, trace } = options;
  const stack = createSipStack({ clock, log, listen: bothTransports(host, port), trace, ...sentBy(advertise) });
  const sipd: Sipd = createSipd({ clock, log, stack, port: drachtioPort, secret });
  await opening({ what: "SIP of the gateway's server", host, port, setBy: 'PPG_SIPD_PORT' }, () => stack.start());
  try {
    const name = { what: 'drachtio protocol', host: '127.0.0.1', port: drachtioPort, setBy: 'PPG_DRACHTIO_PORT' };
    await opening(name, () => sipd.start());
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return {
    port: stack.listening[0]?.port ?? port,
    drachtioPort: sipd.port,
    async stop() {
      await sipd.stop();
      await stack.stop();
    },
  };
}

export interface CoreNodeOptions extends EmbeddedOptions {
  readonly domain: string;
  /** Phones may come by WebSocket (RFC 7118) there, too. */
  readonly wsPort?: number | undefined;
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
  const { clock, log, host, port, domain, applicationServers, services, users, bindings, advertise, trace } = options;
  const { wsPort, watchers = [] } = options;
  const ws: ListenPoint[] = wsPort === undefined ? [] : [{ protocol: 'ws', host, port: wsPort }];
  const listen = [...bothTransports(host, port), ...ws];
  const stack = createSipStack({ clock, log, listen, trace, ...sentBy(advertise) });
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
    const setBy = wsPort === undefined ? 'PPG_SIP_PORT' : 'PPG_SIP_PORT or PPG_SIP_WS_PORT';
    await opening({ what: 'SIP, where phones register', host, port, setBy }, () => core.start());
  } catch (error) {
    await bindings.close();
    throw error;
  }
  return { core, port: stack.listening[0]?.port ?? port, stop: () => core.stop() };
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

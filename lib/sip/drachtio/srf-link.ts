import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { messageOf, PpgError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { silentLogger } from '../../base/log.ts';
import { type SrfConnectOptions, type SrfLike, type SrfPort, srfPort } from './srf-like.ts';

const FIRST_CONNECT_WITHIN = 30_000; // ms
/** Without a bound drachtio-srf waits 1.7 times longer after each failure, for ever. */
const LONGEST_RECONNECT_DELAY = 2_000; // ms

/** The link to a drachtio server as seen from outside: drachtio-srf throws or keeps silent when it is down. */
export interface SrfLink {
  readonly up: boolean;
  /** Where the server takes SIP, as it said on connecting: `udp/10.0.0.1:5060`; empty when not known. */
  readonly listenPoints: readonly string[];
  onUp(listener: () => void): void;
  onDown(listener: (cause: string) => void): void;
  /** Takes the listeners off the Srf; one for `error` stays, since an error without a listener ends the process. */
  close(): void;
}

/**
 * Watches the events of a Srf. A link that was up before the watch began is found in drachtio-srf's table of servers.
 */
export function watchSrf(srf: SrfLike, log: Logger = silentLogger): SrfLink {
  const port = srfPort(srf);
  const upListeners: (() => void)[] = [];
  const downListeners: ((cause: string) => void)[] = [];
  let hostports = readyServer(port);
  let up = hostports !== undefined;
  let refusedLogged = false;
  let errorLogged = false;

  const down = (cause: string): void => {
    if (!up) return;
    up = false;
    log.warn({ cause }, 'link to the drachtio server lost');
    for (const listener of downListeners) listener(cause);
  };

  const onConnect = (error: unknown, points: unknown): void => {
    if (error) {
      down('refused by the drachtio server');
      if (!refusedLogged)
        log.error({ cause: messageOf(error) }, 'the drachtio server refuses us: is the secret right?');
      refusedLogged = true;
      return;
    }
    hostports = typeof points === 'string' ? points : '';
    up = true;
    refusedLogged = false;
    errorLogged = false;
    log.info({ hostports }, 'linked to the drachtio server');
    for (const listener of upListeners) listener();
  };
  const onGone = (): void => down('link to the drachtio server closed');
  const onError = (error: unknown): void => {
    down(`link to the drachtio server failed: ${messageOf(error)}`);
    if (!errorLogged) log.warn({ cause: messageOf(error) }, 'the drachtio server cannot be reached; trying again');
    errorLogged = true;
  };

  port.on('connect', onConnect);
  port.on('error', onError);
  for (const event of ['close', 'disconnect', 'reconnecting']) port.on(event, onGone);

  return {
    get up() {
      return up;
    },
    get listenPoints() {
      return hostports === undefined || hostports === '' ? [] : hostports.split(',');
    },
    onUp: (listener) => void upListeners.push(listener),
    onDown: (listener) => void downListeners.push(listener),
    close() {
      keepErrorListener(port);
      port.removeListener('error', onError);
      port.removeListener('connect', onConnect);
      for (const event of ['close', 'disconnect', 'reconnecting']) port.removeListener(event, onGone);
    },
  };
}

/** What {@link connectSrf} takes beside drachtio-srf's own options. */
export interface ConnectOptions extends SrfConnectOptions {
  readonly clock?: Clock;
  /** Is told of the first attempt that fails, once. Default: nobody. */
  readonly log?: Logger;
  /** How long the first connection may take, milliseconds. Default 30,000. */
  readonly within?: number;
}

/**
 * Connects a Srf and waits for the server's word. Later losses are repaired by drachtio-srf itself, with at most two
 * seconds between its attempts. Rejects with PPG_E_LEG_DOWN when the secret is refused or nobody answers in time;
 * the attempts have ended then.
 */
export function connectSrf(srf: SrfLike, options: ConnectOptions): Promise<string> {
  const { clock = systemClock, log = silentLogger, within = FIRST_CONNECT_WITHIN, reconnect } = options;
  const { host, port: tcpPort, secret } = options;
  const port = srfPort(srf);
  return new Promise((resolve, reject) => {
    let lastCause = 'no answer';
    const finish = (error: PpgError | undefined, hostports: string): void => {
      clock.clearTimeout(timer);
      keepErrorListener(port);
      port.removeListener('connect', onConnect);
      port.removeListener('error', onError);
      if (error === undefined) resolve(hostports);
      else {
        disconnectSrf(srf);
        reject(error);
      }
    };
    const onConnect = (error: unknown, hostports: unknown): void => {
      if (error) {
        const text = `drachtio server ${host}:${tcpPort} refuses us: ${messageOf(error)} (is the secret right?)`;
        finish(new PpgError('PPG_E_LEG_DOWN', text, { cause: error }), '');
      } else finish(undefined, String(hostports ?? ''));
    };
    let told = false;
    const onError = (error: unknown): void => {
      lastCause = messageOf(error);
      if (!told)
        log.warn(
          { host, port: tcpPort, cause: lastCause },
          `the drachtio server cannot be reached; trying again for ${within} ms`,
        );
      told = true;
    };
    const timer = clock.setTimeout(() => {
      const text = `drachtio server ${host}:${tcpPort} did not take the connection within ${within} ms: ${lastCause}`;
      finish(new PpgError('PPG_E_LEG_DOWN', text), '');
    }, within);
    port.on('connect', onConnect);
    port.on('error', onError);
    try {
      if (port.connect === undefined) throw new Error('this Srf has no connect()');
      port.connect({
        host,
        port: tcpPort,
        secret,
        reconnect: { retryMaxDelay: LONGEST_RECONNECT_DELAY, ...reconnect },
      });
    } catch (error) {
      finish(new PpgError('PPG_E_LEG_DOWN', `drachtio-srf: ${messageOf(error)}`, { cause: error }), '');
    }
  });
}

/** Ends a connection that {@link connectSrf} made, and drachtio-srf's reconnecting when the link is down. */
export function disconnectSrf(srf: SrfLike): void {
  const port = srfPort(srf);
  // disconnect() throws while there is no link, and then leaves the reconnect timer running: this flag ends it
  const wire = port.app?.client?.wp;
  if (wire !== undefined) wire.closing = true;
  try {
    port.disconnect?.();
  } catch {
    // no link to end
  }
}

/**
 * Breaks a connection that {@link connectSrf} made and that hangs: the sockets end, and drachtio-srf connects anew. It
 * would not find out by itself, since it sends pings and never looks for their answers.
 */
export function breakLink(srf: SrfLike): void {
  const servers = srfPort(srf).app?.client?.mapServer;
  if (servers !== undefined) for (const socket of servers.keys()) (socket as { destroy?(): void }).destroy?.();
}

function readyServer(port: SrfPort): string | undefined {
  const servers = port.app?.client?.mapServer;
  if (servers === undefined) return undefined;
  for (const server of servers.values()) if (server.ready === true) return server.hostport ?? '';
  return undefined;
}

const ignore = (): void => undefined;

/** drachtio-srf's `error` without a listener ends the process, also long after whoever listened has gone. */
function keepErrorListener(port: SrfPort): void {
  port.removeListener('error', ignore);
  port.on('error', ignore);
}

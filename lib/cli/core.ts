import { systemClock } from '../base/clock.ts';
import { bracketed } from '../codec/sip/host.ts';
import { loadConfig } from './config.ts';
import { nodeUri, openBindings, startCore } from './embedded.ts';
import { alsoAt, type SecureCommandOptions, tlsOf } from './embedded-options.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog, warnOfVariables } from './log.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface CoreCommandOptions extends SecureCommandOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly domain?: string | undefined;
  /** SIP URI of the gateway: it is told of registrations, and requests to `sip:push@domain` go there. */
  readonly as?: string | undefined;
  /** File that keeps the registrations; without it they are forgotten. */
  readonly bindings?: string | undefined;
}

/** Runs the pocket SIP/IP core alone. */
export async function core(options: CoreCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const config = loadConfig();
  const log = createLog(config.log.level, terminal.interactive);
  warnOfVariables(log);
  const host = options.host ?? config.sip.host;
  const domain = options.domain ?? config.domain;
  const gateway = options.as ?? nodeUri(host, config.sipd.port);
  const running = await startCore({
    clock: systemClock,
    log,
    host,
    advertise: config.sip.advertise,
    port: options.port ?? config.core.port,
    domain,
    applicationServers: [gateway],
    services: { push: gateway },
    users: config.core.users,
    tls: tlsOf(options, config.sip.tls, config.core.tlsPort),
    wsPort: options.wsPort ?? config.core.wsPort,
    bindings: openBindings(options.bindings, log),
  });
  terminal.note(
    `core of ${domain}: phones register at ${bracketed(host)}:${running.port} (UDP and TCP)${alsoAt(running)}, the gateway is ${gateway}`,
  );
  if (options.bindings === undefined) terminal.note('registrations are in memory; --bindings FILE keeps them');
  await untilSignal();
  await running.stop();
  return EXIT.OK;
}

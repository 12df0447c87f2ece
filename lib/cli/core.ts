import { systemClock } from '../base/clock.ts';
import { loadConfig } from './config.ts';
import { openBindings, startCore } from './embedded.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog } from './log.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface CoreCommandOptions {
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
  const host = options.host ?? config.sip.host;
  const domain = options.domain ?? config.domain;
  const gateway = options.as ?? `sip:127.0.0.1:${config.sipd.port}`;
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
    wsPort: config.core.wsPort,
    bindings: openBindings(options.bindings, log),
  });
  terminal.note(
    `core of ${domain}: phones register at ${host}:${running.port} (UDP and TCP), the gateway is ${gateway}`,
  );
  if (options.bindings === undefined) terminal.note('registrations are in memory; --bindings FILE keeps them');
  await untilSignal();
  await running.stop();
  return EXIT.OK;
}

import { randomBytes } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import { bracketed } from '../codec/sip/host.ts';
import { loadConfig } from './config.ts';
import { startSipd } from './embedded.ts';
import { alsoAt, type SecureCommandOptions, tlsOf } from './embedded-options.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog, warnOfVariables } from './log.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface SipdCommandOptions extends SecureCommandOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly drachtioPort?: number | undefined;
  readonly secret?: string | undefined;
}

/** Runs the stand-in for drachtio-server alone. */
export async function sipd(options: SipdCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const config = loadConfig();
  const log = createLog(config.log.level, terminal.interactive);
  warnOfVariables(log);
  const host = options.host ?? config.sip.host;
  const secret = options.secret ?? config.drachtio.secret ?? randomBytes(16).toString('hex');
  const running = await startSipd({
    clock: systemClock,
    log,
    host,
    advertise: config.sip.advertise,
    port: options.port ?? config.sipd.port,
    tls: tlsOf(options, config.sip.tls, config.sipd.tlsPort),
    wsPort: options.wsPort ?? config.sipd.wsPort,
    drachtioPort: options.drachtioPort ?? config.sipd.drachtioPort,
    secret,
  });
  terminal.note(
    `sipd takes SIP on ${bracketed(host)}:${running.port} (UDP and TCP)${alsoAt(running)}, applications on 127.0.0.1:${running.drachtioPort}`,
  );
  if (options.secret === undefined && config.drachtio.secret === undefined) {
    terminal.note(`secret for this run: ${secret}   (--secret or DRACHTIO_SECRET sets your own)`);
  }
  await untilSignal();
  await running.stop();
  return EXIT.OK;
}

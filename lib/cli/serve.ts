import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { banner } from './banner.ts';
import { loadConfig } from './config.ts';
import type { NodeConfig } from './config-schema.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog, openAudit, warnOfVariables } from './log.ts';
import { type RunningNode, startNode } from './node.ts';
import { onHangUp, untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions {
  /** Log every SIP message. */
  readonly trace?: boolean;
}

/**
 * Runs a standalone gateway until SIGTERM or SIGINT, then drains it; a store that is gone for good ends it too, since only
 * the next start can go on with what was accepted. SIGHUP reads accounts, block list and certificates
 * again, and opens the audit file anew.
 */
export async function serve(options: ServeOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = loadConfig();
  const config = options.trace === true || loaded.sip.trace === true ? traced(loaded) : loaded;
  const log = createLog(config.log.level, terminal.interactive);
  warnOfVariables(log);
  const audit = config.audit?.file === undefined ? undefined : openAudit(config.audit.file, log);
  const node = await startNode(config, { log, audit: audit?.log });
  terminal.note(banner(config, node).join('\n'));
  const off = onHangUp(() => {
    audit?.reopen();
    void reload(node, log);
  });
  const asked = untilSignal().then((signal) => ({ why: signal, code: EXIT.OK }));
  const broken = node.broken.then((cause) => ({ why: `the store is gone (${cause})`, code: EXIT.FAILED }));
  const { why, code } = await Promise.race([asked, broken]);
  off();
  terminal.note(`${why}: stopping; attempts under way may end`);
  const ended = await node.stop();
  audit?.close();
  if (!ended) terminal.note('some attempts did not end in time; the next start takes them up again');
  return code;
}

/** With the trace, and a log that shows it. */
function traced(config: NodeConfig): NodeConfig {
  const level = config.log.level === 'trace' ? 'trace' : 'debug';
  return { ...config, sip: { ...config.sip, trace: true }, log: { ...config.log, level } };
}

async function reload(node: RunningNode, log: Logger): Promise<void> {
  try {
    await node.reload(loadConfig());
    log.info('the configuration was read again: accounts, block list and certificates');
  } catch (error) {
    log.error({ cause: messageOf(error) }, 'the new configuration cannot be used; the old one stays');
  }
}

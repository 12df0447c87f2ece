import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { banner } from './banner.ts';
import { loadConfig } from './config.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog } from './log.ts';
import { type RunningNode, startNode } from './node.ts';
import { onHangUp, untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

/** Runs a standalone gateway until SIGTERM or SIGINT, then drains it; SIGHUP reads accounts and certificates again. */
export async function serve(terminal: Terminal): Promise<ExitCode> {
  const config = loadConfig();
  const log = createLog(config.log.level, terminal.interactive);
  const node = await startNode(config, { log });
  for (const line of banner(config, node)) terminal.note(line);
  const off = onHangUp(() => void reload(node, log));
  const signal = await untilSignal();
  off();
  terminal.note(`${signal}: stopping; attempts under way may end`);
  const ended = await node.stop();
  if (!ended) terminal.note('some attempts did not end in time; the next start takes them up again');
  return EXIT.OK;
}

async function reload(node: RunningNode, log: Logger): Promise<void> {
  try {
    await node.reload(loadConfig());
    log.info('the configuration was read again: accounts and certificates');
  } catch (error) {
    log.error({ cause: messageOf(error) }, 'the new configuration cannot be used; the old one stays');
  }
}

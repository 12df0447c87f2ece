import { banner } from './banner.ts';
import { loadConfig } from './config.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { createLog } from './log.ts';
import { startNode } from './node.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

/** Runs a standalone gateway until SIGTERM or SIGINT, then drains it. */
export async function serve(terminal: Terminal): Promise<ExitCode> {
  const config = loadConfig();
  const log = createLog(config.log.level, terminal.interactive);
  const node = await startNode(config, { log });
  for (const line of banner(config, node)) terminal.note(line);
  const signal = await untilSignal();
  terminal.note(`${signal}: stopping; attempts under way may end`);
  const ended = await node.stop();
  if (!ended) terminal.note('some attempts did not end in time; the next start takes them up again');
  return EXIT.OK;
}

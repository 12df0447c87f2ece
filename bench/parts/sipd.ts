import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { startSipd } from '../../lib/cli/embedded.ts';
import { runPart } from './part.ts';

export interface SipdOptions {
  readonly secret: string;
}

export interface SipdCommands {
  /** Where drachtio applications connect. */
  drachtioPort(): number;
}

/** The embedded drachtio server, as a process of its own. */
runPart(async ({ secret }: SipdOptions): Promise<SipdCommands> => {
  const sipd = await startSipd({
    clock: systemClock,
    log: silentLogger,
    host: '127.0.0.1',
    port: 0,
    drachtioPort: 0,
    secret,
  });
  return { drachtioPort: () => sipd.drachtioPort };
});

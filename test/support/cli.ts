import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Program, type ProgramOptions } from './process.ts';

const MAIN = resolve(import.meta.dirname, '../../lib/cli/main.ts');
const TSX = import.meta.resolve('tsx');
const BUILT = resolve(import.meta.dirname, '../../dist/lib/cli/main.js');

/** A free port for everything: the tests of a machine must not meet. */
export const FREE_PORTS: Readonly<Record<string, string>> = {
  PPG_HTTP_PORT: '0',
  PPG_SIP_PORT: '0',
  PPG_SIPD_PORT: '0',
  PPG_DRACHTIO_PORT: '0',
  PPG_DIRECT_PORT: '0',
};

/** The environment of this process without what would configure a gateway. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(([name]) => !/^(PPG_|DRACHTIO_|NODE_ENV|NODE_CONFIG)/.test(name));
  return Object.fromEntries(clean);
}

/** The command line from its sources as a process of its own. `env` comes on top of a clean one. */
export const startCli = (args: readonly string[], { env = {}, input = '', ...more }: ProgramOptions = {}): Program =>
  new Program(process.execPath, ['--import', TSX, MAIN, ...args], {
    ...more,
    input,
    env: { ...cleanEnvironment(), ...env },
  });

/** The built command line, which starts sooner. */
export const startBuiltCli = (
  args: readonly string[],
  { env = {}, input = '', ...more }: ProgramOptions = {},
): Program =>
  new Program(process.execPath, [BUILT, ...args], { ...more, input, env: { ...cleanEnvironment(), ...env } });

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const cli = startCli(args, options);
  const code = await cli.ended;
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}

/** A directory that is gone after the tests. */
export function temporaryDirectory(): { path: string; file(name: string): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'ppg-cli-'));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A gateway as `drachtio-ppg serve` runs it. */
export interface ServedGateway {
  readonly cli: Program;
  readonly url: string;
  /** `host:port` where phones register. */
  readonly registrar: string;
}

export async function serveGateway(
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServedGateway> {
  const cli = startCli(['serve'], {
    cwd: directory,
    env: {
      ...FREE_PORTS,
      PPG_STORE: `sqlite:${join(directory, 'ppg.db')}`,
      PPG_INITIATORS: 'pi:secret',
      PPG_LOG_LEVEL: 'warn',
      ...env,
    },
  });
  try {
    const url = (await cli.until(/PAP +(http:\S+)/))[1] as string;
    const registrar = (await cli.until(/users at (\S+:\d+),/))[1] as string;
    return { cli, url, registrar };
  } catch (error) {
    await cli.kill();
    throw error;
  }
}

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Program, type ProgramOptions } from './process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'lib/cli/main.ts');
const TSX = import.meta.resolve('tsx');
const BUILT = join(ROOT, 'dist/lib/cli/main.js');

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

/**
 * The command line as a process of its own, as it is in the sources. `npm test` builds it first: the built one is taken
 * as long as it is not older than they are, since it starts in a quarter of the time. `env` comes on top of a clean one.
 */
export const startCli = (args: readonly string[], { env = {}, input = '', ...more }: ProgramOptions = {}): Program =>
  new Program(process.execPath, [...program(), ...args], { ...more, input, env: { ...cleanEnvironment(), ...env } });

let found: readonly string[] | undefined;

function program(): readonly string[] {
  found ??= isBuilt() ? [BUILT] : ['--import', TSX, MAIN];
  return found;
}

function isBuilt(): boolean {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['lib', 'handlers'].every((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).every(
      (name) => statSync(join(ROOT, folder, name)).mtimeMs <= built,
    ),
  );
}

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

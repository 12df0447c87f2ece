import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MAIN = resolve(import.meta.dirname, '../../lib/cli/main.ts');
const TSX = import.meta.resolve('tsx');
const WITHIN = 30_000; // ms

/** A free port for everything: the tests of a machine must not meet. */
export const FREE_PORTS: Readonly<Record<string, string>> = {
  PPG_HTTP_PORT: '0',
  PPG_SIP_PORT: '0',
  PPG_SIPD_PORT: '0',
  PPG_DRACHTIO_PORT: '0',
  PPG_DIRECT_PORT: '0',
};

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** The command line as a process of its own. */
export class Cli {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], { env = {}, cwd, input }: CliOptions = {}) {
    const clean = Object.entries(process.env).filter(([name]) => !/^(PPG_|DRACHTIO_|NODE_ENV|NODE_CONFIG)/.test(name));
    this.#child = spawn(process.execPath, ['--import', TSX, MAIN, ...args], {
      env: { ...Object.fromEntries(clean), ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    });
    this.#child.stdin?.end(input);
    this.#child.stdout?.on('data', (chunk) => this.#take('stdout', String(chunk)));
    this.#child.stderr?.on('data', (chunk) => this.#take('stderr', String(chunk)));
    this.ended = new Promise((done) => {
      this.#child.once('close', (code) => {
        done(code);
        for (const watcher of this.#watchers) watcher();
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with the match once the output has it; rejects when the process ends or 30 s pass first. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolvePromise, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const fail = (why: string): void => {
        finish();
        reject(new Error(`${why}, and ${pattern} had not come; output:\n${this.stdout}${this.stderr}`));
      };
      const look = (): void => {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (found !== null) {
          finish();
          resolvePromise(found);
        } else if (!this.running) fail('the process ended');
      };
      const timer = setTimeout(() => fail(`${WITHIN} ms have passed`), WITHIN);
      this.#watchers.add(look);
      look();
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends the process whatever it does. */
  async end(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.ended;
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    for (const watcher of this.#watchers) watcher();
  }
}

/** Runs a command to its end. */
export async function runCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const cli = new Cli(args, options);
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
  readonly cli: Cli;
  readonly url: string;
  /** `host:port` where phones register. */
  readonly registrar: string;
}

export async function serveGateway(
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServedGateway> {
  const cli = new Cli(['serve'], {
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
    await cli.end();
    throw error;
  }
}

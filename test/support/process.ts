import { type ChildProcess, spawn } from 'node:child_process';

const WITHIN = 30_000; // ms
const GRACE = 10_000; // ms

export interface ProgramOptions {
  readonly cwd?: string;
  /** Default: as this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Its whole standard input. Default: a pipe that stays open and empty, since some clients end at the end of theirs. */
  readonly input?: string;
}

/** Another program as a process of its own, ended by its id. */
export class Program {
  stdout = '';
  stderr = '';
  /** Exit code, null when a signal ended it. Never rejects. */
  readonly ended: Promise<number | null>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #closed = false;

  constructor(command: string, args: readonly string[], { cwd, env = process.env, input }: ProgramOptions = {}) {
    this.#name = command;
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], ...(cwd !== undefined && { cwd }) });
    if (input !== undefined) this.#child.stdin?.end(input);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take('stdout', text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take('stderr', text));
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#closed = true;
        resolve(code);
        for (const watcher of [...this.#watchers]) watcher();
      };
      this.#child.once('error', (error) => {
        this.stderr += String(error);
        end(null);
      });
      this.#child.once('close', end);
    });
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Resolves with the match once the output has it, whole: output comes in pieces, and a match that ends where a piece
   * does may go on in the next. Rejects when the process ends or `within` milliseconds pass first.
   */
  until(pattern: RegExp, within: number = WITHIN): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const fail = (why: string): void => {
        finish();
        reject(new Error(`${this.#name}: ${why}, and ${pattern} had not come; output:\n${this.stdout}${this.stderr}`));
      };
      const look = (): void => {
        const found = this.#whole(pattern, this.stdout) ?? this.#whole(pattern, this.stderr);
        if (found !== null) {
          finish();
          resolve(found);
        } else if (this.#closed) fail('the process ended');
      };
      const timer = setTimeout(() => fail(`${within} ms have passed`), within);
      this.#watchers.add(look);
      look();
    });
  }

  /** Writes to its standard input, where that was left open. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end, so that it can do what it does at its end, and ends it whatever it does after ten seconds. */
  async end(): Promise<void> {
    if (this.running) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => {
      if (this.running) this.#child.kill('SIGKILL');
    }, GRACE);
    await this.ended;
    clearTimeout(timer);
  }

  #whole(pattern: RegExp, output: string): RegExpExecArray | null {
    const found = pattern.exec(output);
    return found !== null && (this.#closed || found.index + found[0].length < output.length) ? found : null;
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Runs a program to its end; what it runs into is left to the caller. */
export async function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = new Program(command, args, options);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { PARTS } from './build.ts';
import type { Call, CommonCommands, Reply } from './parts/part.ts';

/** A value that comes back as a promise. */
type Answered<C> = { readonly [Name in keyof C]: C[Name] };

type Argument<F> = F extends (argument: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** The longest that a command may take, milliseconds. */
const ANSWER_WITHIN = 60_000;
/** Time that a part has to end when it is told to, milliseconds. */
const END_WITHIN = 5000;

/** A part of the bench in a process of its own, so that its CPU is counted apart. */
export class Part<C extends object> {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #open = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  private constructor(name: string, execArgv: readonly string[]) {
    this.#name = name;
    // stdout is the table's: what a part says goes where errors go
    this.#child = fork(join(PARTS, `${name}.js`), { execArgv: [...execArgv], stdio: ['ignore', 2, 'inherit', 'ipc'] });
    this.#child.on('message', (reply: Reply) => {
      const { resolve, reject } = this.#open.get(reply.id) ?? {};
      this.#open.delete(reply.id);
      if (reply.error === undefined) resolve?.(reply.result);
      else reject?.(new Error(`${name}: ${reply.error}`));
    });
    const gone = (): void => {
      for (const { reject } of this.#open.values()) reject(new Error(`${name} ended by itself`));
      this.#open.clear();
    };
    this.#child.on('error', gone);
    this.#child.on('exit', gone);
  }

  /** Starts parts/NAME.ts, as compiled; resolves when it is ready. */
  static async start<C extends object>(
    name: string,
    options: object = {},
    execArgv: readonly string[] = [],
  ): Promise<Part<C>> {
    const part = new Part<C>(name, execArgv);
    try {
      await part.#ask('start', options);
    } catch (error) {
      await part.end();
      throw error;
    }
    return part;
  }

  call<Name extends keyof (C & CommonCommands) & string>(
    name: Name,
    ...[argument]: Answered<C & CommonCommands>[Name] extends () => unknown
      ? []
      : [Argument<Answered<C & CommonCommands>[Name]>]
  ): Promise<Result<Answered<C & CommonCommands>[Name]>> {
    return this.#ask(name, argument) as Promise<Result<Answered<C & CommonCommands>[Name]>>;
  }

  async #ask(name: string, argument: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`${this.#name} did not answer to ${name}`)), ANSWER_WITHIN);
        this.#open.set(id, { resolve, reject });
        const call: Call = { id, name, argument };
        this.#child.send(call, (error) => {
          if (error !== null) reject(error);
        });
      });
    } finally {
      clearTimeout(timer);
      this.#open.delete(id);
    }
  }

  /** Lets go of the process, which then ends; kills it if it does not. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }
}

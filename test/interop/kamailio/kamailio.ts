import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Program, run as runProgram } from '../../support/process.ts';
import { freePort, opened } from '../ports.ts';

const HOST = '127.0.0.1';
/** Another program may take a free port before Kamailio does. */
const PORT_TRIES = 5;
const LOOK_AGAIN = 10; // ms
/** Milliseconds that it gets to end by itself. */
const LEAVE_WITHIN = 3000;

export interface KamailioOptions {
  /** Name of a configuration beside this file; `@PORT@` and `@FOLDER@` are filled in, and `values` as `@NAME@`. */
  readonly config: string;
  readonly values?: Readonly<Record<string, string | number>>;
  /** Names of further free ports, filled in as `@NAME@`; see {@link Kamailio.portOf}. */
  readonly ports?: readonly string[];
  /** Further files by name, written into its folder with the same filled in. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A Kamailio on a free port of loopback, UDP and TCP, with a folder of its own. */
export class Kamailio {
  readonly port: number;
  readonly folder: string;
  readonly #program: Program;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(port: number, folder: string, program: Program, ports: ReadonlyMap<string, number>) {
    this.port = port;
    this.folder = folder;
    this.#program = program;
    this.#ports = ports;
  }

  /** Resolves once it listens. Rejects with what it wrote when it ends before. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    let output = '';
    for (let tries = 0; tries < PORT_TRIES; tries++) {
      const port = await freePort();
      const ports = new Map<string, number>();
      for (const name of options.ports ?? []) ports.set(name, await freePort());
      const folder = mkdtempSync(join(tmpdir(), 'ppg-kamailio-'));
      const values = { ...options.values, ...Object.fromEntries(ports) };
      const kamailio = new Kamailio(port, folder, run(port, folder, { ...options, values }), ports);
      if (await kamailio.#listens()) return kamailio;
      output = kamailio.log;
      await kamailio.end();
      if (!/already in use/.test(output)) break;
    }
    throw new Error(`kamailio with ${options.config} does not run:\n${output}`);
  }

  /** `host:port`. */
  get address(): string {
    return `${HOST}:${this.port}`;
  }

  get uri(): string {
    return `sip:${this.address}`;
  }

  /** One of `ports`. */
  portOf(name: string): number {
    return this.#ports.get(name) ?? 0;
  }

  /** Has it do what `kamcmd` asks. Rejects with what it said when it did not. */
  async command(...words: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await runProgram('kamcmd', [
      ...['-s', `unix:${join(this.folder, 'run', 'kamailio_ctl')}`],
      ...words,
    ]);
    if (code !== 0) throw new Error(`kamcmd ${words.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  }

  get running(): boolean {
    return this.#program.running;
  }

  /** Everything that it has logged so far. */
  get log(): string {
    return this.#program.stderr;
  }

  /** Resolves once its log has such a line; rejects when it ends, or `within` milliseconds (default 30,000) pass, before that. */
  async logged(pattern: RegExp, within?: number): Promise<RegExpExecArray> {
    return this.#program.until(pattern, within);
  }

  /** Ends it and every process of it, and deletes its folder. */
  async end(): Promise<void> {
    const { pid } = this.#program;
    const children = pid === undefined ? [] : childrenOf(pid);
    this.#program.signal('SIGTERM');
    const timer = setTimeout(() => {
      // a main process that is killed leaves its children behind, and they keep its output open
      for (const one of pid === undefined || !this.#program.running ? children : [pid, ...children]) kill(one);
    }, LEAVE_WITHIN);
    await this.#program.ended;
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Its first process opens the sockets and keeps those of UDP; a port that it cannot have ends it. */
  async #listens(): Promise<boolean> {
    if (!(await opened(this.#program, 'udp', this.port))) return false;
    while (this.running) {
      if (await takesConnections(this.port)) return true;
      await wait(LOOK_AGAIN);
    }
    return false;
  }
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, HOST);
  const there = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return there;
}

function run(port: number, folder: string, { config, values = {}, files = {} }: KamailioOptions): Program {
  const filled = { ...values, PORT: port, FOLDER: folder };
  const fill = (text: string): string =>
    Object.entries(filled).reduce((so, [name, value]) => so.replaceAll(`@${name}@`, String(value)), text);
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, fill(readFileSync(join(import.meta.dirname, config), 'utf8')));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), fill(text));
  const runtime = join(folder, 'run');
  mkdirSync(runtime);
  // -DD: no daemon, -E: log to standard error, -Y: its control sockets, -w: where it works
  return new Program('kamailio', ['-f', file, '-DD', '-E', '-Y', runtime, '-P', join(runtime, 'pid'), '-w', folder]);
}

/** All processes of this user whose parent is `pid` (proc(5)); all of Kamailio's are children of its first. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // it has ended
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}

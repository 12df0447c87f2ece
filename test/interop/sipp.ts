import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, run } from '../support/process.ts';
import { freePort, opened, type Transport } from './ports.ts';
import { type LoggedMessage, receivedMessages } from './sipp-log.ts';

const SCENARIOS = join(import.meta.dirname, 'sipp');
const HOST = '127.0.0.1';
/** Another program may take a free port before sipp does. */
const PORT_TRIES = 5;
/** Seconds after which a sipp that nobody ended ends itself. */
const LIFETIME = '180';

export interface SippOptions {
  /** `host:port` of the core. */
  readonly core: string;
  readonly transport: Transport;
  /** Where scenario and logs are written. */
  readonly directory: string;
}

export interface SippDeviceOptions extends SippOptions {
  /** Name of the device, and of its files. */
  readonly name: string;
  readonly scenario: 'answer' | 'answer-then-ok' | 'late' | 'silent' | 'slow' | 'told';
  /** Status and reason of the first answer. */
  readonly answer?: string;
  /** One more header of it. */
  readonly header?: string;
}

const common = ({ core, transport }: SippOptions, port: number): string[] => [
  core,
  ...['-i', HOST, '-p', String(port)],
  ...['-t', transport === 'udp' ? 'u1' : 't1'],
  // one call, nothing but the scenario, and a Call-ID that comes again is a new call
  ...['-m', '1', '-nd', '-nostdin', '-deadcall_wait', '0', '-timeout', LIFETIME],
];

/** A device that is nothing but a sipp scenario. */
export class SippDevice {
  /** `host:port`, with the transport where it is TCP: what stands in its Contact after the user. */
  readonly contact: string;
  readonly #program: Program;
  readonly #file: (what: string) => string;

  private constructor(contact: string, program: Program, file: (what: string) => string) {
    this.contact = contact;
    this.#program = program;
    this.#file = file;
  }

  static async start(options: SippDeviceOptions): Promise<SippDevice> {
    const { directory, name, transport, scenario, answer = '200 OK', header = 'Server: sipp' } = options;
    const file = (what: string): string => join(directory, `${name}.${what}`);
    const template = readFileSync(join(SCENARIOS, `${scenario}.xml`), 'utf8');
    writeFileSync(file('xml'), template.replaceAll('@ANSWER@', answer).replaceAll('@HEADER@', header));
    let output = '';
    for (let tries = 0; tries < PORT_TRIES; tries++) {
      const port = await freePort();
      const logs = ['-trace_msg', '-message_file', file('log'), '-trace_err', '-error_file', file('err')];
      const program = new Program('sipp', [...common(options, port), '-sf', file('xml'), ...logs], { cwd: directory });
      if (await opened(program, transport, port)) {
        return new SippDevice(`${HOST}:${port}${transport === 'tcp' ? ';transport=tcp' : ''}`, program, file);
      }
      await program.end();
      output = program.stderr;
    }
    throw new Error(`sipp could not open a port:\n${output}`);
  }

  /** Resolves when the scenario has come to its end; rejects when it did not go as written. */
  async finished(): Promise<void> {
    const code = await this.#program.ended;
    if (code === 0) return;
    const errors = existsSync(this.#file('err')) ? readFileSync(this.#file('err'), 'latin1') : '';
    throw new Error(`sipp ended with ${code}:\n${errors}${this.#program.stderr}`);
  }

  /** Requests of that method that came, retransmissions too. */
  messages(method = 'MESSAGE'): LoggedMessage[] {
    return receivedMessages(this.#file('log')).filter(({ startLine }) => startLine.startsWith(`${method} `));
  }

  end(): Promise<void> {
    return this.#program.end();
  }
}

export interface SippRegistration extends SippOptions {
  readonly domain: string;
  readonly user: string;
  /** SippDevice.contact. */
  readonly contact: string;
  /** `urn:uuid:…`. */
  readonly instance: string;
  /** Value of `+g.oma.pusheventapp`, without quotes. */
  readonly applications: string;
}

/** Registers a device by another sipp. Rejects when the core does not answer 200. */
export async function register(options: SippRegistration): Promise<void> {
  const { domain, user, contact, instance, applications, directory } = options;
  const keys = Object.entries({ domain, user, contact, instance, applications });
  const args = ['-sf', join(SCENARIOS, 'register.xml'), ...keys.flatMap(([key, value]) => ['-key', key, value])];
  const { code, stderr } = await run('sipp', [...common(options, await freePort()), ...args], {
    cwd: directory,
  });
  if (code !== 0) throw new Error(`the core did not take sipp's REGISTER (${code}):\n${stderr}`);
}

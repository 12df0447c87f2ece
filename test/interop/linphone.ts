import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../support/process.ts';
import { freePort, opened } from './ports.ts';

export interface LinphoneOptions {
  /** `host:port` of the core. */
  readonly core: string;
  readonly domain: string;
  readonly user: string;
  /** `urn:uuid:…`. */
  readonly instance: string;
  /** Value of `+g.oma.pusheventapp`, without quotes. */
  readonly applications: string;
}

/** Another program may take a free port before it does. */
const PORT_TRIES = 5;

/** Without an interface that is up it registers only when told that this does not matter. */
const configuration = ({ core, domain, user, instance, applications }: LinphoneOptions): string => `[sip]
guess_hostname=0
bind_address=127.0.0.1
default_proxy=0
register_only_when_network_is_up=0
use_ipv6=0
[proxy_0]
reg_proxy=<sip:${core};transport=udp>
reg_identity=sip:${user}@${domain}
reg_expires=600
reg_sendregister=1
contact_parameters=+sip.instance="<${instance}>";+g.oma.pusheventapp="${applications}"
`;

/** linphonec with one account, its files in a directory of its own. */
export class Linphone {
  readonly #program: Program;
  readonly #directory: string;

  private constructor(program: Program, directory: string) {
    this.#program = program;
    this.#directory = directory;
  }

  /** Resolves once it listens; then it registers. */
  static async start(options: LinphoneOptions): Promise<Linphone> {
    const directory = mkdtempSync(join(tmpdir(), 'ppg-linphone-'));
    // without a place for its database it answers 503 to every MESSAGE
    mkdirSync(join(directory, '.local/share/linphone'), { recursive: true });
    const file = join(directory, 'linphonerc');
    writeFileSync(file, configuration(options));
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: directory, LANG: 'C.UTF-8' };
    const log = join(directory, 'log');
    const program = new Program('linphonec', ['-c', file, '-d', '5', '-l', log], { cwd: directory, env });
    const linphone = new Linphone(program, directory);
    await program.until(/linphonec>/);
    for (let tries = 0; tries < PORT_TRIES; tries++) {
      const port = await freePort();
      // the port of its file does not count: it listens nowhere until it is told to
      program.type(`ports sip ${port}\n`);
      if (await opened(program, 'udp', port)) return linphone;
    }
    const output = program.stdout + program.stderr;
    await linphone.end();
    throw new Error(`linphonec could not open a port:\n${output}`);
  }

  /** What it has shown its user so far. */
  get shown(): string {
    return this.#program.stdout;
  }

  /** Resolves once it has shown its user a message with this text. */
  async shows(text: string): Promise<void> {
    await this.#program.until(new RegExp(text));
  }

  /** Requests of that method that it has logged, retransmissions too. */
  requests(method: string): number {
    const file = join(this.#directory, 'log');
    const log = existsSync(file) ? readFileSync(file, 'latin1') : '';
    return log.match(new RegExp(`^${method} sip:\\S+ SIP/2\\.0\\r?$`, 'gm'))?.length ?? 0;
  }

  async end(): Promise<void> {
    await this.#program.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

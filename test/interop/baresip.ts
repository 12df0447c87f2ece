import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../support/process.ts';
import type { Transport } from './ports.ts';

export interface BaresipOptions {
  /** `host:port` of the core. */
  readonly core: string;
  readonly domain: string;
  readonly user: string;
  readonly transport: Transport;
  /** For a core that asks for one. */
  readonly password?: string;
}

/**
 * Without net_interface baresip looks for an interface that is not loopback. `uuid` has to come before `account`, or
 * the Contact has no instance; `menu` shows messages, by `stdio`.
 */
const CONFIG = `sip_listen 127.0.0.1:0
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module stdio.so
module uuid.so
module account.so
module menu.so
`;

/** Seconds after which a baresip that nobody ended ends itself. */
const LIFETIME = '180';

/** baresip with one account, its files in a directory of its own. */
export class Baresip {
  readonly #program: Program;
  readonly #directory: string;

  constructor({ core, domain, user, transport, password }: BaresipOptions) {
    this.#directory = mkdtempSync(join(tmpdir(), 'ppg-baresip-'));
    const outbound = `sip:${core};transport=${transport}`;
    const address = `<sip:${user}@${domain};transport=${transport}>`;
    // without auth_pass it asks on its terminal
    const account = `${address};outbound="${outbound}";auth_user=${user};auth_pass=${password ?? 'none'};regint=600\n`;
    writeFileSync(join(this.#directory, 'config'), CONFIG);
    writeFileSync(join(this.#directory, 'accounts'), account);
    // -s: every SIP message on the terminal
    this.#program = new Program('baresip', ['-f', this.#directory, '-s', '-t', LIFETIME], { cwd: this.#directory });
  }

  /** Resolves once the core has taken its registration. */
  async registered(): Promise<void> {
    await this.#program.until(/registered successfully/);
  }

  /** Resolves once it has shown a message of this sender to its user. */
  async shows(sender: string, text: string): Promise<void> {
    await this.#program.until(new RegExp(`^\\r?${literally(sender)}: "${literally(text)}"`, 'm'));
  }

  /** The newest MESSAGE of this Content-Type in its trace. */
  trace(contentType: string): string {
    const messages = this.#program.stdout.split('\u001b').filter((part) => /^MESSAGE sip:/m.test(part));
    return messages.findLast((message) => message.includes(`\nContent-Type: ${contentType}\r`)) ?? '';
  }

  async end(): Promise<void> {
    await this.#program.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

import { PpgError } from '../base/errors.ts';
import { hashPassword } from '../security/password.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

const MAX_PASSWORD = 1024;

/** Prints the hash of a password for a configuration file; without an argument the password is read from standard input. */
export async function hash(password: string | undefined, terminal: Terminal): Promise<ExitCode> {
  const text = password ?? (await terminal.input(MAX_PASSWORD)).toString('utf8').replace(/\r?\n$/, '');
  if (text === '')
    throw new PpgError('PPG_E_OPTIONS', 'the password is empty; give it as an argument or on standard input');
  terminal.line(await hashPassword(text));
  return EXIT.OK;
}

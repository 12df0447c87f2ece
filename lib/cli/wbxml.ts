import { readFile, stat } from 'node:fs/promises';
import { messageOf, PpgError } from '../base/errors.ts';
import { compile, decompile } from '../codec/wbxml/convert.ts';
import { WBXML_LIMITS } from '../codec/wbxml/document.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

export interface WbxmlOptions {
  /** Octets as hexadecimal text, out of `encode` and into `decode`. */
  readonly hex?: boolean | undefined;
  /** No string table: every string where it is used. */
  readonly inline?: boolean | undefined;
}

/** Prints the binary form of a document of SI, SL, CO, EMN or Client Provisioning. `-` reads standard input. */
export async function encodeFile(name: string, options: WbxmlOptions, terminal: Terminal): Promise<ExitCode> {
  const octets = compile(await inputOf(name, terminal), { strings: options.inline === true ? 'inline' : 'shared' });
  if (options.hex === true) terminal.line(octets.toString('hex').toUpperCase());
  else terminal.octets(octets);
  return EXIT.OK;
}

/** Prints the text form of a document in WBXML. */
export async function decodeFile(name: string, options: WbxmlOptions, terminal: Terminal): Promise<ExitCode> {
  const input = await inputOf(name, terminal);
  terminal.line(decompile(options.hex === true ? octetsOf(input) : input).toString('utf8'));
  return EXIT.OK;
}

/** Hexadecimal digits, white space between them forgiven. */
function octetsOf(input: Buffer): Buffer {
  const digits = input.toString('latin1').replace(/\s+/g, '');
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(digits)) throw new PpgError('PPG_E_OPTIONS', 'the input is not hexadecimal octets');
  return Buffer.from(digits, 'hex');
}

/** Hexadecimal text has twice as many octets as what it stands for, and blanks. */
const MAX_INPUT = 4 * WBXML_LIMITS.bytes;

async function inputOf(name: string, terminal: Terminal): Promise<Buffer> {
  if (name === '-') return terminal.input(MAX_INPUT);
  try {
    if ((await stat(name)).size <= MAX_INPUT) return await readFile(name);
  } catch (cause) {
    throw new PpgError('PPG_E_OPTIONS', `${name} cannot be read: ${messageOf(cause)}`, { cause });
  }
  throw new PpgError('PPG_E_OPTIONS', `${name} is larger than ${MAX_INPUT} octets`);
}

import type { Readable, Writable } from 'node:stream';
import { PpgError } from '../base/errors.ts';

/** Where a command reads and writes: the process's own streams, or a test's. */
export interface Terminal {
  /** True when a person looks at standard output as it appears. */
  readonly interactive: boolean;
  /** Writes a line of results to standard output. */
  line(text: string): void;
  /** Writes results that are no text. */
  octets(octets: Buffer): void;
  /** Writes a line for people to standard error: it is no part of the result. */
  note(text: string): void;
  /** Shows a line in place of the one that it showed before, until another is written. Only where a person looks on. */
  live?(text: string): void;
  /** All of standard input; rejects with PPG_E_OPTIONS beyond `limit` octets. */
  input(limit: number): Promise<Buffer>;
}

type Output = Pick<Writable, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** To the first column, and all that stands in the line away (ECMA-48, EL). */
const WIPE = '\r\u001b[K';

/** Columns where a terminal does not say how many it has. */
const COLUMNS = 80;

/** The terminal of these streams: standard input, which is opened when it is read, output and error. */
export function createTerminal(input: () => Readable, output: Output, errors: Output, dumb = false): Terminal {
  let isLive = false;
  const wipe = (): void => {
    if (isLive) errors.write(WIPE);
    isLive = false;
  };
  const terminal: Terminal = {
    interactive: output.isTTY === true && errors.isTTY === true,
    line(text) {
      wipe();
      output.write(`${text}\n`);
    },
    octets: (octets) => void output.write(octets),
    note(text) {
      wipe();
      errors.write(`${text}\n`);
    },
    input: (limit) => readAll(input(), limit),
  };
  if (errors.isTTY !== true || dumb) return terminal;
  return {
    ...terminal,
    live(text) {
      isLive = true;
      // The last column stays free: some terminals go on to the next line behind it.
      errors.write(`\r${text.slice(0, Math.max(1, (errors.columns || COLUMNS) - 1))}\u001b[K`);
    },
  };
}

/** The terminal of this process. */
export const processTerminal: Terminal = createTerminal(
  () => process.stdin,
  process.stdout,
  process.stderr,
  process.env['TERM'] === 'dumb',
);

async function readAll(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const octets = Buffer.from(chunk as Uint8Array);
    size += octets.length;
    if (size > limit) throw new PpgError('PPG_E_OPTIONS', `standard input is longer than ${limit} octets`);
    chunks.push(octets);
  }
  return Buffer.concat(chunks);
}

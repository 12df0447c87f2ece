import type { Readable } from 'node:stream';
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
  /** All of standard input; rejects with PPG_E_OPTIONS beyond `limit` octets. */
  input(limit: number): Promise<Buffer>;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  interactive: process.stdout.isTTY === true && process.stderr.isTTY === true,
  line: (text) => void process.stdout.write(`${text}\n`),
  octets: (octets) => void process.stdout.write(octets),
  note: (text) => void process.stderr.write(`${text}\n`),
  input: (limit) => readAll(process.stdin, limit),
};

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

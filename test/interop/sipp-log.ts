import { readFileSync } from 'node:fs';

/** A SIP message as sipp wrote it down. */
export interface LoggedMessage {
  readonly startLine: string;
  /** Octets that sipp says came, whatever of them it could write. */
  readonly size: number;
  /** Octets of start line and headers with the empty line. */
  readonly head: number;
  /** What the log has of the body; sipp writes strings, so a body ends here at its first NUL. */
  readonly body: Buffer;
  /** Values of a header, in order; the name without regard to case. */
  all(name: string): readonly string[];
}

const RECEIVED = /^(?:UDP|TCP) message received \[(\d+)\] bytes :\n\n/gm;

/** Messages that sipp received, retransmissions too, from the file of its `-message_file`. */
export function receivedMessages(file: string): LoggedMessage[] {
  const log = readFileSync(file, 'latin1'); // one character is one octet
  return [...log.matchAll(RECEIVED)].map((found) => {
    const begin = found.index + found[0].length;
    const size = Number(found[1]);
    const next = log.indexOf('\n-----------------------------------------------', begin);
    return readMessage(log.slice(begin, Math.min(begin + size, next < 0 ? log.length : next)), size);
  });
}

function readMessage(text: string, size: number): LoggedMessage {
  const end = text.indexOf('\r\n\r\n');
  const [startLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
  });
  return {
    startLine,
    size,
    head: end + 4,
    body: Buffer.from(text.slice(end + 4), 'latin1'),
    all: (name) => fields.filter((field) => field.name === name.toLowerCase()).map(({ value }) => value),
  };
}

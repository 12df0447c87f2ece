const HEAD_END = '\r\n\r\n';
const LENGTH = '\r\ncontent-length:';

/**
 * Cuts the HTTP/1.1 messages out of what a connection brings. Knows Content-Length only, which is all that the two
 * ends of the bench send each other.
 */
export class HttpFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** Calls `onMessage` with each message that is complete, as text of one character an octet. */
  push(chunk: Buffer, onMessage: (message: string) => void): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length > 0) {
      const head = data.indexOf(HEAD_END);
      if (head < 0) break;
      const end = head + HEAD_END.length + lengthIn(data.toString('latin1', 0, head));
      if (data.length < end) break;
      onMessage(data.toString('latin1', 0, end));
      data = data.subarray(end);
    }
    this.#rest = data;
  }
}

function lengthIn(head: string): number {
  const lower = head.toLowerCase();
  const at = lower.indexOf(LENGTH);
  if (at < 0) throw new Error(`an HTTP message without Content-Length:\n${head}`);
  return Number.parseInt(lower.slice(at + LENGTH.length), 10);
}

import { formatHostPort } from '../codec/sip/host.ts';
import type { Flow, Protocol } from './types.ts';

/** A SIP message that came in or left, as it was on the wire. */
export interface SipTrace {
  readonly direction: 'in' | 'out';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly protocol: Protocol;
  /** This side, `host:port`. */
  readonly local: string;
  /** The peer, `host:port`. */
  readonly remote: string;
  /** The whole message; not to be changed. */
  readonly octets: Buffer;
  /** Looked for when it is asked for; undefined when there is none. */
  readonly callId: string | undefined;
}

export type SipTraceListener = (trace: SipTrace) => void;

/** The head that is looked at, octets. */
const LOOKED_AT = 16_384;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CALL_ID = /\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)/i;

/** Start line and headers of a message, without the empty line; at most 16 KiB, each octet a character. */
export function headOf(octets: Buffer): string {
  const end = octets.subarray(0, LOOKED_AT).indexOf(END_OF_HEAD);
  return octets.toString('latin1', 0, end < 0 ? Math.min(octets.length, LOOKED_AT) : end);
}

class Trace implements SipTrace {
  readonly direction: 'in' | 'out';
  readonly at: number;
  readonly protocol: Protocol;
  readonly local: string;
  readonly remote: string;
  readonly octets: Buffer;

  constructor(direction: 'in' | 'out', at: number, flow: Flow, octets: Buffer) {
    this.direction = direction;
    this.at = at;
    this.protocol = flow.protocol;
    this.local = formatHostPort({ host: flow.localHost, port: flow.localPort });
    this.remote = formatHostPort({ host: flow.host, port: flow.port });
    this.octets = octets;
  }

  get callId(): string | undefined {
    return CALL_ID.exec(headOf(this.octets))?.[1]?.trim();
  }
}

/** Where transports say what passes, if anybody listens. */
export class SipTap {
  /** Whether somebody listens: without it, nothing is made. */
  active = false;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<SipTraceListener>();

  constructor(now: () => number, onError: (error: unknown) => void) {
    this.#now = now;
    this.#onError = onError;
  }

  /** The function that it returns takes the listener off. */
  add(listener: SipTraceListener): () => void {
    this.#listeners.add(listener);
    this.active = true;
    return () => {
      this.#listeners.delete(listener);
      this.active = this.#listeners.size > 0;
    };
  }

  /** To be called only while `active`. */
  note(direction: 'in' | 'out', flow: Flow, octets: Buffer): void {
    const trace = new Trace(direction, this.#now(), flow, octets);
    for (const listener of this.#listeners) {
      try {
        listener(trace);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

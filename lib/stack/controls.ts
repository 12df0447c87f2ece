import type { TlsOptions } from './tls-options.ts';
import type { SipTraceListener } from './trace.ts';

/** What the owner of a stack can do with it besides sending and receiving. */
export interface StackControls {
  /**
   * Reads certificates, keys and authorities of TLS again, from `tls` if given; connections that are there stay.
   * Throws PPG_E_OPTIONS and changes nothing.
   */
  reloadTls(tls?: TlsOptions): void;
  /** Tells of every SIP message on the wire, both ways, retransmissions included; the function it returns ends that. */
  onTrace(listener: SipTraceListener): () => void;
}

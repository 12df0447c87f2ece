import type { SipMessage } from '../codec/sip/message.ts';
import type { SipTap } from './trace.ts';
import type { Flow } from './types.ts';

/** A connection that somebody waits on: when it breaks he is told, until he releases it. */
export interface Link {
  release(sender: Sender): void;
}

/** Who wants to know what became of a message. */
export interface Sender {
  /** The octets have been handed to the network; `link` is there when its loss means the answer's loss. */
  onSent(link: Link | undefined): void;
  /** They could not be, or the connection broke afterwards. */
  onSendError(error: Error): void;
}

/** The socket or connection by which a message came. */
export interface Endpoint {
  /**
   * Sends back to the peer at `host`. A datagram goes to `port`; a connection uses it only when the peer has closed it
   * and a new one must be made (RFC 3261 section 18.2.2).
   */
  reply(octets: Buffer, host: string, port: number, sender: Sender | undefined): void;
  /** The peer asks that requests for its address and `port` come by this connection (RFC 5923 section 8.2). */
  onAlias?(port: number): void;
}

export interface Origin {
  readonly flow: Flow;
  readonly endpoint: Endpoint;
}

/** What transports tell the stack. None of these throws. */
export interface TransportListener {
  /** Is told of every message as it is on the wire, while somebody listens. */
  readonly tap: SipTap;
  /** `raw` are the message's octets. */
  onMessage(message: SipMessage, raw: Buffer, origin: Origin): void;
  /** Octets that are no message, or the beginning of one that was given up. */
  onMalformed(error: unknown, octets: Buffer, origin: Origin): void;
  /** A peer connected and no TLS came of it. */
  onHandshakeFailed?(error: Error): void;
}

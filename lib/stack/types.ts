import type { SipRequest, SipResponse } from '../codec/sip/message.ts';

/** Transport protocols as written in Via, lower case (RFC 3261 section 18). */
export type Protocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** Where the stack listens; port 0 lets the system choose. */
export interface ListenPoint {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
}

/** Where a request is sent. */
export interface Hop {
  readonly protocol: Protocol;
  /** Host name or IP literal without brackets. */
  readonly host: string;
  readonly port: number;
  /**
   * Only by a connection that is there already; without one the request fails with `transport`. For a flow (RFC 5626
   * section 5.3): its port is one that the peer once connected from, and nobody, or somebody else, listens there.
   */
  readonly existing?: boolean;
  /**
   * TLS: the SIP domain that the peer must prove to be (RFC 5922), where `host` is an address or name found for it.
   * Default `host`.
   */
  readonly domain?: string;
}

/** The way a message came: peer, and the local side it reached. */
export interface Flow extends Hop {
  readonly localHost: string;
  readonly localPort: number;
  /** TLS: the SIP domains that the peer's verified certificate stands for (RFC 5922), lower case; without one undefined. */
  readonly verified?: readonly string[];
}

/** A request that came in, and the transaction that answers it (RFC 3261 section 17.2). */
export interface ServerTransaction {
  /** Unique within the stack. */
  readonly id: string;
  readonly request: SipRequest;
  /** The request's octets as received, for those who must pass them on unchanged. */
  readonly raw: Buffer;
  readonly flow: Flow;
  /** Sends a response; Via, From, To, Call-ID and CSeq must have been copied (see respondTo). A second final response is ignored. */
  respond(response: SipResponse): void;
  /** Called once when the transaction has ended and forgotten the request. */
  onTerminated(listener: () => void): void;
  /** INVITE only: the tag for the To of every response that its user gives no other. */
  readonly toTag?: string;
  /**
   * INVITE only: called when a CANCEL has come (RFC 3261 section 9.2). The listener sees to a final response; where
   * nobody listens the stack answers 487.
   */
  onCancel?(listener: (cancel: SipRequest) => void): void;
  /**
   * INVITE only: called with a CANCEL that came behind a 2xx, which the listener answers; where nobody listens it is
   * answered 200 and has no effect (RFC 3261 section 9.2).
   */
  onLateCancel?(listener: (cancel: ServerTransaction) => void): void;
}

export type TransactionFailure =
  /** Timer F: no final response within 64*T1 (RFC 3261 section 17.1.2.2); timer B for INVITE. */
  | 'timeout'
  /** The transport could not send it (RFC 3261 section 17.1.4): refused, unreachable, name not found. */
  | 'transport';

export interface ClientTransactionListener {
  /** Every provisional response and the one final response; `raw` are its octets as received. */
  onResponse(response: SipResponse, flow: Flow, raw: Buffer): void;
  /** Instead of a final response. Called at most once. */
  onFailure(failure: TransactionFailure, cause: Error): void;
}

export interface ClientTransaction {
  /** The branch of its Via. */
  readonly id: string;
  /** The request as it left, with the Via on top. */
  readonly request: SipRequest;
  /** True once octets were handed to the network: when the transaction fails before, nobody has seen the request. */
  readonly sent?: boolean;
}

/** An INVITE that was sent (RFC 3261 section 17.1.1). */
export interface InviteTransaction extends ClientTransaction {
  /**
   * Cancels it (RFC 3261 section 9.1): CANCEL leaves once a provisional response has come. The final response, 487 or
   * a 2xx that crossed it, still comes; without one within 64*T1 the transaction fails with `timeout`. `reason` is the
   * value of a Reason header (RFC 3326).
   */
  cancel(reason?: string): void;
}

/** One SIP stack: transports and transactions. */
export interface SipStack {
  /** Binds every listen point; rejects with PPG_E_SIP_TRANSPORT. */
  start(): Promise<void>;
  /** Closes every socket; open client transactions fail with `transport`. */
  stop(): Promise<void>;
  /** What is bound, with the real ports. */
  readonly listening: readonly ListenPoint[];
  /** The one handler of new requests (retransmissions are absorbed). It must not throw. */
  onRequest(handler: (transaction: ServerTransaction) => void): void;
  /**
   * Starts a client transaction: puts a Via (branch, rport) on top of the request's own headers, sends, retransmits.
   * A request with a body and no Content-Length gets one. Never throws; failures come to the listener.
   */
  request(request: SipRequest, hop: Hop, listener: ClientTransactionListener): ClientTransaction;
  /**
   * As `request`, for INVITE: the listener hears every 2xx, repeated ones and those of other branches of a fork, for 64*T1
   * after the first; their ACKs are his to send (`sendStateless`). A refusal gets its ACK here.
   */
  invite(request: SipRequest, hop: Hop, listener: ClientTransactionListener): InviteTransaction;
  /** Sends an ACK or a response outside any transaction. */
  sendStateless(message: SipRequest | SipResponse, hop: Hop): void;
  readonly counters: Readonly<StackCounters>;
}

export interface StackCounters {
  /** Open now. */
  clientTransactions: number;
  /** Open now. */
  serverTransactions: number;
  /** Since the stack was made, as the next two. */
  retransmissionsSent: number;
  retransmissionsAbsorbed: number;
  malformed: number;
  /** TCP connections open or being made now. */
  connections: number;
}

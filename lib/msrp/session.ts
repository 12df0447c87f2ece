import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { randomToken } from '../base/ids.ts';
import { parseByteRange, WHOLE } from '../codec/msrp/byte-range.ts';
import { headerOf, type MsrpRequestHead, type MsrpResponse, parseStatus } from '../codec/msrp/message.ts';
import { formatMsrpUri, formatPath, type MsrpUri, sameMsrpUri } from '../codec/msrp/uri.ts';
import { endLine, writeReport, writeRequest, writeResponse, writeSendHead } from '../codec/msrp/write.ts';
import type { HeaderField } from '../model/push.ts';
import { hasShown } from './certificate.ts';
import { MOST_UNWANTED, type MsrpConnection, type Receiver } from './connection.ts';
import { Outgoing, type OutgoingMessage, type SendOutcome, type SendTimes } from './outgoing.ts';
import type { RemoteSide } from './remote.ts';

/** Takes the messages of a peer. */
export interface MessageTaker {
  /** A SEND with content; its answer is the taker's to give, by `session.respond`. */
  onSend(head: MsrpRequestHead, session: MsrpSession, connection: MsrpConnection): Receiver;
}

/** A way by a relay of ours (RFC 4976). */
export interface Through {
  /** What the relay told to use; in To-Path before the peer's, in `a=path` before ours. */
  readonly path: readonly MsrpUri[];
  /** The one that the relay has authorised. */
  readonly connection: MsrpConnection;
}

/** What a session needs of its endpoint. */
export interface SessionHost {
  readonly clock: Clock;
  readonly times: SendTimes;
  /** Waits for a peer that is to connect no longer than this, ms. */
  readonly bindTime: number;
  connectTo(session: MsrpSession, remote: RemoteSide): MsrpConnection;
  forget(session: MsrpSession): void;
}

/** One MSRP session (RFC 4975 section 4): its path, its peer's, and the connection they use. */
export class MsrpSession {
  readonly id: string;
  /** For `a=path` and From-Path. */
  readonly path: string;
  readonly uri: MsrpUri;
  readonly #host: SessionHost;
  readonly #taker: MessageTaker | undefined;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #waiting: (() => void)[] = [];
  /** Requests without an answer. */
  readonly #requests = new Set<() => void>();
  #remote: RemoteSide | undefined;
  #toPath = '';
  #connection: MsrpConnection | undefined;
  /** What the peer called itself when it came before its SDP did. */
  #claimed: readonly MsrpUri[] | undefined;
  #unwanted = 0;
  #ended: string | undefined;
  #onEnd: ((reason: string) => void) | undefined;

  constructor(host: SessionHost, uri: MsrpUri & { readonly session: string }, taker: MessageTaker | undefined) {
    this.#host = host;
    this.id = uri.session;
    this.uri = uri;
    this.path = formatMsrpUri(uri);
    this.#taker = taker;
  }

  /** Why it ended; undefined while it lives. */
  get ended(): string | undefined {
    return this.#ended;
  }

  get bound(): boolean {
    return this.#connection !== undefined;
  }

  get connection(): MsrpConnection | undefined {
    return this.#connection;
  }

  /** Called once, when the session has ended by the peer or the network; not by `close`. */
  onEnd(listener: (reason: string) => void): void {
    this.#onEnd = listener;
  }

  /**
   * Says who the peer is, and connects where that is ours to do. `greet`: binds the connection by a SEND without content, as
   * whoever has nothing to send must (section 4). `through`: by a relay of ours.
   */
  connect(remote: RemoteSide, greet = false, through?: Through): void {
    if (this.#ended !== undefined) return;
    this.#remote = remote;
    this.#toPath = formatPath(through === undefined ? remote.path : [...through.path, ...remote.path]);
    if (through !== undefined) this.#attach(through.connection);
    else if (remote.role === 'active') this.#attach(this.#host.connectTo(this, remote));
    else if (this.#claimed !== undefined && !isFrom(this.#claimed, remote.path))
      this.#finish('the peer that connected has another path than its SDP says');
    else if (this.#connection !== undefined && !this.#isProven(this.#connection, remote))
      this.#finish('the certificate of the peer is not that of its SDP');
    if (greet && remote.role === 'active') void this.#greet();
    this.#wake();
  }

  /** Sends a message, and waits for its end. Never rejects. */
  async send(message: OutgoingMessage, signal?: AbortSignal): Promise<SendOutcome> {
    const outgoing = new Outgoing(message, this.#host.times, this.#host.clock);
    const abort = (): void => outgoing.lost(String(signal?.reason ?? 'given up'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (this.#ended !== undefined) outgoing.lost(this.#ended);
      else if (signal?.aborted === true) abort();
      else if (this.#outgoing.has(message.messageId)) outgoing.lost('a message of this id is under way already');
      else {
        this.#outgoing.set(message.messageId, outgoing);
        const connection = await this.#bound(signal);
        if (connection === undefined) outgoing.lost(this.#ended ?? 'the peer has not connected');
        else await Promise.race([outgoing.run(connection, this.#toPath, this.path), outgoing.result]);
      }
      return await outgoing.result;
    } finally {
      signal?.removeEventListener('abort', abort);
      if (this.#outgoing.get(message.messageId) === outgoing) this.#outgoing.delete(message.messageId);
    }
  }

  /** Sends a request without content and waits for its answer; undefined: none came. Never rejects. */
  async request(method: string, headers: readonly HeaderField[]): Promise<MsrpResponse | undefined> {
    const connection = this.#connection;
    if (connection === undefined || !(await connection.writable())) return undefined;
    const { clock, times } = this.#host;
    const transaction = connection.nextTransaction();
    return new Promise((resolve) => {
      const end = (response?: MsrpResponse): void => {
        clock.clearTimeout(timer);
        connection.forget(transaction);
        this.#requests.delete(end);
        resolve(response);
      };
      const timer = clock.setTimeout(() => end(), times.transactionTime);
      this.#requests.add(end);
      const text = writeRequest({ transaction, method, toPath: this.#toPath, fromPath: this.path, headers });
      connection.write([text], transaction, end);
    });
  }

  /** Ends it together with its connection. */
  drop(reason: string): void {
    this.close();
    this.#connection?.close(reason);
  }

  /** Ends it without a word to the peer: that is the dialog's part. */
  close(): void {
    this.#end('closed');
  }

  // ---- for connections and takers

  /** The connection is gone. */
  lost(reason: string): void {
    this.#finish(reason);
  }

  /**
   * Binds a connection by which a request for this session came; a refusal when another one has it already, or the peer is
   * not who the SDP says.
   */
  admit(
    head: MsrpRequestHead,
    from: readonly MsrpUri[],
    connection: MsrpConnection,
  ): { status: number; comment: string } | undefined {
    if (this.#connection === connection) return undefined;
    // What was sent through a relay is reported by a connection that the relay makes; who reports knows our session-id.
    if (head.method === 'REPORT' && this.#remote !== undefined && !this.uri.secure) return undefined;
    // RFC 4975 section 7.3: another connection uses it.
    if (this.#connection !== undefined) return { status: 506, comment: 'Session is in use' };
    if (this.#remote === undefined) this.#claimed = from;
    else if (this.#remote.role === 'active' || !isFrom(from, this.#remote.path))
      return { status: 481, comment: 'No such session' };
    else if (!this.#isProven(connection, this.#remote)) return { status: 403, comment: 'Wrong certificate' };
    this.#attach(connection);
    this.#wake();
    return undefined;
  }

  receive(head: MsrpRequestHead, connection: MsrpConnection): Receiver {
    if (head.method === 'REPORT') this.#onReport(head);
    else if (head.method !== 'SEND') this.respond(head, 501, 'Unknown method');
    else if (!head.hasBody) this.respond(head, 200, 'OK');
    else if (this.#taker === undefined) this.respond(head, 403, 'Nothing is taken here');
    else return this.#taker.onSend(head, this, connection);
    return this.unwanted(connection);
  }

  /** For content that is not taken: it is read over, but not for ever. */
  unwanted(connection: MsrpConnection): Receiver {
    const onBody = (octets: Buffer): void => {
      this.#unwanted += octets.length;
      const reason = 'the peer sends content that was refused';
      if (this.#ended !== undefined) connection.swallowing.onBody(octets);
      else if (this.#unwanted <= MOST_UNWANTED) return;
      else if (connection.sessions > 1) this.lost(reason);
      else connection.close(reason);
    };
    return { onBody, onEnd: () => undefined };
  }

  /** Answers a SEND, unless its Failure-Report says that no answer is wanted (section 7.2). */
  respond(head: MsrpRequestHead, status: number, comment: string): void {
    const wanted = headerOf(head.headers, 'Failure-Report')?.toLowerCase();
    if (wanted === 'no' || (wanted === 'partial' && status === 200)) return;
    const from = headerOf(head.headers, 'From-Path')?.split(' ', 1)[0] ?? '';
    this.#connection?.write([writeResponse(head.transaction, status, comment, from, this.path)]);
  }

  /** Reports about a message of the peer, whose SEND is `head`. */
  report(head: MsrpRequestHead, range: string, status: number, comment: string): void {
    const connection = this.#connection;
    connection?.write([
      writeReport({
        transaction: connection.nextTransaction(),
        toPath: headerOf(head.headers, 'From-Path') ?? '',
        fromPath: this.path,
        messageId: headerOf(head.headers, 'Message-ID') ?? '',
        range: parseByteRange(range),
        status,
        comment,
      }),
    ]);
  }

  #onReport({ headers }: MsrpRequestHead): void {
    const outgoing = this.#outgoing.get(headerOf(headers, 'Message-ID') ?? '');
    const told = parseStatus(headerOf(headers, 'Status'));
    if (outgoing === undefined || told === undefined) return;
    const text = headerOf(headers, 'Byte-Range');
    let range = WHOLE;
    try {
      if (text !== undefined) range = parseByteRange(text);
    } catch (error) {
      outgoing.violated(messageOf(error));
      return;
    }
    outgoing.onReport(range, told.status, told.comment);
  }

  /** The connection, once there is one and it is known whose; undefined: none came in time. */
  async #bound(signal: AbortSignal | undefined): Promise<MsrpConnection | undefined> {
    const { clock, bindTime } = this.#host;
    let late = false;
    const timer: TimerHandle = clock.setTimeout(() => {
      late = true;
      this.#wake();
    }, bindTime);
    const abort = (): void => this.#wake();
    signal?.addEventListener('abort', abort, { once: true });
    while (
      (this.#connection === undefined || this.#remote === undefined) &&
      this.#ended === undefined &&
      !late &&
      signal?.aborted !== true
    )
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    signal?.removeEventListener('abort', abort);
    clock.clearTimeout(timer);
    return this.#remote === undefined ? undefined : this.#connection;
  }

  async #greet(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !(await connection.writable())) return;
    const transaction = connection.nextTransaction();
    const range = { start: 1, end: 0, total: 0 };
    const head = { transaction, toPath: this.#toPath, fromPath: this.path, messageId: randomToken(8), range };
    connection.write([writeSendHead({ ...head, contentType: undefined }), endLine(transaction, '$', false)]);
  }

  #isProven(connection: MsrpConnection, { fingerprints }: RemoteSide): boolean {
    return !this.uri.secure || hasShown(connection.socket, fingerprints);
  }

  #attach(connection: MsrpConnection): void {
    if (this.#ended !== undefined) return;
    this.#connection = connection;
    connection.bind(this);
    if (connection.closed !== undefined) this.#finish(connection.closed);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #finish(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#end(reason);
    this.#onEnd?.(reason);
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const outgoing of this.#outgoing.values()) outgoing.lost(reason);
    for (const end of [...this.#requests]) end();
    this.#connection?.unbind(this);
    this.#host.forget(this);
    this.#wake();
  }
}

/** The far end has to be that of the SDP; relays of ours stand before it in what we receive (RFC 4976 section 5.1). */
function isFrom(from: readonly MsrpUri[], path: readonly MsrpUri[]): boolean {
  const [end, told] = [from.at(-1), path.at(-1)];
  return end !== undefined && told !== undefined && sameMsrpUri(end, told);
}

import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { parseCSeq } from '../codec/sip/cseq.ts';
import { DEFAULT_SIP_LIMITS, type SipLimits } from '../codec/sip/limits.ts';
import { SipHeaders, type SipMessage, type SipRequest, type SipResponse } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import { salvageRequest } from '../codec/sip/salvage.ts';
import { branchOf, MAGIC_COOKIE } from '../codec/sip/via.ts';
import { writeSip } from '../codec/sip/write.ts';
import { type ClientEnvironment, NonInviteClient } from './client-transaction.ts';
import type { StackControls } from './controls.ts';
import { Answerable, Begun } from './handles.ts';
import { checkRequest, noteAlias, stampTopVia, topViaOf } from './inbound.ts';
import { InviteLayer, type InviteLayerHost } from './invite-layer.ts';
import { type AdvertisedAddress, ViaMaker } from './sent-by.ts';
import { NonInviteServer, type ServerEnvironment } from './server-transaction.ts';
import { DEFAULT_TIMERS, type TimerValues, TransactionTimers } from './timers.ts';
import type { TlsOptions } from './tls-options.ts';
import { tokenMaker } from './tokens.ts';
import { SipTap, type SipTraceListener } from './trace.ts';
import { clientKey, serverKey, TransactionTable } from './transaction-table.ts';
import type { Origin, Sender, TransportListener } from './transport.ts';
import { DEFAULT_TCP, type TcpOptions } from './transport-tcp.ts';
import { Transports } from './transports.ts';
import type {
  ClientTransaction,
  ClientTransactionListener,
  Flow,
  Hop,
  InviteTransaction,
  ListenPoint,
  ServerTransaction,
  SipStack,
  StackCounters,
} from './types.ts';

export interface SipStackOptions {
  readonly clock: Clock;
  readonly log?: Logger;
  readonly listen: readonly ListenPoint[];
  /** What Vias name instead of the bound address. */
  readonly sentBy?: AdvertisedAddress;
  readonly limits?: Partial<SipLimits>;
  readonly timers?: Partial<TimerValues>;
  readonly tcp?: Partial<TcpOptions>;
  /** Certificates and authorities; without them TLS is only done as a client, with the authorities that node has. */
  readonly tls?: TlsOptions | undefined;
  /** Is told of every SIP message on the wire; as onTrace. */
  readonly trace?: SipTraceListener | undefined;
  /** Open transactions of each side; beyond it requests fail and are answered 503. Default 500,000. */
  readonly maxTransactions?: number;
}

const MAX_TRANSACTIONS = 500_000;

/** Seconds after which a peer may try again when this stack is full. */
const RETRY_AFTER = '5';

/** Makes a SIP stack (RFC 3261 sections 17 and 18): transports and transactions. */
export function createSipStack(options: SipStackOptions): SipStack & StackControls {
  return new Stack(options);
}

class Stack implements SipStack, StackControls, TransportListener, ClientEnvironment, ServerEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  readonly tap: SipTap;
  readonly #log: Logger;
  readonly #transports: Transports;
  readonly #clients: TransactionTable<NonInviteClient>;
  readonly #servers: TransactionTable<NonInviteServer>;
  readonly #invites: InviteLayer;
  readonly #token = tokenMaker();
  readonly #advertised: AdvertisedAddress | undefined;
  readonly #maxTransactions: number;
  readonly #counts = { retransmissionsSent: 0, retransmissionsAbsorbed: 0, malformed: 0 };
  #vias: ViaMaker | undefined;
  #handler: ((transaction: ServerTransaction) => void) | undefined;
  #nextId = 1;

  constructor(options: SipStackOptions) {
    const { clock, listen, log = silentLogger, maxTransactions = MAX_TRANSACTIONS } = options;
    this.#log = log;
    this.tap = new SipTap(
      () => clock.now(),
      (error) => this.#report(error, 'a listener of the trace threw'),
    );
    if (options.trace !== undefined) this.tap.add(options.trace);
    this.values = { ...DEFAULT_TIMERS, ...options.timers };
    this.timers = new TransactionTimers(clock, (error) => this.#report(error, 'a transaction timer failed'));
    this.#clients = new TransactionTable(maxTransactions);
    this.#servers = new TransactionTable(maxTransactions);
    this.#invites = new InviteLayer(this.#inviteHost(), log, maxTransactions);
    this.#advertised = options.sentBy;
    this.#maxTransactions = maxTransactions;
    const limits = { ...DEFAULT_SIP_LIMITS, ...options.limits };
    const tcp = { ...DEFAULT_TCP, ...options.tcp };
    const onError = (error: Error): void => this.#report(error, 'a socket failed');
    this.#transports = new Transports({
      points: listen,
      listener: this,
      limits,
      tcp,
      tls: options.tls,
      clock,
      onError,
    });
  }

  get listening(): readonly ListenPoint[] {
    return this.#transports.listening;
  }

  get counters(): StackCounters {
    return {
      clientTransactions: this.#clients.size + this.#invites.clientCount,
      serverTransactions: this.#servers.size + this.#invites.serverCount,
      connections: this.#transports.connections,
      ...this.#counts,
    };
  }

  async start(): Promise<void> {
    await this.#transports.start();
    this.#vias = new ViaMaker(this.listening, this.#advertised, this.#transports.hasCertificate);
  }

  async stop(): Promise<void> {
    this.#vias = undefined;
    const stopped = transportError('the stack has stopped');
    for (const transaction of this.#clients.all()) this.#guarded(() => transaction.onSendError(stopped));
    for (const transaction of this.#servers.all()) this.#guarded(() => transaction.abandon());
    this.#guarded(() => this.#invites.stop(stopped));
    this.timers.stop();
    await this.#transports.close();
  }

  onRequest(handler: (transaction: ServerTransaction) => void): void {
    this.#handler = handler;
  }

  onTrace(listener: SipTraceListener): () => void {
    return this.tap.add(listener);
  }

  reloadTls(tls?: TlsOptions): void {
    this.#transports.reloadTls(tls);
  }

  // ---- requests that leave

  request(request: SipRequest, hop: Hop, listener: ClientTransactionListener): ClientTransaction {
    if (request.method === 'INVITE') return this.invite(request, hop, listener);
    const branch = MAGIC_COOKIE + this.#token();
    const stamped = this.#withVia(request, hop, branch);
    const refuse = (cause: Error): ClientTransaction => {
      queueMicrotask(() => this.#guarded(() => listener.onFailure('transport', cause)));
      return { id: branch, request: stamped, sent: false };
    };
    if (this.#vias === undefined) return refuse(transportError('the stack is not running'));
    if (this.#clients.full) return refuse(new PpgError('PPG_E_OVERLOAD', 'too many open client transactions'));
    try {
      checkCSeq(request);
      const octets = writeSip(stamped);
      const key = clientKey(branch, request.method);
      const transaction = new NonInviteClient(this, key, hop, octets, listener);
      this.#clients.add(transaction);
      transaction.begin();
      return new Begun(branch, stamped, transaction);
    } catch (error) {
      return refuse(error instanceof Error ? error : transportError(messageOf(error)));
    }
  }

  invite(request: SipRequest, hop: Hop, listener: ClientTransactionListener): InviteTransaction {
    const branch = MAGIC_COOKIE + this.#token();
    const stamped = this.#withVia(request, hop, branch);
    try {
      if (this.#vias === undefined) throw transportError('the stack is not running');
      if (this.#invites.clientCount >= this.#maxTransactions)
        throw new PpgError('PPG_E_OVERLOAD', 'too many open client transactions');
      checkCSeq(request);
      return this.#invites.begin(stamped, branch, hop, listener);
    } catch (error) {
      const cause = error instanceof Error ? error : transportError(messageOf(error));
      queueMicrotask(() => this.#guarded(() => listener.onFailure('transport', cause)));
      return { id: branch, request: stamped, sent: false, cancel: () => undefined };
    }
  }

  #inviteHost(): InviteLayerHost {
    return {
      timers: this.timers,
      values: this.values,
      transmit: (octets, hop, sender) => this.#transports.send(octets, hop, sender),
      reply: (origin, port, octets, sender) => this.reply(origin, port, octets, sender),
      sendCancel: (request, branch, hop) => this.#sendCancel(request, branch, hop),
      handOver: (transaction) => this.#handOver(transaction),
      newId: () => this.#newId(),
      newTag: this.#token,
      countRetransmission: () => this.countRetransmission(),
      onUserError: (error) => this.onUserError(error),
    };
  }

  /** The answer to a CANCEL says nothing that the INVITE's own final response does not say better. */
  #sendCancel(request: SipRequest, branch: string, hop: Hop): void {
    const nobody = { onResponse: () => undefined, onFailure: () => undefined };
    this.#guarded(() => {
      const transaction = new NonInviteClient(this, clientKey(branch, 'CANCEL'), hop, writeSip(request), nobody);
      this.#clients.add(transaction);
      transaction.begin();
    });
  }

  sendStateless(message: SipRequest | SipResponse, hop: Hop): void {
    const outgoing = message.kind === 'request' ? this.#withVia(message, hop, MAGIC_COOKIE + this.#token()) : message;
    this.#guarded(() => this.#transports.send(writeSip(outgoing), hop, undefined));
  }

  #withVia(request: SipRequest, hop: Hop, branch: string): SipRequest {
    const headers = new SipHeaders(request.headers.fields);
    if (this.#vias !== undefined) headers.prepend('Via', this.#vias.via(hop, branch));
    return { ...request, headers };
  }

  // ---- what transactions ask for

  transmit({ octets, hop }: NonInviteClient, sender: Sender | undefined): void {
    this.#transports.send(octets, hop, sender);
  }

  reply(origin: Origin, port: number, octets: Buffer, sender: Sender | undefined): void {
    origin.endpoint.reply(octets, origin.flow.host, port, sender);
  }

  forget(transaction: NonInviteClient | NonInviteServer): void {
    if (transaction instanceof NonInviteClient) this.#clients.remove(transaction);
    else this.#servers.remove(transaction);
  }

  countRetransmission(): void {
    this.#counts.retransmissionsSent++;
  }

  onUserError(error: unknown): void {
    this.#report(error, 'a listener of a transaction threw');
  }

  // ---- what comes in

  onMessage(message: SipMessage, raw: Buffer, origin: Origin): void {
    try {
      if (message.kind === 'request') this.#onRequest(message, raw, origin);
      else this.#onResponse(message, raw, origin.flow);
    } catch (error) {
      if (error instanceof PpgError && error.sipStatus !== undefined) this.#refuse(message, error, origin);
      else this.#report(error, 'a SIP message could not be handled');
    }
  }

  onHandshakeFailed(error: Error): void {
    this.#log.debug({ err: error }, 'a TLS handshake failed');
  }

  onMalformed(error: unknown, octets: Buffer, origin: Origin): void {
    this.#refuse(salvageRequest(octets), error, origin);
  }

  /** RFC 3261 section 18.1.2 */
  #onResponse(response: SipResponse, raw: Buffer, flow: Flow): void {
    const via = topViaOf(response.headers);
    const { method } = parseCSeq(response.headers.get('CSeq') ?? '');
    const key = clientKey(branchOf(via) ?? '', method);
    const transaction = method === 'INVITE' ? this.#invites.findClient(key) : this.#clients.find(key);
    // A response to nothing is a late or a forged one; a proxy without transactions would pass it on, a stack drops it.
    if (transaction === undefined || this.#vias?.isOwn(via) !== true) return;
    transaction.onResponse(response, flow, raw);
  }

  /** RFC 3261 sections 18.2.1 and 17.2.3 */
  #onRequest(request: SipRequest, raw: Buffer, origin: Origin): void {
    checkRequest(request);
    const { via, port } = stampTopVia(request.headers, origin.flow);
    noteAlias(via, origin);
    const key = serverKey(request, via);
    const { method } = request;
    if (method === 'ACK') {
      this.#invites.onAck(request, raw, key, origin);
      return;
    }
    const known = method === 'INVITE' ? this.#invites.findServer(key) : this.#servers.find(key);
    if (known !== undefined) {
      this.#counts.retransmissionsAbsorbed++;
      known.onRetransmission();
      return;
    }
    if (method === 'INVITE' ? this.#invites.full : this.#servers.full) {
      const headers = [{ name: 'Retry-After', value: RETRY_AFTER }];
      this.reply(origin, port, writeSip(respondTo(request, 503, { headers })), undefined);
      return;
    }
    if (method === 'INVITE') {
      this.#invites.receive(request, raw, key, origin, port);
      return;
    }
    const machine = new NonInviteServer(this, key, origin, port);
    this.#servers.add(machine);
    const transaction = new Answerable(this.#newId(), request, raw, origin.flow, machine, this.#log);
    if (method === 'CANCEL') this.#invites.onCancel(transaction, via);
    else this.#handOver(transaction);
  }

  #newId(): string {
    return `s${this.#nextId++}`;
  }

  #handOver(transaction: ServerTransaction): void {
    try {
      if (this.#handler === undefined) transaction.respond(respondTo(transaction.request, 503));
      else this.#handler(transaction);
    } catch (error) {
      this.#report(error, 'a request handler threw');
      transaction.respond(respondTo(transaction.request, 500));
    }
  }

  /** Answers what is too malformed for a transaction, if it can be answered at all; a response or an ACK never is. */
  #refuse(message: SipMessage | undefined, error: unknown, origin: Origin): void {
    this.#counts.malformed++;
    this.#log.debug({ err: error, flow: origin.flow }, 'a malformed SIP message');
    if (message?.kind !== 'request' || message.method === 'ACK') return;
    const status = error instanceof PpgError ? (error.sipStatus ?? 400) : 400;
    try {
      const headers = message.headers.clone();
      const { port } = stampTopVia(headers, origin.flow);
      this.reply(origin, port, writeSip(respondTo({ ...message, headers }, status)), undefined);
    } catch {
      // Its Via cannot be read or its headers not be repeated: it has been counted, and nobody can be told.
    }
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#report(error, 'the SIP stack met an error');
    }
  }

  #report(error: unknown, sentence: string): void {
    this.#log.error({ err: error }, sentence);
  }
}

/** A response is matched by the CSeq method (RFC 3261 section 17.1.3): with another one no answer would ever be found. */
function checkCSeq({ method, headers }: SipRequest): void {
  if (parseCSeq(headers.get('CSeq') ?? '').method !== method)
    throw new PpgError('PPG_E_SIP_HEADER', `the CSeq does not name ${method}`);
}

const transportError = (message: string): PpgError => new PpgError('PPG_E_SIP_TRANSPORT', message);

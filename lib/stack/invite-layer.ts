import type { Logger } from '../base/log.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import type { Via } from '../codec/sip/via.ts';
import { writeSip } from '../codec/sip/write.ts';
import { Unanswered } from './handles.ts';
import { InviteClient, type InviteClientEnvironment } from './invite-client.ts';
import { cancelOf } from './invite-requests.ts';
import { InviteServer, type InviteServerEnvironment } from './invite-server.ts';
import type { TimerValues, TransactionTimers } from './timers.ts';
import { clientKey, serverKey, TransactionTable } from './transaction-table.ts';
import type { Origin, Sender } from './transport.ts';
import type { ClientTransactionListener, Hop, InviteTransaction, ServerTransaction } from './types.ts';

/** What the INVITE half of the stack needs of the whole. */
export interface InviteLayerHost {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  transmit(octets: Buffer, hop: Hop, sender: Sender | undefined): void;
  reply(origin: Origin, port: number, octets: Buffer, sender: Sender | undefined): void;
  /** Sends a CANCEL, which has its Via, as a non-INVITE transaction with the INVITE's branch. */
  sendCancel(request: SipRequest, branch: string, hop: Hop): void;
  handOver(transaction: ServerTransaction): void;
  newId(): string;
  newTag(): string;
  countRetransmission(): void;
  onUserError(error: unknown): void;
}

/** INVITE transactions and what belongs to them: ACK and CANCEL. */
export class InviteLayer implements InviteClientEnvironment, InviteServerEnvironment {
  readonly timers: TransactionTimers;
  readonly values: TimerValues;
  readonly #host: InviteLayerHost;
  readonly #log: Logger;
  readonly #clients: TransactionTable<InviteClient>;
  readonly #servers: TransactionTable<InviteServer>;

  constructor(host: InviteLayerHost, log: Logger, maxTransactions: number) {
    this.#host = host;
    this.#log = log;
    this.timers = host.timers;
    this.values = host.values;
    this.#clients = new TransactionTable(maxTransactions);
    this.#servers = new TransactionTable(maxTransactions);
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  get serverCount(): number {
    return this.#servers.size;
  }

  /** Clients are told of the failure; nothing is left. */
  stop(cause: Error): void {
    for (const client of this.#clients.all()) {
      client.onSendError(cause);
      this.#clients.remove(client);
    }
    for (const server of this.#servers.all()) server.abandon();
  }

  // ---- INVITEs that leave

  /** `request` has its Via, whose branch is `branch`. Throws PPG_E_SIP_HEADER for what cannot be written. */
  begin(request: SipRequest, branch: string, hop: Hop, listener: ClientTransactionListener): InviteTransaction {
    const client = new InviteClient(this, clientKey(branch, 'INVITE'), hop, request, listener);
    this.#clients.add(client);
    client.begin();
    return {
      id: branch,
      request,
      get sent() {
        return client.sent;
      },
      cancel: (reason) => client.cancel(reason),
    };
  }

  findClient(key: string): InviteClient | undefined {
    return this.#clients.find(key);
  }

  transmitInvite(octets: Buffer, hop: Hop, sender: Sender | undefined): void {
    this.#host.transmit(octets, hop, sender);
  }

  sendCancel({ request, hop, key }: InviteClient, reason: string | undefined): void {
    this.#host.sendCancel(cancelOf(request, reason), key.slice(0, key.indexOf(' ')), hop);
  }

  forgetInvite(transaction: InviteClient): void {
    this.#clients.remove(transaction);
  }

  // ---- INVITEs that come in

  get full(): boolean {
    return this.#servers.full;
  }

  findServer(key: string): InviteServer | undefined {
    return this.#servers.find(key);
  }

  /** An INVITE that is no retransmission. */
  receive(request: SipRequest, raw: Buffer, key: string, origin: Origin, port: number): void {
    const server = new InviteServer(this, key, request, this.#host.newTag(), origin, port);
    this.#servers.add(server);
    this.#host.handOver(new Invited(this.#host.newId(), request, raw, origin, server, this.#log));
  }

  /** RFC 3261 section 17.2.3, RFC 6026 section 8.9: one for a refusal is absorbed, others are the user's. */
  onAck(request: SipRequest, raw: Buffer, key: string, origin: Origin): void {
    const server = this.#servers.find(key);
    if (server?.takesAck === true) server.onAck();
    else this.#host.handOver(new Unanswered(this.#host.newId(), request, raw, origin.flow));
  }

  /** RFC 3261 section 9.2: 481 when there is nothing to cancel, 200 when there is or was. */
  onCancel(transaction: ServerTransaction, via: Via): void {
    const { request } = transaction;
    const server = this.#servers.find(serverKey({ ...request, method: 'INVITE' }, via));
    if (server === undefined) {
      transaction.respond(respondTo(request, 481));
      return;
    }
    if (server.takeLateCancel(transaction)) return;
    transaction.respond(respondTo(request, 200, { toTag: server.toTag }));
    server.onCancelled(request);
  }

  reply(origin: Origin, port: number, octets: Buffer, sender: Sender | undefined): void {
    this.#host.reply(origin, port, octets, sender);
  }

  forgetInvited(transaction: InviteServer): void {
    this.#servers.remove(transaction);
  }

  countRetransmission(): void {
    this.#host.countRetransmission();
  }

  onUserError(error: unknown): void {
    this.#host.onUserError(error);
  }
}

/** An INVITE with its transaction, as the handler sees it. */
class Invited implements ServerTransaction {
  readonly id: string;
  readonly request: SipRequest;
  readonly raw: Buffer;
  readonly flow: ServerTransaction['flow'];
  readonly toTag: string;
  readonly #machine: InviteServer;
  readonly #log: Logger;

  constructor(id: string, request: SipRequest, raw: Buffer, origin: Origin, machine: InviteServer, log: Logger) {
    this.id = id;
    this.request = request;
    this.raw = raw;
    this.flow = origin.flow;
    this.toTag = machine.toTag;
    this.#machine = machine;
    this.#log = log;
  }

  respond(response: SipResponse): void {
    if (this.#machine.answered && !(this.#machine.accepted && response.status >= 200 && response.status < 300)) return;
    try {
      this.#machine.respond(response, writeSip(response));
    } catch (error) {
      // The response has octets that no header may have; the peer still gets an answer.
      this.#log.error({ err: error }, 'a response could not be written');
      if (response.status < 200 || this.#machine.answered) return;
      const instead = respondTo(this.request, 500, { toTag: this.toTag });
      this.#machine.respond(instead, writeSip(instead));
    }
  }

  onTerminated(listener: () => void): void {
    this.#machine.onTerminated(listener);
  }

  onCancel(listener: (cancel: SipRequest) => void): void {
    this.#machine.onCancel(listener);
  }

  onLateCancel(listener: (cancel: ServerTransaction) => void): void {
    this.#machine.onLateCancel(listener);
  }
}

import { randomUUID } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import type { SipRequest } from '../../codec/sip/message.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { Flow, ListenPoint, TransactionFailure } from '../../stack/types.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { type Endpoint, requestSentMeta, responseCameMeta } from './meta.ts';

/**
 * A request of an application's on its way. The command is answered first, and the responses follow behind that in the
 * order they came, on the same connection.
 */
export class AppTransaction {
  /** What the application calls it. */
  readonly id: string = randomUUID();
  readonly client: Client;
  readonly #context: SipdContext;
  readonly #local: ListenPoint;
  /** Responses may come before the command is answered, and must not overtake that answer. */
  #waiting: (() => void)[] | undefined = [];
  #open = true;

  constructor(context: SipdContext, client: Client, local: ListenPoint) {
    this.#context = context;
    this.client = client;
    this.#local = local;
    client.inFlight++;
  }

  /** It has its final response, or never will. */
  close(): void {
    if (this.#open) this.client.inFlight--;
    this.#open = false;
  }

  /** Passes a response of the network on. */
  pass(raw: Buffer, { protocol, host, port }: Flow, dialogId = ''): void {
    this.#pass(raw, { protocol, host, port }, dialogId);
  }

  /** Passes a response on that the server makes itself: it has no source address, and port 0. */
  passOwn(status: number, request: SipRequest, dialogId = ''): void {
    this.#pass(writeSip(respondTo(request, status)), { protocol: this.#local.protocol, host: '', port: 0 }, dialogId);
  }

  /** As `passOwn`, for a transaction that failed. */
  passFailure(failure: TransactionFailure, request: SipRequest, dialogId = ''): void {
    this.passOwn(failure === 'timeout' ? 408 : 503, request, dialogId);
  }

  #pass(octets: Buffer, from: Endpoint, dialogId: string): void {
    const { clock } = this.#context;
    const deliver = (): void =>
      this.client.send(responseCameMeta(octets.length, from, clock.now(), this.id, dialogId), octets);
    if (this.#waiting === undefined) deliver();
    else this.#waiting.push(deliver);
  }

  /** Answers the command with the request as it left. Gives the reason for a NOK when it cannot have left. */
  confirm(commandId: string, request: SipRequest): string | undefined {
    let octets: Buffer;
    try {
      octets = writeSip(request);
    } catch (error) {
      this.close();
      return messageOf(error);
    }
    const { clock } = this.#context;
    this.client.send(requestSentMeta(commandId, octets.length, this.#local, clock.now(), this.id), octets);
    const early = this.#waiting;
    this.#waiting = undefined;
    for (const deliver of early ?? []) deliver();
    return undefined;
  }
}

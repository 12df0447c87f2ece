import type { Logger } from '../base/log.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import { writeSip } from '../codec/sip/write.ts';
import type { NonInviteClient } from './client-transaction.ts';
import type { NonInviteServer } from './server-transaction.ts';
import type { ClientTransaction, Flow, ServerTransaction } from './types.ts';

/** A client transaction as its user sees it. */
export class Begun implements ClientTransaction {
  readonly id: string;
  readonly request: SipRequest;
  readonly #machine: NonInviteClient;

  constructor(id: string, request: SipRequest, machine: NonInviteClient) {
    this.id = id;
    this.request = request;
    this.#machine = machine;
  }

  get sent(): boolean {
    return this.#machine.sent;
  }
}

/** A request with its transaction, as the handler sees it. */
export class Answerable implements ServerTransaction {
  readonly id: string;
  readonly request: SipRequest;
  readonly raw: Buffer;
  readonly flow: Flow;
  readonly #machine: NonInviteServer;
  readonly #log: Logger;

  constructor(id: string, request: SipRequest, raw: Buffer, flow: Flow, machine: NonInviteServer, log: Logger) {
    this.id = id;
    this.request = request;
    this.raw = raw;
    this.flow = flow;
    this.#machine = machine;
    this.#log = log;
  }

  respond(response: SipResponse): void {
    if (this.#machine.answered) return;
    try {
      this.#machine.respond(response.status, writeSip(response));
    } catch (error) {
      // The response has octets that no header may have; the peer still gets an answer.
      this.#log.error({ err: error }, 'a response could not be written');
      if (response.status >= 200) this.#machine.respond(500, writeSip(respondTo(this.request, 500)));
    }
  }

  onTerminated(listener: () => void): void {
    this.#machine.onTerminated(listener);
  }
}

/** An ACK: it has no transaction and no answer (RFC 3261 section 17). */
export class Unanswered implements ServerTransaction {
  readonly id: string;
  readonly request: SipRequest;
  readonly raw: Buffer;
  readonly flow: Flow;

  constructor(id: string, request: SipRequest, raw: Buffer, flow: Flow) {
    this.id = id;
    this.request = request;
    this.raw = raw;
    this.flow = flow;
  }

  respond(): void {}

  onTerminated(listener: () => void): void {
    listener();
  }
}

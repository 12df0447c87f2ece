import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import type { Flow, ServerTransaction } from './types.ts';

/** Requests whose 2xx has a Contact (RFC 3261 table 2, RFC 3311, RFC 6665). */
const WITH_CONTACT = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'REFER', 'NOTIFY']);

/** A server transaction within a dialog: what is answered gets a Contact and is shown to the dialog first. */
export class InDialogAnswer implements ServerTransaction {
  readonly id: string;
  readonly request: SipRequest;
  readonly raw: Buffer;
  readonly flow: Flow;
  readonly #inner: ServerTransaction;
  readonly #contact: string;
  readonly #onAnswer: (response: SipResponse) => SipResponse;
  #answered = false;

  constructor(inner: ServerTransaction, contact: string, onAnswer: (response: SipResponse) => SipResponse) {
    this.id = inner.id;
    this.request = inner.request;
    this.raw = inner.raw;
    this.flow = inner.flow;
    this.#inner = inner;
    this.#contact = contact;
    this.#onAnswer = onAnswer;
  }

  respond(response: SipResponse): void {
    if (this.#answered) return;
    this.#answered = response.status >= 200;
    if (response.status < 300 && WITH_CONTACT.has(this.request.method) && !response.headers.has('Contact'))
      response.headers.add('Contact', `<${this.#contact}>`);
    this.#inner.respond(this.#onAnswer(response));
  }

  onTerminated(listener: () => void): void {
    this.#inner.onTerminated(listener);
  }

  onCancel(listener: (cancel: SipRequest) => void): void {
    this.#inner.onCancel?.(listener);
  }
}

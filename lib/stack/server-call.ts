import { randomInt } from 'node:crypto';
import { parseCSeq } from '../codec/sip/cseq.ts';
import type { SipRequest } from '../codec/sip/message.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import type { HeaderField } from '../model/push.ts';
import { Dialog, type DialogListener } from './dialog.ts';
import type { DialogHost } from './dialog-host.ts';
import { DialogState, type MessageParts } from './dialog-state.ts';
import { ALLOW } from './methods.ts';
import { Repeater } from './repeater.ts';
import { requires, supports } from './session-timer.ts';
import type { ServerTransaction } from './types.ts';

/** An INVITE of a peer, until it is answered (RFC 3261 section 13.3). */
export class ServerCall {
  readonly request: SipRequest;
  readonly transaction: ServerTransaction;
  readonly dialog: Dialog;
  readonly #host: DialogHost;
  #listener: DialogListener = {};
  #rseq = randomInt(1, 2 ** 16); // RFC 3262 section 3: below 2^31
  /** The reliable provisional response that waits for its PRACK. */
  #unacknowledged: Repeater | undefined;
  /** What must wait for that PRACK. */
  readonly #waiting: (() => void)[] = [];
  #onCancel: (() => void) | undefined;
  #over = false;

  /** Throws PPG_E_SIP_SYNTAX for an INVITE that no dialog can be made of. */
  constructor(host: DialogHost, transaction: ServerTransaction) {
    this.#host = host;
    this.transaction = transaction;
    this.request = transaction.request;
    const state = DialogState.asServer(transaction.request, transaction.toTag ?? '');
    this.dialog = new Dialog(
      host,
      'invite',
      state,
      {
        onRequest: (inDialog, dialog) => this.#onRequest(inDialog, dialog),
        onEnd: (reason, dialog) => {
          this.#stop();
          // BYE in an early dialog, or the user agent stops (section 15.1.2).
          if (!this.#over) this.#respond(487);
          this.#over = true;
          this.#listener.onEnd?.(reason, dialog);
        },
      },
      true,
    );
    transaction.onCancel?.(() => this.#cancelled());
    transaction.onTerminated(() => {
      if (!this.#over) this.dialog.finish('gone');
    });
  }

  /** True when the peer can take reliable provisional responses (RFC 3262). */
  get takesReliable(): boolean {
    return supports(this.request.headers, '100rel');
  }

  /** Sends a provisional response; a peer that requires 100rel gets it reliably. */
  progress(
    status: number,
    parts: MessageParts = {},
    reliable: boolean = requires(this.request.headers, '100rel'),
  ): void {
    if (this.#over) return;
    if (!reliable || !this.takesReliable || status === 100) {
      this.#respond(status, parts);
      return;
    }
    this.#afterPrack(() => this.#progressReliably(status, parts));
  }

  /** RFC 3262 section 3 */
  #progressReliably(status: number, parts: MessageParts): void {
    this.#rseq++;
    const headers = [...(parts.headers ?? []), { name: 'Require', value: '100rel' }];
    headers.push({ name: 'RSeq', value: String(this.#rseq) });
    const send = (): void => this.#respond(status, { ...parts, headers });
    send();
    const { clock, values } = this.#host;
    const onGivenUp = (): void => this.reject(504);
    this.#unacknowledged = new Repeater({ clock, t1: values.t1, send, onGivenUp });
  }

  /** Answers with a 2xx, which is repeated until its ACK comes (RFC 3261 section 13.3.1.4). */
  accept(parts: MessageParts = {}, listener: DialogListener = {}, status = 200): Dialog {
    this.#listener = listener;
    if (this.#over) return this.dialog;
    this.#afterPrack(() => {
      this.#over = true;
      this.dialog.early = false;
      const response = this.#responseTo(status, parts);
      this.dialog.accept(this.transaction, response);
      this.transaction.respond(response);
    });
    return this.dialog;
  }

  /** Answers with 300 to 699. */
  reject(status: number, parts: MessageParts = {}): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    this.#respond(status, parts);
    this.dialog.finish('local');
  }

  /** Called when the peer has given up; the INVITE has its 487 then. */
  onCancel(listener: () => void): void {
    this.#onCancel = listener;
  }

  #cancelled(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    this.#respond(487);
    this.dialog.finish('remote');
    this.#onCancel?.();
  }

  #onRequest(inDialog: ServerTransaction, dialog: Dialog): void {
    const { request } = inDialog;
    if (request.method === 'PRACK') this.#onPrack(inDialog);
    else if (this.#listener.onRequest !== undefined) this.#listener.onRequest(inDialog, dialog);
    else if (request.method === 'INVITE' || request.method === 'UPDATE') inDialog.respond(respondTo(request, 488));
    else inDialog.respond(respondTo(request, 405, { headers: [{ name: 'Allow', value: ALLOW }] }));
  }

  /** RFC 3262 section 3: 481 for one that acknowledges nothing. */
  #onPrack(inDialog: ServerTransaction): void {
    const number = parseCSeq(this.request.headers.get('CSeq') ?? '').number;
    const rack = (inDialog.request.headers.get('RAck') ?? '').trim().split(/[ \t]+/);
    const matches =
      this.#unacknowledged !== undefined &&
      Number(rack[0]) === this.#rseq &&
      Number(rack[1]) === number &&
      rack[2] === 'INVITE';
    inDialog.respond(respondTo(inDialog.request, matches ? 200 : 481));
    if (!matches) return;
    this.#unacknowledged?.stop();
    this.#unacknowledged = undefined;
    while (this.#unacknowledged === undefined && !this.#over) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next();
    }
  }

  #afterPrack(work: () => void): void {
    if (this.#unacknowledged === undefined) work();
    else this.#waiting.push(work);
  }

  #stop(): void {
    this.#unacknowledged?.stop();
    this.#unacknowledged = undefined;
    this.#waiting.length = 0;
  }

  #respond(status: number, parts: MessageParts = {}): void {
    this.transaction.respond(this.#responseTo(status, parts));
  }

  #responseTo(status: number, { headers = [], body }: MessageParts): ReturnType<typeof respondTo> {
    const fields: HeaderField[] = [...headers];
    const makesDialog = status > 100 && status < 300;
    if (makesDialog && !fields.some(({ name }) => name.toLowerCase() === 'contact'))
      fields.push({ name: 'Contact', value: `<${this.#host.contact()}>` });
    if (status >= 200 && makesDialog) fields.push({ name: 'Allow', value: ALLOW });
    return respondTo(this.request, status, {
      toTag: this.dialog.state.localTag,
      headers: fields,
      recordRoute: makesDialog,
      ...(body !== undefined && { body }),
    });
  }
}

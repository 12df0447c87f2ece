import type { TimerHandle } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import { parseCSeq } from '../codec/sip/cseq.ts';
import type { SipRequest, SipResponse } from '../codec/sip/message.ts';
import { tagOf } from '../codec/sip/name-addr.ts';
import { respondTo } from '../codec/sip/respond-to.ts';
import { Dialog, type DialogListener } from './dialog.ts';
import type { DialogHost } from './dialog-host.ts';
import { DialogState, type MessageParts } from './dialog-state.ts';
import { ALLOW } from './methods.ts';
import { requires, sessionExpires } from './session-timer.ts';
import type { Hop, InviteTransaction, TransactionFailure } from './types.ts';

/** Longest ringing, milliseconds: what RFC 3261 section 16.6 grants a proxy's timer C. */
const RING_FOR = 180_000;

/** Branches of one fork that are followed; a 2xx of another would be an attack. */
const MAX_FORKS = 64;

const CREDENTIALS = /^(?:proxy-)?authorization$/i;

export interface CallListener {
  /** Each provisional response; the dialog is there when it has a To tag. */
  onProvisional?(response: SipResponse, dialog: Dialog | undefined): void;
  /** What the ACK carries: the answer to an offer in the 2xx (RFC 3261 section 13.2.1). Default nothing. */
  acknowledge?(response: SipResponse): MessageParts;
  /** A 2xx that has its ACK. Called once for each branch of a fork; the caller ends the dialogs he does not want. */
  onAnswer(dialog: Dialog, response: SipResponse): void;
  /** 300 to 699, 487 after `cancel`. */
  onRefused(response: SipResponse): void;
  /** Instead of a final response. */
  onFailure(failure: TransactionFailure, cause: Error, sent: boolean): void;
  /** Of each dialog that this call makes. */
  readonly dialog?: DialogListener;
}

/** An INVITE of ours, until its dialogs stand for themselves (RFC 3261 section 13.2). */
export class ClientCall {
  readonly request: SipRequest;
  readonly #host: DialogHost;
  readonly #listener: CallListener;
  readonly #number: number;
  /** Early and confirmed, by To tag; kept for the repetitions of their 2xx. */
  readonly #dialogs = new Map<string, Dialog>();
  /** The last RSeq seen on each early dialog (RFC 3262 section 4). */
  readonly #rseqs = new Map<string, number>();
  readonly #transaction: InviteTransaction;
  #ring: TimerHandle;
  #cancelled = false;
  #answered = false;
  /** What the ACKs carry. */
  #ack: MessageParts = {};

  /** Sends at once; the listener is called later. `request` needs From with a tag, To, Call-ID and CSeq. */
  constructor(host: DialogHost, request: SipRequest, hop: Hop, listener: CallListener, ringFor: number = RING_FOR) {
    const headers = request.headers.clone();
    if (!headers.has('Contact')) headers.add('Contact', `<${host.contact()}>`);
    if (!headers.has('Allow')) headers.add('Allow', ALLOW);
    if (!headers.has('Supported')) headers.add('Supported', '100rel, timer');
    this.request = { ...request, headers };
    this.#host = host;
    this.#listener = listener;
    this.#number = parseCSeq(headers.get('CSeq') ?? '').number;
    this.#ring = host.clock.setTimeout(() => this.cancel('SIP;cause=408;text="no answer"'), ringFor);
    host.began(this);
    this.#transaction = host.stack.invite(this.request, hop, {
      onResponse: (response) => this.#onResponse(response),
      onFailure: (failure, cause) => {
        this.#close();
        listener.onFailure(failure, cause, this.#transaction.sent !== false);
      },
    });
  }

  /** Gives up (RFC 3261 section 9.1). A 2xx that crosses the CANCEL is acknowledged, its dialog ended by BYE. */
  cancel(reason?: string): void {
    if (this.#answered || this.#cancelled) return;
    this.#cancelled = true;
    this.#transaction.cancel(reason);
  }

  /** Forgets everything without a word: the user agent stops. */
  abandon(): void {
    this.#close();
  }

  #onResponse(response: SipResponse): void {
    if (response.status >= 300) {
      this.#close();
      this.#listener.onRefused(response);
      return;
    }
    try {
      if (response.status < 200) this.#onProvisional(response);
      else this.#onSuccess(response);
    } catch (error) {
      // Its To, Contact or Record-Route cannot be read: no dialog, and nobody to send an ACK to.
      if (!(error instanceof PpgError) || error.code !== 'PPG_E_SIP_SYNTAX') throw error;
      this.#host.log.debug({ err: error }, 'a response makes no dialog');
      if (response.status < 200 || this.#answered) return;
      this.#answered = true;
      this.#close();
      this.#listener.onFailure('transport', error, true);
    }
  }

  #onProvisional(response: SipResponse): void {
    const tag = response.status === 100 ? undefined : tagOf(response.headers.get('To') ?? '');
    const dialog = tag === undefined ? undefined : this.#dialogFor(tag, response);
    if (dialog !== undefined && requires(response.headers, '100rel')) {
      if (!this.#takeReliable(dialog, response)) return;
    }
    this.#listener.onProvisional?.(response, dialog);
  }

  /** RFC 3262 section 4: in order, each once, and each has its PRACK. False for one that is to be ignored. */
  #takeReliable(dialog: Dialog, response: SipResponse): boolean {
    const rseq = Number(response.headers.get('RSeq'));
    if (!Number.isInteger(rseq) || rseq < 1) return true;
    const tag = dialog.state.remoteTag;
    const last = this.#rseqs.get(tag);
    if (last !== undefined && rseq !== last + 1) return false;
    this.#rseqs.set(tag, rseq);
    void dialog.request('PRACK', { headers: [{ name: 'RAck', value: `${rseq} ${this.#number} INVITE` }] });
    return true;
  }

  #onSuccess(response: SipResponse): void {
    const tag = tagOf(response.headers.get('To') ?? '') ?? '';
    const known = this.#dialogs.get(tag);
    if (known !== undefined && !known.early) {
      known.acknowledge(this.#number, this.#ack);
      return;
    }
    const dialog = this.#dialogFor(tag, response);
    if (dialog === undefined) return;
    dialog.state.confirm(response); // before it counts as confirmed: one that cannot be read ends with the call
    dialog.early = false;
    dialog.remember({ headers: this.request.headers.fields, body: this.request.body });
    dialog.agree(response.headers, sessionExpires(response.headers), 'uac');
    const ack = this.#listener.acknowledge?.(response) ?? {};
    // RFC 3261 section 13.2.2.4: the credentials of the INVITE are those of its ACK.
    const credentials = this.request.headers.fields.filter(({ name }) => CREDENTIALS.test(name));
    this.#ack = credentials.length === 0 ? ack : { ...ack, headers: [...(ack.headers ?? []), ...credentials] };
    dialog.acknowledge(this.#number, this.#ack);
    this.#whenFirstAnswered();
    if (!this.#cancelled) {
      this.#listener.onAnswer(dialog, response);
      return;
    }
    void dialog.end('local');
    this.#listener.onRefused(respondTo(this.request, 487));
  }

  /** RFC 3261 section 13.2.2.4: other branches may answer for another 64*T1; then their early dialogs end. */
  #whenFirstAnswered(): void {
    if (this.#answered) return;
    this.#answered = true;
    const { clock, values } = this.#host;
    clock.clearTimeout(this.#ring);
    this.#ring = clock.setTimeout(() => this.#close(), 64 * values.t1);
  }

  #dialogFor(tag: string, response: SipResponse): Dialog | undefined {
    const known = this.#dialogs.get(tag);
    if (known !== undefined) return known;
    if (this.#dialogs.size >= MAX_FORKS) return undefined;
    const state = DialogState.asClient(this.request, response);
    const dialog = new Dialog(this.#host, 'invite', state, this.#listener.dialog ?? {}, true);
    dialog.isCaller = true;
    this.#dialogs.set(tag, dialog);
    return dialog;
  }

  #close(): void {
    this.#host.clock.clearTimeout(this.#ring);
    for (const dialog of this.#dialogs.values()) if (dialog.early) dialog.finish('superseded');
    this.#dialogs.clear();
    this.#host.over(this);
  }
}

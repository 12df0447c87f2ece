import { randomUUID } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { randomToken } from '../../base/ids.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { bracketed } from '../../codec/sip/host.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import type { HeaderField } from '../../model/push.ts';
import { DialogState } from '../../stack/dialog-state.ts';
import { cancelOf } from '../../stack/invite-requests.ts';
import { sessionExpires } from '../../stack/session-timer.ts';
import type { ClientTransaction, Flow, Hop, InviteTransaction, ListenPoint } from '../../stack/types.ts';
import { AppDialog, contactUriOf } from './app-dialog.ts';
import { type AppMessage, typed, withoutLocalhost } from './app-message.ts';
import { AppTransaction } from './app-transaction.ts';
import { stopReasonOf } from './call-records.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { dialogIdOf } from './dialogs.ts';
import { hopOf } from './hop.ts';
import { isOwn, localPoint } from './own-address.ts';
import { requestRefusal } from './refusals.ts';

/** RFC 3261 section 8.1.1.6. */
const MAX_FORWARDS = '70';

/** An INVITE of an application's that it may cancel. */
interface Inviting {
  readonly client: Client;
  readonly transaction: InviteTransaction;
  readonly local: ListenPoint;
  cancelled: boolean;
}

/** Requests of applications outside of dialogs, and the CANCELs of their INVITEs. */
export class Outbound {
  readonly #context: SipdContext;
  readonly #inviting = new Map<string, Inviting>();

  constructor(context: SipdContext) {
    this.#context = context;
  }

  /** Sends a request; gives the reason for a NOK instead when nothing was sent. */
  send(client: Client, commandId: string, message: AppMessage, route: string): string | undefined {
    const { stack, limits, dialogs, advertise } = this.#context;
    if (message.start.kind !== 'request') return 'not a request';
    const refusal = requestRefusal(message);
    if (refusal !== undefined) return refusal;
    if (client.inFlight >= limits.maxInFlight) return `too many requests in flight: ${client.inFlight}`;

    const { method, uri } = message.start;
    const makesDialog = method === 'INVITE' || method === 'SUBSCRIBE';
    if (makesDialog && dialogs.size >= limits.maxDialogs) return `too many dialogs: ${dialogs.size}`;
    const target = hopOf(uri, route, stack.listening);
    if (target.kind === 'refused') return target.reason;
    const protocol = target.kind === 'hop' ? target.hop.protocol : (stack.listening[0]?.protocol ?? 'udp');
    const local = localPoint(stack.listening, protocol, advertise);
    if (target.kind === 'hop' && isOwn(target.hop, stack.listening)) return 'can not send request to myself';
    const headers = withDefaults(message, method, uri, local);
    if (typeof headers === 'string') return headers;
    const request: SipRequest = { kind: 'request', method, uri, headers: new SipHeaders(headers), body: message.body };

    const transaction = new AppTransaction(this.#context, client, local);
    if (target.kind === 'sips') {
      const reason = transaction.confirm(commandId, request);
      if (reason === undefined) transaction.passOwn(416, request);
      transaction.close();
      return reason;
    }
    const sent = makesDialog
      ? this.#sendForDialog(transaction, request, target.hop, local)
      : this.#sendAlone(transaction, request, target.hop);
    return transaction.confirm(commandId, sent.request);
  }

  #sendAlone(transaction: AppTransaction, request: SipRequest, hop: Hop): ClientTransaction {
    const sent = this.#context.stack.request(request, hop, {
      onResponse(response, flow, raw) {
        if (response.status >= 200) transaction.close();
        transaction.pass(raw, flow);
      },
      onFailure(failure) {
        transaction.close();
        transaction.passFailure(failure, sent?.request ?? request);
      },
    });
    return sent;
  }

  #sendForDialog(transaction: AppTransaction, request: SipRequest, hop: Hop, local: ListenPoint): ClientTransaction {
    const { stack, records } = this.#context;
    const making = new DialogMaker(this.#context, transaction, request, local);
    const over = (): void => {
      transaction.close();
      this.#inviting.delete(transaction.id);
    };
    const listener = {
      onResponse: (response: SipResponse, flow: Flow, raw: Buffer): void => {
        if (response.status >= 200) over();
        making.onResponse(response, flow, raw, inviting?.cancelled === true);
      },
      onFailure: (failure: 'timeout' | 'transport'): void => {
        over();
        making.close();
        transaction.passFailure(failure, sent?.request ?? request, making.id);
      },
    };
    let inviting: Inviting | undefined;
    let sent: ClientTransaction | undefined;
    if (request.method === 'INVITE') {
      const invite = stack.invite(request, hop, listener);
      sent = invite;
      inviting = { client: transaction.client, transaction: invite, local, cancelled: false };
      this.#inviting.set(transaction.id, inviting);
      records.attempt('application', invite.request);
    } else sent = stack.request(request, hop, listener);
    return sent;
  }

  /** Keeps an INVITE within a dialog, so that the application can cancel it; answers how to forget it. */
  track(transaction: AppTransaction, invite: InviteTransaction, local: ListenPoint): () => void {
    this.#inviting.set(transaction.id, { client: transaction.client, transaction: invite, local, cancelled: false });
    return () => this.#inviting.delete(transaction.id);
  }

  /** Cancels an INVITE of the application's. Its 487, or the 2xx that crossed the CANCEL, still comes. */
  cancel(client: Client, commandId: string, transactionId: string, message: AppMessage): string | undefined {
    const inviting = this.#inviting.get(transactionId);
    if (inviting === undefined || inviting.client !== client)
      return 'Server error: unable to find the request to cancel';
    const reason = message.fields.find((field) => field.name === 'Reason')?.value;
    inviting.cancelled = true;
    inviting.transaction.cancel(reason);
    const answer = new AppTransaction(this.#context, client, inviting.local);
    answer.close(); // its 200 says nothing that the INVITE's own final response does not say better
    return answer.confirm(commandId, cancelOf(inviting.transaction.request, reason));
  }

  /** The client is gone: nobody is there to hear, and nobody is to go on ringing for him, perhaps without an end. */
  forget(client: Client): void {
    for (const [id, inviting] of this.#inviting) {
      if (inviting.client !== client) continue;
      this.#inviting.delete(id);
      inviting.transaction.cancel();
    }
  }
}

/** Makes dialogs of the responses to an INVITE or SUBSCRIBE: early ones of 1xx, one of the first 2xx. */
class DialogMaker {
  readonly id: string;
  readonly #context: SipdContext;
  readonly #transaction: AppTransaction;
  readonly #request: SipRequest;
  readonly #local: ListenPoint;
  readonly #number: number;
  /** By To tag. */
  readonly #early = new Map<string, AppDialog>();
  #made: AppDialog | undefined;

  constructor(context: SipdContext, transaction: AppTransaction, request: SipRequest, local: ListenPoint) {
    this.#context = context;
    this.#transaction = transaction;
    this.#request = request;
    this.#local = local;
    this.#number = parseCSeq(request.headers.get('CSeq') ?? '').number;
    this.id = dialogIdOf(request.headers.get('Call-ID') ?? '', tagOf(request.headers.get('From') ?? '') ?? '');
  }

  /** What comes when the application is gone is not passed on: nobody acknowledges it, as with drachtio-server. */
  onResponse(response: SipResponse, flow: Flow, raw: Buffer, cancelled: boolean): void {
    const { client } = this.#transaction;
    const { status } = response;
    const { records } = this.#context;
    const invites = this.#request.method === 'INVITE';
    if (!client.open) return;
    if (status < 200) {
      if (invites && status > 100) this.#dialogFor(response, flow);
    } else if (status >= 300) {
      this.close();
      if (invites) records.stop('network', response, stopReasonOf(status));
    } else if (status === 200 || (!invites && status === 202)) {
      if (!this.#succeeded(response, flow, cancelled)) return;
      if (invites) records.start('network', response, 'uac');
    }
    this.#transaction.pass(raw, flow, this.id);
  }

  /** False for what the application has heard already, or is not to hear. */
  #succeeded(response: SipResponse, flow: Flow, cancelled: boolean): boolean {
    const { dialogs } = this.#context;
    const dialog = this.#dialogFor(response, flow);
    if (dialog === undefined) return true;
    const invites = this.#request.method === 'INVITE';
    if (this.#made !== undefined) {
      if (dialog !== this.#made) this.#refuse(dialog);
      else if (invites) dialog.takeSuccess(this.#number);
      return false;
    }
    this.#made = dialog;
    if (invites && !response.headers.has('Contact')) {
      // drachtio-server makes no dialog of it that anything could be sent in, and lets the call go.
      this.#refuse(dialog);
      return true;
    }
    dialog.state.confirm(response);
    dialog.endWhenAcknowledged = cancelled;
    dialogs.confirm(dialog);
    for (const other of this.#early.values()) if (other !== dialog) dialogs.remove(other);
    this.#early.clear();
    this.#early.set(dialog.state.remoteTag, dialog);
    if (!invites) {
      dialog.expireAfter(response.headers);
      return true;
    }
    dialog.takeSuccess(this.#number);
    dialog.remember(this.#request);
    dialog.agree(sessionExpires(response.headers), 'uac');
    return true;
  }

  /**
   * Acknowledges and ends an answer that the application cannot have: drachtio has one name for all branches of a fork,
   * so that a second one has none.
   */
  #refuse(dialog: AppDialog): void {
    const { stack, dialogs } = this.#context;
    const fresh = dialog.takeSuccess(this.#number);
    if (fresh) dialog.acknowledge({});
    dialogs.remove(dialog);
    const target = dialog.hop();
    if (!fresh || target.kind !== 'hop' || this.#request.method !== 'INVITE') return;
    const nobody = { onResponse: () => undefined, onFailure: () => undefined };
    stack.request(dialog.state.request('BYE', {}, undefined), target.hop, nobody);
  }

  #dialogFor(response: SipResponse, flow: Flow): AppDialog | undefined {
    const { dialogs, limits, log } = this.#context;
    try {
      const tag = tagOf(response.headers.get('To') ?? '') ?? '';
      if (tag === '' && response.status < 200) return undefined;
      const known = this.#early.get(tag);
      if (known !== undefined) return known;
      if (this.#early.size >= limits.maxBranches) return undefined;
      const { client } = this.#transaction;
      const state = DialogState.asClient(this.#request, response);
      const kind = this.#request.method === 'INVITE' ? 'invite' : 'subscribe';
      const dialog = new AppDialog(this.#context, { id: this.id, kind, client, state, local: this.#local, flow });
      this.#early.set(tag, dialog);
      if (this.#made === undefined) dialogs.add(dialog);
      return dialog;
    } catch (error) {
      log.debug({ err: error }, 'no dialog can be made of a response');
      return undefined;
    }
  }

  /** The request came to nothing. */
  close(): void {
    for (const dialog of this.#early.values()) this.#context.dialogs.remove(dialog);
    this.#early.clear();
  }
}

/** The headers an application may leave out (RFC 3261 section 8.1.1), first in the message. */
function withDefaults(message: AppMessage, method: string, uri: string, local: ListenPoint): HeaderField[] | string {
  const hostPort = `${bracketed(local.host)}:${local.port}`;
  const given = withoutLocalhost(message.fields, hostPort);
  const value = (name: string): string | undefined => given.find((field) => field.name === name)?.value;
  const cseq = value('CSeq') ?? `1 ${method}`;
  let from = value('From') ?? `<sip:${hostPort}>`;
  try {
    if (tagOf(from) === undefined) from += `;tag=${randomToken(8)}`;
    if (parseCSeq(cseq).method !== method) return `CSeq names another method than ${method}`;
  } catch (error) {
    return messageOf(error);
  }
  const fields: HeaderField[] = [
    { name: 'Max-Forwards', value: value('Max-Forwards') ?? MAX_FORWARDS },
    { name: 'From', value: from },
    { name: 'To', value: value('To') ?? `<${uri}>` },
    { name: 'Call-ID', value: value('Call-ID') ?? randomUUID() },
    { name: 'CSeq', value: cseq },
  ];
  if ((method === 'SUBSCRIBE' || method === 'INVITE') && value('Contact') === undefined)
    fields.push({ name: 'Contact', value: `<${contactUriOf(local)}>` });
  for (const field of given) if (!DEFAULTED.has(field.name)) fields.push(field);
  return typed(fields, message.body);
}

const DEFAULTED = new Set(['Max-Forwards', 'From', 'To', 'Call-ID', 'CSeq']);

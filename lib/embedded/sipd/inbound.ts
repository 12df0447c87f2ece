import { randomUUID } from 'node:crypto';
import { messageOf, PpgError } from '../../base/errors.ts';
import { SparingLine } from '../../base/sparing-line.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { writeSip } from '../../codec/sip/write.ts';
import { contactUri, recordedRoute } from '../../stack/route-set.ts';
import { answerTimer, refusedTimer } from '../../stack/session-timer.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import { type Held, hasToTag, responseOf, sendAnswer, toTagOf, WITH_CONTACT } from './answer.ts';
import type { AppDialog } from './app-dialog.ts';
import type { AppMessage } from './app-message.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import type { Forwarder } from './forwarder.ts';
import { isLastNotify } from './in-dialog.ts';
import { requestCameMeta, requestInDialogMeta, responseSentMeta } from './meta.ts';
import { bodyRefusal, networkRefusal } from './refusals.ts';

/** Requests that reach an application without a dialog. */
const ROUTED = new Set(['INVITE', 'MESSAGE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'INFO']);
/** Requests that only a dialog knows what to do with (RFC 3261 section 12.2.2). */
const IN_DIALOG = new Set(['BYE', 'UPDATE', 'PRACK', 'CANCEL']);
/** drachtio-server drops these without an answer. */
const DISCARDED = new Set(['REFER', 'ACK']);

/** Requests from the network, and the applications' answers. */
export class Inbound {
  readonly #context: SipdContext;
  readonly #forwarder: Forwarder;
  readonly #refused: SparingLine;
  readonly #unanswered: SparingLine;
  readonly #held = new Map<string, Held>();

  constructor(context: SipdContext, forwarder: Forwarder) {
    this.#context = context;
    this.#forwarder = forwarder;
    this.#refused = new SparingLine(context.clock);
    this.#unanswered = new SparingLine(context.clock);
  }

  get size(): number {
    return this.#held.size;
  }

  /** Hands a request to an application, or answers it as drachtio-server would. Never throws. */
  take(transaction: ServerTransaction): void {
    const { request } = transaction;
    try {
      const within = hasToTag(request);
      const dialog = within ? this.#context.dialogs.ofRequest(request) : undefined;
      if (dialog !== undefined) this.#takeInDialog(transaction, dialog);
      else if (within && this.#forwarder.take(transaction)) return;
      else this.#takeAlone(transaction);
    } catch (error) {
      const fields = { method: request.method, cause: messageOf(error) };
      this.#refused.say((unsaid) => this.#context.log.warn({ ...fields, ...unsaid }, 'a request could not be taken'));
      const status = error instanceof PpgError ? (error.sipStatus ?? 500) : 500;
      if (request.method !== 'ACK') transaction.respond(respondTo(request, status));
    }
  }

  #takeAlone(transaction: ServerTransaction): void {
    const { request, raw, flow } = transaction;
    const { limits, clock, routes, records } = this.#context;
    if (DISCARDED.has(request.method)) return;
    const own = this.#ownAnswer(transaction);
    const verb = request.method.toLowerCase();
    const client = own === undefined ? routes.pick(verb, (one) => one.open) : undefined;
    if (request.method === 'INVITE' && own === undefined) records.attempt('network', request);
    if (client === undefined || this.#held.size >= limits.maxHeld) {
      const response = respondTo(request, own ?? 503);
      transaction.respond(response);
      if (request.method === 'INVITE' && own === undefined) records.stop('application', response, 'call-rejected');
      return;
    }
    if (request.method === 'INVITE') transaction.respond(respondTo(request, 100));
    const id = this.#hold(transaction, client, undefined);
    const from = { protocol: flow.protocol, host: flow.host, port: flow.port };
    client.send(requestCameMeta(raw.length, from, clock.now(), id, flow.localHost, flow.localPort), raw);
  }

  /** The status that the server answers by itself, whoever is connected. */
  #ownAnswer({ request, raw, flow }: ServerTransaction): number | undefined {
    const { method, headers } = request;
    const reason = networkRefusal(raw);
    if (reason !== undefined) {
      const fields = { from: `${flow.host}:${flow.port}`, method, reason };
      this.#refused.say((unsaid) => this.#context.log.warn({ ...fields, ...unsaid }, 'answered 400'));
      return 400;
    }
    if (IN_DIALOG.has(method) || (hasToTag(request) && this.#context.dialogs.isLost(request))) return 481;
    if (!ROUTED.has(method)) return 501;
    if (!WITH_CONTACT.has(method)) return undefined;
    if (method === 'INVITE') {
      if (hasToTag(request)) return 481;
      if (!headers.has('Contact') || tagOf(headers.get('From') ?? '') === undefined) return 400;
    }
    // The dialog that the answer makes is made of these (RFC 3261 section 12.1.1): throws what is answered 400.
    contactUri(headers);
    recordedRoute(headers);
    return this.#context.dialogs.size >= this.#context.limits.maxDialogs ? 503 : undefined;
  }

  #takeInDialog(transaction: ServerTransaction, dialog: AppDialog): void {
    const { request, raw, flow } = transaction;
    const { clock, dialogs, limits, records } = this.#context;
    const { method } = request;
    const { client } = dialog;
    const from = { protocol: flow.protocol, host: flow.host, port: flow.port };
    const pass = (id: string): void =>
      client.send(requestInDialogMeta(raw.length, from, clock.now(), id, dialog.id), raw);
    if (method === 'ACK') {
      if (dialog.takeAck(parseCSeq(request.headers.get('CSeq') ?? '').number)) pass(randomUUID());
      return;
    }
    const own = this.#ownAnswerInDialog(transaction, dialog);
    if (own !== undefined) {
      transaction.respond(own);
      return;
    }
    if (this.#held.size >= limits.maxHeld) {
      transaction.respond(respondTo(request, 503));
      return;
    }
    if (method === 'INVITE') {
      transaction.respond(respondTo(request, 100));
      dialog.invited.add(transaction);
    }
    if (method === 'SUBSCRIBE' || method === 'NOTIFY' || method === 'REFER')
      dialog.state.refreshTarget(method, request.headers);
    if (dialog.kind === 'subscribe' && isLastNotify(request)) {
      // drachtio-server ends what the NOTIFY ends before anybody can answer it, and the NOTIFY with it.
      dialogs.remove(dialog);
      pass(randomUUID());
      transaction.respond(respondTo(request, 500));
      return;
    }
    const id = this.#hold(transaction, client, dialog);
    if (method === 'BYE') {
      // RFC 3261 section 15.1.2: what has no final response yet gets its 487.
      for (const invited of dialog.invited) this.#refuse(invited);
      records.stop('network', request, 'normal-release');
    }
    if (method === 'BYE') dialogs.remove(dialog);
    pass(id);
  }

  #ownAnswerInDialog({ request, raw }: ServerTransaction, dialog: AppDialog): SipResponse | undefined {
    const { method, headers } = request;
    if (networkRefusal(raw) !== undefined) return respondTo(request, 400);
    // RFC 3261 section 12.2.2
    if (!dialog.state.admits(request)) return respondTo(request, 500);
    if (method === 'PRACK' && !dialog.takePrack(request)) return respondTo(request, 481);
    const timed = method === 'INVITE' || method === 'UPDATE';
    return timed && answerTimer(headers) === 'too-small' ? refusedTimer(request) : undefined;
  }

  #refuse(invited: ServerTransaction): void {
    invited.respond(respondTo(invited.request, 487));
    for (const [id, held] of this.#held) if (held.transaction === invited) this.#release(id, held);
  }

  /** Keeps a request until its application answers, and answers what it is called. */
  #hold(transaction: ServerTransaction, client: Client, dialog: AppDialog | undefined): string {
    const { clock, limits, log, dialogs } = this.#context;
    const id = randomUUID();
    const timer = clock.setTimeout(() => {
      const { method } = transaction.request;
      const sentence = 'an application did not answer a request';
      this.#unanswered.say((unsaid) => log.warn({ method, ...unsaid }, sentence));
      giveUp();
    }, limits.holdFor);
    const held: Held = { transaction, client, timer, dialog, toTag: undefined, rseq: 0 };
    this.#held.set(id, held);
    // What it has made of it so far is nothing without a final response.
    const giveUp = (): void => {
      if (!this.#held.has(id)) return;
      this.#release(id, held);
      if (dialog === undefined && held.dialog?.early === true) dialogs.remove(held.dialog);
    };
    if (transaction.request.method === 'INVITE') {
      transaction.onCancel?.((cancel) => this.#onCancel(id, held, cancel));
      transaction.onTerminated(giveUp);
    }
    return id;
  }

  #release(id: string, held: Held): void {
    this.#held.delete(id);
    this.#context.clock.clearTimeout(held.timer);
    held.dialog?.invited.delete(held.transaction);
  }

  /** 200 and 487 come from here, and the application hears of the CANCEL by the name of the INVITE. */
  #onCancel(id: string, held: Held, cancel: SipRequest): void {
    const { transaction, dialog, client } = held;
    const { clock, dialogs, records } = this.#context;
    const { flow, request } = transaction;
    transaction.respond(respondTo(request, 487, toTagOf(held)));
    if (!this.#held.has(id)) return;
    this.#release(id, held);
    if (dialog?.early === true) dialogs.remove(dialog);
    records.stop('network', cancel, 'call-canceled');
    const octets = writeSip(cancel);
    const from = { protocol: flow.protocol, host: flow.host, port: flow.port };
    client.send(requestInDialogMeta(octets.length, from, clock.now(), id, dialog?.id ?? ''), octets);
  }

  /** The request of that name, for who answers it otherwise; it is the application's no more. */
  release(client: Client, transactionId: string): ServerTransaction | undefined {
    const held = this.#held.get(transactionId);
    if (held === undefined || held.client !== client || held.dialog !== undefined) return undefined;
    this.#release(transactionId, held);
    return held.transaction;
  }

  // ---- what applications answer

  /** Sends an application's answer and confirms the command, or gives the reason for a NOK. */
  answer(client: Client, commandId: string, transactionId: string, message: AppMessage): string | undefined {
    if (message.start.kind !== 'response') return 'not a response';
    const held = this.#held.get(transactionId);
    if (held === undefined || held.client !== client) return 'Response not sent due to unknown transaction';
    const refusal = bodyRefusal(message);
    if (refusal !== undefined) return refusal;
    const { request, flow } = held.transaction;
    const { status } = message.start;
    let octets: Buffer;
    try {
      const response = responseOf(this.#context, held, message);
      if (typeof response === 'string') return response;
      octets = writeSip(response);
      if (status >= 200) this.#release(transactionId, held);
      else if (request.method === 'INVITE') this.#context.clock.clearTimeout(held.timer);
      sendAnswer(this.#context, held, response);
    } catch (error) {
      return messageOf(error);
    }
    const local = { protocol: flow.protocol, host: flow.localHost, port: flow.localPort };
    const dialogId = held.dialog?.id ?? '';
    const meta = responseSentMeta(commandId, octets.length, local, this.#context.clock.now(), transactionId, dialogId);
    client.send(meta, octets);
    return undefined;
  }

  // ---- the end

  /** A client is gone: nobody can answer what it held, and the peers hear nothing, as from drachtio-server. */
  forget(client: Client): void {
    for (const [id, held] of this.#held) if (held.client === client) this.#release(id, held);
  }

  clear(): void {
    for (const held of this.#held.values()) this.#context.clock.clearTimeout(held.timer);
    this.#held.clear();
  }
}

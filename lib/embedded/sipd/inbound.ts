import { randomInt, randomUUID } from 'node:crypto';
import type { TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { bracketed } from '../../codec/sip/host.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { writeSip } from '../../codec/sip/write.ts';
import type { HeaderField } from '../../model/push.ts';
import { DialogState } from '../../stack/dialog-state.ts';
import { answerTimer, refusedTimer, requires, sessionExpires, supports } from '../../stack/session-timer.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import { AppDialog, contactUriOf, ownSide } from './app-dialog.ts';
import { type AppMessage, typed, withoutLocalhost } from './app-message.ts';
import { stopReasonOf } from './call-records.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { dialogIdOf } from './dialogs.ts';
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

/** Headers of a response that are the request's, whatever the application says. */
const COPIED = new Set(['From', 'To', 'Call-ID', 'CSeq']);

/** Whose 2xx has a Contact of ours when the application gives none. */
const WITH_CONTACT = new Set(['INVITE', 'SUBSCRIBE']);

/** A request that an application has and has not answered. */
export interface Held {
  readonly transaction: ServerTransaction;
  readonly client: Client;
  timer: TimerHandle;
  /** That it came in, or that its answer makes. */
  dialog: AppDialog | undefined;
  /** Chosen by the first answer that has one. */
  toTag: string | undefined;
  rseq: number;
}

/** Requests from the network, and the applications' answers. */
export class Inbound {
  readonly #context: SipdContext;
  readonly #forwarder: Forwarder;
  readonly #held = new Map<string, Held>();

  constructor(context: SipdContext, forwarder: Forwarder) {
    this.#context = context;
    this.#forwarder = forwarder;
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
      this.#context.log.warn({ err: error, method: request.method }, 'a request could not be taken');
      if (request.method !== 'ACK') transaction.respond(respondTo(request, 500));
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
      this.#context.log.warn({ from: `${flow.host}:${flow.port}`, method, reason }, 'answered 400');
      return 400;
    }
    if (IN_DIALOG.has(method) || (hasToTag(request) && this.#context.dialogs.isLost(request))) return 481;
    if (!ROUTED.has(method)) return 501;
    if (!WITH_CONTACT.has(method)) return undefined;
    if (method === 'INVITE') {
      if (hasToTag(request)) return 481;
      if (!headers.has('Contact') || tagOf(headers.get('From') ?? '') === undefined) return 400;
    }
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
    const id = this.#hold(transaction, client, dialog);
    if (method === 'BYE') {
      // RFC 3261 section 15.1.2: what has no final response yet gets its 487.
      for (const invited of dialog.invited) this.#refuse(invited);
      records.stop('network', request, 'normal-release');
    }
    if (method === 'BYE' || (dialog.kind === 'subscribe' && isLastNotify(request))) dialogs.remove(dialog);
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
    const { clock, limits, log } = this.#context;
    const id = randomUUID();
    const timer = clock.setTimeout(() => {
      if (this.#held.delete(id))
        log.warn({ method: transaction.request.method }, 'an application did not answer a request');
    }, limits.holdFor);
    const held: Held = { transaction, client, timer, dialog, toTag: undefined, rseq: 0 };
    this.#held.set(id, held);
    if (transaction.request.method === 'INVITE') {
      transaction.onCancel?.((cancel) => this.#onCancel(id, held, cancel));
      transaction.onTerminated(() => {
        if (this.#held.get(id) === held) this.#release(id, held);
      });
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
      const response = this.#responseOf(held, message);
      if (typeof response === 'string') return response;
      octets = writeSip(response);
      if (status >= 200) this.#release(transactionId, held);
      else if (request.method === 'INVITE') this.#context.clock.clearTimeout(held.timer);
      this.#send(held, response);
    } catch (error) {
      return messageOf(error);
    }
    const local = { protocol: flow.protocol, host: flow.localHost, port: flow.localPort };
    const dialogId = held.dialog?.id ?? '';
    const meta = responseSentMeta(commandId, octets.length, local, this.#context.clock.now(), transactionId, dialogId);
    client.send(meta, octets);
    return undefined;
  }

  /** The response as it leaves; the dialog that it makes is there then. A string is the reason for a NOK. */
  #responseOf(held: Held, message: AppMessage): SipResponse | string {
    const { request, flow } = held.transaction;
    const { status, reason } = message.start.kind === 'response' ? message.start : { status: 500, reason: '' };
    const { method } = request;
    held.toTag ??= tagOf(message.fields.find((field) => field.name === 'To')?.value ?? '<sip:nobody>');
    const own = ownSide(flow, this.#context.stack.listening);
    const hostPort = `${bracketed(flow.localHost)}:${own.port}`;
    const fields = withoutLocalhost(message.fields, hostPort).filter((field) => !COPIED.has(field.name));
    const has = (name: string): boolean => fields.some((field) => field.name === name);
    const success = status >= 200 && status < 300;
    const required = fields.some(({ name, value }) => name === 'Require' && /(?:^|,)\s*100rel\s*(?:,|$)/i.test(value));
    const reliable = method === 'INVITE' && status > 100 && status < 200 && required;
    if (reliable) {
      if (!supports(request.headers, '100rel') && !requires(request.headers, '100rel'))
        return 'Remote endpoint does not support 100rel';
      held.rseq = held.rseq === 0 ? randomInt(1, 2 ** 16) : held.rseq + 1;
      fields.push({ name: 'RSeq', value: String(held.rseq) });
    }
    if ((reliable || success) && WITH_CONTACT.has(method) && !has('Contact'))
      fields.push({ name: 'Contact', value: `<${contactUriOf(own)}>` });
    const timed = success && (method === 'INVITE' || method === 'UPDATE');
    if (timed && !has('Session-Expires')) fields.push(...timerHeaders(request));
    const makesDialog = WITH_CONTACT.has(method) && status > 100 && status < 300;
    if (makesDialog) this.#makeDialog(held, status);
    return respondTo(request, status, {
      ...(reason !== '' && { reason }),
      ...toTagOf(held),
      headers: typed(fields, message.body),
      body: message.body,
      recordRoute: makesDialog,
    });
  }

  /** RFC 3261 section 12.1.1: a response with a To tag makes a dialog, early or not; a SUBSCRIBE's only 200 and 202. */
  #makeDialog(held: Held, status: number): void {
    const { transaction, client } = held;
    const { request, flow } = transaction;
    const { headers, method } = request;
    if (held.dialog !== undefined || hasToTag(request)) return;
    if (method === 'SUBSCRIBE' && (status < 200 || !headers.has('Contact'))) return;
    held.toTag ??= transaction.toTag ?? randomUUID();
    const state = DialogState.asServer(request, held.toTag);
    const local = ownSide(flow, this.#context.stack.listening);
    held.dialog = new AppDialog(this.#context, {
      id: dialogIdOf(state.callId, state.remoteTag),
      kind: method === 'INVITE' ? 'invite' : 'subscribe',
      client,
      state,
      local,
      flow,
      ...(method === 'INVITE' && { invited: transaction }),
    });
    this.#context.dialogs.add(held.dialog);
  }

  #send(held: Held, response: SipResponse): void {
    const { transaction, dialog } = held;
    const { dialogs, records } = this.#context;
    const { method } = transaction.request;
    const { status, headers } = response;
    transaction.respond(response);
    const first = !hasToTag(transaction.request);
    if (status >= 300) {
      if (first && dialog !== undefined) dialogs.remove(dialog);
      if (first && method === 'INVITE') records.stop('application', response, stopReasonOf(status));
      return;
    }
    if (dialog === undefined) return;
    const cseq = parseCSeq(headers.get('CSeq') ?? '').number;
    if (status < 200) {
      if (headers.has('RSeq'))
        dialog.repeatUntilPrack(
          held.rseq,
          cseq,
          () => transaction.respond(response),
          () => transaction.respond(respondTo(transaction.request, 504, toTagOf(held))),
        );
      return;
    }
    dialog.state.refreshTarget(method, transaction.request.headers);
    if (first) dialogs.confirm(dialog);
    if (method === 'SUBSCRIBE' && dialog.kind === 'subscribe')
      dialog.expireAfter(headers.has('Expires') ? headers : transaction.request.headers);
    if (method !== 'INVITE' && method !== 'UPDATE') return;
    dialog.agree(sessionExpires(headers), 'uas');
    if (method !== 'INVITE') return;
    dialog.remember(response);
    dialog.repeatUntilAck(cseq, () => transaction.respond(response));
    transaction.onLateCancel?.((cancel) => onLateCancel(cancel, dialog));
    if (first) records.start('application', response, 'uas');
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

/** A CANCEL that crossed our 2xx: drachtio-server answers 481, and ends what the peer does not want. */
function onLateCancel(cancel: ServerTransaction, dialog: AppDialog): void {
  cancel.respond(respondTo(cancel.request, dialog.unacknowledged ? 481 : 200));
  if (dialog.unacknowledged) dialog.endByServer('request canceled', 'call-canceled');
}

const TAG = /;[ \t]*tag/i;

function hasToTag({ headers }: SipRequest): boolean {
  const to = headers.get('To') ?? '';
  return TAG.test(to) && tagOf(to) !== undefined;
}

function toTagOf({ toTag, transaction }: Held): { toTag?: string } {
  const tag = toTag ?? transaction.toTag;
  return tag === undefined ? {} : { toTag: tag };
}

/** What a 2xx answers to a session timer that the request asks for (RFC 4028 section 9). */
function timerHeaders({ headers }: SipRequest): readonly HeaderField[] {
  const timer = answerTimer(headers);
  return timer === undefined || timer === 'too-small' ? [] : timer.headers;
}

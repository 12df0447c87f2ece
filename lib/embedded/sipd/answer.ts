import { randomInt, randomUUID } from 'node:crypto';
import type { TimerHandle } from '../../base/clock.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { bracketed } from '../../codec/sip/host.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { HeaderField } from '../../model/push.ts';
import { DialogState } from '../../stack/dialog-state.ts';
import { answerTimer, requires, sessionExpires, supports } from '../../stack/session-timer.ts';
import type { ServerTransaction } from '../../stack/types.ts';
import { AppDialog, contactUriOf, ownSide } from './app-dialog.ts';
import { type AppMessage, typed, withoutLocalhost } from './app-message.ts';
import { stopReasonOf } from './call-records.ts';
import type { Client } from './client.ts';
import type { SipdContext } from './context.ts';
import { dialogIdOf } from './dialogs.ts';

/** Headers of a response that are the request's, whatever the application says. */
const COPIED = new Set(['From', 'To', 'Call-ID', 'CSeq']);

/** Whose 2xx has a Contact of ours when the application gives none. */
export const WITH_CONTACT: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE']);

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

/** The response as it leaves; the dialog that it makes is there then. A string is the reason for a NOK. */
export function responseOf(context: SipdContext, held: Held, message: AppMessage): SipResponse | string {
  const { request, flow } = held.transaction;
  const { status, reason } = message.start.kind === 'response' ? message.start : { status: 500, reason: '' };
  const { method } = request;
  held.toTag ??= tagOf(message.fields.find((field) => field.name === 'To')?.value ?? '<sip:nobody>');
  const own = ownSide(flow, context.stack.listening);
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
  if (makesDialog) makeDialog(context, held, status);
  return respondTo(request, status, {
    ...(reason !== '' && { reason }),
    ...toTagOf(held),
    headers: typed(fields, message.body),
    body: message.body,
    recordRoute: makesDialog,
  });
}

/** RFC 3261 section 12.1.1: a response with a To tag makes a dialog, early or not; a SUBSCRIBE's only 200 and 202. */
function makeDialog(context: SipdContext, held: Held, status: number): void {
  const { transaction, client } = held;
  const { request, flow } = transaction;
  const { headers, method } = request;
  if (held.dialog !== undefined || hasToTag(request)) return;
  if (method === 'SUBSCRIBE' && (status < 200 || !headers.has('Contact'))) return;
  held.toTag ??= transaction.toTag ?? randomUUID();
  const state = DialogState.asServer(request, held.toTag);
  const local = ownSide(flow, context.stack.listening);
  held.dialog = new AppDialog(context, {
    id: dialogIdOf(state.callId, state.remoteTag),
    kind: method === 'INVITE' ? 'invite' : 'subscribe',
    client,
    state,
    local,
    flow,
    ...(method === 'INVITE' && { invited: transaction }),
  });
  context.dialogs.add(held.dialog);
}

/** Sends it, and sees to what follows: the dialog is confirmed or over, the response is repeated, records are written. */
export function sendAnswer(context: SipdContext, held: Held, response: SipResponse): void {
  const { transaction, dialog } = held;
  const { dialogs, records } = context;
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

/** A CANCEL that crossed our 2xx: drachtio-server answers 481, and ends what the peer does not want. */
function onLateCancel(cancel: ServerTransaction, dialog: AppDialog): void {
  cancel.respond(respondTo(cancel.request, dialog.unacknowledged ? 481 : 200));
  if (dialog.unacknowledged) dialog.endByServer('request canceled', 'call-canceled');
}

const TAG = /;[ \t]*tag/i;

/** True for a request that names a dialog. */
export function hasToTag({ headers }: SipRequest): boolean {
  const to = headers.get('To') ?? '';
  return TAG.test(to) && tagOf(to) !== undefined;
}

/** The To tag of its responses, in the form that respondTo takes. */
export function toTagOf({ toTag, transaction }: Held): { toTag?: string } {
  const tag = toTag ?? transaction.toTag;
  return tag === undefined ? {} : { toTag: tag };
}

/** What a 2xx answers to a session timer that the request asks for (RFC 4028 section 9). */
function timerHeaders({ headers }: SipRequest): readonly HeaderField[] {
  const timer = answerTimer(headers);
  return timer === undefined || timer === 'too-small' ? [] : timer.headers;
}

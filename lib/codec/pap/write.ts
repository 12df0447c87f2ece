import { type CodeCarrier, codeFor } from '../../model/result-codes.ts';
import { formatDatetime } from './datetime.ts';
import type {
  BadMessageResponse,
  CancelMessage,
  CancelResponse,
  CapabilityQuery,
  CapabilityQueryResponse,
  PapMessage,
  PapQos,
  ProgressNote,
  PushMessage,
  PushResponse,
  ResultNotification,
  ResultNotificationResponse,
  StatusQuery,
  StatusQueryResponse,
  StatusQueryResult,
} from './messages.ts';
import { elementTemplate } from './template.ts';
import { doctypeOf } from './version.ts';

/** Media type of a PAP document that travels alone. */
export const PAP_CONTENT_TYPE = 'application/xml; charset=utf-8';

/** A message as it is handed to a writer: `message` says which it is already by the writer's name. */
export type Written<M extends PapMessage> = Omit<M, 'message' | 'supportedVersions'>;

const pap = elementTemplate('pap');
const address = elementTemplate('address');
const qualityOfService = elementTemplate('quality-of-service');
const pushMessage = elementTemplate('push-message');
const pushResponse = elementTemplate('push-response');
const progressNote = elementTemplate('progress-note');
const responseResult = elementTemplate('response-result');
const cancelMessage = elementTemplate('cancel-message');
const cancelResponse = elementTemplate('cancel-response');
const cancelResult = elementTemplate('cancel-result');
const resultNotification = elementTemplate('resultnotification-message');
const resultNotificationResponse = elementTemplate('resultnotification-response');
const statusQuery = elementTemplate('statusquery-message');
const statusQueryResponse = elementTemplate('statusquery-response');
const statusQueryResult = elementTemplate('statusquery-result');
const capabilityQuery = elementTemplate('ccq-message');
const capabilityQueryResponse = elementTemplate('ccq-response');
const badMessageResponse = elementTemplate('badmessage-response');

/**
 * Every writer makes a whole document in the version of its message: attributes in document order and in double
 * quotes, no white space inside `pap` (clients read the first child without skipping any).
 */
export const writePushResponse = (message: Written<PushResponse>): string =>
  document(
    message,
    pushResponse(
      {
        'push-id': message.pushId,
        'sender-address': message.senderAddress,
        'sender-name': message.senderName,
        'reply-time': time(message.replyTime),
      },
      message.progressNotes.map(note).join('') + responseResult(result(message, 'response-result', message)),
    ),
  );

export const writeBadMessageResponse = (message: Written<BadMessageResponse>): string =>
  document(
    message,
    badMessageResponse({
      ...result(message, 'badmessage-response', message),
      'bad-message-fragment': message.fragment,
    }),
  );

export const writeCancelResponse = (message: Written<CancelResponse>): string =>
  document(
    message,
    cancelResponse(
      { 'push-id': message.pushId },
      message.results
        .map((each) => cancelResult(result(each, 'cancel-result', message), each.addresses.map(addressOf).join('')))
        .join(''),
    ),
  );

export const writeStatusQueryResponse = (message: Written<StatusQueryResponse>): string =>
  document(
    message,
    statusQueryResponse(
      { 'push-id': message.pushId },
      message.results.map((each) => statusResult(each, message)).join(''),
    ),
  );

export const writeResultNotification = (message: Written<ResultNotification>): string =>
  document(
    message,
    resultNotification(
      {
        'push-id': message.pushId,
        'sender-address': message.senderAddress,
        'sender-name': message.senderName,
        'received-time': time(message.receivedTime),
        'event-time': time(message.eventTime),
        'message-state': message.state,
        ...result(message, 'resultnotification-message', message),
      },
      addressOf(message.address) + qos(message.qos),
    ),
  );

export const writeResultNotificationResponse = (message: Written<ResultNotificationResponse>): string =>
  document(
    message,
    resultNotificationResponse(
      { 'push-id': message.pushId, ...result(message, 'resultnotification-response', message) },
      message.address === undefined ? '' : addressOf(message.address),
    ),
  );

/** The control entity of a ccq-response; alone when there are no capabilities to tell. */
export const writeCcqResponse = (message: Written<CapabilityQueryResponse>): string =>
  document(
    message,
    capabilityQueryResponse(
      { 'query-id': message.queryId, ...result(message, 'ccq-response', message) },
      addressOf(message.address),
    ),
  );

export const writePushMessage = (message: Written<PushMessage>): string =>
  document(
    message,
    pushMessage(
      {
        'push-id': message.pushId,
        'replace-push-id': message.replacePushId,
        // The default of the DTD, and unknown to PAP 1.0: said only where it matters.
        'replace-method': message.replacePushId === undefined ? undefined : message.replaceMethod,
        'deliver-before-timestamp': time(message.deliverBefore),
        'deliver-after-timestamp': time(message.deliverAfter),
        'source-reference': message.sourceReference,
        'ppg-notify-requested-to': message.notifyUrl,
        'progress-notes-requested': String(message.progressNotes),
      },
      message.addresses.map(addressOf).join('') + qos(message.qos),
    ),
  );

export const writeStatusQuery = (message: Written<StatusQuery>): string =>
  document(message, statusQuery({ 'push-id': message.pushId }, message.addresses.map(addressOf).join('')));

export const writeCancelMessage = (message: Written<CancelMessage>): string =>
  document(message, cancelMessage({ 'push-id': message.pushId }, message.addresses.map(addressOf).join('')));

export const writeCcqMessage = (message: Written<CapabilityQuery>): string =>
  document(
    message,
    capabilityQuery({ 'query-id': message.queryId, 'app-id': message.appId }, addressOf(message.address)),
  );

/** Any message, by its own writer. */
export function writePap(message: PapMessage): string {
  switch (message.message) {
    case 'push-message':
      return writePushMessage(message);
    case 'push-response':
      return writePushResponse(message);
    case 'cancel-message':
      return writeCancelMessage(message);
    case 'cancel-response':
      return writeCancelResponse(message);
    case 'resultnotification-message':
      return writeResultNotification(message);
    case 'resultnotification-response':
      return writeResultNotificationResponse(message);
    case 'statusquery-message':
      return writeStatusQuery(message);
    case 'statusquery-response':
      return writeStatusQueryResponse(message);
    case 'ccq-message':
      return writeCcqMessage(message);
    case 'ccq-response':
      return writeCcqResponse(message);
    case 'badmessage-response':
      return writeBadMessageResponse(message);
  }
}

const document = (message: { papVersion: string; productName?: string }, content: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>${doctypeOf(message.papVersion)}${pap({ 'product-name': message.productName }, content)}`;

/** A code that may not stand in the element gives way to one that may; `desc` keeps to what happened. */
const result = (
  { code, desc }: { readonly code: number; readonly desc?: string },
  carrier: CodeCarrier,
  { papVersion }: { readonly papVersion: string },
): { code: string; desc: string | undefined } => ({ code: String(codeFor(code, carrier, papVersion)), desc });

const time = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : formatDatetime(value);

const addressOf = (text: string): string => address({ 'address-value': text });

const note = ({ stage, note: text, time: at }: ProgressNote): string =>
  progressNote({ stage, note: text, time: time(at) });

const statusResult = (each: StatusQueryResult, of: { readonly papVersion: string }): string =>
  statusQueryResult(
    { 'event-time': time(each.eventTime), 'message-state': each.state, ...result(each, 'statusquery-result', of) },
    each.addresses.map(addressOf).join('') + qos(each.qos),
  );

const qos = (value: PapQos | undefined): string =>
  value === undefined
    ? ''
    : qualityOfService({
        priority: value.priority,
        'delivery-method': value.deliveryMethod,
        network: value.network,
        'network-required': String(value.networkRequired),
        bearer: value.bearer,
        'bearer-required': String(value.bearerRequired),
      });

import { PpgError } from '../../base/errors.ts';
import type { Writable } from '../../base/writable.ts';
import type { DeliveryMethod, Priority } from '../../model/push.ts';
import type { MessageState } from '../../model/states.ts';
import { type PapDocument, parsePapDocument } from './document.ts';
import { isMessageName, type MessageName } from './dtd.ts';
import type { PapMessage, PapQos, PushMessage, StatusQueryResult } from './messages.ts';
import { type ValidElement, validate } from './validate.ts';
import { isSupportedVersion, mayHaveAdditions } from './version.ts';

export interface ReadPapOptions {
  /** `charset` parameter of the entity's Content-Type. */
  readonly charset?: string;
  /** Hold the document to the letter of the DTD. Default false: what real clients are known to write is read. */
  readonly strict?: boolean;
}

/**
 * Reads any PAP message (WAP-247 section 9).
 *
 * @throws PPG_E_PAP_XML not well-formed, PPG_E_PAP_TOO_LARGE past a limit, PPG_E_PAP_VERSION neither 1.x nor 2.x,
 *   PPG_E_PAP_DOCUMENT not what the DTD says.
 */
export const readPap = (octets: Buffer, options: ReadPapOptions = {}): PapMessage =>
  readPapDocument(parsePapDocument(octets, options.charset), options.strict);

/** As {@link readPap}, from a document that has been parsed. */
export function readPapDocument(document: PapDocument, strict = false): PapMessage {
  const { root, declared } = document;
  if (!isSupportedVersion(declared.version)) {
    throw new PpgError('PPG_E_PAP_VERSION', `PAP ${declared.version} is not supported`);
  }
  if (root.name !== 'pap') {
    throw new PpgError('PPG_E_PAP_DOCUMENT', `the document element is ${root.name.slice(0, 60)}, not pap`);
  }
  const { version } = declared;
  const how = { strict, additions: mayHaveAdditions(version), before2: version.startsWith('1.') };
  const pap = validate(root, how);
  const messages = root.children.filter(({ name }) => isMessageName(name)).length;
  if (pap.only === undefined || messages !== 1) {
    throw new PpgError('PPG_E_PAP_DOCUMENT', 'pap does not hold exactly one message');
  }
  const productName = pap.text('product-name');
  const { supported } = declared;
  const message = READERS[pap.only.name as MessageName](pap.only) as Writable<PapMessage>;
  message.papVersion = version;
  if (supported !== undefined) message.supportedVersions = supported;
  if (productName !== undefined) message.productName = productName;
  return message;
}

type Read<M> = M extends PapMessage ? Omit<M, 'papVersion' | 'supportedVersions' | 'productName'> : never;

const READERS: { [N in MessageName]: (element: ValidElement) => Read<Extract<PapMessage, { message: N }>> } = {
  'push-message': pushMessage,
  'push-response': (element) => ({
    message: 'push-response',
    pushId: element.required('push-id'),
    ...optional('senderAddress', element.text('sender-address')),
    ...optional('senderName', element.text('sender-name')),
    ...optional('replyTime', element.time('reply-time')),
    progressNotes: element.children('progress-note').map((note) => ({
      stage: note.required('stage'),
      ...optional('note', note.text('note')),
      ...optional('time', note.time('time')),
    })),
    ...result(element.child('response-result') ?? element),
  }),
  'cancel-message': (element) => ({
    message: 'cancel-message',
    pushId: element.required('push-id'),
    addresses: addresses(element),
  }),
  'cancel-response': (element) => ({
    message: 'cancel-response',
    pushId: element.required('push-id'),
    results: element.children('cancel-result').map((each) => ({ ...result(each), addresses: addresses(each) })),
  }),
  'resultnotification-message': (element) => ({
    message: 'resultnotification-message',
    pushId: element.required('push-id'),
    ...optional('senderAddress', element.text('sender-address')),
    ...optional('senderName', element.text('sender-name')),
    ...optional('receivedTime', element.time('received-time')),
    ...optional('eventTime', element.time('event-time')),
    state: element.required('message-state') as MessageState,
    ...result(element),
    address: address(element),
    ...optional('qos', qos(element)),
  }),
  'resultnotification-response': (element) => ({
    message: 'resultnotification-response',
    ...optional('pushId', element.text('push-id')),
    ...result(element),
    ...optional('address', addresses(element)[0]),
  }),
  'statusquery-message': (element) => ({
    message: 'statusquery-message',
    pushId: element.required('push-id'),
    addresses: addresses(element),
  }),
  'statusquery-response': (element) => ({
    message: 'statusquery-response',
    pushId: element.required('push-id'),
    results: element.children('statusquery-result').map(statusResult),
  }),
  'ccq-message': (element) => ({
    message: 'ccq-message',
    ...optional('queryId', element.text('query-id')),
    ...optional('appId', element.text('app-id')),
    address: address(element),
  }),
  'ccq-response': (element) => ({
    message: 'ccq-response',
    ...optional('queryId', element.text('query-id')),
    ...result(element),
    address: address(element),
  }),
  'badmessage-response': (element) => ({
    message: 'badmessage-response',
    ...result(element),
    ...optional('fragment', element.text('bad-message-fragment')),
  }),
};

function pushMessage(element: ValidElement): Read<PushMessage> {
  const message: Writable<Read<PushMessage>> = {
    message: 'push-message',
    pushId: element.required('push-id'),
    replaceMethod: element.required('replace-method') as PushMessage['replaceMethod'],
    progressNotes: element.flag('progress-notes-requested'),
    addresses: addresses(element),
  };
  const replacePushId = element.text('replace-push-id');
  const deliverBefore = element.time('deliver-before-timestamp');
  const deliverAfter = element.time('deliver-after-timestamp');
  // Clients leave these two empty when they have nothing to say.
  const sourceReference = element.text('source-reference') || undefined;
  const notifyUrl = element.text('ppg-notify-requested-to') || undefined;
  const service = qos(element);
  if (replacePushId !== undefined) message.replacePushId = replacePushId;
  if (deliverBefore !== undefined) message.deliverBefore = deliverBefore;
  if (deliverAfter !== undefined) message.deliverAfter = deliverAfter;
  if (sourceReference !== undefined) message.sourceReference = sourceReference;
  if (notifyUrl !== undefined) message.notifyUrl = notifyUrl;
  if (service !== undefined) message.qos = service;
  return message;
}

const statusResult = (element: ValidElement): StatusQueryResult => ({
  state: element.required('message-state') as MessageState,
  ...result(element),
  ...optional('eventTime', element.time('event-time')),
  addresses: addresses(element),
  ...optional('qos', qos(element)),
});

function qos(parent: ValidElement): PapQos | undefined {
  const element = parent.child('quality-of-service');
  if (element === undefined) return undefined;
  const quality: Writable<PapQos> = {
    priority: element.required('priority') as Priority,
    deliveryMethod: element.required('delivery-method') as DeliveryMethod,
    networkRequired: element.flag('network-required'),
    bearerRequired: element.flag('bearer-required'),
  };
  // As the empty ones above: nothing is named, so nothing that is not here can be required.
  const network = element.text('network') || undefined;
  const bearer = element.text('bearer') || undefined;
  if (network !== undefined) quality.network = network;
  if (bearer !== undefined) quality.bearer = bearer;
  return quality;
}

const result = (element: ValidElement): { code: number; desc?: string } => ({
  code: Number(element.required('code')),
  ...optional('desc', element.text('desc')),
});

const addresses = (element: ValidElement): string[] =>
  element.children('address').map((each) => each.required('address-value'));

const address = (element: ValidElement): string => addresses(element)[0] ?? '';

/** A property that is left out when there is no value, as exactOptionalPropertyTypes wants it. */
const optional = <K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };

import { PpgError } from '../../base/errors.ts';
import type { Writable } from '../../base/writable.ts';
import type { RecipientAddress } from '../../model/address.ts';
import { parseApplicationId } from '../../model/application-id.ts';
import { type BearerNames, missingBearer } from '../../model/bearer-names.ts';
import type { ClientCapabilities } from '../../model/client-capabilities.ts';
import type { Content, HeaderField, QualityOfService, Submission } from '../../model/push.ts';
import { PAP } from '../../model/result-codes.ts';
import { isXmlType, MAX_CONTENT_TYPE, parseMediaType } from '../mime/content-type.ts';
import type { MimePart } from '../mime/multipart.ts';
import { decodedBody } from '../mime/transfer-encoding.ts';
import { type AddressOptions, parseAddress } from './address.ts';
import type { PushMessage } from './messages.ts';
import { readCapabilities } from './uaprof.ts';

export interface SubmissionOptions extends AddressOptions {
  /** Name of the account that submits. */
  readonly initiator: string;
  /** Networks and bearers that can be required. Default: those of DEFAULT_BEARER_NAMES. */
  readonly bearerNames?: BearerNames | undefined;
}

/** Longest notify URL, characters. */
export const MAX_NOTIFY_URL = 2048;

/** What the flags of WAP-235 say is for the gateway to say, never for whoever submits. */
const GATEWAYS_OWN = new Set(['x-wap-push-info', 'x-wap-push-flag', 'push-flag']);

/**
 * Makes a submission of a push-message and the entities that came behind it: the content as it was sent, octets and
 * headers (REQ16), and nothing else.
 *
 * @throws PPG_E_PUSH_REFUSED with 2000 (what contradicts itself or is missing), 3009 or 3010 (a network or bearer is
 *   required that this gateway has not); PPG_E_CAPABILITIES with 2000 or 3004; PPG_E_ADDRESS; PPG_E_NOTIFY_URL.
 */
export function toSubmission(
  message: PushMessage,
  entities: readonly MimePart[],
  options: SubmissionOptions,
): Submission {
  const [part, capabilities, ...others] = entities;
  if (part === undefined) throw refused('a push-message needs a content entity behind it');
  const content = contentOf(part);
  if (others.length > 0) throw refused('a push has a control, a content and at most a capabilities entity');
  const { replacePushId, replaceMethod: method } = message;
  const { deliverBefore, deliverAfter, sourceReference, notifyUrl, qos } = message;
  if (deliverBefore !== undefined && deliverAfter !== undefined && deliverAfter > deliverBefore) {
    throw refused('deliver-after-timestamp is later than deliver-before-timestamp');
  }
  if (qos !== undefined) checkBearer(qos, options.bearerNames);
  if (notifyUrl !== undefined) checkNotifyUrl(notifyUrl);
  const submission: Writable<Submission> = {
    initiator: options.initiator,
    pushId: message.pushId,
    recipients: recipientsOf(message.addresses, options),
    progressNotes: message.progressNotes,
    papVersion: message.papVersion,
    content,
  };
  if (qos !== undefined) submission.qos = qos;
  if (deliverBefore !== undefined) submission.deliverBefore = deliverBefore;
  if (deliverAfter !== undefined) submission.deliverAfter = deliverAfter;
  if (sourceReference !== undefined) submission.sourceReference = sourceReference;
  if (notifyUrl !== undefined) submission.notifyUrl = notifyUrl;
  // replace-method without replace-push-id says nothing (WAP-247 section 9.2).
  if (replacePushId !== undefined) submission.replaces = { pushId: replacePushId, method };
  if (capabilities !== undefined) submission.capabilities = capabilitiesIn(capabilities);
  return submission;
}

/** The entity's Content-Type aside from its other headers; they keep their order, spelling and repetition. */
function contentOf(part: MimePart): Content {
  const type = part.get('content-type');
  if (type === undefined || type === '') throw refused('the content entity has no Content-Type');
  if (type.length > MAX_CONTENT_TYPE || parseMediaType(type) === undefined) {
    throw refused('the Content-Type of the content entity is no media type');
  }
  const headers: HeaderField[] = [];
  let application: string | undefined;
  for (const field of part.headers) {
    const name = field.name.toLowerCase();
    if (name === 'x-wap-application-id') {
      // Policy, routing and the device each take one of them, and not the same.
      if (application !== undefined && application !== field.value) throw refused('the push names two applications');
      application = field.value;
    }
    if (name !== 'content-type' && !GATEWAYS_OWN.has(name)) headers.push(field);
  }
  parseApplicationId(application);
  return { type, headers, body: part.body };
}

function capabilitiesIn(part: MimePart): ClientCapabilities {
  const media = parseMediaType(part.get('content-type') ?? 'application/xml');
  if (media === undefined || !isXmlType(media.type)) throw refused('the capabilities entity must be application/xml');
  return readCapabilities(decodedBody(part), media.parameters.get('charset'));
}

/** One address is one result: the same text twice is one recipient. */
function recipientsOf(addresses: readonly string[], options: AddressOptions): RecipientAddress[] {
  const [only, ...more] = addresses;
  if (only !== undefined && more.length === 0) return [parseAddress(only, options)];
  return [...new Set(addresses)].map((text) => parseAddress(text, options));
}

function checkBearer(qos: QualityOfService, names: BearerNames | undefined): void {
  const papCode = missingBearer(qos, names);
  if (papCode === undefined) return;
  const what = papCode === PAP.REQUIRED_NETWORK_NOT_AVAILABLE ? 'network' : 'bearer';
  throw new PpgError('PPG_E_PUSH_REFUSED', `the required ${what} is not available here`, { papCode });
}

const HTTP_URL = /^https?:\/\/[^\s/?#]/i;

/** Syntax only; where the URL may point is for the security room to say. */
function checkNotifyUrl(text: string): void {
  const bad = (what: string): PpgError => new PpgError('PPG_E_NOTIFY_URL', `ppg-notify-requested-to ${what}`);
  if (text.length > MAX_NOTIFY_URL) throw bad(`is longer than ${MAX_NOTIFY_URL} characters`);
  if (text === lastGoodUrl) return;
  if (!HTTP_URL.test(text) || !URL.canParse(text)) throw bad('is no http or https URL');
  lastGoodUrl = text;
}

/** A Push Initiator gives the same URL with every push, and to parse it costs more than to read its attribute. */
let lastGoodUrl = '';

const refused = (what: string): PpgError => new PpgError('PPG_E_PUSH_REFUSED', what);

import { randomUUID } from 'node:crypto';
import { PpgError } from './base/errors.ts';
import { type AddressOptions, parseAddress } from './codec/pap/address.ts';
import { isIdentifier, MAX_IDENTIFIER } from './codec/pap/identifier.ts';
import { parseApplicationId } from './model/application-id.ts';
import type { DeliveryMethod, HeaderField, Priority, Submission } from './model/push.ts';

/** A push of the app's own, without PAP. */
export interface PushRequest {
  /** Recipients: `sip:user@domain`, `user@domain`, `+digits`, or PPG address text (`WAPPUSH=…/TYPE=…@ppg`). */
  readonly to: string | readonly string[];
  /** MIME type of the body, parameters included. */
  readonly type: string;
  readonly body: Buffer | string;
  /** Application on the device, as `mms.ua` or a whole X-Wap-Application-Id value. Default: none, which means `wml.ua`. */
  readonly application?: string;
  /** Further push headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `notspecified`, which the gateway reports as unconfirmed. */
  readonly deliveryMethod?: DeliveryMethod;
  /** Default `medium`. */
  readonly priority?: Priority;
  /** Default: a new one. */
  readonly pushId?: string;
  /** push-id of an earlier push of the same initiator, which is cancelled where it still waits. */
  readonly replaces?: string;
  /** With `replaces`: go to those only for whom the earlier push still waited. Default: to all of `to`. */
  readonly pendingOnly?: boolean;
  /** Whose push it is; push-ids are unique within it. Default `app`. */
  readonly initiator?: string;
  readonly deliverBefore?: Date;
  readonly deliverAfter?: Date;
  /** Where the result notification goes. */
  readonly notifyUrl?: string;
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CONTROL = /[\0\r\n]/;
const APPLICATION_ID = 'X-Wap-Application-Id';

/**
 * Makes a submission of an app's own push, with the checks that PAP makes of a document.
 * Throws PPG_E_ADDRESS, PPG_E_PUSH_REFUSED or PPG_E_NOTIFY_URL with a sentence that names the field.
 */
export function submissionOf(push: PushRequest, addresses: AddressOptions): Submission {
  const to = typeof push.to === 'string' ? [push.to] : push.to;
  if (to.length === 0) throw refused('to: at least one recipient is needed');
  if (!/^[^\s/]+\/[^\s/]+/.test(push.type) || CONTROL.test(push.type)) throw refused('type: a MIME type is needed');
  const [before, after] = [push.deliverBefore?.getTime(), push.deliverAfter?.getTime()];
  if (before !== undefined && after !== undefined && after > before)
    throw refused('deliverAfter is later than deliverBefore');
  if (push.notifyUrl !== undefined && !/^https?:\/\//i.test(push.notifyUrl)) {
    throw new PpgError('PPG_E_NOTIFY_URL', 'notifyUrl: an http or https URL is needed');
  }
  if (push.replaces !== undefined && !isIdentifier(push.replaces)) throw refused('replaces: a push-id is needed');
  return {
    initiator: push.initiator ?? 'app',
    pushId: pushIdOf(push, addresses.domain),
    recipients: [...new Set(to)].map((text) => parseAddress(text, addresses)),
    ...((push.deliveryMethod ?? push.priority) !== undefined && {
      qos: {
        priority: push.priority ?? 'medium',
        deliveryMethod: push.deliveryMethod ?? 'notspecified',
        networkRequired: false,
        bearerRequired: false,
      },
    }),
    ...(before !== undefined && { deliverBefore: before }),
    ...(after !== undefined && { deliverAfter: after }),
    ...(push.notifyUrl !== undefined && { notifyUrl: push.notifyUrl }),
    progressNotes: false,
    ...(push.replaces !== undefined && {
      replaces: { pushId: push.replaces, method: push.pendingOnly === true ? 'pending-only' : 'all' },
    }),
    papVersion: '2.0',
    content: { type: push.type, headers: headersOf(push), body: Buffer.from(push.body) },
  };
}

function pushIdOf({ pushId }: PushRequest, domain: string): string {
  if (pushId === undefined) return `${randomUUID()}@${domain}`;
  if (!isIdentifier(pushId))
    throw refused(`pushId: 1 to ${MAX_IDENTIFIER} characters, none of them a control character`);
  return pushId;
}

function headersOf({ headers = {}, application }: PushRequest): HeaderField[] {
  const fields = Object.entries(headers).map(([name, value]) => ({ name, value }));
  if (application !== undefined) fields.push({ name: APPLICATION_ID, value: application });
  for (const { name, value } of fields) {
    if (!HEADER_NAME.test(name) || CONTROL.test(value))
      throw refused(`headers: ${JSON.stringify(name)} cannot be a header`);
    if (name.toLowerCase() === 'content-type') throw refused('headers: Content-Type is given as type');
    if (name.toLowerCase() === APPLICATION_ID.toLowerCase()) parseApplicationId(value);
  }
  return fields;
}

const refused = (message: string): PpgError => new PpgError('PPG_E_PUSH_REFUSED', message);

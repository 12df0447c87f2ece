import type { Device } from '../../model/device.ts';
import { aorOfHeader } from '../aor.ts';
import type { RequestLike } from '../leg.ts';
import {
  DEFAULT_EXPIRES,
  departed,
  deviceOf,
  isSameContact,
  NO_CONTACTS,
  type RegisterContext,
  readContacts,
  readSeconds,
} from './register-contacts.ts';
import { type Departed, oneOfEach, type RegistrationUpdate } from './update.ts';

/** Headers of a final response as far as the app shows them: drachtio-srf keeps those that were set, not those sent along. */
export type SeenHeaders = { get(name: string): string | undefined };

/**
 * What a UE's REGISTER means once the registrar in the same app has answered 200. The registrar's own Contact values,
 * where they can be seen, have the last word on lifetimes and bring the GRUUs; without them the UE's wishes count,
 * which at worst takes a device for registered a while too long. Undefined for a REGISTER that only asks (no Contact)
 * and for one whose To names no user.
 */
export function readObservedRegister(
  request: Pick<RequestLike, 'get'>,
  answer: SeenHeaders | undefined,
  context: RegisterContext,
): RegistrationUpdate | undefined {
  const aor = aorOfHeader(request.get('To'), context.domain);
  const asked = readContacts([request.get('Contact')]);
  if (aor === undefined || (asked.contacts.length === 0 && !asked.star)) return undefined;
  const aors = [aor];
  if (asked.star) return { aors, kind: 'deregistered', devices: [], removed: [], expiresAt: 0 };

  const answered = answer === undefined ? NO_CONTACTS : readContacts([answer.get('Contact')]);
  const answerExpires = readSeconds(answer?.get('Expires'));
  const askedExpires = readSeconds(request.get('Expires'));
  const devices: Device[] = [];
  const removed: Departed[] = [];
  for (const contact of asked.contacts) {
    const wished = contact.expires ?? askedExpires ?? DEFAULT_EXPIRES;
    const granted = answered.contacts.find((other) => isSameContact(other, contact));
    const seconds = wished === 0 ? 0 : (granted?.expires ?? answerExpires ?? wished);
    if (seconds === 0) removed.push(departed(contact));
    else devices.push(deviceOf(contact, context.now + seconds * 1000, granted));
  }
  return { aors, kind: 'registered', devices: oneOfEach(devices), removed, expiresAt: 0 };
}

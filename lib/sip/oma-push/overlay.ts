import { parseSipOnly, uriParam } from '../../codec/sip/uri.ts';
import type { Device, Registration } from '../../model/device.ts';
import { deviceOf, type RegisterContact } from '../registrations/register-contacts.ts';
import type { PushEvent } from './event.ts';

/** What of a subscription tells of devices. */
interface Subscribed {
  readonly id: string;
  /** Of its last SUBSCRIBE, milliseconds since the epoch. */
  readonly at: number;
  readonly device: Device;
  readonly event: Pick<PushEvent, 'applications'>;
}

/** The device behind the Contact of a SUBSCRIBE: a GRUU (RFC 5627) names its instance. */
export function subscribingDevice(contact: RegisterContact): Device {
  // What it registers is said by REGISTER; here it names what it subscribes for.
  const { applications: _, ...device } = deviceOf(contact, 0);
  const gr = grOf(contact.uri);
  if (gr === undefined) return device;
  const instance = device.instance ?? (gr.toLowerCase().startsWith('urn:') ? gr : undefined);
  return { ...device, id: instance ?? contact.uri, gruu: contact.uri, ...(instance !== undefined && { instance }) };
}

function grOf(uri: string): string | undefined {
  try {
    const gr = uriParam(parseSipOnly(uri), 'gr');
    return gr === undefined || gr === '' ? undefined : decodeURIComponent(gr);
  } catch {
    return undefined; // an escape that is none: then it names no instance that anybody knows
  }
}

/** Whether two devices of a user are one: the same instance, else the same GRUU or contact. */
export function isDevice(one: Device, other: Device): boolean {
  if (one.instance !== undefined && other.instance !== undefined)
    return one.instance.toLowerCase() === other.instance.toLowerCase();
  return one.contact === other.contact || (one.gruu !== undefined && one.gruu === other.gruu);
}

/**
 * What is known of a user, with who subscribed. A registration that tells of no device, or none at all, leaves open which
 * others there are: `partial`. Once the user has left, only what was subscribed to since counts.
 */
export function withSubscriptions(
  aor: string,
  registration: Registration | undefined,
  all: readonly Subscribed[],
): Registration | undefined {
  const left = registration?.registered === false ? registration.updatedAt : Number.NEGATIVE_INFINITY;
  const subscriptions = all.filter(({ at }) => at > left);
  if (subscriptions.length === 0) return registration;
  const registered = registration?.registered === true ? registration.devices : [];
  const strangers: Device[] = [];
  for (const { device } of subscriptions) {
    if ([...registered, ...strangers].some((known) => isDevice(known, device))) continue;
    strangers.push(device);
  }
  const devices = [...registered, ...strangers].map((device) => {
    const ids = new Map<string, string>();
    // The youngest comes last, and counts.
    for (const { id, event, device: of } of subscriptions)
      if (isDevice(device, of)) for (const tag of event.applications.keys()) ids.set(tag, id);
    return ids.size === 0 ? device : { ...device, subscribed: ids };
  });
  const newest = Math.max(...subscriptions.map(({ at }) => at));
  const base = registration ?? { aor, updatedAt: newest, expiresAt: Number.MAX_SAFE_INTEGER };
  return {
    ...base,
    registered: true,
    devices,
    updatedAt: Math.max(base.updatedAt, newest),
    ...(registered.length === 0 && { partial: true as const }),
  };
}

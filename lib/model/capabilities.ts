import type { RecipientAddress } from './address.ts';
import { sameApplication } from './application-id.ts';
import type { ClientCapabilities } from './client-capabilities.ts';
import type { Device, Registration } from './device.ts';
import { knownApplications, knownLanguages, knownTypes, runsApplication } from './device-knowledge.ts';
import { canBecome } from './media-forms.ts';

/** Values of one list that are kept; nobody's device has more. */
const MAX_VALUES = 256;

/**
 * The devices of a user as one client, so that nobody learns how many there are or which (REQ22): every list is the
 * union of what the devices told, and what tells them apart is there only where all told the same. A device that the
 * address names stands alone; an application leaves those that run it or tell of none. Undefined when no device is known
 * or none has told anything.
 */
export function capabilitiesOf(
  registration: Registration | undefined,
  address: RecipientAddress,
  applicationId?: string,
): ClientCapabilities | undefined {
  if (registration === undefined || !registration.registered) return undefined;
  const devices = devicesFor(registration, address).filter(
    (device) =>
      applicationId === undefined || knownApplications(device) === undefined || runsApplication(device, applicationId),
  );
  const union = (valuesOf: (device: Device) => readonly string[] | undefined): readonly string[] =>
    devices.flatMap((device) => valuesOf(device) ?? []);
  const told = union((device) => [...(knownApplications(device) ?? []), ...(device.subscribed?.keys() ?? [])]);
  const applications = applicationId === undefined ? told : told.filter((tag) => sameApplication(tag, applicationId));
  const capabilities: ClientCapabilities = {
    ...listed('applications', applications),
    ...listed('types', union(knownTypes)),
    ...listed('languages', union(knownLanguages)),
    ...listed(
      'encodings',
      union(({ capabilities }) => capabilities?.encodings),
    ),
    ...common(devices, 'maxMessageBytes', 'maxBytes'),
    ...common(devices, 'userAgent', 'userAgent'),
    ...common(devices, 'profile', 'profile'),
  };
  if (Object.keys(capabilities).length === 0) return undefined;
  return { ...capabilities, until: Math.max(...devices.map(({ expiresAt }) => expiresAt)) };
}

/** In one order whatever the order of the devices was. */
const listed = (
  name: 'applications' | 'types' | 'languages' | 'encodings',
  values: readonly string[],
): ClientCapabilities => (values.length === 0 ? {} : { [name]: [...new Set(values)].sort().slice(0, MAX_VALUES) });

/** What all devices told alike. */
function common(
  devices: readonly Device[],
  told: 'userAgent' | 'profile' | 'maxMessageBytes',
  name: 'userAgent' | 'profile' | 'maxBytes',
): ClientCapabilities {
  const [first, ...others] = devices.map(({ capabilities }) => capabilities?.[told]);
  return first === undefined || others.some((other) => other !== first) ? {} : { [name]: first };
}

/**
 * Says what is wrong with capabilities that were taken for granted, in the light of what the user's devices told;
 * undefined when nothing is, or too little is known. Each value must be met by one device; a device that tells nothing
 * of a matter may well meet it, and a type is met by its other form too (docs/transformations.md).
 */
export function contradiction(
  assumed: ClientCapabilities,
  registration: Registration | undefined,
  address: RecipientAddress,
): string | undefined {
  // Where only subscribers are known another device may well meet it.
  if (registration === undefined || !registration.registered || registration.partial === true) return undefined;
  const devices = devicesFor(registration, address);
  if (devices.length === 0) return undefined;
  if (devices.every((device) => knownApplications(device) !== undefined)) {
    for (const wanted of assumed.applications ?? []) {
      if (!devices.some((device) => runsApplication(device, wanted))) return `no device of the user runs ${wanted}`;
    }
  }
  const types = devices.map(knownTypes);
  if (types.every((each) => each !== undefined)) {
    const told = types.flat();
    for (const wanted of assumed.types ?? []) {
      if (told.some((type) => covers(type, wanted)) || canBecome(wanted, told) !== undefined) continue;
      return `no device of the user takes ${wanted}`;
    }
  }
  return undefined;
}

/** `text/*` covers `text/plain`; a range that was taken for granted is met by whatever lies in it. */
function covers(known: string, wanted: string): boolean {
  if (known === wanted || known === '*/*' || wanted === '*/*') return true;
  const within = (range: string, type: string): boolean => range.endsWith('/*') && type.startsWith(range.slice(0, -1));
  return within(known, wanted) || within(wanted, known);
}

/** Those that an address means: the one that it names, else all. */
export function devicesFor({ devices }: Registration, { instance, gruu }: RecipientAddress): readonly Device[] {
  if (instance !== undefined) return devices.filter((device) => device.instance === instance);
  if (gruu !== undefined) return devices.filter((device) => device.gruu === gruu);
  return devices;
}

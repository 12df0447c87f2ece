import type { RecipientAddress } from './address.ts';
import { sameApplication } from './application-id.ts';
import type { Device, Registration } from './device.ts';

/** What a client can take, in the terms of UAProf's PushCharacteristics (WAP-248). Absent means not known. */
export interface ClientCapabilities {
  /** Applications, canonical form (Push-Accept-AppID). */
  readonly applications?: readonly string[];
  /** Media types in lower case, without parameters; `text/*` and `*\/*` are possible (Push-Accept). */
  readonly types?: readonly string[];
  /** Language tags in lower case (Push-Accept-Language). */
  readonly languages?: readonly string[];
  /** Until when this holds if nothing else is heard, milliseconds since the epoch. */
  readonly until?: number;
}

/** Values of one list that are kept; nobody's device has more. */
const MAX_VALUES = 256;

/**
 * The devices of a user as one client, so that nobody learns how many there are or which (REQ22): every list is the
 * union of what the devices told. A device that the address names stands alone; an application leaves those that run
 * it or tell of none. Undefined when no device is known or none has told anything.
 */
export function capabilitiesOf(
  registration: Registration | undefined,
  address: RecipientAddress,
  applicationId?: string,
): ClientCapabilities | undefined {
  if (registration === undefined || !registration.registered) return undefined;
  const devices = devicesFor(registration, address).filter(
    (device) => applicationId === undefined || device.applications === undefined || runs(device, applicationId),
  );
  const told = devices.flatMap((device) => device.applications ?? []);
  const applications = applicationId === undefined ? told : told.filter((tag) => sameApplication(tag, applicationId));
  const types = devices.flatMap((device) => tagValues(device.features['type']));
  const languages = devices.flatMap((device) => tagValues(device.features['language']));
  if (applications.length + types.length + languages.length === 0) return undefined;
  return {
    ...listed('applications', applications),
    ...listed('types', types),
    ...listed('languages', languages),
    until: Math.max(...devices.map(({ expiresAt }) => expiresAt)),
  };
}

/** In one order whatever the order of the devices was. */
const listed = (name: 'applications' | 'types' | 'languages', values: readonly string[]): ClientCapabilities =>
  values.length === 0 ? {} : { [name]: [...new Set(values)].sort().slice(0, MAX_VALUES) };

/**
 * Says what is wrong with capabilities that were taken for granted, in the light of what the user's devices told;
 * undefined when nothing is, or too little is known. Each value must be met by one device; a device that tells nothing
 * of a matter may well meet it.
 */
export function contradiction(
  assumed: ClientCapabilities,
  registration: Registration | undefined,
  address: RecipientAddress,
): string | undefined {
  if (registration === undefined || !registration.registered) return undefined;
  const devices = devicesFor(registration, address);
  if (devices.length === 0) return undefined;
  if (devices.every((device) => device.applications !== undefined)) {
    for (const wanted of assumed.applications ?? []) {
      if (!devices.some((device) => runs(device, wanted))) return `no device of the user runs ${wanted}`;
    }
  }
  const types = devices.map((device) => tagValues(device.features['type']));
  if (types.every((each) => each.length > 0)) {
    for (const wanted of assumed.types ?? []) {
      if (!types.flat().some((type) => covers(type, wanted))) return `no device of the user takes ${wanted}`;
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

const runs = ({ applications = [] }: Device, wanted: string): boolean =>
  applications.some((tag) => wanted === '*' || sameApplication(tag, wanted));

function devicesFor({ devices }: Registration, { instance, gruu }: RecipientAddress): readonly Device[] {
  if (instance !== undefined) return devices.filter((device) => device.instance === instance);
  if (gruu !== undefined) return devices.filter((device) => device.gruu === gruu);
  return devices;
}

/** Values of a feature parameter (RFC 3840 section 9): a list with commas, strings in `<>`; what is negated is left out. */
function tagValues(value: string | undefined): string[] {
  if (value === undefined || value === '') return [];
  return value
    .split(',', MAX_VALUES)
    .map((each) =>
      each
        .trim()
        .replace(/^<(.*)>$/, '$1')
        .toLowerCase(),
    )
    .filter((each) => each !== '' && !each.startsWith('!'));
}

import type { Device, Registration } from '../../model/device.ts';

/** What one REGISTER told, before it is put together with what was known. */
export interface RegistrationUpdate {
  /** Canonical addresses-of-record it holds for: the registered one first, then the rest of its implicit set. */
  readonly aors: readonly string[];
  /** `deregistered`: the user left with every device. */
  readonly kind: 'registered' | 'deregistered';
  /** Devices added or refreshed; empty when the source told of the user only. */
  readonly devices: readonly Device[];
  /** Contact URIs and device ids that went away. */
  readonly removed: readonly string[];
  /**
   * Until when the user is registered even if none of the devices is known, milliseconds since the epoch; 0 when only
   * the devices tell.
   */
  readonly expiresAt: number;
  /**
   * True when the devices come from a registrar's answer alone: registrars may leave feature tags out there, so what
   * is known of them stays.
   */
  readonly withoutFeatures?: boolean;
  /** True when the devices are all that the user has: whatever else was known is gone. */
  readonly complete?: boolean;
  /** The S-CSCF that told of the user, see Registration.servedBy. */
  readonly servedBy?: string;
}

/** How long a de-registration is believed when nothing else is heard of the user: a REGISTER may have been missed. */
const OFFLINE_BELIEVED_FOR = 7 * 24 * 3600 * 1000;

/** Devices kept for one address-of-record; registrars allow far fewer, so more means something is wrong. */
export const MAX_DEVICES = 64;

/**
 * Puts an update together with what was known of one address-of-record. Devices that the update does not mention
 * stay until they expire; one of the same id (instance, else contact) or the same contact is replaced. The user is
 * offline when no device is left and the update promises nothing beyond now.
 */
export function mergeRegistration(
  known: Registration | undefined,
  update: RegistrationUpdate,
  aor: string,
  now: number,
): Registration {
  if (update.kind === 'deregistered') return offline(aor, now);
  const gone = new Set(update.removed);
  const replacing = new Set(update.devices.flatMap((device) => [device.id, device.contact]));
  const others = update.complete === true ? [] : (known?.devices ?? []);
  const kept = others.filter(
    (device) =>
      device.expiresAt > now &&
      !gone.has(device.id) &&
      !gone.has(device.contact) &&
      !replacing.has(device.id) &&
      !replacing.has(device.contact),
  );
  const told = update.withoutFeatures ? update.devices.map((device) => withKnown(device, known)) : update.devices;
  // Contacts that nobody knew to be one device may turn out to be one.
  const devices = [...oneOfEach(told), ...kept].slice(0, MAX_DEVICES);
  if (devices.length === 0 && update.expiresAt <= now) return offline(aor, now);
  const expiresAt = devices.reduce((latest, device) => Math.max(latest, device.expiresAt), update.expiresAt);
  const servedBy = update.servedBy ?? known?.servedBy;
  return { aor, registered: true, devices, updatedAt: now, expiresAt, ...(servedBy !== undefined && { servedBy }) };
}

/**
 * A device with what was known of it before, where it does not tell otherwise now: feature tags, and the instance that a
 * contact has lost on its way here.
 */
function withKnown(device: Device, known: Registration | undefined): Device {
  const before =
    known?.devices.find(({ id }) => id === device.id) ??
    known?.devices.find(({ contact }) => device.instance === undefined && contact === device.contact);
  if (before === undefined) return device;
  const { id, instance } = before;
  return {
    ...before,
    ...device,
    ...(device.instance === undefined && instance !== undefined && { id, instance }),
    features: { ...before.features, ...device.features },
  };
}

function offline(aor: string, now: number): Registration {
  return { aor, registered: false, devices: [], updatedAt: now, expiresAt: now + OFFLINE_BELIEVED_FOR };
}

/** One device for all flows of an instance (RFC 5626): the one that lasts longest. */
export function oneOfEach(devices: readonly Device[]): Device[] {
  const byId = new Map<string, Device>();
  for (const device of devices) {
    const other = byId.get(device.id);
    if (other === undefined || other.expiresAt < device.expiresAt) byId.set(device.id, device);
  }
  return [...byId.values()];
}

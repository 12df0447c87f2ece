import type { Device, Flow, Registration } from '../../model/device.ts';
import { withOwnGruu } from './gruu.ts';

/** A contact that went away. With a `flow` only that one of its instance (RFC 5626), else the whole device. */
export interface Departed {
  readonly contact: string;
  readonly instance?: string;
  readonly flow?: string;
}

/** What one REGISTER told, before it is put together with what was known. */
export interface RegistrationUpdate {
  /** Canonical addresses-of-record it holds for: the registered one first, then the rest of its implicit set. */
  readonly aors: readonly string[];
  /** `deregistered`: the user left with every device. */
  readonly kind: 'registered' | 'deregistered';
  /** Devices added or refreshed; empty when the source told of the user only. */
  readonly devices: readonly Device[];
  /** Contacts that went away. */
  readonly removed: readonly Departed[];
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
  /**
   * Whether `aors` is the whole implicit registration set. False: the source left it out, and it holds for the set that was
   * known as well, since its identities are registered and de-registered together (3GPP TS 23.228 section 5.2.1a). Missing: it
   * holds for `aors` alone.
   */
  readonly isWholeSet?: boolean;
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
  const identities = update.isWholeSet === true ? update.aors.filter((other) => other !== aor) : known?.identities;
  const alike = identities === undefined || identities.length === 0 ? {} : { identities };
  if (update.kind === 'deregistered') return { ...offline(aor, now), ...alike };
  const replacing = new Set(update.devices.flatMap((device) => [device.id, device.contact]));
  const before = update.complete === true ? [] : (known?.devices ?? []).flatMap((one) => left(one, update, now));
  const kept = before.filter((device) => !replacing.has(device.id) && !replacing.has(device.contact));
  const isNamed = update.aors[0] === aor;
  const others = [...update.aors.filter((other) => other !== aor), ...(identities ?? [])];
  const told = update.devices.map((device) => {
    const before = known?.devices.find(({ id }) => id === device.id);
    const own = withOwnGruu(device, { aor, isNamed, others, before });
    return update.withoutFeatures ? withKnown(own, known) : own;
  });
  // Contacts that nobody knew to be one device may turn out to be one.
  const fresh = oneOfEach(told).map((device) => withOtherFlows(device, before));
  const devices = [...fresh, ...kept].slice(0, MAX_DEVICES);
  if (devices.length === 0 && update.expiresAt <= now) return { ...offline(aor, now), ...alike };
  const expiresAt = devices.reduce((latest, device) => Math.max(latest, device.expiresAt), update.expiresAt);
  const servedBy = update.servedBy ?? known?.servedBy;
  const by = servedBy === undefined ? {} : { servedBy };
  return { aor, registered: true, devices, updatedAt: now, expiresAt, ...alike, ...by };
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
  // Flows are those that are told now: others have another contact and another end.
  const { flows: _, ...rest } = before;
  const { id, instance } = rest;
  return {
    ...rest,
    ...device,
    ...(device.instance === undefined && instance !== undefined && { id, instance }),
    features: { ...before.features, ...device.features },
  };
}

function offline(aor: string, now: number): Registration {
  return { aor, registered: false, devices: [], updatedAt: now, expiresAt: now + OFFLINE_BELIEVED_FOR };
}

/** What is left of a device that was known: nothing, all of it, or some of its flows. */
function left(device: Device, { removed }: RegistrationUpdate, now: number): Device[] {
  const { id, contact, instance, flows } = device;
  if (device.expiresAt <= now) return [];
  if (flows === undefined)
    return removed.some(
      (gone) =>
        gone.contact === contact || gone.contact === id || (gone.instance === instance && instance !== undefined),
    )
      ? []
      : [device];
  const alive = flows.filter(
    (flow) =>
      flow.expiresAt > now &&
      !removed.some((gone) =>
        gone.flow === undefined
          ? gone.contact === flow.contact || gone.instance === instance
          : gone.instance === instance && gone.flow === flow.id,
      ),
  );
  return alive.length === 0 ? [] : [alive.length === flows.length ? device : byFlows(device, alive)];
}

/** A flow that was not registered again is still there. */
function withOtherFlows(device: Device, before: readonly Device[]): Device {
  const { flows } = device;
  const others = before
    .find(({ id }) => id === device.id)
    ?.flows?.filter((flow) => !flows?.some(({ id }) => id === flow.id));
  return flows === undefined || others === undefined || others.length === 0
    ? device
    : byFlows(device, [...flows, ...others]);
}

/** Flows of one device that are kept; RFC 5626 section 4.2.1 expects two. */
const MAX_FLOWS = 8;

/** A device is reached by the flow that lasts longest. */
function byFlows(device: Device, flows: readonly Flow[]): Device {
  const kept = flows.slice(0, MAX_FLOWS);
  const { contact, expiresAt } = kept.reduce((best, flow) => (flow.expiresAt > best.expiresAt ? flow : best));
  return { ...device, contact, expiresAt, flows: kept };
}

/** One device for all flows of an instance (RFC 5626), with what the one that lasts longest told. */
export function oneOfEach(devices: readonly Device[]): Device[] {
  const byId = new Map<string, Device>();
  for (const device of devices) {
    const other = byId.get(device.id);
    const best = other === undefined || other.expiresAt < device.expiresAt ? device : other;
    byId.set(device.id, other === undefined ? best : withOtherFlows(best, [best === device ? other : device]));
  }
  return [...byId.values()];
}

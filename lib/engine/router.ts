import type { DeliveryTarget } from '../bearer/bearer.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { Device, Registration } from '../model/device.ts';
import { knownApplications, runsApplication } from '../model/device-knowledge.ts';
import type { AttemptRecord } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { NO_BEARER_NAME } from './choose-bearer.ts';

/** Where a push goes, or why it goes nowhere now. */
export type Route =
  | { readonly kind: 'targets'; readonly targets: readonly DeliveryTarget[] }
  /** The user, or the device named, is known to be offline: wait for a registration. */
  | { readonly kind: 'offline'; readonly cause: string }
  /** No device will ever do. */
  | { readonly kind: 'refused'; readonly code: number; readonly cause: string };

/** Name of a target in attempt records. */
export const targetId = (target: DeliveryTarget): string => (target.kind === 'device' ? target.device.id : 'aor');

const FORK: Route = { kind: 'targets', targets: [{ kind: 'aor' }] };

/**
 * Chooses the devices of a recipient (docs/routing.md has the table). With known devices each matching one gets its
 * own request, since the single 200 of a fork names nobody; the address-of-record is forked only when nothing is known.
 * Pure: registration and earlier attempts in, route out.
 *
 * - A named device (GRUU, instance) leaves only that device.
 * - Devices known to run the application win over devices that say nothing of applications; devices known to run
 *   only others are left out (a missing tag means unknown, not none).
 * - Where only subscribers are known (`partial`), and none of them for the application, it is as if nothing were known.
 * - A device that refused this push for good is not asked again.
 * - Devices that some bearer reaches (`fits`) win over those that none does, as when they are known not to take its media
 *   type. Where none fits they are all targets, and each is told by its bearers' refusal why.
 */
export function route(
  address: RecipientAddress,
  applicationId: string,
  registration: Registration | undefined,
  attempts: readonly AttemptRecord[],
  fits: (device: Device) => boolean = () => true,
): Route {
  if (registration === undefined) return fromAddress(address);
  if (!registration.registered) return { kind: 'offline', cause: 'the user is not registered' };
  if (registration.devices.length === 0) return fromAddress(address);

  const named = registration.devices.filter((device) => isNamed(address, device));
  // Those who subscribed for the application are asked; who else there is only the core knows.
  if (registration.partial === true && !named.some((device) => runsApplication(device, applicationId)))
    return fromAddress(address);
  if (named.length === 0) return { kind: 'offline', cause: 'the device named in the address is not registered' };

  const running = named.filter((device) => runsApplication(device, applicationId));
  const untold = named.filter((device) => knownApplications(device) === undefined);
  const able = running.length > 0 ? running : untold;
  if (able.length === 0) {
    return {
      kind: 'refused',
      code: PAP.REQUIRED_CAPABILITIES_NOT_SUPPORTED,
      cause: `no registered device runs ${applicationId}`,
    };
  }
  const willing = attempts.length === 0 ? able : able.filter((device) => !refused(device, attempts));
  if (willing.length === 0) {
    return { kind: 'refused', code: PAP.SERVICE_FAILURE, cause: 'every device of the user has refused the push' };
  }
  const open = willing.length === 1 ? willing : fittest(willing, fits);
  // A contact with neither instance nor GRUU cannot be asked for by name: several requests would all reach the same one.
  if (open.length > 1 && open.some((device) => device.instance === undefined && device.gruu === undefined)) return FORK;
  return { kind: 'targets', targets: open.map((device) => ({ kind: 'device', device })) };
}

/** Nothing is known: what the address names, the core must find. */
function fromAddress(address: RecipientAddress): Route {
  if (address.gruu === undefined && address.instance === undefined) return FORK;
  const device: Device = {
    id: address.instance ?? address.gruu ?? address.aor,
    contact: address.gruu ?? address.aor,
    ...(address.instance !== undefined && { instance: address.instance }),
    ...(address.gruu !== undefined && { gruu: address.gruu }),
    features: {},
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
  return { kind: 'targets', targets: [{ kind: 'device', device }] };
}

function isNamed(address: RecipientAddress, device: Device): boolean {
  if (address.instance !== undefined && !sameUrn(device.instance, address.instance)) return false;
  if (address.gruu !== undefined) {
    // A public GRUU's gr value is the instance where the registrar follows RFC 5627 section 5.4's advice.
    const gr = /;gr=([^;]+)/i.exec(address.gruu)?.[1];
    return device.gruu === address.gruu || (gr !== undefined && sameUrn(device.instance, decodeGr(gr)));
  }
  return true;
}

/** Without regard to case (RFC 8141 section 3.1, where uuid and imei have no more to say). */
const sameUrn = (one: string | undefined, other: string): boolean =>
  one !== undefined && (one === other || one.toLowerCase() === other.toLowerCase());

function decodeGr(gr: string): string {
  try {
    return decodeURIComponent(gr);
  } catch {
    return gr; // A stray % is the sender's own spelling; it then simply matches nothing.
  }
}

function fittest(devices: readonly Device[], fits: (device: Device) => boolean): readonly Device[] {
  const fitting = devices.filter(fits);
  return fitting.length === 0 ? devices : fitting;
}

/** By its last word: a bearer may do where another's form of the push was refused. What was never sent it cannot refuse. */
function refused({ id }: Device, attempts: readonly AttemptRecord[]): boolean {
  const last = attempts.findLast(({ device }) => device === id);
  return last?.result === 'failed' && last.bearer !== NO_BEARER_NAME;
}

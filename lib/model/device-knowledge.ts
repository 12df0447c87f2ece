import { canonicalApplication, sameApplication } from './application-id.ts';
import type { Device } from './device.ts';
import { isTold } from './media-forms.ts';
import { PAP } from './result-codes.ts';

/** Why a device will not do, as a PAP code and in words for the operator. */
export interface Misfit {
  readonly code: number;
  readonly cause: string;
}

/** Values of one list that are kept; nobody's device has more. */
const MAX_VALUES = 256;

/** Applications that a device runs: as it registered, else as it told when it was asked. Undefined: not known. */
export const knownApplications = ({ applications, capabilities }: Device): readonly string[] | undefined =>
  applications ?? capabilities?.applications;

/** Whether it runs an application, by all that it told or subscribed for; `*` names every application. */
export function runsApplication(device: Device, wanted: string): boolean {
  const { subscribed } = device;
  if (subscribed !== undefined && (wanted === '*' || subscribed.has(canonicalApplication(wanted)))) return true;
  return knownApplications(device)?.some((tag) => wanted === '*' || sameApplication(tag, wanted)) ?? false;
}

/** Methods in upper case: as it told when it was asked, else the `methods` feature of its registration (RFC 3840). */
export const knownMethods = ({ capabilities, features }: Device): readonly string[] | undefined =>
  capabilities?.methods ?? toldValues(features['methods'])?.map((method) => method.toUpperCase());

/** Media types in lower case, ranges among them: as it told, else the `type` feature of its registration. */
export const knownTypes = ({ capabilities, features }: Device): readonly string[] | undefined =>
  capabilities?.types ?? toldValues(features['type']);

/** Language tags in lower case. */
export const knownLanguages = ({ capabilities, features }: Device): readonly string[] | undefined =>
  capabilities?.languages ?? toldValues(features['language']);

/** Why a device is known not to take requests of a method; undefined: it does, or nobody knows. */
export function methodMisfit(device: Device, method: string): Misfit | undefined {
  const methods = knownMethods(device);
  if (methods === undefined || methods.includes(method)) return undefined;
  return { code: PAP.REQUIRED_CAPABILITIES_NOT_SUPPORTED, cause: `the device told that it takes no ${method}` };
}

/**
 * Why a device is known not to take content of a media type (lower case, without parameters); undefined: it does, or
 * nobody knows.
 */
export function typeMisfit(device: Device, type: string): Misfit | undefined {
  if (device.capabilities?.refusedTypes?.includes(type) === true)
    return { code: PAP.CAPABILITIES_MISMATCH, cause: `the device has refused ${type} before` };
  const types = knownTypes(device);
  if (types === undefined || isTold(type, types)) return undefined;
  return { code: PAP.CAPABILITIES_MISMATCH, cause: `the device told that it takes no ${type}` };
}

/** Why a device is known not to take a MESSAGE with so many octets of that type; undefined: it does, or nobody knows. */
export function messageMisfit(device: Device, type: string, bytes: number): Misfit | undefined {
  const { capabilities, features } = device;
  // Most devices tell nothing: no list is made for them.
  if (capabilities === undefined && features['methods'] === undefined && features['type'] === undefined)
    return undefined;
  const misfit = methodMisfit(device, 'MESSAGE') ?? typeMisfit(device, type);
  if (misfit !== undefined) return misfit;
  const most = capabilities?.maxMessageBytes ?? Number.POSITIVE_INFINITY;
  if (bytes <= most) return undefined;
  return { code: PAP.TRANSFORMATION_FAILURE, cause: `the device has refused a MESSAGE of ${most + 1} octets` };
}

/**
 * Values of a feature parameter in lower case (RFC 3840 section 9): a list with commas, strings in `<>`; what is negated is
 * left out. Undefined when nothing is left: then it told nothing.
 */
export function toldValues(value: string | undefined): readonly string[] | undefined {
  if (value === undefined || value === '') return undefined;
  const values = value
    .split(',', MAX_VALUES)
    .map((each) =>
      each
        .trim()
        .replace(/^<(.*)>$/, '$1')
        .toLowerCase(),
    )
    .filter((each) => each !== '' && !each.startsWith('!'));
  return values.length === 0 ? undefined : values;
}

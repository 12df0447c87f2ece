import { formatParams, type Param, paramOf, parseParams } from '../../codec/sip/params.ts';
import type { Hop, Protocol } from '../../stack/types.ts';
import type { BindingRecord } from '../../store/bindings.ts';
import { type FeatureSet, featureSet } from './features.ts';
import { hopOf } from './routes.ts';

/** One contact of a user (RFC 3261 section 10.3). */
export interface Binding {
  readonly aor: string;
  /** Stable name within the user: instance and reg-id where there is an instance, else the contact URI. */
  readonly key: string;
  /** Contact URI, without angle brackets. */
  readonly contact: string;
  /** Contact parameters as they came, `;name="value"…`, without `expires`. */
  readonly parameters: string;
  readonly features: FeatureSet;
  readonly q: number;
  /** `+sip.instance` without quotes and angle brackets (RFC 5626 section 4.1). */
  readonly instance?: string;
  readonly callId: string;
  readonly cseq: number;
  /** When it was last registered; the younger of two flows of an instance is tried first. */
  readonly registeredAt: number;
  readonly expiresAt: number;
  /** The connection it registered over, when that was TCP. */
  readonly flow?: Hop;
  /** Where its URI says it is. */
  readonly hop: Hop;
  /** The REGISTER that made it, as received. */
  readonly register: Buffer;
}

/** What a binding is made of; the rest follows from it. */
export type BindingParts = Omit<Binding, 'features' | 'q' | 'instance' | 'key' | 'hop'>;

/** Completes a binding. Throws PPG_E_SIP_SYNTAX when the contact is no SIP URI or a parameter cannot be read. */
export function binding(parts: BindingParts): Binding {
  const params = parseParams(parts.parameters);
  const instance = instanceOf(params);
  return {
    ...parts,
    key: keyOf(parts.contact, instance, paramOf(params, 'reg-id')),
    features: featureSet(params),
    q: qOf(params),
    ...(instance !== undefined && { instance }),
    hop: hopOf(parts.contact),
  };
}

/**
 * The same instance that registers another contact replaces the old one; with reg-id it may have one contact for each
 * flow (RFC 5626 section 6).
 */
export const keyOf = (contact: string, instance: string | undefined, regId: string | undefined): string =>
  instance === undefined ? contact : `${instance} ${regId ?? ''}`;

export function instanceOf(params: readonly Param[]): string | undefined {
  const value = paramOf(params, '+sip.instance');
  if (value === undefined) return undefined;
  const bare = value.startsWith('<') && value.endsWith('>') ? value.slice(1, -1) : value;
  return bare === '' ? undefined : bare;
}

function qOf(params: readonly Param[]): number {
  const value = paramOf(params, 'q');
  if (value === undefined || !/^[01](?:\.\d{0,3})?$/.test(value)) return 1;
  return Math.min(1, Number(value));
}

/** Parameters for keeping: all but `expires`, which is told afresh in every answer, and what only a registrar gives. */
export const keptParameters = (params: readonly Param[]): string =>
  formatParams(params.filter(({ name }) => !GIVEN.has(name.toLowerCase())));

const GIVEN = new Set(['expires', 'pub-gruu', 'temp-gruu', 'temp-gruu-cookie']);

/** Public GRUU of an instance (RFC 5627 section 3.2). */
export const gruuOf = (aor: string, instance: string): string => `${aor};gr=${instance.replace(NOT_IN_GR, escaped)}`;

/** What RFC 3261 section 25.1 has neither in unreserved nor in param-unreserved. */
const NOT_IN_GR = /[^A-Za-z0-9\-_.!~*'()[\]/:&+$]/g;
const escaped = (character: string): string => encodeURIComponent(character);

/** For the store. */
export function toRecord(b: Binding): BindingRecord {
  const { contact, parameters, callId, cseq, registeredAt, flow, register } = b;
  const data = { contact, parameters, callId, cseq, registeredAt, flow, register: register.toString('latin1') };
  return { aor: b.aor, key: b.key, data: JSON.stringify(data), expiresAt: b.expiresAt };
}

/** From the store; undefined when the record is not one that toRecord wrote. */
export function fromRecord(record: BindingRecord): Binding | undefined {
  try {
    const data = JSON.parse(record.data) as Partial<Record<string, unknown>>;
    const { contact, parameters, callId, cseq, registeredAt, flow, register } = data;
    if (typeof contact !== 'string' || typeof parameters !== 'string' || typeof register !== 'string') return undefined;
    if (typeof callId !== 'string' || typeof cseq !== 'number' || typeof registeredAt !== 'number') return undefined;
    return binding({
      aor: record.aor,
      contact,
      parameters,
      callId,
      cseq,
      registeredAt,
      expiresAt: record.expiresAt,
      ...(isHop(flow) && { flow }),
      register: Buffer.from(register, 'latin1'),
    });
  } catch {
    // Written by another version, or damaged: the phone will register again.
    return undefined;
  }
}

const PROTOCOLS: ReadonlySet<unknown> = new Set<Protocol>(['udp', 'tcp', 'tls', 'ws', 'wss']);

function isHop(value: unknown): value is Hop {
  if (typeof value !== 'object' || value === null) return false;
  const { protocol, host, port } = value as Partial<Record<string, unknown>>;
  return PROTOCOLS.has(protocol) && typeof host === 'string' && typeof port === 'number';
}

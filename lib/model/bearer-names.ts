import type { QualityOfService } from './push.ts';
import { PAP } from './result-codes.ts';

/** Names of the gateway's bearers, or all of them. */
export type Bearers = readonly string[] | 'any';

/** What Push Initiators call networks and bearers, and which bearers of this gateway are meant by it. */
export interface BearerNameOptions {
  readonly networks: Readonly<Record<string, Bearers>>;
  readonly bearers: Readonly<Record<string, Bearers>>;
}

/** SIP has no name in the tables of WAP-259 appendix C: these are this gateway's own. */
export const DEFAULT_BEARER_NAMES: BearerNameOptions = {
  networks: { IMS: 'any' },
  bearers: {
    SIP: ['sip-message', 'msrp-session', 'indirection', 'oma-push', 'oma-push-reference'],
    MSRP: ['msrp-session'],
  },
};

/** The names that this gateway can honour, in lower case (WAP-247 compares them without case). */
export interface BearerNames {
  readonly networks: ReadonlyMap<string, Bearers>;
  readonly bearers: ReadonlyMap<string, Bearers>;
}

/** `Any` is a name of every gateway (WAP-259 appendix C, number 0). */
const ANY: readonly [string, Bearers] = ['any', 'any'];

/** Reads the names once. A name whose bearers are none of `present` cannot be honoured and is left out. */
export function compileBearerNames({ networks, bearers }: BearerNameOptions, present?: readonly string[]): BearerNames {
  const here = (meant: Bearers): Bearers =>
    meant === 'any' || present === undefined ? meant : meant.filter((name) => present.includes(name));
  const compile = (names: Readonly<Record<string, Bearers>>): ReadonlyMap<string, Bearers> =>
    new Map([
      ...Object.entries(names)
        .map(([name, meant]): readonly [string, Bearers] => [name.trim().toLowerCase(), here(meant)])
        .filter(([, meant]) => meant.length > 0),
      ANY,
    ]);
  return { networks: compile(networks), bearers: compile(bearers) };
}

/** The operator's names over those that are there; `present` are the bearers that the gateway has. */
export const namesOf = ({ networks, bearers }: BearerNameOptions, present: readonly string[]): BearerNames =>
  compileBearerNames(
    {
      networks: { ...DEFAULT_BEARER_NAMES.networks, ...networks },
      bearers: { ...DEFAULT_BEARER_NAMES.bearers, ...bearers },
    },
    present,
  );

export const DEFAULT_NAMES: BearerNames = compileBearerNames(DEFAULT_BEARER_NAMES);

const find = (names: ReadonlyMap<string, Bearers>, name: string | undefined): Bearers | undefined =>
  name === undefined ? 'any' : names.get(name.trim().toLowerCase());

const both = (one: Bearers, other: Bearers): Bearers => {
  if (one === 'any') return other;
  return other === 'any' ? one : one.filter((name) => other.includes(name));
};

/** The bearers that a push may go by: those that it requires, else any. Empty: what it requires is not here. */
export function bearersAllowed(qos: QualityOfService | undefined, names: BearerNames = DEFAULT_NAMES): Bearers {
  if (qos === undefined || !(qos.networkRequired || qos.bearerRequired)) return 'any';
  return both(
    qos.networkRequired ? (find(names.networks, qos.network) ?? []) : 'any',
    qos.bearerRequired ? (find(names.bearers, qos.bearer) ?? []) : 'any',
  );
}

/** The bearers that a push names, required or not; what is not known here is no wish. */
export function bearersWished(qos: QualityOfService | undefined, names: BearerNames = DEFAULT_NAMES): Bearers {
  if (qos === undefined || (qos.network === undefined && qos.bearer === undefined)) return 'any';
  const wished = both(find(names.networks, qos.network) ?? 'any', find(names.bearers, qos.bearer) ?? 'any');
  return wished.length === 0 ? 'any' : wished;
}

/** Whether one of the gateway's bearers is among them. */
export const isAmong = (bearers: Bearers, name: string): boolean => bearers === 'any' || bearers.includes(name);

/**
 * The code for a push that requires what is not here: 3009 where the network is missing, 3010 where the bearer is, or is
 * not in that network. Undefined: nothing is missing.
 */
export function missingBearer(qos: QualityOfService, names: BearerNames = DEFAULT_NAMES): number | undefined {
  if (qos.networkRequired && find(names.networks, qos.network) === undefined) {
    return PAP.REQUIRED_NETWORK_NOT_AVAILABLE;
  }
  return bearersAllowed(qos, names).length === 0 ? PAP.REQUIRED_BEARER_NOT_AVAILABLE : undefined;
}

/** The code when none of the bearers that a push requires takes it at delivery. */
export const requirementCode = ({ bearerRequired }: QualityOfService): number =>
  bearerRequired ? PAP.REQUIRED_BEARER_NOT_AVAILABLE : PAP.REQUIRED_NETWORK_NOT_AVAILABLE;

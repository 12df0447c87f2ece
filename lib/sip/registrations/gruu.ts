import { parseSipOnly, uriParam } from '../../codec/sip/uri.ts';
import type { Device } from '../../model/device.ts';
import { aorOfUri } from '../aor.ts';

/** What a GRUU that was told with one identity of a set says of another. */
interface Identity {
  readonly aor: string;
  /** The identity that the GRUU was told with is this one. */
  readonly isNamed: boolean;
  /** The other identities of the set. */
  readonly others: readonly string[];
  /** What was known of the same device under this identity. */
  readonly before: Device | undefined;
}

/**
 * A device as one identity has it: a public GRUU belongs to one address-of-record (RFC 5627 section 3.1). Where its gr
 * parameter is the instance (3GPP TS 24.229 section 5.4.7A.2) the core has one for every SIP URI of the set, and it can be
 * told; numbers may be tel: URIs, which have none. Else the one that was known before stays, or the instance leads to it.
 */
export function withOwnGruu(device: Device, { aor, isNamed, others, before }: Identity): Device {
  const { gruu, ...rest } = device;
  if (gruu === undefined || (isNamed && others.length === 0)) return device;
  const owner = ownerOf(gruu);
  if (owner === aor || (isNamed && !others.includes(owner))) return device;
  const own = builtFor(aor, gruu, device.instance) ?? knownOf(aor, before);
  return own === undefined ? rest : { ...rest, gruu: own };
}

/** A registrar that makes GRUUs of its own form is believed about whom it told with them. */
const ownerOf = (gruu: string): string => aorOfUri(gruu, '');

function builtFor(aor: string, gruu: string, instance: string | undefined): string | undefined {
  const gr = uriParam(parseSipOnly(gruu), 'gr');
  if (gr === undefined || instance === undefined || aor.startsWith('sip:+')) return undefined;
  return decoded(gr).toLowerCase() === instance.toLowerCase() ? `${aor};gr=${gr}` : undefined;
}

const knownOf = (aor: string, before: Device | undefined): string | undefined =>
  before?.gruu !== undefined && ownerOf(before.gruu) === aor ? before.gruu : undefined;

function decoded(gr: string): string {
  try {
    return decodeURIComponent(gr);
  } catch {
    return gr; // no escape, so no instance either
  }
}

import type { HeaderField } from '../model/push.ts';
import { chargingVectors } from './charging-vector.ts';

/** How the gateway shows itself to an IMS core on the ISC interface (3GPP TS 24.229 section 5.7). */
export interface IscOptions {
  /** The gateway's public service identity, a SIP URI. */
  readonly identity: string;
  /** Host that makes charging identifiers and names our operator. */
  readonly domain: string;
  /**
   * IMS communication service identifier of what the gateway sends (P-Asserted-Service, RFC 6050), as
   * `urn:urn-7:3gpp-service.ims.icsi.…`. Default: none, since none is registered for push.
   */
  readonly assertedService?: string | undefined;
  /**
   * IMS application reference identifiers that devices must have registered (`+g.3gpp.iari-ref`, TS 24.229 section 7.2A.9),
   * as `urn:urn-7:3gpp-application.ims.iari.…`. Default: nothing is asked of them.
   */
  readonly iari?: readonly string[] | undefined;
}

/**
 * Headers for one request that the gateway originates outside a dialog: P-Asserted-Identity (RFC 3325),
 * P-Asserted-Service, a P-Charging-Vector with an ICID of its own (RFC 7315), `Privacy: id` where asked for, and
 * Accept-Contact for the applications. Not for requests within a dialog: those keep the charging vector of the first.
 */
export type IscHeaders = (wishes?: IscWishes) => readonly HeaderField[];

export interface IscWishes {
  /** Default false. */
  readonly privacy?: boolean;
  /** Whether the request is for a device; one for the core asks for no service and no application. Default true. */
  readonly forDevice?: boolean;
}

const PRIVATE: HeaderField = { name: 'Privacy', value: 'id' }; // RFC 3325 section 9.3

/** Made once: its charging identifiers are counted. */
export function iscHeaders({ identity, domain, assertedService, iari = [] }: IscOptions): IscHeaders {
  const asserted: HeaderField = { name: 'P-Asserted-Identity', value: `<${identity}>` };
  const service: HeaderField[] = [];
  if (assertedService !== undefined) service.push({ name: 'P-Asserted-Service', value: assertedService });
  if (iari.length > 0) service.push({ name: 'Accept-Contact', value: acceptContactForIari(iari) });
  const charging = chargingVectors(domain);
  return ({ privacy = false, forDevice = true } = {}) => {
    const headers: HeaderField[] = forDevice ? [asserted, ...service] : [asserted];
    headers.push({ name: 'P-Charging-Vector', value: charging() });
    if (privacy) headers.push(PRIVATE);
    return headers;
  };
}

/** Colons are escaped in the tag (TS 24.229 section 7.2A.9.2: the URN is percent-encoded). */
const acceptContactForIari = (iari: readonly string[]): string =>
  `*;+g.3gpp.iari-ref="${iari.map((urn) => urn.replaceAll(':', '%3A')).join(',')}";require;explicit`;

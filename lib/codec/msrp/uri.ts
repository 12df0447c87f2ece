import { PpgError } from '../../base/errors.ts';
import { formatHostPort } from '../sip/host.ts';
import { MAX_PATH } from './limits.ts';

/** An MSRP URI (RFC 4975 section 6). */
export interface MsrpUri {
  /** True for msrps: TLS. */
  readonly secure: boolean;
  /** Name, address, or IPv6 address without brackets; lower case. */
  readonly host: string;
  readonly port: number;
  /** Absent for a relay. */
  readonly session: string | undefined;
  /** Always `tcp` in practice; lower case. */
  readonly transport: string;
}

const LONGEST = 1024;
const URI =
  /^(msrps?):\/\/(?:[^\s@/;]{1,256}@)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,255})(?::(\d{1,5}))?(?:\/([A-Za-z0-9\-._~+=/%]{1,512}))?;([a-z0-9]{1,16})(?:;[^\s]{0,512})?$/i;

/** The port of msrp URIs that name none (RFC 4975 section 15.4). */
export const DEFAULT_MSRP_PORT = 2855;

/** Throws PPG_E_MSRP_SYNTAX. */
export function parseMsrpUri(text: string): MsrpUri {
  const match = text.length > LONGEST ? null : URI.exec(text);
  const [, scheme = '', host = '', port, session, transport = ''] = match ?? [];
  const number = port === undefined ? DEFAULT_MSRP_PORT : Number(port);
  if (match === null || number > 65_535) throw new PpgError('PPG_E_MSRP_SYNTAX', 'an MSRP URI cannot be read');
  return {
    secure: scheme.toLowerCase() === 'msrps',
    host: (host.startsWith('[') ? host.slice(1, -1) : host).toLowerCase(),
    port: number,
    session,
    transport: transport.toLowerCase(),
  };
}

export const formatMsrpUri = ({ secure, host, port, session, transport }: MsrpUri): string =>
  `${secure ? 'msrps' : 'msrp'}://${formatHostPort({ host, port })}${session === undefined ? '' : `/${session}`};${transport}`;

/** Equal in what section 6.1 compares: scheme, host, port, session-id with its case, transport. */
export const sameMsrpUri = (a: MsrpUri, b: MsrpUri): boolean =>
  a.secure === b.secure &&
  a.host === b.host &&
  a.port === b.port &&
  a.session === b.session &&
  a.transport === b.transport;

/** The URIs of a To-Path, From-Path or `a=path`, first the next hop. Throws PPG_E_MSRP_SYNTAX; never empty. */
export function parsePath(value: string): readonly MsrpUri[] {
  const parts = value.trim().split(/ +/, MAX_PATH + 1);
  if (parts.length > MAX_PATH) throw new PpgError('PPG_E_MSRP_SYNTAX', `a path has more than ${MAX_PATH} URIs`);
  return parts.map(parseMsrpUri);
}

export const formatPath = (path: readonly MsrpUri[]): string => path.map(formatMsrpUri).join(' ');

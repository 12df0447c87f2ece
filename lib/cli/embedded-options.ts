import { PpgError } from '../base/errors.ts';
import type { TlsOptions } from '../stack/tls-options.ts';
import type { NodeTls, Running } from './embedded.ts';

/** What a command that runs a node alone may say of its other transports; the configuration says the rest. */
export interface SecureCommandOptions {
  readonly tlsPort?: number | undefined;
  readonly wsPort?: number | undefined;
  /** Files. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** TLS of a node that runs alone: of the command line, else of the configuration. Throws PPG_E_OPTIONS for a port without a certificate. */
export function tlsOf(
  { tlsPort, cert, key, ca }: SecureCommandOptions,
  configured: TlsOptions | undefined,
  port: number | undefined,
): NodeTls {
  if (tlsPort !== undefined && (cert ?? configured?.cert) === undefined)
    throw new PpgError('PPG_E_OPTIONS', '--tls-port needs --cert and --key, or PPG_SIP_TLS_CERT and PPG_SIP_TLS_KEY');
  const given = cert === undefined && key === undefined ? {} : { cert, key };
  return {
    cert: configured?.cert,
    key: configured?.key,
    ca: ca ?? configured?.ca,
    ...given,
    port: tlsPort ?? port,
  };
}

/** `, TLS at 5061, WebSocket at 5062`. */
export const alsoAt = ({ tlsPort, wsPort }: Pick<Running, 'tlsPort' | 'wsPort'>): string =>
  [
    ...(tlsPort === undefined ? [] : [`, TLS at ${tlsPort}`]),
    ...(wsPort === undefined ? [] : [`, WebSocket at ${wsPort}`]),
  ].join('');

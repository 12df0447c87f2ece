import { PpgError } from '../base/errors.ts';
import { readCredentials, type TlsOptions } from '../stack/tls-options.ts';
import type { NodeConfig } from './config-schema.ts';

/**
 * Reads every certificate and key of a configuration before anything is started by them: further down a part knows its own
 * `tls.cert`, and not whose it is. Throws PPG_E_CONFIG that names option and variable.
 */
export function checkTlsFiles({ http, sip, msrp }: Pick<NodeConfig, 'http' | 'sip' | 'msrp'>): void {
  const { cert, key } = (msrp?.['tls'] ?? {}) as TlsOptions;
  check('http.tls', 'PPG_HTTP_TLS', http.tls);
  check('sip.tls', 'PPG_SIP_TLS', sip.tls);
  check('msrp.tls', 'PPG_MSRP_TLS', { cert, key });
}

const BY_VARIABLE = /^tls\.(cert|key|ca) /;

function check(option: string, variable: string, tls: TlsOptions | undefined): void {
  try {
    readCredentials(tls);
  } catch (error) {
    if (!(error instanceof PpgError)) throw error;
    const member = BY_VARIABLE.exec(error.message)?.[1];
    const text = error.message.replace(/^tls/, `ppg.${option}`);
    throw new PpgError(
      'PPG_E_CONFIG',
      member === undefined ? text : text.replace(' ', ` (${variable}_${member.toUpperCase()}): `),
    );
  }
}

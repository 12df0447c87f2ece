import { parseNameAddr } from '../codec/sip/name-addr.ts';
import { canonicalAor } from '../codec/sip/uri-compare.ts';

/**
 * The address-of-record under which the gateway knows a user (RecipientAddress.aor): `sip:user@host`, without port and
 * parameters; a telephone number as `sip:+digits@domain`. Throws PPG_E_SIP_SYNTAX.
 */
export function aorOfUri(uri: string, domain: string): string {
  const canonical = canonicalAor(uri);
  if (canonical.startsWith('tel:')) return `sip:${canonical.slice(4)}@${domain.toLowerCase()}`;
  return canonical.replace(/(@.+):\d+$/, '$1');
}

/** As {@link aorOfUri}, of a To, From or P-Associated-URI value; undefined when it names no user. */
export function aorOfHeader(value: string | undefined, domain: string): string | undefined {
  if (value === undefined) return undefined;
  try {
    const aor = aorOfUri(parseNameAddr(value).uri, domain);
    return aor.includes('@') ? aor : undefined;
  } catch {
    // not an address that a push could be sent to: for the caller the same as none
    return undefined;
  }
}

import { parseNameAddrs } from '../codec/sip/name-addr.ts';
import { aorOfUri } from './aor.ts';
import type { RequestLike } from './leg.ts';
import type { TrustedPeers } from './trusted-peers.ts';

/** A SIP or SIPS URI and a tel URI (RFC 3325 section 9.1); what has more is not believed. */
const MOST = 2;

/**
 * Addresses-of-record of the user who sent a request, as the core vouches for it in P-Asserted-Identity. From others than
 * trusted peers the header must not be used (RFC 3325 section 5). Undefined when nobody vouches for anybody: the peer is not
 * trusted, the header is not there, or cannot be read. A telephone number is `sip:+digits@domain`.
 */
export function assertedIdentity(req: RequestLike, trusts: TrustedPeers, domain: string): string[] | undefined {
  const value = req.get('P-Asserted-Identity');
  if (value === undefined || !trusts(req.source_address)) return undefined;
  try {
    const aors = parseNameAddrs([value]).map(({ uri }) => aorOfUri(uri, domain));
    return aors.length <= MOST && aors.every((aor) => aor.includes('@')) ? aors : undefined;
  } catch {
    // A header that cannot be read vouches for nobody; its sender is a trusted peer, so it is no attack worth a line.
    return undefined;
  }
}

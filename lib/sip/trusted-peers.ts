import { networkList } from '../base/networks.ts';

/** Says whether a source address is of our own trust domain (RFC 3325). */
export type TrustedPeers = (address: string) => boolean;

/**
 * The peers whose REGISTERs and asserted identities are believed: IP addresses and networks (`10.1.0.0/16`,
 * `2001:db8::/32`), or a predicate of the integrator's own. IPv4 addresses match in their IPv6 notation too. An empty
 * list trusts nobody. Throws PPG_E_OPTIONS for an entry that is neither.
 */
export const trustedPeers = (peers: readonly string[] | TrustedPeers): TrustedPeers =>
  typeof peers === 'function' ? guarded(peers) : networkList(peers, 'sip.trustedPeers');

/** A predicate that throws trusts nobody: the question is asked in the middle of a SIP handler. */
const guarded =
  (peers: TrustedPeers): TrustedPeers =>
  (address) => {
    try {
      return peers(address) === true;
    } catch {
      // whoever cannot say whether a peer is trusted does not trust it
      return false;
    }
  };

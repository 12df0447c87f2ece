import { BlockList, isIP } from 'node:net';
import { PpgError } from '../base/errors.ts';

/** Says whether a source address is of our own trust domain (RFC 3325). */
export type TrustedPeers = (address: string) => boolean;

/**
 * The peers whose REGISTERs and asserted identities are believed: IP addresses and networks (`10.1.0.0/16`,
 * `2001:db8::/32`), or a predicate of the integrator's own. IPv4 addresses match in their IPv6 notation too. An empty
 * list trusts nobody. Throws PPG_E_OPTIONS for an entry that is neither.
 */
export function trustedPeers(peers: readonly string[] | TrustedPeers): TrustedPeers {
  if (typeof peers === 'function') return guarded(peers);
  const list = new BlockList();
  for (const peer of peers) add(list, peer);
  return (address) => {
    const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
    const family = isIP(bare);
    return family !== 0 && list.check(bare, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function add(list: BlockList, peer: string): void {
  const [address = '', prefix, ...rest] = peer.trim().split('/');
  const version = isIP(address);
  const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (version === 0 || address.includes('%') || rest.length > 0 || (bits !== undefined && !isPrefix(bits, version)))
    throw new PpgError(
      'PPG_E_OPTIONS',
      `sip.trustedPeers: "${peer}" is neither an IP address nor a network (address/bits)`,
    );
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, bits, family);
}

const isPrefix = (bits: number, version: number): boolean => bits >= 0 && bits <= (version === 4 ? 32 : 128);

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

import { BlockList, isIP, isIPv6 } from 'node:net';
import { PpgError } from './errors.ts';

/**
 * IP addresses and networks (`10.1.0.0/16`, `2001:db8::/32`); says whether an address is among them. IPv4 addresses
 * match in their IPv6 notation too, IPv6 addresses in brackets too. Throws PPG_E_OPTIONS, which names `option`, for an
 * entry that is neither.
 */
export function networkList(entries: readonly string[], option: string): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) add(list, entry, option);
  return (address) => {
    const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
    const family = isIP(bare);
    return family !== 0 && list.check(bare, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/** Whether {@link networkList} takes it. */
export function isNetwork(entry: string): boolean {
  try {
    networkList([entry], '');
    return true;
  } catch {
    return false;
  }
}

function add(list: BlockList, entry: string, option: string): void {
  const [address = '', prefix, ...rest] = entry.trim().split('/');
  const version = isIP(address);
  const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (version === 0 || address.includes('%') || rest.length > 0 || (bits !== undefined && !isPrefix(bits, version)))
    throw new PpgError('PPG_E_OPTIONS', `${option}: "${entry}" is neither an IP address nor a network (address/bits)`);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, bits, family);
}

const isPrefix = (bits: number, version: number): boolean => bits >= 0 && bits <= (version === 4 ? 32 : 128);

/** How IPv6 sockets write IPv4 addresses (RFC 4291 section 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.)/i;

/** A server on the same machine: it may speak for many. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(MAPPED, '');
  return plain.startsWith('127.') || plain === '::1';
}

/** The network that counts as one peer: an IPv4 address, or the 64 bits of IPv6 that one host has for itself (RFC 6177). */
export function networkOf(address: string): string {
  const plain = address.replace(MAPPED, '');
  if (!isIPv6(plain)) return plain;
  const [front = '', back] = plain.split('::');
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    const after = back === '' ? [] : back.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return groups.slice(0, 4).join(':');
}

import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { networkList } from '../base/networks.ts';

/** Whether this side may connect to an address that a peer's SDP has led to. */
export type Reach = (address: string) => boolean;

/** Where no device is: this network, link-local (metadata services of clouds are there), multicast, reserved. */
const NOWHERE = ['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4', '::/128', 'fe80::/10', 'ff00::/8'];

/**
 * Devices name the host and port to connect to, and most sit in private networks, so those are fine unless `networks` (addresses
 * and networks) says which are. Throws PPG_E_OPTIONS for an entry that is neither.
 */
export function reachOf(networks: readonly string[] | undefined): Reach {
  if (networks !== undefined) return networkList(networks, 'msrp.networks');
  const nowhere = networkList(NOWHERE, 'msrp.networks');
  return (address) => !nowhere(address);
}

/** A literal that may not be connected to. Names are looked at when they are resolved: `lookupWithin`. */
export const isBeyond = (host: string, reach: Reach): boolean => isIP(host) !== 0 && !reach(host);

/** A `lookup` for `net.connect` that gives none but addresses within reach. */
export const lookupWithin =
  (reach: Reach): LookupFunction =>
  (hostname, options, callback) =>
    lookup(hostname, options, (error, found, family) => {
      if (error !== null) return callback(error, found, family);
      const all = typeof found === 'string' ? [{ address: found, family: family ?? isIP(found) }] : found;
      const within = all.filter(({ address }) => reach(address));
      const [first] = within;
      if (first === undefined) callback(new Error('its addresses are out of reach (msrp.networks)'), '');
      else if (options.all === true) callback(null, within);
      else callback(null, first.address, first.family);
    });

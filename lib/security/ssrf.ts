import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { PpgError } from '../base/errors.ts';

export interface UrlGuardOptions {
  /** Let URLs point anywhere, loopback and private networks included. Default false. */
  readonly allowPrivate?: boolean;
  /**
   * Host names, addresses and CIDR ranges that are allowed although they are not public. An address of 64:ff9b::/96 is
   * judged as the IPv4 address within, by these ranges too.
   */
  readonly allow?: readonly string[];
}

/** IPv4 that is not the public Internet (RFC 6890 and its registry). */
const FORBIDDEN_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private, RFC 1918
  '100.64.0.0/10', // carrier NAT, RFC 6598
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local; cloud metadata lives here
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, RFC 7526
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** Of IPv6 only 2000::/3 is public, and not all of it. */
const FORBIDDEN_V6 = [
  '::/3', // unspecified, loopback, mapped and translated IPv4; for 64:ff9b::/96 see judged()
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: carries any IPv4
  '3fff::/20', // documentation, RFC 9637
  '4000::/2',
  '8000::/1', // unique local, link-local, multicast
];

// Two lists: a BlockList holds IPv4 addresses against IPv6 ranges as ::ffff:a.b.c.d, and ::/3 would take them all.
const forbiddenV4 = listOf(FORBIDDEN_V4);
const forbiddenV6 = listOf(FORBIDDEN_V6);
const wellKnown = listOf(['64:ff9b::/96']);

const MAX_APPROVED = 256;

/** `lookup` of net.connect and undici's connect. */
export type Lookup = (
  hostname: string,
  options: LookupOptions,
  callback: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/**
 * Keeps notify URLs from turning the gateway against its own network. A URL is checked when it is submitted, and the
 * addresses behind its name again at every connection: a name may point elsewhere by then.
 */
export class UrlGuard {
  readonly #open: boolean;
  readonly #allowedNames: ReadonlySet<string>;
  readonly #allowed: BlockList;
  /** Verdicts by text: a PI gives the same URL with every push. Only good ones, so that nothing hostile fills it. */
  readonly #approved = new Map<string, URL>();

  /** Throws PPG_E_OPTIONS for an `allow` entry that is no name, address or range. */
  constructor(options: UrlGuardOptions = {}) {
    this.#open = options.allowPrivate ?? false;
    const allow = options.allow ?? [];
    const isRange = (entry: string): boolean => isIP(entry.split('/', 1)[0] as string) !== 0;
    this.#allowed = listOf(allow.filter(isRange));
    this.#allowedNames = new Set(allow.filter((entry) => !isRange(entry)).map((entry) => entry.toLowerCase()));
  }

  /**
   * The URL, parsed, when it may be called as far as its text tells.
   * Throws PPG_E_NOTIFY_URL: not http or https, credentials inside, a forbidden address or local name.
   */
  checkUrl(text: string): URL {
    const approved = this.#approved.get(text);
    if (approved !== undefined) return approved;
    const url = this.#check(text);
    if (this.#approved.size >= MAX_APPROVED) this.#approved.clear();
    this.#approved.set(text, url);
    return url;
  }

  #check(text: string): URL {
    if (!URL.canParse(text)) throw refused('is no URL');
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('is neither http nor https');
    if (url.username !== '' || url.password !== '') throw refused('holds credentials');
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (host === '') throw refused('has no host');
    if (isIP(host) !== 0) this.#checkAddress(host);
    else if (!this.#open && !this.#allowedNames.has(host) && isLocalName(host)) throw refused('names a local host');
    return url;
  }

  /**
   * Checks what a name resolved to; one forbidden address spoils them all, since nobody knows which is used.
   * Throws PPG_E_NOTIFY_URL.
   */
  checkResolved(addresses: readonly string[], hostname?: string): void {
    if (hostname !== undefined && this.#allowedNames.has(hostname.toLowerCase())) return;
    if (addresses.length === 0) throw refused('has no address');
    for (const address of addresses) this.#checkAddress(address);
  }

  /** A `lookup` for `new Agent({ connect: { lookup } })` that refuses to hand out forbidden addresses. */
  lookup(resolve: Lookup = systemLookup as Lookup): Lookup {
    return (hostname, options, callback) => {
      resolve(hostname, options, (error, found, family) => {
        if (error !== null) return callback(error, found, family);
        try {
          this.checkResolved(typeof found === 'string' ? [found] : found.map(({ address }) => address), hostname);
        } catch (refusal) {
          return callback(refusal as NodeJS.ErrnoException, typeof found === 'string' ? '' : []);
        }
        callback(null, found, family);
      });
    };
  }

  #checkAddress(address: string): void {
    if (this.#open) return;
    if (isForbidden(address) && !contains(this.#allowed, judged(address)))
      throw refused('points to an address that is not public');
  }
}

/**
 * True for every address that is not on the public Internet. Of IPv6 that carries an IPv4 address only the well-known
 * prefix of NAT64 can be: IPv6-only networks reach the IPv4 Internet by it (RFC 6052, RFC 6147).
 */
export function isForbidden(address: string): boolean {
  const meant = judged(address);
  return isIP(meant) === 0 || contains(isIPv4(meant) ? forbiddenV4 : forbiddenV6, meant);
}

/** The IPv4 address that a translator would make of one with its well-known prefix (RFC 6052 section 2.1); others as they are. */
function judged(address: string): string {
  const bare = bareOf(address);
  if (!isIPv6(bare) || !wellKnown.check(bare, 'ipv6')) return address;
  // A URL writes it `64:ff9b::` and the last two groups, without the zeros that begin them.
  const groups = new URL(`http://[${bare}]`).hostname.slice('[64:ff9b::'.length, -1).split(':');
  const [high = 0, low = 0] = groups.length === 2 ? groups.map(hexadecimal) : [0, hexadecimal(groups[0] ?? '')];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

const hexadecimal = (group: string): number => Number.parseInt(group || '0', 16);

/** Without the zone of a link-local address. */
const bareOf = (address: string): string => address.split('%', 1)[0] as string;

const contains = (list: BlockList, address: string): boolean => {
  const bare = bareOf(address);
  return list.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
};

const isLocalName = (host: string): boolean => {
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return name === 'localhost' || name.endsWith('.localhost') || name.endsWith('.local') || !name.includes('.');
};

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    const length = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits);
    if (!Number.isInteger(length) || length < 0 || length > (family === 'ipv4' ? 32 : 128)) {
      throw new PpgError('PPG_E_OPTIONS', `${range} is no address range`);
    }
    list.addSubnet(address, length, family);
  }
  return list;
}

const refused = (what: string): PpgError => new PpgError('PPG_E_NOTIFY_URL', `ppg-notify-requested-to ${what}`);

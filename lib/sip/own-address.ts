import { parseSipOnly, type SipUri, uriParam } from '../codec/sip/uri.ts';

/** Tells which request URIs mean the gateway. */
export interface OwnAddress {
  /** The gateway's identity: its user, at its domain or at an address it listens on. */
  isIdentity(uri: string): boolean;
  /** The identity, or an address the gateway listens on without any user, as a core addresses an application server. */
  isServer(uri: string): boolean;
}

const SIP_PORT = 5060;
const SIPS_PORT = 5061;

/**
 * `identity` is a SIP URI with a user; `addresses` answers the `host:port` pairs at which requests reach the gateway
 * now, since a leg learns its own only once it is connected.
 */
export function ownAddress(identity: string, addresses: () => readonly (string | undefined)[]): OwnAddress {
  const own = parseSipOnly(identity);
  const home = own.host.toLowerCase();

  const isOurs = (uri: SipUri): boolean => {
    const lower = uri.host.toLowerCase();
    const effective = uri.port ?? defaultPort(uri);
    return addresses().some((address) => {
      if (address === undefined) return false;
      const here = read(`sip:${address}`);
      return here !== undefined && here.host.toLowerCase() === lower && (here.port ?? SIP_PORT) === effective;
    });
  };
  // Cores write the port of an application server out; who wants another port than the usual one means somebody else.
  const isHome = (uri: SipUri): boolean =>
    uri.host.toLowerCase() === home &&
    (uri.port === own.port || (uri.port ?? defaultPort(uri)) === (own.port ?? defaultPort(uri)));
  const isUs = (uri: SipUri): boolean => uri.user === own.user && (isHome(uri) || isOurs(uri));

  return {
    isIdentity(text) {
      const uri = read(text);
      return uri !== undefined && isUs(uri);
    },
    isServer(text) {
      const uri = read(text);
      return uri !== undefined && (isUs(uri) || (uri.user === undefined && isOurs(uri)));
    },
  };
}

/** RFC 3261 section 19.1.2 */
function defaultPort(uri: SipUri): number {
  const byTls = uri.scheme === 'sips' || uriParam(uri, 'transport')?.toLowerCase() === 'tls';
  return byTls ? SIPS_PORT : SIP_PORT;
}

function read(text: string): SipUri | undefined {
  try {
    return parseSipOnly(text);
  } catch {
    return undefined; // what is no SIP URI is not ours
  }
}

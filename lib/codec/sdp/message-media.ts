import { PpgError } from '../../base/errors.ts';

/** A certificate's hash (RFC 8122): `sha-256` and upper-case hex with colons. */
export interface Fingerprint {
  readonly hash: string;
  readonly value: string;
}

export type Setup = 'active' | 'passive' | 'actpass' | 'holdconn';

/** A message session of an SDP (RFC 4975 section 8). */
export interface MessageMedia {
  /** 0: refused, or there for its capabilities only. */
  readonly port: number;
  /** TCP/TLS/MSRP. */
  readonly secure: boolean;
  /** Value of `a=path`: URIs, first the next hop. Undefined when there is none. */
  readonly path: string | undefined;
  /** Who connects (RFC 6135); undefined: the offerer. */
  readonly setup: Setup | undefined;
  /** Media types in lower case and without parameters, `*` and `text/*` among them. */
  readonly acceptTypes: readonly string[];
  /** Types that only `message/cpim` and its like may hold. */
  readonly acceptWrappedTypes: readonly string[];
  /** Octets of the largest message; undefined: no bound told. */
  readonly maxSize: number | undefined;
  readonly fingerprints: readonly Fingerprint[];
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
}

const MAX_BYTES = 64 * 1024;
const MAX_LINES = 1000;
const MAX_TYPES = 256;
const MEDIA = /^message (\d{1,5})(?:\/\d{1,5})? (TCP\/MSRP|TCP\/TLS\/MSRP) \*$/i;
const FINGERPRINT = /^([a-z0-9-]{3,20}) ([0-9a-f]{2}(?::[0-9a-f]{2}){15,63})$/i;
/** RFC 4975 section 9: a type in accept-types may have parameters. They say no more than the 415 of who minds them. */
const PARAMETER = /;[ \t]*[^\s;="]{1,64}=(?:"[^"]{0,256}"|[^\s;"]{1,256})/g;
const SETUP = /^(?:active|passive|actpass|holdconn)$/;
const DIRECTION = /^(?:sendrecv|sendonly|recvonly|inactive)$/;

/**
 * The first MSRP session of an SDP; undefined when it has none. Unknown lines are skipped. Throws PPG_E_SDP for what is no
 * SDP, or beyond 64 KiB or 1,000 lines.
 */
export function readMessageMedia(sdp: Buffer): MessageMedia | undefined {
  if (sdp.length > MAX_BYTES) throw refused(`more than ${MAX_BYTES} octets`);
  const lines = sdp.toString('utf8').split(/\r?\n/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) throw refused(`more than ${MAX_LINES} lines`);
  if (lines[0]?.trim() !== 'v=0') throw refused('it does not begin with v=0');
  const session: string[] = [];
  let own: string[] | undefined;
  let found: RegExpExecArray | undefined;
  for (const line of lines) {
    if (line.startsWith('m=')) {
      if (found !== undefined) break;
      found = MEDIA.exec(line.slice(2).trim()) ?? undefined;
      own = found === undefined ? undefined : [];
      if (session.at(-1) !== 'm') session.push('m');
    } else if (line.startsWith('a=')) {
      // Attributes before the first m= hold for all media.
      (own ?? (session.at(-1) === 'm' ? undefined : session))?.push(line.slice(2).trim());
    }
  }
  if (found === undefined || own === undefined) return undefined;
  const port = Number(found[1]);
  if (port > 65_535) throw refused('a port is none');
  return mediaOf(port, found[2]?.toUpperCase() === 'TCP/TLS/MSRP', [...own, ...session]);
}

/** Attributes of the media come before those of the session, so that the first of a name counts. */
function mediaOf(port: number, secure: boolean, attributes: readonly string[]): MessageMedia {
  const first = (name: string): string | undefined =>
    attributes.find((one) => one.startsWith(`${name}:`))?.slice(name.length + 1);
  const setup = first('setup')?.trim().toLowerCase();
  const size = first('max-size')?.trim();
  return {
    port,
    secure,
    path: first('path')?.trim() || undefined,
    setup: setup !== undefined && SETUP.test(setup) ? (setup as Setup) : undefined,
    acceptTypes: typesOf(first('accept-types')),
    acceptWrappedTypes: typesOf(first('accept-wrapped-types')),
    maxSize: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    fingerprints: attributes.flatMap((one) => fingerprintOf(one)),
    direction: (attributes.find((one) => DIRECTION.test(one)) ?? 'sendrecv') as MessageMedia['direction'],
  };
}

const typesOf = (value: string | undefined): string[] =>
  (value ?? '')
    .toLowerCase()
    .replace(PARAMETER, '')
    .trim()
    .split(/[ \t]+/, MAX_TYPES)
    .filter((type) => type !== '');

function fingerprintOf(attribute: string): Fingerprint[] {
  if (!attribute.startsWith('fingerprint:')) return [];
  const match = FINGERPRINT.exec(attribute.slice('fingerprint:'.length).trim());
  return match === null ? [] : [{ hash: (match[1] ?? '').toLowerCase(), value: (match[2] ?? '').toUpperCase() }];
}

export interface MessageSdp extends Omit<MessageMedia, 'acceptWrappedTypes' | 'fingerprints'> {
  /** Address of `c=` and `o=`. */
  readonly host: string;
  /** Of `o=`: a number. */
  readonly sessionId: string;
  readonly acceptWrappedTypes?: readonly string[];
  readonly fingerprint?: Fingerprint | undefined;
}

/** An SDP with one MSRP session. Throws PPG_E_SDP when something would break a line. */
export function writeMessageSdp(sdp: MessageSdp): Buffer {
  const { host, sessionId, port, secure, path, setup, maxSize, fingerprint, direction } = sdp;
  const address = `IN ${host.includes(':') ? 'IP6' : 'IP4'} ${host}`;
  const wrapped = sdp.acceptWrappedTypes ?? [];
  const lines = [
    'v=0',
    `o=- ${sessionId} 1 ${address}`,
    's=-',
    `c=${address}`,
    't=0 0',
    `m=message ${port} ${secure ? 'TCP/TLS/MSRP' : 'TCP/MSRP'} *`,
    `a=accept-types:${sdp.acceptTypes.join(' ')}`,
    ...(wrapped.length === 0 ? [] : [`a=accept-wrapped-types:${wrapped.join(' ')}`]),
    ...(path === undefined ? [] : [`a=path:${path}`]),
    ...(maxSize === undefined ? [] : [`a=max-size:${maxSize}`]),
    ...(setup === undefined ? [] : [`a=setup:${setup}`]),
    ...(fingerprint === undefined ? [] : [`a=fingerprint:${fingerprint.hash} ${fingerprint.value}`]),
    ...(direction === 'sendrecv' ? [] : [`a=${direction}`]),
  ];
  if (lines.some((line) => /[\r\n]/.test(line))) throw refused('a line break in a value');
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'utf8');
}

/** Whether a list of accept-types takes a media type (`*`, `text/*`, `text/plain`); parameters do not count. */
export function acceptsType(accepted: readonly string[], type: string): boolean {
  const plain = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  const range = `${plain.split('/', 1)[0]}/*`;
  return accepted.some((one) => one === '*' || one === '*/*' || one === plain || one === range);
}

const refused = (what: string): PpgError => new PpgError('PPG_E_SDP', `the SDP cannot be read: ${what}`);

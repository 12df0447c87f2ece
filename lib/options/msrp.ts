import { z } from 'zod';
import { DEFAULT_MSRP_POLICY, type MsrpPolicy } from '../bearer/msrp-session.ts';
import { parseMsrpUri } from '../codec/msrp/uri.ts';
import { DEFAULT_MSRP } from '../msrp/endpoint.ts';
import { milliseconds, networks } from './values.ts';

/** Pushes by MSRP (docs/bearers.md, "MSRP session"). Times in milliseconds. */
export interface MsrpOptions extends MsrpPolicy {
  /** Where devices connect to; `false`: the gateway always connects itself. Default any free port of every address. */
  readonly listen: false | { readonly host: string; readonly port: number };
  /** Host in the gateway's paths, where it is not the one listened on. */
  readonly advertise?: string | undefined;
  /**
   * Addresses and networks (`10.0.0.0/8`) that the path of a device may lead to. Default: all but link-local, multicast and
   * reserved ones. Of a relay of the gateway's own it says nothing.
   */
  readonly networks?: readonly string[] | undefined;
  /** Certificate and key, as PEM or names of files; with them sessions are over TLS unless `secure` is false. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly port: number } | undefined;
  /** A relay of the gateway's own (RFC 4976), by which all its sessions go; with an msrps URI they are over TLS. */
  readonly relay?:
    | {
        /** `msrps://relay.example.com:2855;tcp`; without a session-id. */
        readonly uri: string;
        readonly user: string;
        readonly password: string;
        /** Who signs the relay's certificate, as PEM or the name of a file. Default: those that the system trusts. */
        readonly ca?: string | undefined;
      }
    | undefined;
  /** Octets of content and push headers in a chunk, 2,048 to 65,536. Default 8,192. */
  readonly chunkBytes: number;
  /** Without a sign of life for so long the peer is gone. Default 30 s. */
  readonly transactionTime: number;
  /** How long after the last chunk was answered the success report may come. Default 30 s. */
  readonly reportTime: number;
  /** Default 10,000. */
  readonly maxSessions: number;
  /** Default 4,096. */
  readonly maxConnections: number;
}

function isRelayUri(text: string): boolean {
  try {
    const { session, transport } = parseMsrpUri(text);
    return session === undefined && transport === 'tcp';
  } catch {
    return false;
  }
}

type Given<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

export type MsrpConfiguration =
  | false
  | (Given<Omit<MsrpOptions, 'tls' | 'relay'>> & {
      readonly tls?: Given<NonNullable<MsrpOptions['tls']>> | undefined;
      readonly relay?: Given<NonNullable<MsrpOptions['relay']>> | undefined;
    });

const port = z.number().int().min(0).max(65_535);
const time = milliseconds;
const pem = z.string().min(1, 'must be PEM or the name of a file that holds it');
const name = z.string().min(1).max(256);
const relayUri = z.string().refine(isRelayUri, 'must be an MSRP URI as msrps://relay.example.com:2855;tcp');
/** What stands in a path and in c= and o= of an SDP. */
const host = z.string().regex(/^[A-Za-z0-9.:-]{1,255}$/, 'must be a host name or an address');

export const msrpSchema: z.ZodType<false | MsrpOptions, MsrpConfiguration> = z.union([
  z.literal(false),
  z
    .strictObject({
      listen: z.union([z.literal(false), z.strictObject({ host, port })]).default({ host: '0.0.0.0', port: 0 }),
      advertise: host.optional(),
      networks: networks.min(1).max(256).optional(),
      tls: z.strictObject({ cert: pem, key: pem, port: port.default(0) }).optional(),
      setup: z.enum(['actpass', 'active', 'passive']).default(DEFAULT_MSRP_POLICY.setup),
      secure: z.boolean().optional(),
      relay: z.strictObject({ uri: relayUri, user: name, password: name, ca: pem.optional() }).optional(),
      idle: time.default(DEFAULT_MSRP_POLICY.idle),
      messages: z.number().int().min(1).default(DEFAULT_MSRP_POLICY.messages),
      ringTime: time.max(60_000).default(DEFAULT_MSRP_POLICY.ringTime),
      above: z.number().int().min(0).default(DEFAULT_MSRP_POLICY.above),
      chunkBytes: z.number().int().min(2_048).max(65_536).default(DEFAULT_MSRP.chunkBytes),
      transactionTime: time.default(DEFAULT_MSRP.transactionTime),
      reportTime: time.max(60_000).default(DEFAULT_MSRP.reportTime),
      maxSessions: z.number().int().min(1).default(DEFAULT_MSRP.maxSessions),
      maxConnections: z.number().int().min(1).default(DEFAULT_MSRP.maxConnections),
    })
    .refine(({ secure, tls }) => secure !== true || tls !== undefined, {
      path: ['tls'],
      error: 'is missing: sessions over TLS need a certificate',
    })
    .refine(({ listen, setup, relay }) => listen !== false || setup === 'active' || relay !== undefined, {
      path: ['setup'],
      error: 'must be active where the gateway does not listen',
    })
    .transform((options) => ({ ...options, secure: options.secure ?? options.tls !== undefined })),
]) as unknown as z.ZodType<false | MsrpOptions, MsrpConfiguration>;

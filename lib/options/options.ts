import { z } from 'zod';
import { PpgError } from '../base/errors.ts';
import type { ProfileRule } from '../bearer/profile.ts';
import { PAP_LIMITS } from '../codec/pap/element.ts';
import { DEFAULT_LIMITS, DEFAULT_RETRY, type EngineLimits, type RetryPolicy } from '../engine/limits.ts';
import { DEFAULT_NOTIFY, type NotifyPolicy } from '../engine/notifier.ts';
import type { BearerNameOptions } from '../model/bearer-names.ts';
import type { TokenOptions } from '../security/bearer-token.ts';
import type { BlockEntry } from '../security/block-list.ts';
import { MIN_SECRET } from '../security/token-secret.ts';
import type { CapabilityPolicy } from '../sip/capabilities/cache.ts';
import type { SipCredentials } from '../sip/digest-client.ts';
import { DEFAULT_REG_EVENT } from '../sip/reg-event/options.ts';
import type { RegistrationSource } from '../sip/registrations/registrations.ts';
import type { TlsOptions } from '../stack/tls-options.ts';
import type { ListenPoint } from '../stack/types.ts';
import { type AddressingConfiguration, type AddressingOptions, addressingSchema } from './addressing.ts';
import { capabilitiesSchema } from './capabilities.ts';
import { type ContentOptions, contentSchema, profilesSchema } from './content.ts';
import { issueLines, wordsFor } from './explain.ts';
import {
  type AuthOptions,
  authSchema,
  type InitiatorConfiguration,
  type InitiatorOptions,
  initiatorSchema,
} from './initiators.ts';
import { type MsrpConfiguration, type MsrpOptions, msrpSchema } from './msrp.ts';
import { type OmaPushConfiguration, type OmaPushOptions, omaPushSchema } from './oma-push.ts';
import { type PapOptions, papSchema } from './pap.ts';
import { type SipDeliveryOptions, sipDeliveryShape } from './sip-delivery.ts';
import { milliseconds, networks } from './values.ts';

/** The gateway's own SIP stack, for what drachtio cannot carry: binary bodies, Route sets, large requests. */
export interface DirectLegOptions {
  /** Port 0 lets the system choose. */
  readonly listen: readonly ListenPoint[];
  /** Host name or address that peers shall use, when it is not the one listened on. */
  readonly advertise?: string | undefined;
  /**
   * Milliseconds between keep-alives at the most, on TCP and TLS connections that the leg makes (RFC 5626 section 4.4.1,
   * which proposes 120,000): they stay open, and one that is dead is found. Default none.
   */
  readonly keepAlive?: number | undefined;
  /**
   * TCP, TLS and WebSocket connections, of each kind, that one address may make (one IPv6 network of 64 bits). Loopback and
   * trustedPeers are not counted. Default 512.
   */
  readonly connectionsPerAddress?: number | undefined;
}

export interface SipOptions extends SipDeliveryOptions {
  /** Where requests are sent: the S-CSCF or I-CSCF, as a SIP URI. Without it they go where the request URI says. */
  readonly nextHop?: string | undefined;
  /** Addresses or CIDR ranges whose third-party REGISTERs count. Default loopback. */
  readonly trustedPeers: readonly string[];
  /**
   * Who tells of registrations: `register` (default): third-party REGISTER, or this app's own registrar; `reg-event`:
   * subscriptions to the reg event (RFC 3680); `both`; `none`. docs/registrations.md says what each core needs.
   */
  readonly registrations: RegistrationSource;
  /**
   * Where requests for a registered user go: `next-hop` (default), or, `learned`, to the S-CSCF that told of the user by
   * third-party REGISTER, and to the next hop as long as none did.
   */
  readonly route: 'next-hop' | 'learned';
  /** Which leg carries requests; `auto`, the default, picks by what the request needs. */
  readonly leg: 'auto' | 'drachtio' | 'direct';
  /** Default false: no direct leg. */
  readonly direct: false | DirectLegOptions;
  /** TLS of the direct leg, as PEM or names of files. Needed to listen by TLS; as a client the leg always can. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Whom the gateway says it is when a proxy or server asks (401, 407; RFC 3261 section 22). Without `realm` they answer
   * every realm that has none of its own. Default none: the core has to trust the gateway by address.
   */
  readonly credentials: readonly SipCredentials[];
  /** True: 404 is the end (code 2002). False, the default: it means offline, as many cores use it. Short for an entry of `outcomes`. */
  readonly notFoundIsFinal: boolean;
  /** How the metadata of a push travels to which devices; the first rule that matches counts, else `headers`. Default none. */
  readonly profiles: readonly ProfileRule[];
  /** How devices are asked what they can, by OPTIONS; docs/routing.md. Default: before the first push to each. */
  readonly capabilities: CapabilityPolicy;
  /** Devices may subscribe to pushes (package `oma-push`) and get them as NOTIFYs; `true`: with defaults. Default false. */
  readonly omaPush: false | OmaPushOptions;
}

/** Bounds; times in milliseconds. */
export interface LimitOptions extends EngineLimits {
  /** Octets of a PAP request body. Default: a content of 10 MiB and its control entity. */
  readonly maxBodyBytes: number;
  /** Recipients that may wait in the gateway before submissions get 503; 0: no limit. Default 1,000,000. */
  readonly backlog: number;
  /** Subscribers whose registration is kept in memory. Default 100,000. */
  readonly registrationCache: number;
  /** Users subscribed to at a time where the reg event is a source of registrations. Default 10,000. */
  readonly regEventSubscriptions: number;
}

export interface NotifyOptions extends NotifyPolicy {
  /** Let notify URLs point at loopback and private addresses. Default false. */
  readonly allowPrivate: boolean;
  /**
   * Addresses and networks that notify URLs may point at although they are not public; an address of 64:ff9b::/96 (NAT64)
   * is judged as the IPv4 address within. Default none.
   */
  readonly allow: readonly string[];
  /** How long one POST may take, milliseconds. Default 10 s. */
  readonly timeout: number;
}

/** The configuration with every default filled in. */
export interface CheckedConfiguration {
  /** Home domain: telephone numbers become `sip:+digits@domain`, and the gateway is `sip:push@domain`. The only value without a default. */
  readonly domain: string;
  /** SIP URI by which the gateway names itself (From, P-Asserted-Identity). Default `sip:push@` and the domain. */
  readonly identity?: string | undefined;
  /** `memory` (nothing survives) or `sqlite:` and a file name. Default `sqlite:./ppg.db`. */
  readonly store: string;
  /** Nobody may submit by default. */
  readonly initiators: readonly InitiatorOptions[];
  /** Who wants no pushes, of whom, for what. Default nobody. */
  readonly block: readonly BlockEntry[];
  /** Ways to log in besides the accounts' passwords and certificates. */
  readonly auth: AuthOptions;
  /**
   * What the gateway signs its names of pushes with, as they stand in content URLs and message ids; 32 octets or more, the
   * same on every node. Default: made at random, so that such names die with the process.
   */
  readonly secret?: string | undefined;
  readonly sip: SipOptions;
  readonly limits: LimitOptions;
  readonly retry: RetryPolicy;
  readonly notify: NotifyOptions;
  readonly pap: PapOptions;
  readonly addresses: AddressingOptions;
  readonly content: ContentOptions;
  /** Pushes in MSRP sessions. Default false: none. */
  readonly msrp: false | MsrpOptions;
  /** What Push Initiators call networks and bearers, over the names that are there: IMS, SIP, MSRP, Any. */
  readonly qos: BearerNameOptions;
}

export interface AuthConfiguration {
  /** `claim`, `algorithms` and `clockTolerance` have defaults. */
  readonly token?: (Pick<TokenOptions, 'issuer' | 'audience'> & Partial<TokenOptions>) | undefined;
  readonly requireTls?: boolean | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
}

type Defaulted<T> = T extends readonly (infer Item)[]
  ? readonly (Item extends object ? Defaulted<Item> : Item)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Defaulted<T[Key]> | undefined }
    : T;

/** What is given to createPpg: everything has a default but `domain`, and an account's name and password hash. */
export type PpgConfiguration = Defaulted<
  Omit<CheckedConfiguration, 'domain' | 'initiators' | 'auth' | 'sip' | 'addresses' | 'qos' | 'msrp'>
> & {
  readonly domain: string;
  readonly addresses?: AddressingConfiguration | undefined;
  readonly qos?: Partial<BearerNameOptions> | undefined;
  readonly msrp?: MsrpConfiguration | undefined;
  readonly initiators?: readonly InitiatorConfiguration[] | undefined;
  readonly auth?: AuthConfiguration | undefined;
  readonly sip?:
    | (Defaulted<Omit<SipOptions, 'direct' | 'credentials' | 'profiles' | 'omaPush'>> & {
        readonly direct?: false | DirectLegOptions | undefined;
        readonly credentials?: readonly SipCredentials[] | undefined;
        readonly profiles?: readonly ProfileRule[] | undefined;
        readonly omaPush?: OmaPushConfiguration | undefined;
      })
    | undefined;
};

const blockSchema = z.strictObject({
  user: z.string().min(1).max(255).optional(),
  initiator: z.string().min(1).max(255).optional(),
  application: z.string().min(1).max(255).optional(),
});
/** A user name ends up in a header, where a line break would end it. */
const inHeader = z.string().regex(/^[^\p{Cc}]*$/u, 'must have no control characters');
const pemOrFile = z.string().min(1, 'must be PEM or the name of a file that holds it');

const tls = z.strictObject({
  cert: pemOrFile.optional(),
  key: pemOrFile.optional(),
  ca: pemOrFile.optional(),
  hosts: z.record(z.string(), z.strictObject({ cert: pemOrFile, key: pemOrFile })).optional(),
  requireClientCertificate: z.boolean().default(false),
  verifyServer: z.boolean().default(true),
});

const isLongSecret = (secret: string): boolean => Buffer.byteLength(secret) >= MIN_SECRET;
const sipUri = z.string().regex(/^sips?:[^\s<>"]+$/i, 'must be a SIP URI such as sip:10.0.0.1:5060;transport=tcp');

/** `any`, or names of bearers; none takes a name away. */
const bearerNames = z
  .record(z.string().min(1).max(64), z.union([z.literal('any'), z.array(z.string().min(1).max(64)).max(16)]))
  .default({});

const schema = z.strictObject({
  domain: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a domain name such as ims.example.com'),
  identity: sipUri.optional(),
  store: z
    .string()
    .regex(/^(memory|sqlite:.+)$/s, 'must be "memory" or "sqlite:FILE"')
    .default('sqlite:./ppg.db'),
  initiators: z.array(initiatorSchema).default([]),
  secret: z.string().refine(isLongSecret, `must have ${MIN_SECRET} octets or more`).optional(),
  auth: authSchema.prefault({}),
  block: z.array(blockSchema).default([]),
  sip: z
    .strictObject({
      nextHop: sipUri.optional(),
      trustedPeers: networks.default(['127.0.0.1', '::1']),
      registrations: z.enum(['register', 'reg-event', 'both', 'none']).default('register'),
      route: z.enum(['next-hop', 'learned']).default('next-hop'),
      leg: z.enum(['auto', 'drachtio', 'direct']).default('auto'),
      direct: z
        .union([
          z.literal(false),
          z.strictObject({
            listen: z
              .array(
                z.strictObject({
                  protocol: z.enum(['udp', 'tcp', 'tls']),
                  host: z.string().min(1),
                  port: z.number().int().min(0).max(65_535),
                }),
              )
              .min(1)
              .max(16),
            advertise: z.string().optional(),
            keepAlive: z.number().int().min(1_000).max(3_600_000).optional(),
            connectionsPerAddress: z.number().int().min(1).max(4096).optional(),
          }),
        ])
        .default(false),
      tls: tls.optional(),
      credentials: z
        .array(
          z.strictObject({
            realm: z.string().min(1).max(255).optional(),
            username: inHeader.min(1).max(255),
            password: z.string().min(1).max(1024),
          }),
        )
        .max(64)
        .default([]),
      notFoundIsFinal: z.boolean().default(false),
      ...sipDeliveryShape,
      profiles: profilesSchema,
      capabilities: capabilitiesSchema,
      omaPush: omaPushSchema.prefault(false),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxAge: milliseconds.default(DEFAULT_LIMITS.maxAge),
      confirmWait: milliseconds.default(DEFAULT_LIMITS.confirmWait),
      retention: milliseconds.default(DEFAULT_LIMITS.retention),
      inFlight: z.number().int().min(1).max(100_000).default(DEFAULT_LIMITS.inFlight),
      wakeRate: z.number().int().min(0).max(1_000_000).default(DEFAULT_LIMITS.wakeRate),
      maxBodyBytes: z
        .number()
        .int()
        .min(1024)
        .default(10 * 1024 * 1024 + PAP_LIMITS.bytes),
      backlog: z.number().int().min(0).default(1_000_000),
      registrationCache: z.number().int().min(0).default(100_000),
      regEventSubscriptions: z.number().int().min(1).max(1_000_000).default(DEFAULT_REG_EVENT.subscriptions),
    })
    .prefault({}),
  retry: z
    .strictObject({
      first: milliseconds.default(DEFAULT_RETRY.first),
      longest: milliseconds.default(DEFAULT_RETRY.longest),
      maxErrors: z.number().int().min(1).max(30).default(DEFAULT_RETRY.maxErrors),
      offlineFirst: milliseconds.default(DEFAULT_RETRY.offlineFirst),
      offlineLongest: milliseconds.default(DEFAULT_RETRY.offlineLongest),
      longestRetryAfter: milliseconds.default(DEFAULT_RETRY.longestRetryAfter),
    })
    .prefault({}),
  notify: z
    .strictObject({
      allowPrivate: z.boolean().default(false),
      allow: networks.max(1000).default([]),
      first: milliseconds.default(DEFAULT_NOTIFY.first),
      longest: milliseconds.default(DEFAULT_NOTIFY.longest),
      giveUpAfter: milliseconds.default(DEFAULT_NOTIFY.giveUpAfter),
      perTarget: z.number().int().min(1).max(1000).default(DEFAULT_NOTIFY.perTarget),
      timeout: milliseconds.default(10_000),
    })
    .prefault({}),
  pap: papSchema.prefault({}),
  addresses: addressingSchema.prefault({}),
  content: contentSchema.prefault({}),
  msrp: msrpSchema.prefault(false),
  qos: z.strictObject({ networks: bearerNames, bearers: bearerNames }).prefault({}),
});

/** Every option, for what lists or compares them. */
export const optionsSchema: z.ZodType = schema;

/**
 * Checks a configuration and fills in the defaults.
 * Throws PPG_E_OPTIONS with one line for each option that is wrong, by name.
 */
export const checkOptions = (configuration: PpgConfiguration): CheckedConfiguration => checked(schema, configuration);

/** As checkOptions, for accounts that come later. */
export const checkInitiators = (initiators: readonly InitiatorConfiguration[]): readonly InitiatorOptions[] =>
  checked(schema.pick({ initiators: true }), { initiators }).initiators;

/** As checkOptions, for a block list that comes later. */
export const checkBlocked = (block: readonly BlockEntry[]): readonly BlockEntry[] =>
  checked(schema.pick({ block: true }), { block }).block;

function checked<T>(by: z.ZodType<T>, given: unknown): T {
  const result = by.safeParse(given, { error: wordsFor });
  if (result.success) return result.data;
  throw new PpgError(
    'PPG_E_OPTIONS',
    `these options cannot be used:\n  ${issueLines(result.error.issues).join('\n  ')}`,
  );
}

import { isIP } from 'node:net';
import { z } from 'zod';
import type { RegistrationSource } from '../sip/registrations/registrations.ts';
import type { TlsOptions } from '../stack/tls-options.ts';

/** Levels of the log, most talkative first. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** An account given by its password, which is hashed when the gateway starts. */
export interface PlainAccount {
  readonly name: string;
  readonly password: string;
}

/**
 * The configuration of a standalone gateway, what stands under `ppg` in its files. `initiators`, `limits`, `retry` and
 * `notify` are as in PpgConfiguration and are checked with it.
 */
export interface NodeConfig {
  readonly domain: string;
  readonly identity?: string | undefined;
  readonly store: string;
  readonly initiators: readonly unknown[];
  /** As in PpgConfiguration, checked with it. */
  readonly auth?: Readonly<Record<string, unknown>> | undefined;
  /** Further accounts, by password: `PPG_INITIATORS`. */
  readonly accounts: readonly PlainAccount[];
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** HTTPS: files of certificate, key and, to ask clients for theirs, of the authorities that sign them. */
    readonly tls?: Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'requireClientCertificate'> | undefined;
  };
  readonly sip: {
    /** Where core, sipd and the direct leg listen. */
    readonly host: string;
    /** What they call themselves when that is not it, as with 0.0.0.0. */
    readonly advertise?: string | undefined;
    /** A real core; the embedded one is not started then. */
    readonly nextHop?: string | undefined;
    readonly leg: 'auto' | 'drachtio' | 'direct';
    readonly trustedPeers: readonly string[];
    readonly registrations: RegistrationSource;
    /** As in PpgConfiguration. */
    readonly route?: 'next-hop' | 'learned' | undefined;
    readonly notFoundIsFinal: boolean;
    /** TLS of the direct leg, which listens at `port` once there is a certificate; core and sipd have ports of their own. */
    readonly tls?: (TlsOptions & { readonly port: number }) | undefined;
    /** Log every SIP message, a line each, at level debug. */
    readonly trace?: boolean | undefined;
    /** As in PpgConfiguration, checked with it; the others as well. */
    readonly credentials?: readonly unknown[] | undefined;
    readonly profiles?: readonly unknown[] | undefined;
    /** As in PpgConfiguration, checked with it. */
    readonly capabilities?: Readonly<Record<string, unknown>> | undefined;
    readonly outcomes?: Readonly<Record<string, unknown>> | undefined;
    readonly followRedirects?: boolean | undefined;
    readonly imdn?: 'never' | 'auto' | undefined;
    readonly assertedService?: string | undefined;
    readonly omaPush?: boolean | Readonly<Record<string, unknown>> | undefined;
    readonly iari?: readonly string[] | undefined;
  };
  /** As in PpgConfiguration. */
  readonly secret?: string | undefined;
  /** The embedded core; `users` (name to password) makes it ask for digest authentication. */
  readonly core: {
    readonly port: number;
    /** TLS, once `sip.tls` has a certificate. */
    readonly tlsPort?: number | undefined;
    /** Phones may come by WebSocket there, with a certificate by wss alone; without it they may not. */
    readonly wsPort?: number | undefined;
    readonly users?: Readonly<Record<string, string>> | undefined;
  };
  /** The embedded stand-in for drachtio-server. */
  readonly sipd: {
    readonly port: number;
    readonly drachtioPort: number;
    /** As those of the core. */
    readonly tlsPort?: number | undefined;
    readonly wsPort?: number | undefined;
  };
  readonly direct: {
    readonly port: number;
    /** Milliseconds between keep-alives of the connections it makes; default none. */
    readonly keepAlive?: number | undefined;
    /** Connections that one address may make; default 512. */
    readonly connectionsPerAddress?: number | undefined;
  };
  /** A real drachtio-server, used when `host` is given; sipd is not started then. */
  readonly drachtio: {
    readonly host?: string | undefined;
    readonly port: number;
    readonly secret?: string | undefined;
  };
  readonly block?: readonly unknown[] | undefined;
  /** A file of further entries, see parseBlockFile. */
  readonly blockFile?: string | undefined;
  /** What operators must know for /admin; without it there is none. */
  readonly admin?: { readonly token?: string | undefined } | undefined;
  readonly audit?: { readonly file?: string | undefined } | undefined;
  readonly addresses?: Readonly<Record<string, unknown>> | undefined;
  readonly qos?: Readonly<Record<string, unknown>> | undefined;
  readonly pap?: Readonly<Record<string, unknown>> | undefined;
  /** Pushes by MSRP: as in PpgConfiguration, but for `enabled`, and `port` in place of `listen`, on the host of `sip`. */
  readonly msrp?:
    | (Readonly<Record<string, unknown>> & { readonly enabled: boolean; readonly port: number })
    | undefined;
  /** As in PpgConfiguration, checked with it; served under /content. */
  readonly content?: Readonly<Record<string, unknown>> | undefined;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly retry: Readonly<Record<string, unknown>>;
  readonly notify: Readonly<Record<string, unknown>>;
  /** Milliseconds that stopping may take; what is under way then is taken up at the next start. */
  readonly stopWithin: number;
  readonly log: { readonly level: LogLevel };
}

const YES = new Set(['1', 'true', 'yes', 'on']);
const NO = new Set(['0', 'false', 'no', 'off']);

/** Environment variables are text: a number or a word for yes and no may come as such. */
const numberOrText = (value: unknown): unknown =>
  typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
const flagOrText = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  const word = value.toLowerCase();
  if (YES.has(word)) return true;
  return NO.has(word) ? false : value;
};
const listOrText = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(',').flatMap((one) => one.trim() || []) : value;

const PORT = 'must be a port number, 0 to 65535 (0: any that is free)';
const port = z.preprocess(numberOrText, z.number(PORT).int(PORT).min(0, PORT).max(65_535, PORT));
const file = z
  .string()
  .min(1, 'must be PEM or the name of a file that holds it')
  .max(1024 * 1024);
const FLAG = 'must be 1 (true) or 0 (false)';
const flag = z.preprocess(flagOrText, z.boolean(FLAG));
const host = z.string('must be an address to listen on, such as 127.0.0.1 or 0.0.0.0').min(1).max(255);
/** SIP names itself by where it listens: a name that leads to several addresses would not do. */
const address = z
  .string()
  .refine((text) => isIP(text) !== 0, 'must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0');
/** As it stands in Via, Contact and the paths of MSRP. */
const advertised = z.string().regex(/^[A-Za-z0-9.:-]{1,255}$/, 'must be a host name or an address');

const PAIR = 'is missing: certificate and key go together';
/** Certificate and key, by the name of the one that is missing. */
const pairUp = ({ cert, key }: { cert?: string | undefined; key?: string | undefined }, ctx: z.RefinementCtx): void => {
  if ((cert === undefined) === (key === undefined)) return;
  ctx.addIssue({ code: 'custom', path: [cert === undefined ? 'cert' : 'key'], message: PAIR });
};
const STOP = 'must be milliseconds, 0 to 600000';
/** Anything that is no number is refused where the option is checked. */
const KEEP_ALIVE = 'must be 1,000 to 3,600,000 milliseconds';
const keepAlive = z.preprocess(
  numberOrText,
  z.number(KEEP_ALIVE).int(KEEP_ALIVE).min(1_000, KEEP_ALIVE).max(3_600_000, KEEP_ALIVE),
);
const PER_ADDRESS = 'must be 1 to 4096';
const perAddress = z.preprocess(
  numberOrText,
  z.number(PER_ADDRESS).int(PER_ADDRESS).min(1, PER_ADDRESS).max(4096, PER_ADDRESS),
);
const wholeNumber = z.preprocess(numberOrText, z.unknown());
const rest = z.record(z.string(), z.unknown(), 'must be an object');

const ACCOUNTS = 'must be NAME:PASSWORD, or several with commas between them; neither may be empty';

/** `name:password,name:password`; a password may hold colons but no commas. */
const accountsOrText = (value: unknown): unknown => {
  const list = listOrText(value);
  if (typeof value !== 'string' || !Array.isArray(list)) return value;
  return list.map((one: string) => {
    const colon = one.indexOf(':');
    return { name: one.slice(0, Math.max(0, colon)), password: colon < 0 ? '' : one.slice(colon + 1) };
  });
};

const account = z.strictObject({
  name: z.string().min(1, ACCOUNTS).max(255),
  password: z.string().min(1, ACCOUNTS).max(1024),
});
const accounts = z.preprocess(accountsOrText, z.array(account, ACCOUNTS));

export const nodeConfigSchema: z.ZodType<NodeConfig> = z.strictObject(
  {
    domain: z.string(),
    identity: z.string().optional(),
    store: z.string(),
    initiators: z.array(z.unknown(), 'must be a list of accounts').default([]),
    accounts: accounts.default([]),
    http: z.strictObject({
      host,
      port,
      tls: z
        .strictObject({
          cert: z.string(PAIR).min(1),
          key: z.string(PAIR).min(1),
          ca: z.string().min(1).optional(),
          requireClientCertificate: flag.optional(),
        })
        .optional(),
    }),
    auth: z
      .looseObject({
        requireTls: flag.optional(),
        trustedProxies: z
          .preprocess(listOrText, z.array(z.string(), 'must be a list of addresses or CIDR ranges'))
          .optional(),
      })
      .optional(),
    sip: z.strictObject({
      host: address,
      advertise: advertised.optional(),
      nextHop: z.string().optional(),
      leg: z.enum(['auto', 'drachtio', 'direct'], 'must be auto, drachtio or direct'),
      trustedPeers: z.preprocess(listOrText, z.array(z.string(), 'must be a list of addresses or CIDR ranges')),
      registrations: z.enum(['register', 'reg-event', 'both', 'none'], 'must be register, reg-event, both or none'),
      route: z.enum(['next-hop', 'learned'], 'must be next-hop or learned').optional(),
      notFoundIsFinal: flag,
      tls: z
        .strictObject({
          port,
          cert: file.optional(),
          key: file.optional(),
          ca: file.optional(),
          hosts: z.record(z.string(), z.strictObject({ cert: file, key: file })).optional(),
          requireClientCertificate: flag.default(false),
          verifyServer: flag.default(true),
        })
        .superRefine(pairUp),
      trace: flag,
      credentials: z.array(z.unknown(), 'must be a list of credentials').optional(),
      profiles: z.array(z.unknown(), 'must be a list of profiles').optional(),
      capabilities: z
        .looseObject({
          ttl: wholeNumber.optional(),
          negativeTtl: wholeNumber.optional(),
          inFlight: wholeNumber.optional(),
          wait: wholeNumber.optional(),
        })
        .optional(),
      outcomes: rest.optional(),
      followRedirects: flag.optional(),
      imdn: z.enum(['never', 'auto'], 'must be never or auto').optional(),
      assertedService: z.string().optional(),
      omaPush: z
        .preprocess(flagOrText, z.union([z.boolean(), rest], 'must be 1 (true), 0 (false) or an object'))
        .optional(),
      iari: z.preprocess(listOrText, z.array(z.string(), 'must be a list of URNs')).optional(),
    }),
    secret: z.string().optional(),
    core: z.strictObject({
      port,
      tlsPort: port.optional(),
      wsPort: port.optional(),
      users: z.record(z.string(), z.string()).optional(),
    }),
    sipd: z.strictObject({ port, drachtioPort: port, tlsPort: port.optional(), wsPort: port.optional() }),
    direct: z.strictObject({ port, keepAlive: keepAlive.optional(), connectionsPerAddress: perAddress.optional() }),
    drachtio: z.strictObject({
      host: z.string().min(1).max(255).optional(),
      port,
      secret: z.string().min(1).optional(),
    }),
    block: z.array(z.unknown(), 'must be a list of entries').default([]),
    blockFile: z.string().min(1).optional(),
    admin: z
      .strictObject({ token: z.string().min(16, 'must have 16 characters or more').max(1024).optional() })
      .default({}),
    audit: z.strictObject({ file: z.string().min(1).optional() }).default({}),
    addresses: rest.optional(),
    qos: rest.optional(),
    pap: z
      .looseObject({ hosts: z.preprocess(listOrText, z.array(z.string(), 'must be a list of host names')).optional() })
      .optional(),
    msrp: z
      .looseObject({
        enabled: flag.default(true),
        port: port.default(0),
        networks: z
          .preprocess(listOrText, z.array(z.string(), 'must be a list of addresses or CIDR ranges'))
          .optional(),
        tls: z
          .looseObject({ cert: file.optional(), key: file.optional(), port: port.optional() })
          .superRefine(pairUp)
          .optional(),
      })
      .optional(),
    content: z.looseObject({ transform: flag.optional(), allowHttp: flag.optional() }).optional(),
    limits: rest.default({}),
    retry: rest.default({}),
    notify: z
      .looseObject({
        allowPrivate: flag.default(false),
        allow: z.preprocess(listOrText, z.array(z.string(), 'must be a list of addresses or CIDR ranges')).optional(),
      })
      .default({ allowPrivate: false }),
    stopWithin: z.preprocess(numberOrText, z.number(STOP).int(STOP).min(0, STOP).max(600_000, STOP)),
    log: z.strictObject({ level: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`) }),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'this section of the configuration is missing' : undefined) },
);

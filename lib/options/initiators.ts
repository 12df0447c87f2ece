import { z } from 'zod';
import type { NotifyIdentityOptions } from '../engine/notify-identity.ts';
import { DEFAULT_ALGORITHMS, type TokenOptions } from '../security/bearer-token.ts';
import type { CertificateRule } from '../security/client-certificate.ts';
import type { AllowRules } from '../security/policy.ts';
import type { Rate } from '../security/rate-limit.ts';
import { networks } from './values.ts';

/** A Push Initiator's account, with every default filled in. */
export interface InitiatorOptions {
  readonly name: string;
  /** `scrypt$N$r$p$salt$hash`, as `drachtio-ppg hash` prints it. Without one the account has no password to log in with. */
  readonly passwordHash?: string | undefined;
  /** The client certificate that logs the account in over TLS. */
  readonly certificate?: CertificateRule | undefined;
  /** HTTP status of PAP answers: 202 as WAP-247 says (the default), or 200 for clients that insist. */
  readonly replyStatus: 200 | 202;
  /** Refuse what the PAP DTD does not allow instead of reading it with good will. Default false. */
  readonly strict: boolean;
  /** Take `sip:`, `tel:` and plain numbers as addresses, besides the WAPPUSH forms. Default true. */
  readonly rawAddresses: boolean;
  /** Refuse what the account sends without TLS, with 403. Default false. */
  readonly requireTls: boolean;
  /** What the account may do; default everything. */
  readonly allow?: AllowRules | undefined;
  /** How the gateway shows itself to the account's notify URLs; needs `allow.notifyTargets`. Default: it does not. */
  readonly notify?: NotifyIdentityOptions | undefined;
  /** Final pushes are kept for so long, milliseconds, when that is less than `limits.retention`. */
  readonly retention?: number | undefined;
  /** Send `Privacy: id` (RFC 3325) with the account's pushes: who sent them is not shown beyond the trust domain. Default false. */
  readonly privacy: boolean;
  /**
   * URIs that are the account's, each with what is below it: a push that names one as X-Wap-Initiator-URI reaches the
   * client as `authenticated`. Default none.
   */
  readonly initiatorUris?: readonly string[] | undefined;
  /** Tell clients that what the account pushes is `trusted`. Default false. */
  readonly trusted?: boolean | undefined;
}

/** An account as it is given: only the name is needed. */
export type InitiatorConfiguration = Pick<InitiatorOptions, 'name'> & Partial<InitiatorOptions>;

const texts = z.array(z.string().min(1).max(255)).max(10_000);
const count = z.number().int().nonnegative();

const rate: z.ZodType<Rate> = z.strictObject({
  perSecond: z.number().int().min(1).max(1_000_000),
  burst: count.max(10_000_000).optional(),
});

const allow: z.ZodType<AllowRules> = z.strictObject({
  recipients: z
    .strictObject({
      domains: texts.optional(),
      numbers: z.array(z.string().regex(/^\+\d{1,15}$/, 'must be the beginning of a number such as +4930')).optional(),
      patterns: z.array(z.string().min(1).max(255)).max(1000).optional(),
    })
    .optional(),
  applications: texts.optional(),
  contentTypes: z
    .array(z.string().regex(/^[^\s;/]+\/[^\s;/]+$/, 'must be a MIME type such as text/plain or text/*'))
    .optional(),
  deliveryMethods: z.array(z.enum(['confirmed', 'preferconfirmed', 'unconfirmed', 'notspecified'])).optional(),
  bearers: texts.optional(),
  priorities: z.array(z.enum(['high', 'medium', 'low'])).optional(),
  maxContentBytes: count.optional(),
  maxRecipients: count.optional(),
  notifyTargets: texts.optional(),
  open: count.optional(),
  rate: rate.optional(),
  queryRate: rate.optional(),
});

const secret = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\p{Cc}]*$/u, 'must have no control characters');
const notify: z.ZodType<NotifyIdentityOptions> = z
  .strictObject({
    basic: z.strictObject({ user: secret.regex(/^[^:]*$/, 'must have no colon'), password: secret }).optional(),
    bearer: secret.regex(/^[A-Za-z0-9\-._~+/]+=*$/, 'must be a token').optional(),
    tls: z
      .strictObject({ cert: z.string().optional(), key: z.string().optional(), ca: z.string().optional() })
      .optional(),
  })
  .refine(({ basic, bearer }) => basic === undefined || bearer === undefined, 'takes basic or bearer, not both');

export const initiatorSchema: z.ZodType<InitiatorOptions> = z
  .strictObject({
    name: z.string().min(1).max(255),
    passwordHash: z.string().startsWith('scrypt$', 'must be a scrypt hash; drachtio-ppg hash makes one').optional(),
    certificate: z
      .strictObject({
        fingerprint: z
          .string()
          .regex(/^([0-9a-f]{2}:?){32}$/i, 'must be a SHA-256 fingerprint in hex')
          .optional(),
        subject: z.string().min(1).max(255).optional(),
        san: z
          .string()
          .regex(/^[A-Za-z ]+:.+$/, 'must be as DNS:pi.example.com')
          .max(1024)
          .optional(),
      })
      .optional(),
    replyStatus: z.union([z.literal(200), z.literal(202)]).default(202),
    strict: z.boolean().default(false),
    rawAddresses: z.boolean().default(true),
    requireTls: z.boolean().default(false),
    allow: allow.optional(),
    notify: notify.optional(),
    retention: count.optional(),
    privacy: z.boolean().default(false),
    initiatorUris: z.array(z.string().min(1).max(2048)).max(1000).optional(),
    trusted: z.boolean().optional(),
  })
  // Else whoever has the account's password could have the gateway's own sent wherever he likes.
  .refine(({ notify: shown, allow: rules }) => shown === undefined || rules?.notifyTargets !== undefined, {
    path: ['notify'],
    message: 'needs allow.notifyTargets, which says where the credentials may go',
  });

/** Ways to log in that are not an account's own. */
export interface AuthOptions {
  /** Default: bearer tokens do not count. */
  readonly token?: TokenOptions | undefined;
  /** Take PAP by TLS only; what comes in clear gets 403 before anything is read of it. Default false. */
  readonly requireTls: boolean;
  /**
   * IP addresses and networks of proxies that end TLS in front of the gateway: what they say in X-Forwarded-Proto and
   * X-Forwarded-For is believed. Default none.
   */
  readonly trustedProxies: readonly string[];
}

export const authSchema: z.ZodType<AuthOptions> = z.strictObject({
  token: z
    .strictObject({
      issuer: z.string().min(1),
      audience: z.string().min(1),
      jwksUrl: z.string().optional(),
      keys: z.object({ keys: z.array(z.looseObject({})) }).optional(),
      claim: z.string().min(1).default('sub'),
      algorithms: z
        .array(z.string().regex(/^(?!none$).+$/, 'must not be none'))
        .min(1)
        .default([...DEFAULT_ALGORITHMS]),
      clockTolerance: z.number().min(0).max(3600).default(30),
    })
    .refine(({ jwksUrl, keys }) => (jwksUrl === undefined) !== (keys === undefined), 'needs jwksUrl or keys, not both')
    .optional(),
  requireTls: z.boolean().default(false),
  trustedProxies: networks.max(1000).default([]),
});

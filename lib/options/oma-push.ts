import { z } from 'zod';
import { DEFAULT_OMA_PUSH, type OmaPushPolicy } from '../sip/oma-push/oma-push.ts';

/** Subscriptions of devices to pushes (docs/oma-push.md). */
export interface OmaPushOptions extends OmaPushPolicy {
  /** Octets of the largest content that goes in a NOTIFY; larger ones go by the other bearers. Default 16,384. */
  readonly maxBytes: number;
}

export type OmaPushConfiguration =
  | boolean
  | { readonly [Key in keyof OmaPushOptions]?: OmaPushOptions[Key] | undefined };

const DEFAULTS: OmaPushOptions = { ...DEFAULT_OMA_PUSH, maxBytes: 16 * 1024 };

/** RFC 6665 section 4.2.1.1: who asks for an hour or more is not refused for it. */
const HOUR = 3600;

/** `true` takes the defaults. */
export const omaPushSchema: z.ZodType<false | OmaPushOptions, OmaPushConfiguration> = z.union([
  z.boolean().transform((on) => (on ? DEFAULTS : (false as const))),
  z
    .strictObject({
      expires: z.number().int().min(60).max(2_000_000).default(DEFAULTS.expires),
      minExpires: z.number().int().min(1).max(HOUR).default(DEFAULTS.minExpires),
      subscriptions: z.number().int().min(1).max(10_000).default(DEFAULTS.subscriptions),
      perUser: z.number().int().min(1).max(1_000).default(DEFAULTS.perUser),
      failures: z.number().int().min(1).max(1_000).default(DEFAULTS.failures),
      lockOut: z.number().int().min(0).max(86_400_000).default(DEFAULTS.lockOut),
      maxBytes: z.number().int().min(0).default(DEFAULTS.maxBytes),
    })
    .refine(({ expires, minExpires }) => minExpires <= expires, {
      path: ['minExpires'],
      error: 'must not be longer than expires',
    }),
]) as unknown as z.ZodType<false | OmaPushOptions, OmaPushConfiguration>;

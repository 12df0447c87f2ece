import { z } from 'zod';
import type { AddressLookup } from '../addressing/directory.ts';
import type { AddressRuleOptions } from '../addressing/rules.ts';

/** Whom addresses stand for, besides what they say. */
export interface AddressingOptions extends AddressRuleOptions {
  /** Asked of every recipient of every submission that was let in. Default: nobody is asked. */
  readonly lookup?: AddressLookup | undefined;
  /** Ask ENUM (RFC 6116) for telephone numbers that `lookup` does not know. Default: not asked. */
  readonly enum?: EnumOptions | undefined;
  /** How long lookup and ENUM may take for a push, milliseconds. Default 3 s. */
  readonly timeout: number;
  /** How long their answers count, milliseconds. Default 60 s. */
  readonly keep: number;
}

export interface EnumOptions {
  /** Default `e164.arpa`, the public tree; networks have trees of their own. */
  readonly suffix: string;
  /** DNS servers, as `10.0.0.53` or `10.0.0.53:5353`. Default those of the system. */
  readonly servers?: readonly string[] | undefined;
}

export type AddressingConfiguration = Partial<Omit<AddressingOptions, 'enum'>> & {
  readonly enum?: Partial<EnumOptions> | undefined;
};

const name = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s@:/+][^\s@:/]*$/, 'must be a name without @, : and /');
const target = z.string().min(1).max(1024);
const domainName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/i, 'must be a domain name such as ims.example.com');
const milliseconds = z.number().int().nonnegative();

export const addressingSchema: z.ZodType<AddressingOptions> = z.strictObject({
  aliases: z.record(name, z.union([target, z.array(target).min(1).max(1000)])).default({}),
  numbers: z
    .array(
      z.strictObject({
        prefix: z.string().regex(/^\+\d{1,15}$/, 'must be the beginning of a number such as +4930'),
        domain: domainName,
      }),
    )
    .max(100_000)
    .default([]),
  lookup: z.custom<AddressLookup>((value) => typeof value === 'function', 'must be a function').optional(),
  enum: z
    .strictObject({ suffix: domainName.default('e164.arpa'), servers: z.array(z.string().min(1)).min(1).optional() })
    .optional(),
  timeout: milliseconds.default(3000),
  keep: milliseconds.default(60_000),
});

import { z } from 'zod';
import { hostOf } from '../codec/pap/sip-identity.ts';

/** Who answers and reports to Push Initiators: sender-name and sender-address of WAP-247. */
export interface PapOptions {
  /** Default: no name. */
  readonly name?: string | undefined;
  /** URL at which initiators reach the endpoint. Default: none in answers, the gateway's identity in result notifications. */
  readonly address?: string | undefined;
  /**
   * Names of this gateway after the `@` of an address. With any, accounts that are `strict` get 2002 for another
   * one. Default none: it is not looked at.
   */
  readonly hosts?: readonly string[] | undefined;
}

export const papSchema: z.ZodType<PapOptions, PapOptions> = z.strictObject({
  name: z
    .string()
    .regex(/^[^\p{Cc}]{1,255}$/u, 'must have 1 to 255 characters, none of them a control character')
    .optional(),
  address: z
    .string()
    .max(2048)
    .refine(
      (text) => /^https?:\/\//i.test(text) && URL.canParse(text),
      'must be a URL such as https://ppg.example.com/pap',
    )
    .optional(),
  hosts: z
    .array(z.string().refine((text) => hostOf(text) !== undefined, 'must be a host name or address, without a port'))
    .max(1000)
    .optional(),
});

import { z } from 'zod';
import { READING_NAMES, type ReadingName, type StatusReadings } from '../bearer/sip-outcome.ts';

/** How pushes go by SIP, and how answers are read; a part of SipOptions. */
export interface SipDeliveryOptions {
  /** How single statuses are read, by status, where a core means something else by them; docs/outcomes.md. Default none. */
  readonly outcomes: StatusReadings;
  /** Contacts of a 300, 301 or 302 are tried, within limits (docs/outcomes.md). Default true. */
  readonly followRedirects: boolean;
  /**
   * `auto`: confirmed pushes to devices that told that they take message/cpim go wrapped in it, with a request for a
   * disposition notification (RFC 5438). Default `never`: a push arrives with the Content-Type that it was given.
   */
  readonly imdn: 'never' | 'auto';
  /** ICSI of P-Asserted-Service (RFC 6050), a `urn:urn-7:3gpp-service…`. Default: no such header. */
  readonly assertedService?: string | undefined;
  /** IARIs that devices must have registered (3GPP TS 24.229 section 7.2A.9). Default: none are asked for. */
  readonly iari: readonly string[];
}

const OWN_READINGS: readonly ReadingName[] = READING_NAMES.filter((name) => name !== 'delivered');

const reading = z.enum(OWN_READINGS as [ReadingName, ...ReadingName[]], {
  error: `must be one of ${OWN_READINGS.join(', ')}; only 200 proves a delivery`,
});
const STATUS = 'must be SIP statuses from 200 to 699, as "404": "no-such-user"';
const urn = z
  .string()
  .max(255)
  .regex(/^urn:[\w.:-]+$/, 'must be a URN such as urn:urn-7:3gpp-service.ims.icsi.NAME');

/** To be spread into the schema of SipOptions. */
export const sipDeliveryShape: {
  readonly outcomes: z.ZodDefault<z.ZodType<StatusReadings, StatusReadings>>;
  readonly followRedirects: z.ZodDefault<z.ZodBoolean>;
  readonly imdn: z.ZodDefault<z.ZodEnum<{ never: 'never'; auto: 'auto' }>>;
  readonly assertedService: z.ZodOptional<z.ZodString>;
  readonly iari: z.ZodDefault<z.ZodArray<z.ZodString>>;
} = {
  outcomes: (
    z.record(z.string().regex(/^[2-6]\d\d$/), reading, {
      error: ({ code }) => (code === 'invalid_key' ? STATUS : undefined),
    }) as never as z.ZodType<StatusReadings, StatusReadings>
  ).default({}),
  followRedirects: z.boolean().default(true),
  imdn: z.enum(['never', 'auto']).default('never'),
  assertedService: urn.optional(),
  iari: z.array(urn).max(16).default([]),
};

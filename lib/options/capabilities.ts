import { z } from 'zod';
import { type CapabilityPolicy, DEFAULT_CAPABILITIES } from '../sip/capabilities/cache.ts';
import { milliseconds } from './values.ts';

type Given = { readonly [Key in keyof CapabilityPolicy]?: CapabilityPolicy[Key] | undefined };

/** `sip.capabilities`; what is left out has its default. */
export const capabilitiesSchema: z.ZodPrefault<z.ZodType<CapabilityPolicy, Given>> = z
  .strictObject({
    ask: z.enum(['auto', 'never'], 'must be auto or never').default(DEFAULT_CAPABILITIES.ask),
    ttl: milliseconds.default(DEFAULT_CAPABILITIES.ttl),
    negativeTtl: milliseconds.default(DEFAULT_CAPABILITIES.negativeTtl),
    inFlight: z.number().int().min(1).max(100_000).default(DEFAULT_CAPABILITIES.inFlight),
    wait: milliseconds.max(30_000).default(DEFAULT_CAPABILITIES.wait),
  })
  .prefault({});

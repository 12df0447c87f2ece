import { z } from 'zod';
import { isNetwork } from '../base/networks.ts';

const MILLISECONDS = 'must be milliseconds, a whole number';

/** A span of time. */
export const milliseconds: z.ZodNumber = z.number(MILLISECONDS).int(MILLISECONDS).nonnegative(MILLISECONDS);

const NETWORK = 'must be an IP address or a network such as 10.0.0.0/8';

/** What networkList takes. */
export const networks: z.ZodArray<z.ZodString> = z.array(z.string().refine(isNetwork, NETWORK));

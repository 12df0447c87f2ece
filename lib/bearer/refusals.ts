import type { DeliveryResult } from '../model/delivery.ts';
import { PAP } from '../model/result-codes.ts';
import type { Offer } from './bearer.ts';

/** The end of an attempt that was not made: it will never arrive so. */
export const failed = (code: number, cause: string): DeliveryResult => ({
  kind: 'failed',
  state: 'undeliverable',
  code,
  cause,
});

/** No offer: the bearer cannot carry the content (PAP code 3006). */
export const cannot = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });

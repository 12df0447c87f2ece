import type { BearerResult, DeliveryResult } from '../model/delivery.ts';

/** The result with the contacts that were tried on the way to it. */
export const afterRedirections = (result: DeliveryResult, followed: readonly string[]): BearerResult =>
  followed.length === 0 ? result : { ...result, cause: `${result.cause}, redirected`, followed };

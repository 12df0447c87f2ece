import type { BearerResult } from '../model/delivery.ts';

/** The result with the contacts that were tried on the way to it. */
export const afterRedirections = (result: BearerResult, followed: readonly string[]): BearerResult =>
  followed.length === 0 ? result : { ...result, cause: `${result.cause}, redirected`, followed };

import type { BearerResult, DeliveryResult } from '../model/delivery.ts';

/** Longest phrase of a peer that is kept, characters. */
const LONGEST = 64;

/**
 * What a peer said in its own words: cut and without control characters, since it ends up on pages. Undefined when it said
 * nothing beyond `usual`.
 */
export function saidBy(phrase: string, usual = ''): string | undefined {
  if (phrase === usual) return undefined;
  const said = phrase
    .slice(0, LONGEST)
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim();
  return said === '' || said.toLowerCase() === usual.toLowerCase() ? undefined : said;
}

/** A result with what the peer said of it. */
export const saying = (result: DeliveryResult, said: string | undefined): BearerResult =>
  said === undefined ? result : { ...result, said };

import type { DnsLike, NaptrRecord } from '../stack/dns.ts';

/** Longest substitution expression that is read, characters. */
const LONGEST_EXPRESSION = 512;

/**
 * The expressions that are tried (RFC 6116 section 3.2 takes POSIX extended ones): literals, classes and groups, each
 * perhaps repeated, no group within or repeated as a whole, no alternatives. What DNS answers comes from outside, and
 * with more than that an expression could take very long.
 */
const SAFE_PIECE = String.raw`(?:\\[+.*?^$()\-]|\[\^?[0-9+\-]{1,12}\]|[0-9A-Za-z.#@:\-])(?:[*?+]|\{\d{1,2}(?:,\d{0,2})?\})?`;
const SAFE = new RegExp(String.raw`^\^?(?:${SAFE_PIECE}|\((?:${SAFE_PIECE}){0,20}\)){0,40}\$?$`);
const REPETITION = /[*?+}]/g;
const MOST_REPETITIONS = 6;

/** DNS says that there is no such name or no such record; all else says that DNS could not be asked. */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA']);

/** `+441632960083` becomes `3.8.0.0.6.9.2.3.6.1.4.4.e164.arpa` (RFC 6116 section 3.2). */
export const enumName = (number: string, suffix: string): string =>
  `${[...number.slice(1)].reverse().join('.')}.${suffix}`;

/**
 * Asks ENUM (RFC 6116) for the SIP URI of an international number: the first record of service `E2U+sip` by order and
 * preference whose expression fits. Undefined: the number is not there, or has no such record.
 * Rejects when DNS could not be asked. The URI comes from outside and is not checked yet.
 */
export async function enumLookup(
  dns: Pick<DnsLike, 'resolveNaptr'>,
  number: string,
  suffix: string,
): Promise<string | undefined> {
  let records: readonly NaptrRecord[];
  try {
    records = await dns.resolveNaptr(enumName(number, suffix));
  } catch (error) {
    if (NOTHING.has((error as { code?: string }).code ?? '')) return undefined;
    throw error;
  }
  const wanted = records.filter(({ service, flags }) => /^u$/i.test(flags) && isSipService(service));
  wanted.sort((a, b) => a.order - b.order || a.preference - b.preference);
  for (const { regexp } of wanted) {
    const uri = regexp === undefined ? undefined : substitute(regexp, number);
    if (uri !== undefined) return uri;
  }
  return undefined;
}

/** `E2U+sip`, perhaps beside other services: `E2U+sip+mailto`; RFC 2916 had it the other way round, `sip+E2U`. */
function isSipService(service: string): boolean {
  const parts = service.toLowerCase().split('+');
  return parts.includes('sip') && (parts[0] === 'e2u' || parts.at(-1) === 'e2u');
}

/** Carries out `!expression!replacement!i` (RFC 3402 section 3.2); undefined when it does not fit or is not understood. */
export function substitute(rule: string, number: string): string | undefined {
  if (rule.length > LONGEST_EXPRESSION) return undefined;
  const delimiter = rule[0] ?? '';
  if (/^[0-9A-Za-z\\]?$/.test(delimiter)) return undefined;
  const [nothing, expression, replacement, flags, ...more] = rule.split(delimiter);
  if (nothing !== '' || expression === undefined || replacement === undefined || more.length > 0) return undefined;
  if (flags === undefined || !/^i?$/i.test(flags)) return undefined;
  if (!SAFE.test(expression) || (expression.match(REPETITION)?.length ?? 0) > MOST_REPETITIONS) return undefined;
  const found = regularExpression(expression)?.exec(number);
  if (found === null || found === undefined) return undefined;
  return replacement.replace(/\\([1-9])/g, (_all, place: string) => found[Number(place)] ?? '');
}

function regularExpression(expression: string): RegExp | undefined {
  try {
    return new RegExp(expression);
  } catch {
    return undefined;
  }
}

import { PpgError } from '../base/errors.ts';
import { type AddressRules, parseAddress } from '../codec/pap/address.ts';
import type { SipIdentity } from '../codec/pap/sip-identity.ts';

/** Telephone numbers that begin with `prefix` live in `domain`. */
export interface NumberRange {
  /** In international form, such as `+4930`. */
  readonly prefix: string;
  readonly domain: string;
}

export interface AddressRuleOptions {
  /** A name to whom it stands for: `sip:user@domain`, `user@domain` or `+digits`. Letter case of the name does not count. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Of several that fit a number the longest prefix counts. */
  readonly numbers: readonly NumberRange[];
}

/** E.164: a plus and fifteen digits. */
const LONGEST_NUMBER = 16;

/**
 * Reads the operator's names and number ranges once; undefined when there are none.
 * An alias stands for an address, never for another alias. Throws PPG_E_OPTIONS that says which cannot be read.
 */
export function compileRules({ aliases, numbers }: AddressRuleOptions, domain: string): AddressRules | undefined {
  const names = Object.entries(aliases);
  if (names.length === 0 && numbers.length === 0) return undefined;
  const domains = new Map(numbers.map((range) => [range.prefix, range.domain.toLowerCase()]));
  const domainOf = (number: string): string | undefined => {
    for (let length = Math.min(number.length, LONGEST_NUMBER); length > 1; length--) {
      const found = domains.get(number.slice(0, length));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const ranges: AddressRules = { alias: () => undefined, domainOf };
  const known = new Map<string, SipIdentity>();
  for (const [name, target] of names) {
    try {
      const { aor, gruu } = parseAddress(target, { domain, rules: ranges });
      known.set(name.toLowerCase(), gruu === undefined ? { aor } : { aor, gruu });
    } catch (error) {
      throw new PpgError('PPG_E_OPTIONS', `addresses.aliases.${name}: ${JSON.stringify(target)} is no address`, {
        cause: error,
      });
    }
  }
  return { alias: (name) => known.get(name.toLowerCase()), domainOf };
}

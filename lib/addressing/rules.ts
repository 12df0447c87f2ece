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
  /**
   * A name to whom it stands for: `sip:user@domain`, `user@domain` or `+digits`; several make it the name of a group.
   * Letter case of the name does not count.
   */
  readonly aliases: Readonly<Record<string, string | readonly string[]>>;
  /** Of several that fit a number the longest prefix counts. */
  readonly numbers: readonly NumberRange[];
}

/** E.164: a plus and fifteen digits. */
const LONGEST_NUMBER = 16;

/** Who is in the group that an address-of-record names; undefined when it names none. */
export type Groups = (aor: string) => readonly SipIdentity[] | undefined;

export interface CompiledRules {
  /** Undefined when there are neither aliases nor number ranges. */
  readonly rules: AddressRules | undefined;
  /** Undefined when there are no groups. */
  readonly groups: Groups | undefined;
}

/**
 * Reads the operator's names and number ranges once. A name stands for addresses, never for another name. A group is read
 * like any other user of the home domain (`sip:name@domain`), and is expanded once a push was let in.
 * Throws PPG_E_OPTIONS that says which cannot be read.
 */
export function compileRules({ aliases, numbers }: AddressRuleOptions, domain: string): CompiledRules {
  const names = Object.entries(aliases);
  if (names.length === 0 && numbers.length === 0) return { rules: undefined, groups: undefined };
  const domains = new Map(numbers.map((range) => [range.prefix, range.domain.toLowerCase()]));
  const domainOf = (number: string): string | undefined => {
    for (let length = Math.min(number.length, LONGEST_NUMBER); length > 1; length--) {
      const found = domains.get(number.slice(0, length));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const ranges: AddressRules = { alias: () => undefined, domainOf };
  const read = (name: string, target: string): SipIdentity => {
    try {
      return identityOf(parseAddress(target, { domain, rules: ranges }));
    } catch (error) {
      throw new PpgError('PPG_E_OPTIONS', `addresses.aliases.${name}: ${JSON.stringify(target)} is no address`, {
        cause: error,
      });
    }
  };
  const known = new Map<string, SipIdentity>();
  const groups = new Map<string, readonly SipIdentity[]>();
  for (const [name, targets] of names) {
    const [only, ...others] = distinct(
      (typeof targets === 'string' ? [targets] : targets).map((one) => read(name, one)),
    );
    if (only === undefined) continue;
    if (others.length === 0) known.set(name.toLowerCase(), only);
    else groups.set(parseAddress(name, { domain, rules: ranges }).aor.toLowerCase(), [only, ...others]);
  }
  return {
    rules: { alias: (name) => known.get(name.toLowerCase()), domainOf },
    groups: groups.size === 0 ? undefined : (aor) => groups.get(aor.toLowerCase()),
  };
}

/** Whom an address names, apart from how it is written. */
export const identityOf = ({ aor, gruu }: SipIdentity): SipIdentity => (gruu === undefined ? { aor } : { aor, gruu });

/** Each identity once, in order. */
export function distinct(identities: readonly SipIdentity[]): readonly SipIdentity[] {
  if (identities.length < 2) return identities;
  return [...new Map(identities.map((one) => [`${one.aor} ${one.gruu ?? ''}`, one])).values()];
}

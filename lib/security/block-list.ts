import { PpgError } from '../base/errors.ts';
import { type AddressOptions, parseAddress } from '../codec/pap/address.ts';
import { parseApplicationId } from '../model/application-id.ts';
import { glob } from './glob.ts';

/** Pushes that are not wanted: those that fit every field of an entry. At least one field is needed. */
export interface BlockEntry {
  /** A subscriber, as `sip:alice@ims.example.com`, `alice@ims.example.com` or `+4930123`; `*` stands for anything. */
  readonly user?: string | undefined;
  /** Account of a Push Initiator. */
  readonly initiator?: string | undefined;
  /** As X-Wap-Application-Id names it. */
  readonly application?: string | undefined;
}

/** Entries that name no single subscriber are looked through for every recipient. */
const MAX_GENERAL = 1000;

interface Rule {
  readonly fits: (aor: string) => boolean;
  readonly initiator: string | undefined;
  readonly application: string | undefined;
}

/** Who wants no pushes, of whom, for what. An opt-out of a subscriber costs the others nothing. */
export class BlockList {
  readonly #byUser = new Map<string, Rule[]>();
  readonly #general: Rule[] = [];

  /** `addresses`: how users are read. Throws PPG_E_OPTIONS that says which entry cannot be read. */
  constructor(entries: readonly BlockEntry[], addresses: AddressOptions) {
    for (const [at, entry] of entries.entries()) {
      try {
        this.#add(entry, addresses);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new PpgError('PPG_E_OPTIONS', `block.${at}: ${why}`, { cause: error });
      }
    }
    if (this.#general.length > MAX_GENERAL) {
      throw new PpgError('PPG_E_OPTIONS', `block: at most ${MAX_GENERAL} entries may do without a single user`);
    }
  }

  #add({ user, initiator, application }: BlockEntry, addresses: AddressOptions): void {
    if (user === undefined && initiator === undefined && application === undefined) throw new Error('names nothing');
    const tag = application === undefined ? undefined : parseApplicationId(application).tag.toLowerCase();
    const rule = { initiator, application: tag };
    if (user === undefined) this.#general.push({ ...rule, fits: () => true });
    else if (user.includes('*')) this.#general.push({ ...rule, fits: glob(user) });
    else {
      const key = keyOf(parseAddress(user, addresses).aor);
      const rules = this.#byUser.get(key);
      const one = { ...rule, fits: () => true };
      if (rules === undefined) this.#byUser.set(key, [one]);
      else rules.push(one);
    }
  }

  get empty(): boolean {
    return this.#byUser.size === 0 && this.#general.length === 0;
  }

  /** `application` is the tag of ApplicationId. */
  blocks(initiator: string, aor: string, application: string): boolean {
    const tag = application.toLowerCase();
    const fits = (rule: Rule): boolean =>
      (rule.initiator === undefined || rule.initiator === initiator) &&
      (rule.application === undefined || rule.application === tag) &&
      rule.fits(aor);
    return (this.#byUser.get(keyOf(aor))?.some(fits) ?? false) || this.#general.some(fits);
  }
}

/** Many cores find a user without regard to letter case: an opt-out shall not be passed by another spelling. */
const keyOf = (aor: string): string => aor.toLowerCase();

const MAX_LINES = 5_000_000;
const FIELD = /^(initiator|application)=(\S+)$/;

/**
 * Reads a list file: a user on each line, then `initiator=…` and `application=…` where the entry is only about these;
 * `*` for every user. Empty lines and what begins with `#` do not count. Throws PPG_E_OPTIONS with the number of the line.
 */
export function parseBlockFile(text: string): BlockEntry[] {
  const entries: BlockEntry[] = [];
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) throw new PpgError('PPG_E_OPTIONS', `block list: more than ${MAX_LINES} lines`);
  for (const [at, line] of lines.entries()) {
    const words = line.trim().split(/\s+/);
    const [user = '', ...fields] = words;
    if (user === '' || user.startsWith('#')) continue;
    const entry: { user?: string; initiator?: string; application?: string } = {};
    if (user !== '*') entry.user = user;
    for (const field of fields) {
      const [, name, value] = FIELD.exec(field) ?? [];
      if (name === undefined || value === undefined) {
        throw new PpgError(
          'PPG_E_OPTIONS',
          `block list, line ${at + 1}: ${field.slice(0, 100)} is neither initiator=… nor application=…`,
        );
      }
      entry[name as 'initiator' | 'application'] = value;
    }
    if (user === '*' && fields.length === 0) {
      throw new PpgError('PPG_E_OPTIONS', `block list, line ${at + 1}: blocks everybody for everything`);
    }
    entries.push(entry);
  }
  return entries;
}

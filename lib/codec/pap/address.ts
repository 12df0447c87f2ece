import { PpgError } from '../../base/errors.ts';
import type { Writable } from '../../base/writable.ts';
import type { RecipientAddress } from '../../model/address.ts';
import { aorOf, hostOf, isGlobalNumber, type SipIdentity, sipIdentity } from './sip-identity.ts';

/** The operator's own names and number ranges. */
export interface AddressRules {
  /** Whom a name without a domain stands for; undefined: it is a user of the home domain. */
  alias(name: string): SipIdentity | undefined;
  /** Domain of an international number; undefined: the home domain. */
  domainOf(number: string): string | undefined;
}

export interface AddressOptions {
  /** Home domain of telephone numbers and of user tokens that name none. */
  readonly domain: string;
  /** Take `sip:`, `tel:`, numbers and tokens without the WAPPUSH form. Default true: most clients write them. */
  readonly rawAddresses?: boolean;
  readonly rules?: AddressRules | undefined;
  /** Names of this gateway, see {@link ppgHosts}; another after the `@` is an address error. Default: none is. */
  readonly hosts?: PpgHosts | undefined;
}

/** What stands after the `@` of a WAPPUSH address that is for this gateway, in the canonical spelling. */
export type PpgHosts = ReadonlySet<string>;

/** Undefined, so that none is checked, when there is no name. */
export function ppgHosts(names: readonly string[] = []): PpgHosts | undefined {
  const hosts = names.flatMap((name) => hostOf(name) ?? []);
  return hosts.length === 0 ? undefined : new Set(hosts);
}

/** Longest address-value that is read, characters. */
export const MAX_ADDRESS = 1024;

/** Address types of WDP (WAP-259 appendix C) whose value is an international number. */
const NUMBER_TYPES = new Set([
  'PLMN',
  'GSM_MSISDN',
  'ANSI_136_MSISDN',
  'IS_637_MSISDN',
  'CDMA_MSISDN',
  'IDEN_MSISDN',
  'FLEX_MSISDN',
  'PHS_MSISDN',
  'TETRA_MSISDN',
  'REFLEX_MSISDN',
]);
/** Types that the grammar knows and SIP has no way to. */
const UNREACHABLE_TYPES = new Set(['IPV4', 'IPV6', 'MAN', 'GSM_SERVICE_CODE', 'TETRA_ITSI']);

const PREFIX = /^\/?wappush=/i;
const TYPE = /\/type=/i;
const INSTANCE = /^urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9()+,\-.:=@;$_!*'%/?#]{1,200}$/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** A port after a token, by which some clients name the application: it is no part of the user's identity. */
const PORT = /:\d{1,5}$/;

/**
 * Reads an address-value (WAP-249 section 6). `+digits/TYPE=PLMN` becomes `sip:+digits@domain`, a user becomes its
 * SIP address-of-record, a token without a domain becomes `sip:token@domain`. The host after `@` counts
 * where `hosts` is given; otherwise whoever reached this gateway means this gateway.
 *
 * @throws PPG_E_ADDRESS (2002) what is not in the grammar, cannot be reached by SIP, or would not be safe in a header.
 */
export function parseAddress(text: string, options: AddressOptions): RecipientAddress {
  if (text.length > MAX_ADDRESS) throw bad(`is longer than ${MAX_ADDRESS} characters`);
  const written = text.trim();
  const prefix = PREFIX.exec(written);
  if (prefix === null) {
    if (options.rawAddresses === false) throw bad('is not in the form WAPPUSH=…/TYPE=…@ppg');
    // Taken as it stands it would be a user of that name at the gateway's host.
    if (TYPE.test(written)) throw bad('has a /TYPE= and does not begin with WAPPUSH=');
    return recipient(text, userIdentity(written, options));
  }
  const rest = written.slice(prefix[0].length);
  const type = TYPE.exec(rest);
  if (type === null) throw bad('has no /TYPE=');
  const value = unescapeValue(rest.slice(0, type.index));
  const { name, qualifiers } = readSpecifier(rest.slice(type.index + type[0].length), options.hosts);
  const identity = identityOf(name, value, options);
  const instance = qualifiers.get('INSTANCE');
  return recipient(text, identity, instance === undefined ? undefined : readInstance(instance));
}

const NO_QUALIFIERS: ReadonlyMap<string, string> = new Map();

/** `PLMN/INSTANCE=…/@ppg.example.com`: the type and its qualifiers. Some clients leave the host out (WAP-209 section 8). */
function readSpecifier(
  text: string,
  hosts: PpgHosts | undefined,
): { name: string; qualifiers: ReadonlyMap<string, string> } {
  const at = text.indexOf('@');
  if (at >= 0) {
    const host = hostOf(text.slice(at + 1).replace(PORT, ''));
    if (host === undefined) throw bad('names no valid host after the @');
    if (hosts?.has(host) === false) throw bad('is for another gateway: the host after the @ is none of pap.hosts');
  }
  const [name = '', ...rest] = (at < 0 ? text : text.slice(0, at)).replace(/\/$/, '').split('/');
  if (rest.length === 0) return { name: name.trim().toUpperCase(), qualifiers: NO_QUALIFIERS };
  const qualifiers = new Map<string, string>();
  for (const qualifier of rest) {
    const equals = qualifier.indexOf('=');
    if (equals < 1) throw bad('has a qualifier that is no /keyword=value');
    qualifiers.set(qualifier.slice(0, equals).toUpperCase(), unescapeValue(qualifier.slice(equals + 1)));
  }
  return { name: name.trim().toUpperCase(), qualifiers };
}

function identityOf(type: string, value: string, options: AddressOptions): SipIdentity {
  if (NUMBER_TYPES.has(type)) {
    const number = value.replace(/[-.]/g, '');
    const global = type === 'PLMN' || number.startsWith('+') ? number : `+${number}`;
    if (!isGlobalNumber(global)) throw bad(`is no international number of type ${type}`);
    return numberIdentity(global, options);
  }
  if (type === 'USER' || type === 'SIP' || type === 'SIPURI') return userIdentity(value, options);
  if (UNREACHABLE_TYPES.has(type)) throw bad(`is of type ${type}, which cannot be reached by SIP`);
  throw bad('is of a type that is not known');
}

const numberIdentity = (number: string, { rules, domain }: AddressOptions): SipIdentity => ({
  aor: aorOf(number, rules?.domainOf(number) ?? domain),
});

function userIdentity(value: string, options: AddressOptions): SipIdentity {
  const scheme = /^(sips?|tel):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === 'tel') {
    const number = telNumber(value.slice('tel:'.length));
    if (number === undefined) throw bad('is no global tel: URI');
    return numberIdentity(number, options);
  }
  if (value.startsWith('+')) {
    const number = value.replace(/[-.()]/g, '');
    if (isGlobalNumber(number)) return numberIdentity(number, options);
  }
  const uri = scheme === undefined ? value : value.slice(scheme.length + 1);
  const token = uri.includes('@') ? undefined : uri.replace(PORT, '');
  const known = token === undefined || scheme !== undefined ? undefined : options.rules?.alias(token);
  if (known !== undefined) return known;
  const full = token === undefined ? uri : `${token}@${options.domain}`;
  const identity = scheme !== undefined && token !== undefined ? undefined : sipIdentity(full);
  if (identity === undefined) throw bad('names no user that SIP can address');
  return identity;
}

/** Global number of a tel: URI (RFC 3966); its parameters would make it another subscriber's (`ext`, `isub`) or add nothing. */
function telNumber(text: string): string | undefined {
  const [number = '', ...parameters] = text.split(';');
  if (parameters.some((parameter) => /^(ext|isub|phone-context)=/i.test(parameter))) return undefined;
  const digits = number.replace(/[-.()]/g, '');
  return isGlobalNumber(digits) ? digits : undefined;
}

/** Octets written as %HH are UTF-8; a lone `%` is no value at all. */
function unescapeValue(text: string): string {
  if (!text.includes('%')) return text;
  if (BAD_ESCAPE.test(text)) throw bad('has a % without two hexadecimal digits');
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw bad('has escaped octets that are not UTF-8', error);
  }
}

function readInstance(value: string): string {
  const instance = value.replace(/^<(.*)>$/, '$1');
  if (!INSTANCE.test(instance)) throw bad('names an instance that is no URN');
  return instance;
}

function recipient(text: string, { aor, gruu }: SipIdentity, instance?: string): RecipientAddress {
  const address: Writable<RecipientAddress> = { text, aor };
  if (gruu !== undefined) address.gruu = gruu;
  if (instance !== undefined) address.instance = instance;
  return address;
}

const bad = (what: string, cause?: unknown): PpgError =>
  new PpgError('PPG_E_ADDRESS', `the address ${what}`, { cause });

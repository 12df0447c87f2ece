import { PpgError } from '../base/errors.ts';
import type { Push } from '../model/push.ts';

/** What of an account decides for whom the gateway vouches. */
export interface VouchedAccount {
  readonly name: string;
  /** URIs that are the account's: each stands for itself and for what is below it. */
  readonly initiatorUris?: readonly string[] | undefined;
  /** Whether clients may trust what the account pushes. */
  readonly trusted?: boolean | undefined;
}

/**
 * The value of X-Wap-Push-Info (WAP-235; as Push-Flag of WSP) for a push: `authenticated` when its
 * X-Wap-Initiator-URI belongs to the account that submitted it, `trusted` when the account is. Undefined: nothing to say.
 */
export type Vouching = (push: Pick<Push, 'initiator' | 'content'>) => string | undefined;

const INITIATOR_URI = 'x-wap-initiator-uri';
/** What a URI is written with (RFC 3986); clients read other characters each in their own way. */
const URI_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/;

/** Throws PPG_E_OPTIONS for a URI that cannot be one. */
export function compileVouching(accounts: readonly VouchedAccount[]): Vouching {
  const vouched = new Map<string, (uri: string | undefined) => string | undefined>();
  for (const { name, initiatorUris = [], trusted = false } of accounts) {
    if (initiatorUris.length === 0 && !trusted) continue;
    const owned = initiatorUris.map((uri) => {
      const canonical = canonicalUri(uri);
      if (canonical === undefined) {
        throw new PpgError('PPG_E_OPTIONS', `initiators.${name}.initiatorUris: ${JSON.stringify(uri)} is no URI`);
      }
      return canonical;
    });
    vouched.set(name, (uri) => {
      const flags = uri !== undefined && owned.some((own) => isBelow(uri, own)) ? ['authenticated'] : [];
      if (trusted) flags.push('trusted');
      return flags.length === 0 ? undefined : flags.join(', ');
    });
  }
  if (vouched.size === 0) return () => undefined;
  return ({ initiator, content }) => vouched.get(initiator)?.(initiatorUri(content?.headers ?? []));
}

/** The one URI that the push names; of two a client might take the other. */
function initiatorUri(headers: readonly { readonly name: string; readonly value: string }[]): string | undefined {
  const [only, ...others] = headers.filter(({ name }) => name.toLowerCase() === INITIATOR_URI);
  return only === undefined || others.length > 0 ? undefined : canonicalUri(only.value.trim());
}

/** Scheme and host in lower case, dot segments gone, so that `/shop/../other/` is not below `/shop/`. */
function canonicalUri(text: string): string | undefined {
  if (text.length > 2048 || !URI_CHARACTERS.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  // `https://shop.example.com@evil.example/` shows another host than it has.
  return url.username === '' && url.password === '' ? url.href : undefined;
}

const isBelow = (uri: string, own: string): boolean =>
  uri === own || (uri.startsWith(own) && (own.endsWith('/') || /^[/?#]/.test(uri.slice(own.length))));

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';

/** Which bearer tokens (RFC 6750) prove who a Push Initiator is: JSON Web Tokens of one issuer. */
export interface TokenOptions {
  /** `iss` that a token must have. */
  readonly issuer: string;
  /** `aud` that a token must have: what the issuer calls this gateway. */
  readonly audience: string;
  /** Where the issuer publishes its keys (JWKS, RFC 7517): https, or http on loopback. */
  readonly jwksUrl?: string | undefined;
  /** Its keys, `{ "keys": [...] }`, in place of a URL. */
  readonly keys?: { readonly keys: readonly object[] } | undefined;
  /** The claim that holds the name of the account. Default `sub`. */
  readonly claim: string;
  /** Signatures that count. Default ES256, ES384, PS256, RS256 and EdDSA; never `none`. */
  readonly algorithms: readonly string[];
  /** Seconds by which clocks may differ. Default 30. */
  readonly clockTolerance: number;
}

export const DEFAULT_ALGORITHMS: readonly string[] = ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA'];

/** What a token proves; `unavailable`: the keys could not be had, so nothing is proven either way. */
export type TokenResult =
  | { readonly ok: true; readonly name: string /** Milliseconds since the epoch. */; readonly expiresAt: number }
  | { readonly ok: false; readonly reason: 'refused' | 'unavailable' };

/** Never rejects; bounded in time. */
export type TokenVerifier = (token: string) => Promise<TokenResult>;

const KEYS_WITHIN = 5000;
/** Keys are asked for again at most so often, whatever key ids are claimed, and at least so often; milliseconds. */
const KEYS_EVERY = 30_000;
const KEYS_FOR = 600_000;

/** Throws PPG_E_OPTIONS when neither keys nor a URL that can be trusted are given. */
export function createTokenVerifier(options: TokenOptions, clock: Clock): TokenVerifier {
  const keys = keySource(options);
  const { issuer, audience, claim, algorithms, clockTolerance } = options;
  const wanted: JWTVerifyOptions = {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance,
    requiredClaims: ['exp', claim],
  };
  return async (token) => {
    try {
      const { payload } = await verified(token, keys, { ...wanted, currentDate: new Date(clock.now()) });
      const name = payload[claim];
      if (typeof name !== 'string' || payload.exp === undefined) return { ok: false, reason: 'refused' };
      return { ok: true, name, expiresAt: payload.exp * 1000 };
    } catch (error) {
      return { ok: false, reason: isAboutToken(error) ? 'refused' : 'unavailable' };
    }
  };
}

/** A token need not name its key (RFC 7515 section 4.1.4): while the issuer has an old and a new one, each that fits is tried. */
async function verified(token: string, keys: JWTVerifyGetKey, wanted: JWTVerifyOptions): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys, wanted);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await jwtVerify(token, key, wanted);
      } catch (other) {
        if (!(other instanceof errors.JWSSignatureVerificationFailed)) throw other;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function keySource({ jwksUrl, keys }: TokenOptions): JWTVerifyGetKey {
  if (keys !== undefined) return createLocalJWKSet(keys as Parameters<typeof createLocalJWKSet>[0]);
  const url = jwksUrl !== undefined && URL.canParse(jwksUrl) ? new URL(jwksUrl) : undefined;
  if (url === undefined) throw new PpgError('PPG_E_OPTIONS', 'auth.token: jwksUrl or keys is needed');
  // Whoever can change the keys on their way can be any initiator.
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname))) {
    throw new PpgError('PPG_E_OPTIONS', 'auth.token.jwksUrl: must be https');
  }
  return createRemoteJWKSet(url, { timeoutDuration: KEYS_WITHIN, cooldownDuration: KEYS_EVERY, cacheMaxAge: KEYS_FOR });
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** An error of the token itself, in contrast to one of the issuer's keys. */
function isAboutToken(error: unknown): boolean {
  if (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error instanceof errors.JWKInvalid
  ) {
    return false;
  }
  // The plain JOSEError is what an answer other than 200 of the key server becomes.
  return error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
}

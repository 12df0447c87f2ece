import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { PpgError } from '../base/errors.ts';

/** Cost of one hash: N (a power of two), r, p of RFC 7914. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 16 MiB and some 50 ms a hash, as RFC 7914 section 2 advises for interactive log-in. */
export const DEFAULT_COST: ScryptCost = { N: 16_384, r: 8, p: 1 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A hash that would ask for more memory than this is refused at start, not when somebody logs in. */
const MAX_MEMORY = 256 * 1024 * 1024;
const FORM = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/=_-]{8,128})\$([A-Za-z0-9+/=_-]{20,128})$/;

export interface PasswordHash extends ScryptCost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Reads `scrypt$N$r$p$salt$hash`, salt and hash in base64. Throws PPG_E_OPTIONS. */
export function parsePasswordHash(text: string): PasswordHash {
  const found = FORM.exec(text);
  if (found === null) throw new PpgError('PPG_E_OPTIONS', 'a password hash is not in the form scrypt$N$r$p$salt$hash');
  const [N, r, p] = [Number(found[1]), Number(found[2]), Number(found[3])];
  if (N < 2 || (N & (N - 1)) !== 0 || r < 1 || p < 1 || p > 16 || memoryOf({ N, r, p }) > MAX_MEMORY) {
    throw new PpgError('PPG_E_OPTIONS', 'the scrypt parameters of a password hash are out of range');
  }
  return { N, r, p, salt: Buffer.from(found[4] as string, 'base64'), hash: Buffer.from(found[5] as string, 'base64') };
}

/** Hashes a password for the configuration. */
export async function hashPassword(password: string, cost: ScryptCost = DEFAULT_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(HASH_BYTES) });
  return `scrypt$${cost.N}$${cost.r}$${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Compares in constant time; works in the thread pool, not in the event loop. */
export async function verifyPassword(password: string, wanted: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, wanted), wanted.hash);
}

/** A hash that no password has, as costly to compare as the ones it stands in for. */
export const impossibleHash = (cost: ScryptCost): PasswordHash => ({
  N: cost.N,
  r: cost.r,
  p: cost.p,
  salt: randomBytes(SALT_BYTES),
  hash: randomBytes(HASH_BYTES),
});

const memoryOf = ({ N, r, p }: ScryptCost): number => 128 * r * (N + p + 2);

const derive = (password: string, { N, r, p, salt, hash }: PasswordHash): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, { N, r, p, maxmem: 2 * memoryOf({ N, r, p }) }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

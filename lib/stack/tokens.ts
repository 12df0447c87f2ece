import { randomBytes } from 'node:crypto';

const TOKEN_BYTES = 12;
const POOL_BYTES = TOKEN_BYTES * 512;

/**
 * Makes tokens of 24 hex digits (96 random bits, RFC 3261 sections 8.1.1.7 and 19.3 want them unique and unguessable).
 * Random octets are fetched for many tokens at a time.
 */
export function tokenMaker(): () => string {
  let pool = '';
  let at = 0;
  return () => {
    if (at === pool.length) {
      pool = randomBytes(POOL_BYTES).toString('hex');
      at = 0;
    }
    const token = pool.slice(at, at + 2 * TOKEN_BYTES);
    at += 2 * TOKEN_BYTES;
    return token;
  };
}

import { hash, randomBytes } from 'node:crypto';

/** Crockford's base 32: sorts as its numbers do and has no letters that look like digits. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARACTERS = 10;
const COUNTER_CHARACTERS = 4;
const COUNTER_LIMIT = 32 ** COUNTER_CHARACTERS;

function base32(value: number, width: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < width; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/**
 * Makes keys that sort in the order they were made: 10 characters of time, 4 of a counter within
 * the process, 8 of randomness that keep two nodes apart. Submission order within a priority
 * is the order of these keys. A clock set back does not make keys go back.
 */
export function orderedIds(now: () => number): () => string {
  const node = randomSuffix();
  let lastTime = 0;
  let counter = 0;
  return () => {
    const time = Math.max(now(), lastTime);
    counter = time === lastTime ? counter + 1 : 0;
    lastTime = time;
    if (counter === COUNTER_LIMIT) {
      lastTime = time + 1;
      counter = 0;
    }
    return base32(lastTime, TIME_CHARACTERS) + base32(counter, COUNTER_CHARACTERS) + node;
  };
}

/** When a key of {@link orderedIds} was made, milliseconds since the epoch; undefined for anything else. */
export function timeOfOrderedId(id: string): number | undefined {
  if (id.length < TIME_CHARACTERS) return undefined;
  let time = 0;
  for (let i = 0; i < TIME_CHARACTERS; i++) {
    const digit = ALPHABET.indexOf(id.charAt(i));
    if (digit < 0) return undefined;
    time = time * 32 + digit;
  }
  return time;
}

function randomSuffix(): string {
  let text = '';
  for (const byte of randomBytes(8)) text += ALPHABET[byte % 32];
  return text;
}

/** `bytes` random octets (default 12) as lower-case hex; for tags, branches and other tokens. */
export const randomToken = (bytes = 12): string => randomBytes(bytes).toString('hex');

/** A stable token: the same parts give the same 32 hex digits, in every process and after every restart. */
export function stableToken(...parts: string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join('');
  return hash('sha256', text, 'hex').slice(0, 32);
}

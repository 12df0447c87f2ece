import type { Random } from './random.ts';

/** No input grows beyond it, octets: what is larger is refused by its size. */
const LARGEST = 96 * 1024;

/** Changes to one input. */
const MOST_CHANGES = 8;

/** Octets that mean something to one parser or another, and those at the edges of a range. */
const TELLING = Buffer.from(
  '\0\t\n\r "#%&\'()*+,-./0189:;<=>?@AZ[\\]_az{|}~\x7f\x80\xbf\xc0\xc3\xe2\xed\xf0\xfe\xff',
  'latin1',
);

/** Numbers at which readers stumble. */
const NUMBERS = [
  '0',
  '-1',
  '00',
  '255',
  '256',
  '65535',
  '65536',
  '2147483648',
  '4294967296',
  '9'.repeat(30),
  '1e9',
  '.5',
];

type Change = (octets: Buffer, random: Random, seeds: readonly Buffer[], words: readonly Buffer[]) => Buffer;

const join = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);

/** A range within the octets, mostly a short one. */
function range(octets: Buffer, random: Random): [start: number, end: number] {
  const start = random.next(octets.length + 1);
  const length = random.next(random.next(4) === 0 ? octets.length + 1 : 24);
  return [start, Math.min(octets.length, start + length)];
}

const CHANGES: readonly Change[] = [
  function flipBit(octets, random) {
    const copy = Buffer.from(octets);
    const at = random.next(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.next(8));
    return copy;
  },
  function setOctet(octets, random) {
    const copy = Buffer.from(octets);
    copy[random.next(copy.length)] = random.one([...TELLING]);
    return copy;
  },
  function insertOctets(octets, random) {
    const at = random.next(octets.length + 1);
    const some = Buffer.from(Array.from({ length: 1 + random.next(4) }, () => random.one([...TELLING])));
    return join(octets.subarray(0, at), some, octets.subarray(at));
  },
  function insertWord(octets, random, _seeds, words) {
    const at = random.next(octets.length + 1);
    return join(octets.subarray(0, at), random.one(words), octets.subarray(at));
  },
  function overwriteWithWord(octets, random, _seeds, words) {
    const word = random.one(words);
    const at = random.next(octets.length + 1);
    return join(octets.subarray(0, at), word, octets.subarray(at + word.length));
  },
  function cut(octets, random) {
    const [start, end] = range(octets, random);
    return join(octets.subarray(0, start), octets.subarray(end));
  },
  function truncate(octets, random) {
    return Buffer.from(octets.subarray(0, random.next(octets.length + 1)));
  },
  function double(octets, random) {
    const [start, end] = range(octets, random);
    return join(octets.subarray(0, end), octets.subarray(start));
  },
  function repeat(octets, random) {
    const [start, end] = range(octets, random);
    const piece = octets.subarray(start, Math.min(end, start + 32));
    const times = random.next(16) === 0 ? 4096 : 1 + random.next(64);
    return join(octets.subarray(0, end), ...Array.from({ length: times }, () => piece), octets.subarray(end));
  },
  function move(octets, random) {
    const [start, end] = range(octets, random);
    const rest = join(octets.subarray(0, start), octets.subarray(end));
    const at = random.next(rest.length + 1);
    return join(rest.subarray(0, at), octets.subarray(start, end), rest.subarray(at));
  },
  function splice(octets, random, seeds) {
    const [start, end] = range(octets, random);
    const other = random.one(seeds);
    const [from, to] = range(other, random);
    return join(octets.subarray(0, start), other.subarray(from, to), octets.subarray(end));
  },
  function cross(octets, random, seeds) {
    const other = random.one(seeds);
    return join(octets.subarray(0, random.next(octets.length + 1)), other.subarray(random.next(other.length + 1)));
  },
  function otherNumber(octets, random) {
    const from = random.next(octets.length + 1);
    let start = from;
    while (start < octets.length && !isDigit(octets[start])) start++;
    let end = start;
    while (end < octets.length && isDigit(octets[end])) end++;
    return join(octets.subarray(0, start), Buffer.from(random.one(NUMBERS)), octets.subarray(end));
  },
  function otherCase(octets, random) {
    const [start, end] = range(octets, random);
    const copy = Buffer.from(octets);
    for (let i = start; i < end; i++) if (isLetter(copy[i])) copy[i] = (copy[i] ?? 0) ^ 0x20;
    return copy;
  },
];

const isDigit = (octet: number | undefined): boolean => octet !== undefined && octet >= 0x30 && octet <= 0x39;
const isLetter = (octet: number | undefined): boolean => octet !== undefined && ((octet | 0x20) - 0x61) >>> 0 < 26;

/** A seed with some changes to it; the same for the same random numbers. */
export function mutated(random: Random, seeds: readonly Buffer[], words: readonly Buffer[]): Buffer {
  let octets = random.one(seeds);
  // Mostly few: what is changed a lot is refused at its first line.
  for (let left = 1 + random.next(1 + random.next(MOST_CHANGES)); left > 0; left--) {
    const change = octets.length === 0 ? insertAnything : random.one(CHANGES);
    octets = change(octets, random, seeds, words).subarray(0, LARGEST);
  }
  return octets;
}

const insertAnything: Change = (_octets, random, seeds) => random.one(seeds);

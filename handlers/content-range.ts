/** A part of content: octets from `start` up to, not including, `end`. */
export interface OctetRange {
  readonly start: number;
  readonly end: number;
}

const SINGLE = /^\s*bytes\s*=\s*(?:(\d{1,15})\s*-\s*(\d{1,15})?|-\s*(\d{1,15}))\s*$/i;

/**
 * What a Range header asks of content of `size` octets (RFC 9110 section 14.2): one range, `unsatisfiable`, or everything.
 * Everything also for several ranges and for what cannot be read, which a server may ignore: ranges that overlap a
 * thousand times would make it send more than it has.
 */
export function rangeOf(header: string | undefined, size: number): OctetRange | 'all' | 'unsatisfiable' {
  const match = header === undefined || header.length > 64 ? null : SINGLE.exec(header);
  if (match === null) return 'all';
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== undefined && Number(last) < start) return 'all';
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === undefined ? size : Math.min(Number(last) + 1, size) };
}

/** Pieces of one content that are remembered; a client that fetches it in more has to fetch it whole in the end. */
const MAX_PIECES = 16;

/** Remembers which octets of contents were sent, so that a download that was resumed counts as one. Bounded. */
export class Coverage {
  readonly #pieces = new Map<string, OctetRange[]>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Notes that a piece of the content named `key` was sent; true when all of it has been by now. */
  add(key: string, piece: OctetRange, size: number): boolean {
    if (piece.start === 0 && piece.end === size) {
      this.#pieces.delete(key);
      return true;
    }
    const pieces = merged([...(this.#pieces.get(key) ?? []), piece]);
    const [first] = pieces;
    if (first?.start === 0 && first.end === size) {
      this.#pieces.delete(key);
      return true;
    }
    this.#remember(key, pieces.slice(0, MAX_PIECES));
    return false;
  }

  get size(): number {
    return this.#pieces.size;
  }

  #remember(key: string, pieces: OctetRange[]): void {
    this.#pieces.delete(key);
    if (this.#pieces.size >= this.#capacity) {
      const oldest = this.#pieces.keys().next();
      if (!oldest.done) this.#pieces.delete(oldest.value);
    }
    this.#pieces.set(key, pieces);
  }
}

/** The same octets in as few pieces as can be, in order. */
function merged(pieces: OctetRange[]): OctetRange[] {
  const found: OctetRange[] = [];
  for (const piece of pieces.sort((a, b) => a.start - b.start)) {
    const before = found.at(-1);
    if (before === undefined || piece.start > before.end) found.push(piece);
    else found[found.length - 1] = { start: before.start, end: Math.max(before.end, piece.end) };
  }
  return found;
}

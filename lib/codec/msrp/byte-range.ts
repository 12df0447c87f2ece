import { PpgError } from '../../base/errors.ts';

/** Byte-Range (RFC 4975 section 7.1.1): first octet is 1. Undefined stands for `*`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number | undefined;
  readonly total: number | undefined;
}

/** What a request without the header means. */
export const WHOLE: ByteRange = { start: 1, end: undefined, total: undefined };

const RANGE = /^(\d{1,15})-(\d{1,15}|\*)\/(\d{1,15}|\*)$/;

/** Throws PPG_E_MSRP_SYNTAX for what is no range, or one that contradicts itself (ends before it begins, beyond its total). */
export function parseByteRange(value: string): ByteRange {
  const match = RANGE.exec(value.trim());
  if (match === null) throw new PpgError('PPG_E_MSRP_SYNTAX', 'a Byte-Range cannot be read');
  const start = Number(match[1]);
  const end = numberOf(match[2]);
  const total = numberOf(match[3]);
  const last = end ?? start - 1;
  if (start < 1 || last < start - 1 || (total !== undefined && (last > total || start > total + 1)))
    throw new PpgError('PPG_E_MSRP_SYNTAX', 'a Byte-Range contradicts itself');
  return { start, end, total };
}

export const formatByteRange = ({ start, end, total }: ByteRange): string => `${start}-${end ?? '*'}/${total ?? '*'}`;

const numberOf = (text: string | undefined): number | undefined => (text === '*' ? undefined : Number(text));

/** Which octets of a message are there; parts may come in any order and overlap. */
export class Coverage {
  /** Disjoint, not even adjacent, ascending; [first, last]. */
  readonly #spans: [number, number][] = [];

  /** Adds octets `first` to `last`; `last` before `first` adds nothing. */
  add(first: number, last: number): void {
    if (last < first) return;
    const spans = this.#spans;
    // Parts come in order as a rule: look from the end.
    let at = spans.length;
    while (at > 0 && (spans[at - 1] as [number, number])[0] > first) at--;
    let [from, to] = [first, last];
    let begin = at;
    const before = spans[at - 1];
    if (before !== undefined && before[1] >= first - 1) {
      begin = at - 1;
      from = before[0];
      to = Math.max(to, before[1]);
    }
    let end = at;
    for (let next = spans[end]; next !== undefined && next[0] <= to + 1; next = spans[++end])
      to = Math.max(to, next[1]);
    spans.splice(begin, end - begin, [from, to]);
  }

  /** True when every octet of the span is there. */
  has(first: number, last: number): boolean {
    return last < first || this.#spans.some((span) => span[0] <= first && span[1] >= last);
  }

  /** Pieces with gaps between them. */
  get pieces(): number {
    return this.#spans.length;
  }
}

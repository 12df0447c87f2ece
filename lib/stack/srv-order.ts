/** What decides who is asked first (RFC 2782). */
export interface Weighed {
  readonly priority: number;
  readonly weight: number;
}

/**
 * The order in which servers are tried (RFC 2782): priorities upwards; within one each next is drawn with a chance in
 * proportion to its weight. `random` answers from 0 to 1, 1 excluded. A new array.
 */
export function orderByWeight<T extends Weighed>(records: readonly T[], random: () => number): T[] {
  if (records.length < 2) return [...records];
  const sorted = [...records].sort((a, b) => a.priority - b.priority);
  const ordered: T[] = [];
  for (let from = 0; from < sorted.length; ) {
    const priority = sorted[from]?.priority;
    let to = from + 1;
    while (sorted[to]?.priority === priority) to++;
    draw(sorted.slice(from, to), random, ordered);
    from = to;
  }
  return ordered;
}

function draw<T extends Weighed>(records: T[], random: () => number, into: T[]): void {
  // Those of weight 0 stand first, so that they have a small chance beside others (RFC 2782, "Weight").
  const left = records.sort((a, b) => Number(a.weight !== 0) - Number(b.weight !== 0));
  let total = left.reduce((sum, { weight }) => sum + weight, 0);
  while (left.length > 0) {
    const mark = Math.floor(random() * (total + 1));
    let sum = 0;
    let at = 0;
    for (; at < left.length - 1; at++) {
      sum += left[at]?.weight ?? 0;
      if (sum >= mark) break;
    }
    const [drawn] = left.splice(at, 1);
    if (drawn === undefined) return;
    total -= drawn.weight;
    into.push(drawn);
  }
}

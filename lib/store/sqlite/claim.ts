import type { Database, SqlRow } from './driver.ts';
import type { Lines } from './lines.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';

/** The longest due of one priority; what waits behind another is not in this index. */
const SELECT_DUE = `
  SELECT key, idx, aor FROM recipient INDEXED BY recipient_due
  WHERE state = 0 AND due > 0 AND rank = ? AND due <= ? ORDER BY due, key, idx LIMIT ?`;

const RANKS = [0, 1, 2];

export function claiming(db: Database, live: Live, lines: Lines): { claimDue: Handler; wake: Handler; renew: Handler } {
  const selectDue = db.prepare(SELECT_DUE);

  return {
    claimDue: (args) => {
      const [now, limit, leaseUntil] = args as unknown as [number, number, number];
      for (const flight of live.overdue(now)) {
        live.end(flight);
        lines.giveBack(flight, now);
      }
      const claims: SqlRow[] = [];
      if (live.tally.pending === 0) return claims;
      for (const rank of RANKS) {
        // Each round takes all it read out of the index, so the rounds end.
        while (claims.length < limit) {
          const due = selectDue.all([rank, now, limit - claims.length]);
          if (due.length === 0) break;
          for (const aor of new Set(due.map((row) => row[2] as string))) {
            const claim = lines.next(aor, leaseUntil, now);
            if (claim !== undefined) claims.push(claim);
          }
        }
      }
      return claims;
    },

    wake: (args) => {
      const [aor, now, leaseUntil] = args as unknown as [string, number, number];
      if (live.tally.pending === 0) return null;
      lines.unpark(aor, now);
      return lines.next(aor, leaseUntil, now) ?? null;
    },

    renew: (args) => {
      const [leaseUntil, ...claims] = args as unknown as [number, ...[string, number, number][]];
      return claims.map(([key, index, attempt]) => {
        const flight = live.held(key, index, attempt);
        if (flight === undefined) return false;
        live.start({ ...flight, leaseUntil });
        return true;
      });
    },
  };
}

import type { AttemptRecord } from '../../model/push.ts';
import { endOfTime, isConfirmable, withProof } from '../rules.ts';
import type { Database, SqlRow } from './driver.ts';
import type { Ended, Finish } from './finish.ts';
import type { Lines } from './lines.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { ATTEMPTED, PENDING, STATES, stateNumber } from './schema.ts';

const WAITING_COLUMNS = `
  r.key, r.idx, r.push, r.state, r.aor, r.attempted, r.proof, r.confirmed, p.recipients, p.notify, p.initiator, p.push_id,
  r.attempt, r.attempts`;

const SELECT_OVER = `
  SELECT ${WAITING_COLUMNS} FROM recipient r INDEXED BY recipient_ends JOIN push p ON p.id = r.push
  WHERE r.state <= 1 AND r.ends <= ? ORDER BY r.ends, r.key, r.idx LIMIT ?`;

const SELECT_ONE = `
  SELECT ${WAITING_COLUMNS} FROM recipient r JOIN push p ON p.id = r.push WHERE r.key = ? AND r.idx = ?`;

const SET_ATTEMPTS = 'UPDATE recipient SET attempts = ? WHERE key = ? AND idx = ?';

type Waiting = Ended & {
  readonly state: number;
  readonly aor: string;
  readonly attempted: number;
  readonly proof: boolean;
  readonly confirmed: number;
  readonly initiator: string;
  readonly pushId: string;
  readonly attempt: number;
  readonly attempts: string | null;
};

function waitingOf(row: SqlRow): Waiting {
  const [key, index, push, state, aor, attempted, proof, confirmed, recipients, notify, initiator, pushId, ...rest] =
    row as readonly never[];
  const [attempt, attempts] = rest;
  return {
    ...({ key, index, push, state, aor, attempted, confirmed, recipients, notify } as unknown as Waiting),
    ...({ initiator, pushId } as unknown as Pick<Waiting, 'initiator' | 'pushId'>),
    ...({ attempt, attempts } as unknown as Pick<Waiting, 'attempt' | 'attempts'>),
    proof: proof === 1,
  };
}

/** What expire() and confirm() answer of a recipient: key, index, initiator, push-id, state, code, 1 if confirmed while pending. */
export type SettledRow = readonly [string, number, string, string, number, number, number?];

export type ConfirmArgs = readonly [
  key: string,
  index: number,
  at: number,
  state: number,
  code: number,
  description: string | null,
  device: string | null,
  cause: string | null,
];

export function expiry(db: Database, live: Live, lines: Lines, finish: Finish): { expire: Handler; confirm: Handler } {
  const selectOver = db.prepare(SELECT_OVER);
  const selectOne = db.prepare(SELECT_ONE);
  const setAttempts = db.prepare(SET_ATTEMPTS);

  return {
    expire: (args): SettledRow[] => {
      const [now, limit] = args as unknown as [number, number];
      if (live.tally.pending + live.tally.awaiting === 0) return [];
      const left = new Set<string>();
      const settled = selectOver.all([now, limit]).map((row): SettledRow => {
        const waiting = waitingOf(row);
        const pending = waiting.state === PENDING;
        if (pending) live.tally.pending--;
        else live.tally.awaiting--;
        if (pending) left.add(waiting.aor);
        const { state, code } = endOfTime(
          pending ? 'pending' : 'awaiting-confirmation',
          ATTEMPTED[waiting.attempted] ?? 'unknown',
          waiting.proof,
        );
        const number = stateNumber(state);
        const { confirmed } = waiting;
        finish.ended(waiting, { state: number, code, description: null, at: now, confirmed });
        return [waiting.key, waiting.index, waiting.initiator, waiting.pushId, number, code];
      });
      for (const aor of left) lines.stand(aor, now);
      return settled;
    },

    confirm: (args): SettledRow | null => {
      const [key, index, at, state, code, description, device, cause] = args as unknown as ConfirmArgs;
      const row = live.tally.awaiting + live.tally.pending === 0 ? undefined : selectOne.get([key, index]);
      if (row === undefined) return null;
      const waiting = waitingOf(row);
      const before = STATES[waiting.state] ?? 'cancelled';
      if (!isConfirmable(before, waiting.attempt)) return null;
      const old = waiting.attempts === null ? [] : (JSON.parse(waiting.attempts) as AttemptRecord[]);
      const { records, ends } = withProof(old, before, {
        state: (STATES[state] ?? 'delivered') as 'delivered',
        code,
        at,
        ...(device !== null && { device }),
        ...(cause !== null && { cause }),
      });
      if (records.length > 0) setAttempts.run([JSON.stringify(records), key, index]);
      if (!ends) return null;
      const pending = waiting.state === PENDING;
      if (pending) live.tally.pending--;
      else live.tally.awaiting--;
      finish.ended(waiting, { state, code, description, at, confirmed: waiting.confirmed });
      if (pending) lines.stand(waiting.aor, at);
      return [key, index, waiting.initiator, waiting.pushId, state, code, pending ? 1 : 0];
    },
  };
}

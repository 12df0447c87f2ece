import { BEHIND, NEVER } from '../rules.ts';
import type { Database, Statement } from './driver.ts';
import type { Head, Lines } from './lines.ts';
import type { Live } from './live.ts';
import { PENDING, SENDING } from './schema.ts';

/** A push-id that its initiator used before changes nothing and says so by the number of changes. */
const INSERT_PUSH = `
  INSERT INTO push (id, key, initiator, push_id, accepted_at, expires_at, recipients, notify, data, head, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (initiator, push_id) DO NOTHING`;

const INSERT_RECIPIENT = `
  INSERT INTO recipient
    (key, idx, push, aor, text, instance, gruu, rank, proof, confirmed, state, due, not_before, ends, attempt, event_time)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** aor, text, instance, gruu */
export type AddressArgs = readonly [string, string, string | null, string | null];

export type AcceptArgs = readonly [
  /** Where the content lies in the bodies of the batch. */
  offset: number,
  length: number,
  key: string,
  initiator: string,
  pushId: string,
  acceptedAt: number,
  expiresAt: number,
  rank: number,
  proof: number,
  notify: number,
  due: number,
  /** 0: claim nothing. */
  leaseUntil: number,
  data: string,
  head: string | null,
  ...recipients: AddressArgs[],
];
export const RECIPIENTS_FROM = 14;

/** In place of a due time: claim it at once. */
const CLAIM = -1;

/** Answers false for a duplicate, else the indexes of the claimed recipients, or true when there is one and it is claimed. */
export type AcceptAnswer = boolean | readonly number[];

/** Takes a push inside a transaction; recipients in `left` join no line, since they end at once. */
export type TakePush = (args: AcceptArgs, bodies: Buffer, left?: ReadonlySet<number>) => AcceptAnswer;

const comesBefore = (head: Head, rank: number, key: string, index: number): boolean =>
  head.rank < rank || (head.rank === rank && (head.key < key || (head.key === key && head.index < index)));

export function acceptance(db: Database, live: Live, lines: Lines): TakePush {
  const insertPush: Statement = db.prepare(INSERT_PUSH);
  const insertRecipient: Statement = db.prepare(INSERT_RECIPIENT);

  return (args, bodies, left): AcceptAnswer => {
    const [offset, length, key, initiator, pushId, now, expiresAt, rank, ...more] = args;
    const [proof, notify, due, leaseUntil, data, head] = more;
    const recipients = args.length - RECIPIENTS_FROM;
    const push = live.nextPush;
    const body = head === null ? null : bodies.subarray(offset, offset + length);
    const inserted = insertPush.run([
      push,
      key,
      initiator,
      pushId,
      now,
      expiresAt,
      recipients,
      notify,
      data,
      head,
      body,
    ]);
    if (inserted === 0) return false;
    live.nextPush++;

    const claimed: number[] = [];
    for (let index = 0; index < recipients; index++) {
      const [aor, text, instance, gruu] = args[RECIPIENTS_FROM + index] as unknown as AddressArgs;
      const ended = left?.has(index) === true;
      const place = ended ? NEVER : enter(aor, index);
      const claim = place === CLAIM;
      insertRecipient.run([
        key,
        index,
        push,
        aor,
        text,
        instance,
        gruu,
        rank,
        proof,
        proof,
        claim ? SENDING : PENDING,
        claim ? 0 : place,
        due > now ? due : 0,
        expiresAt,
        claim ? 1 : 0,
        now,
      ]);
      if (!claim) {
        if (!ended) live.tally.pending++;
        continue;
      }
      claimed.push(index);
      const first = { attempt: 1, offlineTries: 0, attempts: null };
      live.start({ key, index, push, aor, recipients, notify, leaseUntil, ...first });
    }
    return recipients === 1 && claimed.length === 1 ? true : claimed;

    /** Where a new recipient goes: its due time, or CLAIM when nothing is before it. */
    function enter(aor: string, index: number): number {
      if (due > now) return due;
      if (expiresAt <= now) return NEVER;
      if (live.inFlight(aor)) return BEHIND;
      const first = lines.head(aor, now);
      if (first !== undefined && comesBefore(first, rank, key, index)) {
        lines.setDue(first.key, first.index, now);
        return BEHIND;
      }
      return leaseUntil > 0 ? CLAIM : now;
    }
  };
}

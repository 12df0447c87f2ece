import { namedRecipients, type RecipientAddress } from '../../model/address.ts';
import { CANCELLED, isCancellable, LEFT_OUT, leftOut, REPLACED } from '../rules.ts';
import { type AcceptAnswer, type AcceptArgs, type AddressArgs, RECIPIENTS_FROM, type TakePush } from './accept.ts';
import type { Database, SqlRow } from './driver.ts';
import type { Finish } from './finish.ts';
import type { Lines } from './lines.ts';
import type { Live } from './live.ts';
import type { Handler } from './messages.ts';
import { ATTEMPTED, STATES, stateNumber } from './schema.ts';

const SELECT_PUSH = 'SELECT key, id, recipients, notify FROM push WHERE initiator = ? AND push_id = ?';

const SELECT_RECIPIENTS = `
  SELECT idx, aor, text, instance, gruu, state, attempted, confirmed FROM recipient WHERE key = ? ORDER BY idx`;

/** Index, aor, text, instance, gruu, cancelled, state, attempted. */
export type CancelledRow = readonly [number, string, string, string | null, string | null, boolean, number, number];

/** Key of the push, its recipients that were named, and places in the arguments that name none. */
export type CancelRows = readonly [key: string, recipients: readonly CancelledRow[], strangers: readonly number[]];

/** A word says why nothing was done; the last two are null when there was nothing to replace. */
export type ReplaceAnswer =
  | 'duplicate'
  | 'not-found'
  | 'nothing-pending'
  | readonly [AcceptAnswer, CancelRows | null, readonly number[] | null];

interface Old {
  readonly key: string;
  readonly id: number;
  readonly recipients: number;
  readonly notify: number;
  readonly rows: readonly OldRecipient[];
}

interface OldRecipient {
  readonly address: RecipientAddress;
  readonly row: SqlRow;
  readonly cancellable: boolean;
}

const addressOf = ([aor, text, instance, gruu]: AddressArgs): RecipientAddress => ({
  aor,
  text,
  ...(instance !== null && { instance }),
  ...(gruu !== null && { gruu }),
});

/** Cancelling and replacing: the only changes of state that a Push Initiator makes. */
export function cancelling(
  db: Database,
  live: Live,
  lines: Lines,
  finish: Finish,
  take: TakePush,
): { cancel: Handler; replace: Handler } {
  const selectPush = db.prepare(SELECT_PUSH);
  const selectRecipients = db.prepare(SELECT_RECIPIENTS);

  function find(initiator: string, pushId: string): Old | undefined {
    const push = selectPush.get([initiator, pushId]);
    if (push === undefined) return undefined;
    const [key, id, recipients, notify] = push as unknown as [string, number, number, number];
    const rows = selectRecipients.all([key]).map((row): OldRecipient => {
      const state = STATES[Number(row[5])] ?? 'pending';
      const attempted = ATTEMPTED[Number(row[6])] ?? 'unknown';
      return {
        row,
        address: addressOf(row.slice(1, 5) as unknown as AddressArgs),
        cancellable: isCancellable(state, attempted),
      };
    });
    return { key, id, recipients, notify, rows };
  }

  function cancelAll(old: Old, named: readonly OldRecipient[], end: typeof CANCELLED, at: number): CancelledRow[] {
    const { key, id, recipients, notify } = old;
    const left = new Set<string>();
    const ending = { state: stateNumber(end.state), code: end.code, description: end.desc, at };
    const last = named.findLast(({ cancellable }) => cancellable);
    const results = named.map((recipient): CancelledRow => {
      const { row, cancellable } = recipient;
      const [index, aor, text, instance, gruu, state, attempted, confirmed] = row as unknown as [
        number,
        ...AddressArgs,
        number,
        number,
        number,
      ];
      if (!cancellable) return [index, aor, text, instance, gruu, false, state, attempted];
      live.tally.pending--;
      left.add(aor);
      finish.ended({ key, index, push: id, recipients, notify }, { ...ending, confirmed }, recipient !== last);
      return [index, aor, text, instance, gruu, true, ending.state, attempted];
    });
    for (const aor of left) lines.stand(aor, at);
    return results;
  }

  return {
    cancel: (args): CancelRows | null => {
      const [initiator, pushId, at, ...wanted] = args as unknown as [string, string, number, ...AddressArgs[]];
      const old = find(initiator, pushId);
      if (old === undefined) return null;
      const addresses = wanted.map(addressOf);
      const { found, strangers } = namedRecipients(old.rows, addresses);
      const places = strangers.map((stranger) => addresses.indexOf(stranger));
      return [old.key, cancelAll(old, found, CANCELLED, at), places];
    },

    /** As accept, with the arguments `push-id to replace, 1 for pending-only` between content and push. */
    replace: (args, bodies): ReplaceAnswer => {
      const [offset, length, oldId, onlyPending, ...push] = args as readonly unknown[];
      const acceptArgs = [offset, length, ...push] as unknown as AcceptArgs;
      const [, , key, initiator, pushId, now] = acceptArgs;
      const pendingOnly = onlyPending === 1;
      if (selectPush.get([initiator, pushId]) !== undefined) return 'duplicate';
      const old = find(initiator, oldId as string);
      if (old === undefined) return pendingOnly ? 'not-found' : [take(acceptArgs, bodies), null, null];

      const recipients = (acceptArgs.slice(RECIPIENTS_FROM) as unknown as AddressArgs[]).map(addressOf);
      const { found } = namedRecipients(old.rows, recipients);
      if (pendingOnly && !found.some(({ cancellable }) => cancellable)) return 'nothing-pending';
      const replaced = cancelAll(old, found, REPLACED, now);
      const ended = found.filter(({ cancellable }) => cancellable).map(({ address }) => address);
      const left = pendingOnly ? leftOut(recipients, ended) : [];
      const answer = take(acceptArgs, bodies, new Set(left));
      const id = live.nextPush - 1;
      const of = { key, push: id, recipients: recipients.length, notify: acceptArgs[9] };
      const ending = { state: stateNumber(LEFT_OUT.state), code: LEFT_OUT.code, description: null, at: now };
      // Others of the push are open, or there would have been nothing to replace.
      for (const index of left) finish.ended({ ...of, index }, { ...ending, confirmed: acceptArgs[8] }, true);
      return [answer, [old.key, replaced, []], left];
    },
  };
}

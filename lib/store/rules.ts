import { type RecipientAddress, successors } from '../model/address.ts';
import { type AttemptRecord, MAX_ATTEMPT_RECORDS, type Push } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { Attempted, FinalState, RecipientState } from '../model/states.ts';
import type { Confirmation } from './store.ts';

/** Due time of a recipient that is never claimed again: its time is over and expire() will end it. */
export const NEVER: number = Number.MAX_SAFE_INTEGER;

/** Due time of a recipient that is due and waits behind another of its address-of-record. */
export const BEHIND = 0;

/** True when the initiator asked for proof: what ends without an answer from the device is then a timeout. */
export const wantsProof = (push: Pick<Push, 'qos'>): boolean =>
  push.qos?.deliveryMethod === 'confirmed' || push.qos?.deliveryMethod === 'preferconfirmed';

/** How a recipient ends whose time is over, see Store.expire. */
export function endOfTime(
  waiting: 'pending' | 'awaiting-confirmation',
  attempted: Attempted,
  proof: boolean,
): { state: FinalState; code: number; desc: string } {
  const timedOut = waiting === 'awaiting-confirmation' || (proof && attempted === 'unknown');
  const code = timedOut ? PAP.SERVICE_FAILURE : PAP.SERVICE_UNAVAILABLE;
  return { state: timedOut ? 'timeout' : 'expired', code, desc: describeCode(code) };
}

/** The records of a recipient with new ones after them; the oldest go when there are too many. */
export const appendAttempts = (
  old: readonly AttemptRecord[],
  more: readonly AttemptRecord[],
): readonly AttemptRecord[] => (more.length === 0 ? old : [...old, ...more].slice(-MAX_ATTEMPT_RECORDS));

/** What may be cancelled: it waits, and no device can have it. */
export const isCancellable = (state: RecipientState, attempted: Attempted): boolean =>
  state === 'pending' && attempted !== 'unknown';

interface End {
  readonly state: FinalState;
  readonly code: number;
  readonly desc: string;
}

/** How a recipient ends that was cancelled, or whose push another one replaced. */
export const CANCELLED: End = { state: 'cancelled', code: PAP.OK, desc: 'Cancelled' };
export const REPLACED: End = { state: 'cancelled', code: PAP.OK, desc: 'Replaced by another push' };

/** How a recipient of a new push ends for whom `pending-only` found nothing to replace. */
export const LEFT_OUT: End = {
  state: 'undeliverable',
  code: PAP.CANCELLATION_NOT_POSSIBLE,
  desc: describeCode(PAP.CANCELLATION_NOT_POSSIBLE),
};

/** Places of the recipients of a new push whom none of `cancelled` names; see Acceptance and `pending-only`. */
export function leftOut(recipients: readonly RecipientAddress[], cancelled: readonly RecipientAddress[]): number[] {
  const taken = successors(recipients, cancelled);
  return [...recipients.keys()].filter((index) => !taken.has(index));
}

/** States of a recipient that a proof can end: an attempt was made, and none is under way. */
export const isConfirmable = (state: RecipientState, attempt: number): boolean =>
  state === 'awaiting-confirmation' || (state === 'pending' && attempt > 0);

/**
 * The records of a recipient with what a proof says of a device in its last one, and whether the recipient ends by it;
 * see Store.confirm. A proof that names no device speaks for the only one that is left.
 */
export function withProof(
  records: readonly AttemptRecord[],
  state: RecipientState,
  { state: end, code, at, device, cause }: Pick<Confirmation, 'state' | 'code' | 'at' | 'device' | 'cause'>,
): { readonly records: readonly AttemptRecord[]; readonly ends: boolean } {
  const last = new Map(records.map((record, place) => [record.device, place]));
  const open = [...last.values()].filter((place) => mayHaveIt(records[place] as AttemptRecord, state));
  const about = device !== undefined ? last.get(device) : open.length === 1 ? open[0] : undefined;
  const delivered = end === 'delivered';
  const said = records.map((record, place) =>
    place === about
      ? { ...record, result: delivered ? 'delivered' : 'failed', code, endedAt: at, cause: cause ?? record.cause }
      : record,
  );
  return { records: said, ends: delivered || open.every((place) => place === about) };
}

/** Of a recipient that goes on trying everybody may get it who has not refused. */
const mayHaveIt = ({ result }: AttemptRecord, state: RecipientState): boolean =>
  state === 'pending' ? result !== 'failed' : result === 'accepted' || result === 'unknown';

import type { Events } from '../base/events.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import { byAddress } from '../model/group.ts';
import type { CancelAnswer, CancelResult } from '../model/pap-service.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { CancelledRecipient, CancelAnswer as StoreAnswer } from '../store/store.ts';

/**
 * The code of a recipient that was to be cancelled (WAP-247 sections 9.8 and 9.14): what was sent, or may have been, is
 * 2008; what ended in another way is not there any more, 3003.
 */
export function cancelCode({ cancelled, state }: Pick<CancelledRecipient, 'cancelled' | 'state'>): number {
  if (cancelled) return PAP.OK;
  switch (state) {
    case 'undeliverable':
    case 'expired':
    case 'aborted':
    case 'cancelled':
      return PAP.NOT_POSSIBLE;
    default:
      return PAP.CANCELLATION_NOT_POSSIBLE;
  }
}

/**
 * The code of an address, which may stand for several users: 2008 when one of them has or may have the push, else 1000
 * when it was taken back from one, else it was over.
 */
function codeOf(members: readonly CancelledRecipient[]): number {
  const codes = members.map(cancelCode);
  return [PAP.CANCELLATION_NOT_POSSIBLE, PAP.OK].find((code) => codes.includes(code)) ?? PAP.NOT_POSSIBLE;
}

/** Answers a cancel-message: one result for each code, in the order of the recipients, strangers last. */
export function cancelAnswer({ recipients, strangers }: StoreAnswer): CancelAnswer {
  const groups = new Map<number, string[]>();
  const add = (code: number, address: string): void => {
    const group = groups.get(code);
    if (group === undefined) groups.set(code, [address]);
    else group.push(address);
  };
  for (const members of byAddress(recipients)) add(codeOf(members), members[0].address.text);
  for (const { text } of strangers) add(PAP.ADDRESS_NOT_FOUND, text);
  const results = [...groups].map(([code, addresses]): CancelResult => ({ addresses, code, desc: describeCode(code) }));
  return { results };
}

/** Tells of the recipients that were cancelled; answers whether there were any. */
export function tellCancelled(
  recipients: readonly CancelledRecipient[],
  of: { readonly initiator: string; readonly pushId: string; readonly at: number; readonly cause: string },
  events: Events<EngineEvents>,
): boolean {
  const cancelled = recipients.filter((one) => one.cancelled);
  for (const { push, index, address } of cancelled) {
    events.emit('state', { ...of, push, index, address: address.text, state: 'cancelled', code: PAP.OK });
  }
  return cancelled.length > 0;
}

import type { Notification } from '../model/delivery.ts';
import { resultOfGroup } from '../model/group.ts';
import { type FinalState, isTerminal } from '../model/states.ts';
import { byKey, inGroup, type MemoryData, membersOf, type OwedRow, type Row } from './memory-rows.ts';
import type { Lease, NotificationSettlement } from './store.ts';

/** Owes what the end of a recipient tells its PI: of a group only the end of the last does. */
export function oweNotification(data: MemoryData, row: Row, lease: Lease | undefined): void {
  if (row.of.push.notifyUrl === undefined || !membersOf(row).every(({ state }) => isTerminal(state))) return;
  row.notification =
    lease !== undefined && !inGroup(row)
      ? { state: 'leased', due: lease.leaseUntil, claims: 1 }
      : { state: 'owed', due: row.eventTime, claims: 0 };
  data.owed.add(row);
}

/** See Store.claimNotifications. */
export function claimNotifications(
  data: MemoryData,
  { now, limit, leaseUntil }: { now: number; limit: number } & Lease,
): Notification[] {
  const due = [...data.owed].flatMap((row) =>
    row.notification !== undefined && row.notification.due <= now ? [{ row, owed: row.notification }] : [],
  );
  due.sort((a, b) => a.owed.due - b.owed.due || byKey(a.row, b.row));
  return due.slice(0, limit).map(({ row, owed }) => {
    Object.assign(owed, { state: 'leased', due: leaseUntil, claims: owed.claims + 1 });
    return notificationOf(row, owed);
  });
}

/** See Store.settleNotification. */
export function settleNotification(
  data: MemoryData,
  { push, index, result, due, tries }: NotificationSettlement,
): void {
  const row = data.pushes.get(push)?.recipients[index];
  const owed = row?.notification;
  if (row === undefined || owed?.state !== 'leased' || owed.claims - 1 !== tries) return;
  owed.state = result === 'retry' ? 'owed' : result;
  if (result === 'retry') owed.due = due ?? owed.due;
  else data.owed.delete(row);
}

/** What a recipient's end, or that of a group whose last it was, tells its PI. */
export function notificationOf(row: Row, owed: OwedRow): Notification {
  const { push } = row.of;
  const [first = row, ...others] = membersOf(row);
  const result = resultOfGroup([first, ...others]);
  return {
    push: push.key,
    index: row.index,
    initiator: push.initiator,
    pushId: push.pushId,
    notifyUrl: push.notifyUrl ?? '',
    papVersion: push.papVersion,
    address: row.address,
    state: result.state as FinalState,
    code: result.code,
    desc: result.desc,
    ...(push.qos !== undefined && { qos: push.qos }),
    deliveredBy: result.deliveredBy,
    receivedTime: push.acceptedAt,
    eventTime: result.eventTime,
    tries: owed.claims - 1,
  };
}

import type { FinalState } from '../model/states.ts';
import { isTerminal } from '../model/states.ts';
import { notificationOf } from './memory-notifications.ts';
import { byKey, inGroup, type MemoryData, type OwedRow, type Row } from './memory-rows.ts';
import { ERASED, NOBODY, type NotificationFilter, type OperatorStore } from './operator.ts';
import type { Settled } from './settled.ts';

/** What the operator's side needs of a memory store. */
export interface MemoryRoom {
  readonly data: MemoryData;
  readonly check: () => void;
  readonly end: (row: Row, end: { state: FinalState; code: number; desc: string }, at: number) => Settled;
  readonly stand: (aor: string, now: number) => void;
}

/** The operator's side of a memory store. */
export function memoryOperator({ data, check, end, stand }: MemoryRoom): OperatorStore {
  const rows = (): Row[] => [...data.pushes.values()].flatMap(({ recipients }) => recipients);
  const dead = ({ initiator, pushId, limit }: NotificationFilter & { limit: number }): Row[] =>
    rows()
      .filter((row) => row.notification?.state === 'dead')
      .filter(({ of: { push } }) => initiator === undefined || push.initiator === initiator)
      .filter(({ of: { push } }) => pushId === undefined || push.pushId === pushId)
      .sort(byKey)
      .slice(0, limit);

  return {
    async openByInitiator() {
      check();
      const counts = new Map<string, number>();
      for (const { state, of } of rows()) {
        if (!isTerminal(state)) counts.set(of.push.initiator, (counts.get(of.push.initiator) ?? 0) + 1);
      }
      return counts;
    },
    async deadNotifications(query) {
      check();
      return dead(query).flatMap((row) =>
        row.notification ? [{ ...notificationOf(row, row.notification), tries: row.notification.claims }] : [],
      );
    },
    async replayNotifications({ now, ...query }) {
      check();
      const found = dead(query);
      for (const row of found) {
        Object.assign(row.notification as OwedRow, { state: 'owed', due: now });
        data.owed.add(row);
      }
      return found.length;
    },
    async purgeOf({ initiator, before }) {
      check();
      for (const { push, doneAt = before, recipients } of [...data.pushes.values()]) {
        if (push.initiator !== initiator || doneAt >= before || recipients.some((row) => data.owed.has(row))) continue;
        data.pushes.delete(push.key);
        data.byId.delete(JSON.stringify([push.initiator, push.pushId]));
      }
      return false;
    },
    async erase({ aor, at }) {
      check();
      const ended: Settled[] = [];
      let [erased, remaining] = [0, 0];
      for (const row of rows().filter(({ address }) => address.aor === aor)) {
        if (row.state !== 'sending' && !isTerminal(row.state)) ended.push(end(row, ERASED, at));
        if (row.state === 'sending' || data.owed.has(row)) {
          remaining++;
          continue;
        }
        // The name of a group is nobody's, and the initiator's other answers hang on it.
        row.address = inGroup(row) ? { ...NOBODY, text: row.address.text } : NOBODY;
        row.attempts = [];
        if (row.notification !== undefined) row.notification.state = 'done';
        erased++;
      }
      data.registrations.delete(aor);
      stand(aor, at);
      return { ended, erased, remaining };
    },
  };
}

import type { Erasure, OperatorStore } from '../operator.ts';
import { decodeNotification, decodeSettled } from './decode.ts';
import type { SqlRow } from './driver.ts';
import { OP } from './messages.ts';
import type { ErasureRow } from './operate.ts';
import type { StoreThread } from './thread.ts';

/** The operator's side of a SQLite store, over its thread. */
export const operatorOver = (thread: Pick<StoreThread, 'call'>): OperatorStore => ({
  async openByInitiator() {
    const rows = (await thread.call([OP.openByInitiator])) as SqlRow[];
    return new Map(rows.map(([initiator, count]) => [String(initiator), Number(count)]));
  },
  async deadNotifications({ initiator, pushId, limit }) {
    const rows = await thread.call([OP.deadNotifications, initiator ?? null, pushId ?? null, limit]);
    return (rows as SqlRow[]).map(decodeNotification);
  },
  async replayNotifications({ initiator, pushId, now, limit }) {
    return (await thread.call([OP.replayNotifications, now, initiator ?? null, pushId ?? null, limit])) as number;
  },
  async purgeOf({ initiator, before, limit }) {
    return (await thread.call([OP.purgeOf, initiator, before, limit])) as boolean;
  },
  async erase({ aor, at }): Promise<Erasure> {
    const [ended, erased, remaining] = (await thread.call([OP.erase, aor, at])) as ErasureRow;
    return { ended: ended.map(decodeSettled), erased, remaining };
  },
});

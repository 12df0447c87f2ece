import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Notification } from '../model/delivery.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Erasure, NotificationFilter, OperatorStore } from '../store/operator.ts';
import type { Store } from '../store/store.ts';

export interface OperatorOptions {
  readonly store: Pick<Store, 'operator'>;
  readonly clock: Clock;
  readonly events: Events<EngineEvents>;
  /** The store owes notifications that nobody handed over. */
  readonly onOwed: () => void;
  /** Something of the waiting line may be due now. */
  readonly onDue: (due: number) => void;
}

/** Most notifications in one answer or replay. */
export const MOST_NOTIFICATIONS = 1000;

/** What an operator may do to a running gateway. Every method rejects with PPG_E_STATE when the store cannot do it. */
export class Operator {
  readonly #o: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#o = options;
  }

  /** Notifications that were given up, oldest push first, at most 1,000. */
  deadNotifications(filter: NotificationFilter = {}, limit: number = MOST_NOTIFICATIONS): Promise<Notification[]> {
    return this.#store.deadNotifications({ ...filter, limit: Math.min(limit, MOST_NOTIFICATIONS) });
  }

  /** Sends dead notifications again, oldest push first, at most 1,000; resolves with how many. */
  async replayNotifications(filter: NotificationFilter = {}, limit: number = MOST_NOTIFICATIONS): Promise<number> {
    const { clock, events, onOwed } = this.#o;
    const query = { ...filter, now: clock.now(), limit: Math.min(limit, MOST_NOTIFICATIONS) };
    const replayed = await this.#store.replayNotifications(query);
    if (replayed > 0) onOwed();
    events.emit('operator', { at: clock.now(), action: 'replay', ...filter, replayed });
    return replayed;
  }

  /** Ends what waits for a subscriber and removes the address from what is over; see OperatorStore.erase. */
  async erase(aor: string): Promise<Erasure> {
    const { clock, events, onOwed, onDue } = this.#o;
    const at = clock.now();
    const erasure = await this.#store.erase({ aor, at });
    for (const { initiator, pushId, push, index, state, code } of erasure.ended) {
      events.emit('state', { initiator, pushId, push, index, at, address: '', state, code, cause: 'erased' });
    }
    onOwed();
    onDue(at);
    const { ended, erased, remaining } = erasure;
    events.emit('operator', { at, action: 'erase', ended: ended.length, erased, remaining });
    return erasure;
  }

  get #store(): OperatorStore {
    const { operator } = this.#o.store;
    if (operator === undefined) throw new PpgError('PPG_E_STATE', 'this store has no side for operators');
    return operator;
  }
}

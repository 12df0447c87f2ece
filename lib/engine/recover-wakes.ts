import type { Registration } from '../model/device.ts';
import type { Store } from '../store/store.ts';

export interface RecoverWakesOptions {
  readonly store: Pick<Store, 'waitingUsers'>;
  readonly find: (aor: string) => Registration | undefined | Promise<Registration | undefined>;
  readonly wake: (aor: string) => void;
  /** Resolves when more wakes may be added. */
  readonly room: () => Promise<void>;
  readonly stopped: () => boolean;
}

/** Registrations that are looked at in one reading. */
const PAGE = 500;

/**
 * Wakes everybody who is registered and has something waiting: wakes are kept in memory, so that a process which died may
 * have taken some with it. One that is woken in vain is one push tried. Rejects when the store does.
 */
export async function recoverWakes({ store, find, wake, room, stopped }: RecoverWakesOptions): Promise<void> {
  if (store.waitingUsers === undefined) return;
  for (let after: string | undefined = ''; after !== undefined && !stopped(); ) {
    const page: Awaited<ReturnType<NonNullable<Store['waitingUsers']>>> = await store.waitingUsers({
      after,
      limit: PAGE,
    });
    for (const aor of page.aors) {
      const found = find(aor);
      const registration = found instanceof Promise ? await found : found;
      if (stopped()) return;
      if (registration?.registered === true) wake(aor);
    }
    if (page.aors.length > 0) await room();
    after = page.last;
  }
}

import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { Events } from '../../base/events.ts';
import type { Logger } from '../../base/log.ts';
import type { Registration } from '../../model/device.ts';
import type { Store } from '../../store/store.ts';
import { mergeRegistration, type RegistrationUpdate } from './update.ts';

export type RegistrationEvents = {
  /** The user was seen to be registered: first time, refresh, or one more device. */
  registered: { readonly aor: string };
  /** The user was seen to leave with the last device. */
  deregistered: { readonly aor: string };
};

/** Who tells of registrations: REGISTER requests, the reg event package (RFC 3680), the two together, or nobody. */
export type RegistrationSource = 'register' | 'reg-event' | 'both' | 'none';

/** What is known of who is registered with which devices. */
export interface Registrations {
  /** True when a source tells of registrations; false means that nobody will ever wake a waiting push. */
  readonly covers: boolean;
  /** As `covers`, of one user: a core may refuse to tell of him. Default: as `covers`. */
  coversUser?(aor: string): boolean;
  /**
   * What is known of an address-of-record, without what has expired; undefined when nothing is. Answers at once
   * when the address is in the cache, which holds "nothing known" as well. Never rejects: a store that fails
   * makes the user unknown, not offline.
   */
  find(aor: string): Registration | undefined | Promise<Registration | undefined>;
  /**
   * Takes over a registration as it is: store, then cache, then `registered` or `deregistered`. Never rejects;
   * what the store cannot take is kept in the cache and logged, since a wake-up is worth more than its record.
   */
  learn(registration: Registration): Promise<void>;
  /** Merges what a REGISTER told into what is known, one at a time for each address-of-record. Never rejects. */
  apply(update: RegistrationUpdate): Promise<void>;
  /** Forgets what is in memory, after the store has deleted it. */
  forget(aor: string): void;
  /** The user is gone with all devices. Never rejects. */
  deregister(aor: string): Promise<void>;
  /** Adds a listener; the function it returns takes it off again. */
  on<K extends keyof RegistrationEvents>(name: K, listener: (event: RegistrationEvents[K]) => void): () => void;
}

export interface RegistrationsOptions {
  readonly store: Pick<Store, 'registration' | 'saveRegistration'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Addresses-of-record kept in memory, known or not; default 100,000. The least recently used goes first. */
  readonly cacheSize?: number;
  /**
   * Milliseconds after which a cached answer is asked of the store again; default: never. Set it when several nodes
   * share a store, since a REGISTER that another node took does not pass through this cache.
   */
  readonly cacheMs?: number;
  /** Who tells of registrations; `none`: nobody. */
  readonly source: RegistrationSource;
}

/** Debug line for each registration that was learned, with `aor`, `registered` and the number of `devices`. */
export const REGISTRATION_LEARNED = 'registration learned';

const NOBODY: readonly string[] = [];

interface Entry {
  /** Undefined: the store knows nothing. */
  readonly registration: Registration | undefined;
  /** When the entry must be read again. */
  readonly until: number;
}

export function createRegistrations(options: RegistrationsOptions): Registrations {
  const { store, clock, log, cacheSize = 100_000, cacheMs = Number.POSITIVE_INFINITY } = options;
  const events = new Events<RegistrationEvents>((error) =>
    log.error({ err: error }, 'a listener of registrations failed'),
  );
  // A Map keeps the order of insertion; taking an entry out and putting it back makes it the newest.
  const cache = new Map<string, Entry>();
  const loading = new Map<string, Promise<Registration | undefined>>();
  const updating = new Map<string, Promise<void>>();

  function remember(aor: string, registration: Registration | undefined): void {
    cache.delete(aor);
    cache.set(aor, { registration, until: clock.now() + cacheMs });
    if (cache.size > cacheSize) {
      const oldest = cache.keys().next();
      if (oldest.done !== true) cache.delete(oldest.value);
    }
  }

  /** One read of the store for however many ask at once. */
  function load(aor: string): Promise<Registration | undefined> {
    const running = loading.get(aor);
    if (running !== undefined) return running;
    const read: Promise<Registration | undefined> = store.registration(aor).then(
      (registration) => {
        // A registration learned while the store was read is newer than what the store answered.
        if (loading.get(aor) !== read) return cache.get(aor)?.registration;
        loading.delete(aor);
        remember(aor, registration);
        return registration;
      },
      (error: unknown) => {
        if (loading.get(aor) === read) loading.delete(aor);
        log.warn({ aor, err: error }, `registration could not be read: ${messageOf(error)}`);
        return undefined;
      },
    );
    loading.set(aor, read);
    return read;
  }

  /** As find, but with what has expired. */
  function recall(aor: string): Registration | undefined | Promise<Registration | undefined> {
    const entry = cache.get(aor);
    if (entry === undefined || entry.until <= clock.now()) return load(aor);
    cache.delete(aor);
    cache.set(aor, entry);
    return entry.registration;
  }

  async function learn(registration: Registration): Promise<void> {
    const { aor, registered } = registration;
    try {
      await store.saveRegistration(registration);
    } catch (error) {
      log.warn({ aor, err: error }, `registration could not be stored: ${messageOf(error)}`);
    }
    loading.delete(aor);
    remember(aor, registration);
    log.debug({ aor, registered, devices: registration.devices.length }, REGISTRATION_LEARNED);
    events.emit(registered ? 'registered' : 'deregistered', { aor });
  }

  /** Runs after every earlier update of the same address-of-record, so that no merge starts from an old state. */
  function inTurn(aor: string, work: () => Promise<void>): Promise<void> {
    const before = updating.get(aor);
    const turn = (before === undefined ? work() : before.then(work)).finally(() => {
      if (updating.get(aor) === turn) updating.delete(aor);
    });
    updating.set(aor, turn);
    return turn;
  }

  return {
    covers: options.source !== 'none',
    find(aor) {
      const known = recall(aor);
      const now = clock.now();
      return known instanceof Promise ? known.then((found) => living(found, clock.now())) : living(known, now);
    },
    learn: (registration) => inTurn(registration.aor, () => learn(registration)),
    async apply(update) {
      const others = new Set<string>();
      await Promise.all(
        update.aors.map((aor) =>
          inTurn(aor, async () => {
            const known = await recall(aor);
            if (update.isWholeSet === false) for (const other of known?.identities ?? NOBODY) others.add(other);
            await learn(mergeRegistration(known, update, aor, clock.now()));
          }),
        ),
      );
      for (const aor of update.aors) others.delete(aor);
      if (others.size === 0) return;
      await Promise.all(
        [...others].map((aor) =>
          inTurn(aor, async () => {
            const known = await recall(aor);
            // Erased since: the record of another one must not bring it back.
            if (known !== undefined) await learn(mergeRegistration(known, update, aor, clock.now()));
          }),
        ),
      );
    },
    forget(aor) {
      cache.delete(aor);
    },
    deregister(aor) {
      const update: RegistrationUpdate = { aors: [aor], kind: 'deregistered', devices: [], removed: [], expiresAt: 0 };
      return inTurn(aor, () => learn(mergeRegistration(undefined, update, aor, clock.now())));
    },
    on: (name, listener) => events.on(name, listener),
  };
}

/**
 * What of a registration still holds at `now`. Devices that ran out are left out; a registration that ran out as a
 * whole is not known any more: it may have been refreshed unseen, so the user must not count as offline.
 */
export function living(registration: Registration | undefined, now: number): Registration | undefined {
  if (registration === undefined || registration.expiresAt <= now) return undefined;
  if (registration.devices.every((device) => device.expiresAt > now)) return registration;
  return { ...registration, devices: registration.devices.filter((device) => device.expiresAt > now) };
}

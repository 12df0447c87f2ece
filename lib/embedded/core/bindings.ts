import type { Clock, TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { BindingStore } from '../../store/bindings.ts';
import { type Binding, fromRecord, toRecord } from './binding.ts';

/** Shortest time between two sweeps; look-ups leave out what has expired in between. */
const SWEEP_INTERVAL = 1000;

const NOBODY: readonly Binding[] = [];

/**
 * Who is registered where (the location service of RFC 3261 section 10). Memory answers, the store remembers: a write
 * that fails is logged and costs no more than a registration after the next restart.
 */
export class Bindings {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #store: BindingStore;
  readonly #byAor = new Map<string, Map<string, Binding>>();
  readonly #byContact = new Map<string, Binding>();
  readonly #writes = new Set<Promise<void>>();
  #size = 0;
  #sweepTimer: TimerHandle | undefined;
  #sweepAt = Infinity;
  #closed = false;
  /** Called with each user that lost its last contact by expiry. */
  onExpired: (aor: string) => void = () => undefined;
  /** Called with each user of whom a contact expired, the last one or not. */
  onSwept: (aor: string) => void = () => undefined;

  constructor(clock: Clock, log: Logger, store: BindingStore) {
    this.#clock = clock;
    this.#log = log;
    this.#store = store;
  }

  /** Reads what the store has; what expired meanwhile is dropped there too. */
  async load(): Promise<void> {
    const now = this.#clock.now();
    for (const record of await this.#store.load()) {
      const known = record.expiresAt > now ? fromRecord(record) : undefined;
      if (known === undefined) this.#write(this.#store.remove(record.aor, record.key));
      else this.#keep(known);
    }
  }

  /** Contacts in all. */
  get size(): number {
    return this.#size;
  }

  /** Users with a contact, as they were registered. */
  aors(): string[] {
    return [...this.#byAor.keys()];
  }

  /** Live contacts of a user. */
  of(aor: string): readonly Binding[] {
    const contacts = this.#byAor.get(aor);
    if (contacts === undefined) return NOBODY;
    const now = this.#clock.now();
    const live: Binding[] = [];
    for (const contact of contacts.values()) if (contact.expiresAt > now) live.push(contact);
    return live;
  }

  /** The live contact with that URI, as it was registered; the last one where several users share it. */
  at(contact: string): Binding | undefined {
    const found = this.#byContact.get(contact);
    return found !== undefined && found.expiresAt > this.#clock.now() ? found : undefined;
  }

  /** Adds a contact or replaces the one with its key. */
  put(binding: Binding): void {
    this.#keep(binding);
    this.#write(this.#store.put(toRecord(binding)));
  }

  remove(binding: Binding): void {
    if (this.#drop(binding)) this.#write(this.#store.remove(binding.aor, binding.key));
  }

  /** Stops the sweep; what has been read stays. */
  halt(): void {
    this.#closed = true;
    this.#clock.clearTimeout(this.#sweepTimer);
  }

  /** Stops the sweep, waits for the writes under way and closes the store. */
  async close(): Promise<void> {
    this.halt();
    await Promise.all(this.#writes);
    await this.#store.close();
  }

  #keep(binding: Binding): void {
    let contacts = this.#byAor.get(binding.aor);
    if (contacts === undefined) {
      contacts = new Map();
      this.#byAor.set(binding.aor, contacts);
    }
    const replaced = contacts.get(binding.key);
    if (replaced === undefined) this.#size++;
    else this.#forgetContact(replaced);
    contacts.set(binding.key, binding);
    this.#byContact.set(binding.contact, binding);
    this.#sweepBy(binding.expiresAt);
  }

  #drop(binding: Binding): boolean {
    const contacts = this.#byAor.get(binding.aor);
    const known = contacts?.get(binding.key);
    if (contacts === undefined || known === undefined) return false;
    contacts.delete(binding.key);
    this.#forgetContact(known);
    this.#size--;
    if (contacts.size === 0) this.#byAor.delete(binding.aor);
    return true;
  }

  #forgetContact(binding: Binding): void {
    if (this.#byContact.get(binding.contact) === binding) this.#byContact.delete(binding.contact);
  }

  #sweepBy(time: number): void {
    const at = Math.max(time, this.#clock.now() + SWEEP_INTERVAL);
    if (this.#closed || at >= this.#sweepAt) return;
    this.#clock.clearTimeout(this.#sweepTimer);
    this.#sweepAt = at;
    this.#sweepTimer = this.#clock.setTimeout(() => this.#sweep(), at - this.#clock.now());
  }

  #sweep(): void {
    this.#sweepAt = Infinity;
    const now = this.#clock.now();
    let next = Infinity;
    const gone: string[] = [];
    const swept = new Set<string>();
    for (const [aor, contacts] of this.#byAor) {
      for (const contact of contacts.values()) {
        if (contact.expiresAt <= now) {
          this.remove(contact);
          swept.add(aor);
        } else next = Math.min(next, contact.expiresAt);
      }
      if (contacts.size === 0) gone.push(aor);
    }
    if (next !== Infinity) this.#sweepBy(next);
    for (const aor of gone) this.onExpired(aor);
    for (const aor of swept) this.onSwept(aor);
  }

  #write(writing: Promise<void>): void {
    const done: Promise<void> = writing
      .catch((error: unknown) => this.#log.warn({ err: messageOf(error) }, 'a registration was not saved'))
      .finally(() => this.#writes.delete(done));
    this.#writes.add(done);
  }
}

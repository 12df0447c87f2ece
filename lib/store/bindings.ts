/** One contact of one user at the registrar of the embedded SIP core. */
export interface BindingRecord {
  /** Canonical address-of-record, see RecipientAddress.aor. */
  readonly aor: string;
  /** Names the contact within its address-of-record. */
  readonly key: string;
  /** What the registrar keeps, as JSON; the store does not look into it. */
  readonly data: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Registrar bindings that survive a restart: without them every phone is unreachable until it registers again.
 * Durable when the promise resolves. Whoever loads decides what has expired, and removes it.
 *
 * Errors: PPG_E_STORE, PPG_E_STORE_CLOSED, and from the first call of a file another process holds PPG_E_STORE_LOCKED.
 */
export interface BindingStore {
  /** All records, in no particular order. */
  load(): Promise<BindingRecord[]>;
  /** Adds a record, or replaces the one with the same address-of-record and key. */
  put(record: BindingRecord): Promise<void>;
  /** Removing what is not there is nothing. */
  remove(aor: string, key: string): Promise<void>;
  close(): Promise<void>;
}

import type { Clock } from '../base/clock.ts';

/** Networks of one account; whoever comes from ever new ones forgets his own alone. */
const NETWORKS = 100;

/**
 * From where accounts have logged in of late, so that guessers elsewhere do not use up what the account's own people may
 * try. Only who has the password gets in here, and the accounts are the operator's: that bounds it.
 */
export class Familiar {
  readonly #clock: Clock;
  readonly #keep: number;
  readonly #accounts = new Map<string, Map<string, number>>();

  /** `keep`: how long a log-in counts, milliseconds. */
  constructor(clock: Clock, keep: number) {
    this.#clock = clock;
    this.#keep = keep;
  }

  /** The account has logged in from there. */
  add(account: string, network: string): void {
    let networks = this.#accounts.get(account);
    if (networks === undefined) {
      networks = new Map();
      this.#accounts.set(account, networks);
    }
    // At the end again: the one that was longest away is the first.
    networks.delete(network);
    if (networks.size >= NETWORKS) {
      const oldest = networks.keys().next();
      if (!oldest.done) networks.delete(oldest.value);
    }
    networks.set(network, this.#clock.now() + this.#keep);
  }

  has(account: string, network: string): boolean {
    const until = this.#accounts.get(account)?.get(network);
    return until !== undefined && until > this.#clock.now();
  }

  /** Forgets accounts that there are no more. */
  keepOnly(accounts: { has(account: string): boolean }): void {
    for (const account of this.#accounts.keys()) if (!accounts.has(account)) this.#accounts.delete(account);
  }
}

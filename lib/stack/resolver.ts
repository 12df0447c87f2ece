import { lookup } from 'node:dns';
import type { Clock } from '../base/clock.ts';

/** Milliseconds a looked-up address is used again. */
const KEEP = 30_000;
const MAX_KEPT = 1000;

interface Kept {
  readonly address: string;
  readonly until: number;
}

/** Host names to addresses, by the system's resolver. Locating servers by NAPTR and SRV (RFC 3263) belongs in front of it. */
export class Resolver {
  readonly #clock: Clock;
  /** 4 or 6 where only sockets of one family are bound, else 0. */
  readonly #family: () => 0 | 4 | 6;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Map<string, Promise<string>>();

  constructor(clock: Clock, family: () => 0 | 4 | 6) {
    this.#clock = clock;
    this.#family = family;
  }

  /** The address at once when it is known; the promise rejects when the name has none. */
  resolve(host: string): string | Promise<string> {
    const kept = this.#kept.get(host);
    if (kept !== undefined && kept.until > this.#clock.now()) return kept.address;
    const running = this.#running.get(host) ?? this.#lookUp(host);
    this.#running.set(host, running);
    return running;
  }

  #lookUp(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      lookup(host, { family: this.#family() }, (error, address) => {
        this.#running.delete(host);
        if (error) {
          reject(error);
          return;
        }
        if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
        this.#kept.set(host, { address, until: this.#clock.now() + KEEP });
        resolve(address);
      });
    });
  }
}

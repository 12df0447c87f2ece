import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Claim } from '../model/delivery.ts';
import type { Store } from '../store/store.ts';
import { LEASE } from './limits.ts';

export interface LeasesOptions {
  readonly store: Pick<Store, 'renew'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A lease is renewed when half of it is over: attempts that are shorter never cost the store anything. */
const RENEW_WITHIN = LEASE / 2;
/** Those that will be due so soon are renewed along, so that one call serves many. */
const ALONG = LEASE / 8;
/** After a store failure it is asked again so much later: several times before a lease is over. */
const STORE_REST = 5000;

const TAKEN_OVER = 'another attempt has taken over';

interface Held {
  readonly claim: Claim;
  until: number;
  /** Made when somebody wants to hear of the end. */
  gone: AbortController | undefined;
}

/**
 * The leases of the attempts under way: renewed for as long as an attempt takes, by one timer for all. One that is lost, since
 * another attempt has taken over, aborts its attempt. How long an attempt may take is its bearer's to bound.
 */
export class Leases {
  readonly #o: LeasesOptions;
  readonly #held = new Map<Claim, Held>();
  #timer: TimerHandle | undefined;

  constructor(options: LeasesOptions) {
    this.#o = options;
  }

  begin(claim: Claim): void {
    this.#held.set(claim, { claim, until: claim.leaseUntil, gone: undefined });
    // Never cleared between attempts: one that fires for nothing costs less than one set for each attempt.
    if (this.#timer === undefined) this.#wait(claim.leaseUntil - RENEW_WITHIN - this.#o.clock.now());
  }

  end(claim: Claim): void {
    this.#held.delete(claim);
  }

  /** Aborted when the lease is lost; at once for a claim that is not held any more. */
  signal(claim: Claim): AbortSignal {
    const held = this.#held.get(claim);
    if (held === undefined) return AbortSignal.abort(TAKEN_OVER);
    held.gone ??= new AbortController();
    return held.gone.signal;
  }

  /** Renews nothing more. */
  stop(): void {
    this.#o.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(delay: number): void {
    this.#timer = this.#o.clock.setTimeout(() => void this.#renew(), Math.max(delay, 0));
  }

  async #renew(): Promise<void> {
    const { store, clock, log } = this.#o;
    const timer = this.#timer;
    const soon = clock.now() + RENEW_WITHIN + ALONG;
    const due: Held[] = [];
    // All are looked at: once the clock was set back those that began later run out before others.
    for (const held of this.#held.values()) if (held.until <= soon) due.push(held);
    let rest = 0;
    if (due.length > 0) {
      const until = clock.now() + LEASE;
      try {
        const kept = await store.renew(
          due.map(({ claim }) => claim),
          until,
        );
        for (const [at, held] of due.entries()) this.#learn(held, kept[at] === true ? until : undefined);
      } catch (error) {
        rest = STORE_REST;
        log.warn(
          { attempts: due.length, cause: messageOf(error) },
          'the leases of attempts under way could not be renewed; tried again in a moment',
        );
      }
    }
    if (this.#timer !== timer) return; // stopped
    let next = Number.POSITIVE_INFINITY;
    for (const { until } of this.#held.values()) if (until < next) next = until;
    if (this.#held.size === 0) this.#timer = undefined;
    else this.#wait(Math.min(Math.max(rest, next - RENEW_WITHIN - clock.now()), RENEW_WITHIN));
  }

  #learn(held: Held, until: number | undefined): void {
    // It has ended meanwhile.
    if (this.#held.get(held.claim) !== held) return;
    this.#held.delete(held.claim);
    if (until !== undefined) {
      held.until = until;
      this.#held.set(held.claim, held);
      return;
    }
    const { pushData, attempt } = held.claim;
    this.#o.log.warn({ pushId: pushData.pushId, attempt }, 'an attempt has lost its lease, and is given up');
    held.gone?.abort(TAKEN_OVER);
  }
}

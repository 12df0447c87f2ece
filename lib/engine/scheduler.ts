import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { Claim } from '../model/delivery.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Settled } from '../store/settled.ts';
import type { Lease, Store } from '../store/store.ts';
import type { HopPace } from './hop-pace.ts';
import { LEASE } from './limits.ts';
import { recoverWakes } from './recover-wakes.ts';
import type { Gate, Subscribers } from './subscribers.ts';
import { WakeQueue } from './wake-queue.ts';

/** Recipients claimed in one transaction: more would make a burst that UDP receivers drop (about 126 small datagrams). */
const CLAIM_BATCH = 64;
const EXPIRE_BATCH = 500;
const PURGE_BATCH = 500;
const PURGE_EVERY = 60_000;
/** Registrations whose waiting pushes are looked up at once. */
const WAKE_BATCH = 32;
/** Wakes that a start leaves waiting at a time: the registrations that come in meanwhile should not wait behind millions. */
const WAKES_AT_START = 2000;
/** After a store failure the scheduler looks again this much later. */
const STORE_REST = 1000;
/** And this much later when something is due that it could not have: whoever has it will be done by then. */
const CLAIM_REST = 100;
/** It looks at least so often: timers know nothing of a clock that is set, nor of the time a machine sleeps. */
const LOOK_AGAIN = 60_000;

export interface SchedulerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  readonly gate: Gate;
  readonly pace: HopPace;
  readonly owner: string;
  readonly inFlight: number;
  /** Registrations a second whose waiting pushes are let go; 0: all at once. */
  readonly wakeRate: number;
  /** Knows who is registered when the gateway starts. */
  readonly subscribers: Pick<Subscribers, 'find'>;
  readonly retention: number;
  /** Shorter ones by initiator, milliseconds. */
  readonly retentions?: () => ReadonlyMap<string, number>;
  /** Takes a claim to its end; never rejects. */
  readonly deliver: (claim: Claim) => Promise<void>;
  /** Told when expiry has ended something: notifications may be owed. */
  readonly onEnded: () => void;
}

/**
 * Decides when what is due may start: on time, when a registration wakes it, or at once on acceptance. Holds the
 * number of attempts under way under its bound and stops handing out work while the way out is closed.
 */
export class Scheduler {
  readonly #o: SchedulerOptions;
  readonly #waking: WakeQueue;
  readonly #idle = new Set<() => void>();
  #inFlight = 0;
  #running = false;
  #again = false;
  /** Work was left because there was no room: look again when some comes back. */
  #starved = false;
  #stopped = true;
  #timer: TimerHandle | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #purgeTimer: TimerHandle | undefined;
  #wakes = 0;

  constructor(options: SchedulerOptions) {
    this.#o = options;
    const { clock, wakeRate: rate, store } = options;
    const ranks = store.waitingRanks === undefined ? undefined : (aors: readonly string[]) => this.#ranks(aors);
    this.#waking = new WakeQueue({ clock, rate, ranks, onReady: () => this.#wakeSome() });
    options.gate.onReady(() => this.kick());
  }

  start(): void {
    this.#stopped = false;
    this.kick();
    this.#schedulePurge();
    void this.#recoverWakes();
  }

  /** Hands out nothing more and resolves when every attempt under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clearTimer();
    if (this.#purgeTimer !== undefined) this.#o.clock.clearTimeout(this.#purgeTimer);
    this.#waking.clear();
    if (this.#inFlight > 0 || this.#running || this.#wakes > 0)
      await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  /** Attempts under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Users who registered and are not woken yet. */
  get wakesWaiting(): number {
    return this.#waking.size;
  }

  /** True when an attempt could start now. */
  get open(): boolean {
    return !this.#stopped && this.#o.gate.ready && !this.#o.pace.paused;
  }

  /** Room for `wanted` attempts: a lease for them, or undefined. The room is held until start() or release(). */
  reserve(wanted: number): Lease | undefined {
    if (!this.open || this.#inFlight + wanted > this.#o.inFlight) return undefined;
    this.#inFlight += wanted;
    return this.#lease();
  }

  /** Gives back room that was reserved and not used. */
  release(unused: number): void {
    this.#inFlight -= unused;
    this.#settleIdle();
  }

  /** Starts a claim in room that was reserved. */
  run(claim: Claim): void {
    void this.#o.deliver(claim).finally(() => {
      this.#inFlight--;
      if (this.#starved && this.#roomForBatch) this.kick();
      else if (this.#waking.size > 0) this.#wakeSome();
      this.#settleIdle();
    });
  }

  /** For the chain of one subscriber: a lease in the room that its last push leaves, while the way is open. */
  nextLease(): Lease | undefined {
    if (this.open) return this.#lease();
    return undefined;
  }

  /** Something will be due at that time. */
  dueAt(time: number): void {
    if (this.#stopped || time >= this.#timerAt) return;
    this.#clearTimer();
    this.#timerAt = time;
    this.#timer = this.#o.clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.kick();
      },
      Math.min(time - this.#o.clock.now(), LOOK_AGAIN),
    );
  }

  /** A user registered: what waits for it is due now. */
  wake(aor: string): void {
    if (this.#stopped) return;
    this.#waking.add(aor);
    this.#wakeSome();
  }

  /** Looks for work now. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    this.#wakeSome();
    void this.#work();
  }

  async #work(): Promise<void> {
    const { store, clock, log } = this.#o;
    let retryAt: number | undefined;
    let more = false;
    try {
      do {
        this.#again = false;
        more = await this.#expire();
      } while ((await this.#claim()) || more || this.#again);
      const next = await store.nextDue();
      // Work that is due but may not start is looked for again when room or the way out comes back, not by a timer.
      const soonest = Math.min(this.open ? (next.claims ?? Infinity) : Infinity, next.expiry ?? Infinity);
      const pausedUntil = this.#o.pace.paused ? this.#o.pace.pausedUntil : Infinity;
      const now = clock.now();
      retryAt = Math.min(soonest <= now ? now + CLAIM_REST : soonest, pausedUntil);
    } catch (error) {
      if (!this.#stopped)
        log.error({ cause: messageOf(error) }, 'the store did not answer the scheduler; it will be asked again');
      retryAt = clock.now() + STORE_REST;
    } finally {
      this.#running = false;
    }
    if (this.#stopped) this.#settleIdle();
    else if (this.#again) this.kick();
    else if (retryAt !== undefined && Number.isFinite(retryAt)) this.dueAt(Math.max(retryAt, clock.now() + 1));
  }

  /** Room enough that looking for work is worth a transaction. */
  get #roomForBatch(): boolean {
    const room = this.#o.inFlight - this.#inFlight;
    return room >= Math.min(CLAIM_BATCH, Math.ceil(this.#o.inFlight / 4));
  }

  /** Claims one batch; true when there may be more. */
  async #claim(): Promise<boolean> {
    const { store, clock } = this.#o;
    const limit = Math.min(CLAIM_BATCH, this.#o.inFlight - this.#inFlight);
    this.#starved = false;
    if (!this.open) return false;
    if (limit <= 0) {
      this.#starved = true;
      return false;
    }
    this.#inFlight += limit;
    let claims: Claim[] = [];
    try {
      claims = await store.claimDue({ now: clock.now(), limit, ...this.#lease() });
    } finally {
      this.#inFlight -= limit - claims.length;
    }
    for (const claim of claims) this.run(claim);
    return claims.length === limit;
  }

  /** Ends one batch; true when there may be more: what may be sent does not wait until a flood of them is over. */
  async #expire(): Promise<boolean> {
    const { store, clock } = this.#o;
    const ended = await store.expire({ now: clock.now(), limit: EXPIRE_BATCH });
    for (const one of ended) this.#tell(one);
    if (ended.length > 0) this.#o.onEnded();
    return ended.length === EXPIRE_BATCH;
  }

  #tell(ended: Settled): void {
    this.#o.log.info(
      { pushId: ended.pushId, initiator: ended.initiator, push: ended.push, state: ended.state, code: ended.code },
      'push ran out of time',
    );
    this.#o.events.emit('state', {
      initiator: ended.initiator,
      pushId: ended.pushId,
      push: ended.push,
      index: ended.index,
      address: '',
      at: this.#o.clock.now(),
      state: ended.state,
      code: ended.code,
      cause: 'out of time',
    });
  }

  #wakeSome(): void {
    if (this.#stopped) return;
    while (this.#wakes < WAKE_BATCH && this.#waking.size > 0) {
      const lease = this.reserve(1);
      if (lease === undefined) return; // whoever makes room, or opens the way, comes by again
      const aor = this.#waking.take();
      if (aor === undefined) {
        this.release(1);
        return;
      }
      this.#wakes++;
      void this.#wakeOne(aor, lease);
    }
  }

  async #wakeOne(aor: string, lease: Lease): Promise<void> {
    try {
      const claim = await this.#o.store.wake({ aor, now: this.#o.clock.now(), ...lease });
      if (claim === undefined) {
        this.#waking.giveBack();
        this.release(1);
      } else this.run(claim);
    } catch (error) {
      this.release(1);
      if (!this.#stopped)
        this.#o.log.error(
          { aor, cause: messageOf(error) },
          'the waiting pushes of a registered user could not be woken; the slow retry will',
        );
    } finally {
      this.#wakes--;
      this.#wakeSome();
      this.#settleIdle();
    }
  }

  async #ranks(aors: readonly string[]): Promise<readonly (number | undefined)[] | undefined> {
    try {
      return await this.#o.store.waitingRanks?.(aors);
    } catch {
      return undefined; // whoever wakes them will meet the same store, and say so
    }
  }

  async #recoverWakes(): Promise<void> {
    const { store, subscribers, clock, log } = this.#o;
    try {
      await recoverWakes({
        store,
        find: (aor) => subscribers.find(aor),
        wake: (aor) => this.wake(aor),
        room: async () => {
          while (!this.#stopped && this.#waking.size > WAKES_AT_START)
            await new Promise<void>((resolve) => clock.setTimeout(resolve, CLAIM_REST));
        },
        stopped: () => this.#stopped,
      });
    } catch (error) {
      if (!this.#stopped)
        log.error(
          { cause: messageOf(error) },
          'waiting users who are registered could not all be woken; the slow retry will',
        );
    }
  }

  #schedulePurge(): void {
    this.#purgeTimer = this.#o.clock.setTimeout(() => void this.#purge(), PURGE_EVERY);
  }

  async #purge(): Promise<void> {
    try {
      const before = this.#o.clock.now() - this.#o.retention;
      while (!this.#stopped && (await this.#o.store.purge({ before, limit: PURGE_BATCH })) === PURGE_BATCH);
      await this.#purgeEarly();
    } catch (error) {
      if (!this.#stopped)
        this.#o.log.error({ cause: messageOf(error) }, 'old pushes could not be deleted; tried again in a minute');
    }
    if (!this.#stopped) this.#schedulePurge();
  }

  /** Of initiators whose pushes are kept for a shorter time than others'. */
  async #purgeEarly(): Promise<void> {
    const { store, clock, retentions } = this.#o;
    for (const [initiator, retention] of retentions?.() ?? []) {
      const query = { initiator, before: clock.now() - retention, limit: PURGE_BATCH };
      while (!this.#stopped && (await store.operator?.purgeOf(query)) === true);
    }
  }

  #lease(): Lease {
    return { owner: this.#o.owner, leaseUntil: this.#o.clock.now() + LEASE };
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#o.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #settleIdle(): void {
    if (this.#inFlight > 0 || this.#running || this.#wakes > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}

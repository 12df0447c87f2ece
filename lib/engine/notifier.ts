import type { Clock, TimerHandle } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { Notification } from '../model/delivery.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { NotificationSettlement, Store } from '../store/store.ts';
import { LEASE } from './limits.ts';
import { doubled } from './retry.ts';

/** What became of one POST to a PI. */
export interface PostResult {
  readonly ok: boolean;
  /** True when another try cannot help: the URL is forbidden or will never be valid. */
  readonly hopeless?: boolean;
  readonly cause: string;
}

/** Delivers one result notification to its PI; never rejects, bounded in time. */
export type Post = (notification: Notification) => Promise<PostResult>;

/** Times in milliseconds. */
export interface NotifyPolicy {
  readonly first: number;
  readonly longest: number;
  /** Given up this long after the event; kept as dead for an operator. */
  readonly giveUpAfter: number;
  /** POSTs under way to one origin. */
  readonly perTarget: number;
}

const HOUR = 3_600_000;
export const DEFAULT_NOTIFY: NotifyPolicy = { first: 5000, longest: HOUR, giveUpAfter: 24 * HOUR, perTarget: 16 };

/** Notifications held in memory at once; the rest wait in the store. */
const QUEUE_LIMIT = 10_000;
const CLAIM_BATCH = 100;
/** A queued notification this close to the end of its lease is left to the next claim, so that nobody sends it twice. */
const LEASE_MARGIN = 30_000;
const STORE_REST = 1000;
/** The store is asked at least so often while something is owed: see the scheduler's. */
const LOOK_AGAIN = 60_000;

const CROWDED: PostResult = { ok: false, cause: 'too many notifications wait for this target' };

interface Target {
  active: number;
  readonly queue: { notification: Notification; leaseUntil: number }[];
}

export interface NotifierOptions {
  readonly store: Pick<Store, 'claimNotifications' | 'settleNotification' | 'nextDue'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  readonly owner: string;
  readonly post: Post;
  readonly policy: NotifyPolicy;
  /** 0 to 1, for spreading retries. */
  readonly random: () => number;
}

/**
 * Empties the outbox of result notifications: at once when an outcome makes one, and with back-off until the PI takes
 * it. Each target has its own queue and its own bound, so that a PI that hangs delays nobody else's.
 */
export class Notifier {
  readonly #o: NotifierOptions;
  readonly #targets = new Map<string, Target>();
  readonly #idle = new Set<() => void>();
  readonly #originOf: (url: string) => string = originReader();
  #held = 0;
  #claiming = false;
  #stopped = true;
  #timer: TimerHandle | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: NotifierOptions) {
    this.#o = options;
  }

  start(): void {
    this.#stopped = false;
    void this.#claimDue();
  }

  /** Waits for POSTs under way; what is queued stays in the store. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clearTimer();
    for (const target of this.#targets.values()) {
      this.#held -= target.queue.length;
      target.queue.length = 0;
    }
    if (this.#held > 0 || this.#claiming) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  /** The store owes notifications that nobody handed over: look for them now. */
  kick(): void {
    this.#wakeAt(this.#o.clock.now());
  }

  /** False: a notification that comes now would have to wait in the store, so it should not be leased for this node. */
  get hasRoom(): boolean {
    return !this.#stopped && this.#held < QUEUE_LIMIT;
  }

  /** Takes over a notification whose lease (until now plus LEASE) this node holds. */
  send(notification: Notification): void {
    // What was leased while there was room is held even if the bound is reached by then; it ends with the attempts
    // under way. Stopping: the store keeps it and its lease runs out.
    if (this.#stopped) {
      this.#wakeAt(this.#o.clock.now() + LEASE);
      return;
    }
    const origin = this.#originOf(notification.notifyUrl);
    let target = this.#targets.get(origin);
    if (target === undefined) {
      target = { active: 0, queue: [] };
      this.#targets.set(origin, target);
    }
    this.#held++;
    const leaseUntil = this.#o.clock.now() + LEASE;
    if (target.active < this.#o.policy.perTarget) void this.#work(origin, target, notification);
    else if (target.queue.length < this.#share) target.queue.push({ notification, leaseUntil });
    else void this.#record(notification, CROWDED);
  }

  /** What one target may hold: room for one more target is always left, so a PI that hangs never takes it all. */
  get #share(): number {
    return Math.floor(QUEUE_LIMIT / (this.#targets.size + 1));
  }

  async #work(origin: string, target: Target, first: Notification): Promise<void> {
    target.active++;
    for (let one: Notification | undefined = first; one !== undefined; one = this.#dequeue(target)) {
      const posted = await this.#o.post(one);
      // The next POST to the target does not wait for the disk.
      void this.#record(one, posted);
    }
    target.active--;
    if (target.active === 0) this.#targets.delete(origin);
    this.#settleIdle();
  }

  #dequeue(target: Target): Notification | undefined {
    const latest = this.#o.clock.now() + LEASE_MARGIN;
    for (;;) {
      const next = target.queue.shift();
      if (next === undefined) return undefined;
      if (next.leaseUntil > latest) return next.notification;
      this.#held--;
      this.#wakeAt(next.leaseUntil);
    }
  }

  /** Never rejects. The notification counts as held until the store knows its end. */
  async #record(notification: Notification, posted: PostResult): Promise<void> {
    try {
      await this.#settle(notification, posted);
    } finally {
      this.#held--;
      this.#settleIdle();
    }
  }

  async #settle(notification: Notification, posted: PostResult): Promise<void> {
    const { clock, store, log } = this.#o;
    const tries = notification.tries + 1;
    const settlement = this.#settlement(notification, posted, tries);
    const { pushId, initiator, push } = notification;
    if (settlement.result === 'retry')
      log.info(
        { pushId, initiator, push, tries, cause: posted.cause },
        'the result notification was not taken; it will be tried again',
      );
    if (settlement.result === 'dead')
      log.warn({ pushId, initiator, push, tries, cause: posted.cause }, 'the result notification was given up');
    try {
      await store.settleNotification(settlement);
    } catch (error) {
      log.error(
        { pushId, initiator, push, cause: messageOf(error) },
        'the store did not take the end of a notification; it may be sent again',
      );
      this.#wakeAt(clock.now() + LEASE);
      return;
    }
    if (settlement.due !== undefined) this.#wakeAt(settlement.due);
    const { index } = notification;
    this.#o.events.emit('notification', {
      initiator,
      pushId,
      push,
      index,
      at: clock.now(),
      result: settlement.result,
      tries,
      cause: posted.cause,
    });
  }

  #settlement(notification: Notification, posted: PostResult, tries: number): NotificationSettlement {
    const { clock, policy, random } = this.#o;
    const { push, index, tries: before } = notification;
    if (posted.ok) return { push, index, tries: before, result: 'done' };
    const wait = Math.round(doubled(policy.first, tries - 1, policy.longest) * (0.9 + 0.2 * random()));
    const due = clock.now() + wait;
    if (posted.hopeless === true || due > notification.eventTime + policy.giveUpAfter)
      return { push, index, tries: before, result: 'dead' };
    return { push, index, tries: before, result: 'retry', due };
  }

  async #claimDue(): Promise<void> {
    if (this.#claiming || this.#stopped) return;
    this.#claiming = true;
    const { store, clock, owner, log } = this.#o;
    let next: number | undefined;
    try {
      while (!this.#stopped && this.#held < QUEUE_LIMIT) {
        const lease = { owner, leaseUntil: clock.now() + LEASE };
        const due = await store.claimNotifications({ now: clock.now(), limit: CLAIM_BATCH, ...lease });
        for (const notification of due) this.send(notification);
        if (due.length < CLAIM_BATCH) break;
      }
      next = this.#held < QUEUE_LIMIT ? (await store.nextDue()).notifications : clock.now() + STORE_REST;
    } catch (error) {
      if (!this.#stopped)
        log.error({ cause: messageOf(error) }, 'the store did not answer the notifier; it will be asked again');
      next = clock.now() + STORE_REST;
    } finally {
      this.#claiming = false;
      this.#settleIdle();
    }
    if (next !== undefined) this.#wakeAt(next);
  }

  #wakeAt(time: number): void {
    if (this.#stopped || time >= this.#timerAt) return;
    this.#clearTimer();
    this.#timerAt = time;
    this.#timer = this.#o.clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#timerAt = Number.POSITIVE_INFINITY;
        void this.#claimDue();
      },
      Math.min(Math.max(1, time - this.#o.clock.now()), LOOK_AGAIN),
    );
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#o.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #settleIdle(): void {
    if (this.#held > 0 || this.#claiming) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}

/** Remembers the last answer: a PI gives the same URL with every push. */
function originReader(): (url: string) => string {
  let [last, origin] = ['', ''];
  return (url) => {
    if (url === last) return origin;
    try {
      origin = new URL(url).origin;
    } catch {
      origin = url; // Not a URL: the POST will say so, and it is its own target.
    }
    last = url;
    return origin;
  };
}

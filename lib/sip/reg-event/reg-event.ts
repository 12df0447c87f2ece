import type { TimerHandle } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { type IscHeaders, iscHeaders } from '../isc-headers.ts';
import type { RegistrationUpdate } from '../registrations/update.ts';
import { LASTED } from './back-off.ts';
import { DEFAULT_REG_EVENT, type RegEventCounts, type RegEventLimits, type RegEventsOptions } from './options.ts';
import { RefreshJudge } from './refresh-judge.ts';
import { Refusals } from './refusals.ts';
import { type NotifyResult, RegEventSubscription, type SubscriptionEnd } from './subscription.ts';
import type { RegEventTable } from './table.ts';

/** Longest time that somebody waits for the first NOTIFY, milliseconds: a push goes out by the core alone then. */
const HOLD = 2000;

/** Other users of implicit sets that are remembered; more are only asked for anew. */
const MAX_COVERED = 50_000;

/** A subscription of which nobody asked for so long ends with its time. Milliseconds. */
const IDLE_AFTER = 24 * 3600 * 1000;

/** One that was asked for in this time is not ended for another. Milliseconds. */
const IN_USE = 30_000;

/** Uses of a subscription within so many milliseconds count as one. */
const ORDERED_TO = 1000;

interface Entry {
  readonly aor: string;
  readonly subscription: RegEventSubscription;
  usedAt: number;
  begunAt: number | undefined;
  /** When the last NOTIFY came. */
  toldAt: number;
  /** Resolves with the first NOTIFY, the end, or after HOLD. */
  readonly heard: Promise<void>;
  readonly settle: () => void;
  /** The core was asked to tell anew, and has not told yet. */
  renewal: Promise<void> | undefined;
  /** Who waits for the next NOTIFY. */
  readonly renewals: Set<() => void>;
  failures: number;
}

/** The reg event package (RFC 3680) as a source of registrations: a subscription for each user who is asked for. */
export class RegEvents {
  readonly #o: RegEventsOptions & RegEventLimits;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  /** Users of an implicit set whose registration another one's subscription tells; looked at anew whenever one is used. */
  readonly #covered = new Map<string, Entry>();
  readonly #refusals: Refusals;
  readonly #judge = new RefreshJudge();
  readonly #queue = new Set<Entry>();
  /** Subscriptions that end so that another one may take their place. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #subscribes = { accepted: 0, refused: 0, failed: 0, shed: 0 };
  readonly #notifies: Record<NotifyResult, number> = { taken: 0, gap: 0, old: 0, empty: 0, bad: 0 };
  readonly #isc: IscHeaders;
  #tokens: number;
  #filledAt: number;
  #drain: TimerHandle;
  #stopped = false;

  constructor(options: RegEventsOptions) {
    this.#o = { ...DEFAULT_REG_EVENT, ...options };
    this.#isc = options.isc ?? iscHeaders(options);
    this.#refusals = new Refusals(options);
    this.#tokens = this.#o.perSecond;
    this.#filledAt = options.clock.now();
  }

  get counts(): RegEventCounts {
    let subscriptions = 0;
    for (const { subscription } of this.#entries.values()) if (subscription.isLive) subscriptions++;
    return { subscriptions, refused: this.#refusals.size, subscribes: this.#subscribes, notifies: this.#notifies };
  }

  /** Whether the core tells of this user's registration now. */
  watches(aor: string): boolean {
    return this.#entryOf(aor)?.subscription.isLive === true;
  }

  /** False: the core was seen to tell less than RFC 6665 has it tell, so that it may not tell who comes either. */
  get isTrusted(): boolean {
    return this.#judge.tells;
  }

  /**
   * Sees to it that the user is watched. Undefined when there is nothing to wait for: he is, or the core will not tell, or
   * the limits are reached; else resolves once he is, or after two seconds. Never rejects.
   */
  ask(aor: string): Promise<void> | undefined {
    const entry = this.#entryOf(aor);
    if (entry !== undefined) {
      this.#use(entry);
      return entry.subscription.isLive ? undefined : entry.heard;
    }
    const closing = this.#closing.get(aor);
    if (closing !== undefined) return closing.then(() => this.ask(aor));
    const failures = this.#refusals.failuresOf(aor);
    return this.#stopped || failures === undefined ? undefined : this.#enter(aor, failures)?.heard;
  }

  /**
   * Has the core tell anew of a user who is watched: not every core tells of a registration by itself. Undefined when he is
   * not, or when it has told something in the last `quiet` milliseconds; else resolves with the next NOTIFY, or when it has
   * been waited for long enough. Never rejects.
   */
  renew(aor: string, quiet = 0): Promise<void> | undefined {
    const entry = this.#entryOf(aor);
    if (entry === undefined || !entry.subscription.isLive) return undefined;
    if (quiet > 0 && this.#o.clock.now() - entry.toldAt < quiet) return undefined;
    if (quiet > 0 && entry.renewal !== undefined) return entry.renewal;
    const patience = this.#judge.patience(this.#o.clock.now());
    const renewal = (patience === undefined ? this.#replace(entry) : this.#refresh(entry, patience)).finally(() => {
      if (entry.renewal === renewal) entry.renewal = undefined;
    });
    entry.renewal = renewal;
    return renewal;
  }

  /** Forgets a user, and ends his subscription. */
  forget(aor: string): void {
    const entry = this.#entries.get(aor);
    if (entry !== undefined) this.#drop(entry);
    this.#refusals.delete(aor);
  }

  /** Ends every subscription, and tells the core of as many as it can be told at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const { clock, perSecond } = this.#o;
    clock.clearTimeout(this.#drain);
    this.#refusals.clear();
    this.#queue.clear();
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#covered.clear();
    for (const entry of entries) heardOf(entry);
    const told = entries.slice(0, perSecond).map(({ subscription }) => subscription.close());
    for (const { subscription } of entries.slice(perSecond)) subscription.abandon();
    await this.#within(Promise.allSettled(told).then(nothing), 1000);
  }

  async #refresh(entry: Entry, patience: number): Promise<void> {
    if (!entry.subscription.refresh()) {
      await this.#next(entry, HOLD);
      return;
    }
    if ((await this.#next(entry, patience)) || !entry.subscription.isLive) return;
    this.#judge.missed(this.#o.clock.now());
    const replaced = this.#replace(entry);
    // Who has waited for so long waits no longer.
    if (patience < HOLD) await replaced;
  }

  /** One after the other: a core that knows subscribers by their Contact would end the new one for the old. */
  async #replace(entry: Entry): Promise<void> {
    const { aor, usedAt } = entry;
    if (this.#entries.get(aor) === entry) {
      this.#remove(entry);
      const closing = this.#within(entry.subscription.close(), HOLD).finally(() => this.#closing.delete(aor));
      this.#closing.set(aor, closing);
    }
    await this.#closing.get(aor);
    if (this.#stopped) return;
    await (this.#entryOf(aor) ?? this.#enter(aor, 0, usedAt))?.heard;
  }

  /** Resolves with `work`, or when it has taken too long: a core that is silent holds nobody up. */
  async #within(work: Promise<void>, limit: number): Promise<void> {
    const { clock } = this.#o;
    let timer: TimerHandle;
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, limit);
    });
    await Promise.race([work, late]);
    clock.clearTimeout(timer);
  }

  /** Resolves with true at the next NOTIFY, with false when it does not come in time. */
  #next(entry: Entry, within: number): Promise<boolean> {
    const { clock } = this.#o;
    return new Promise((resolve) => {
      const done = (heard: boolean): void => {
        clock.clearTimeout(timer);
        entry.renewals.delete(told);
        resolve(heard);
      };
      const told = (): void => done(true);
      const timer = clock.setTimeout(() => done(false), within);
      entry.renewals.add(told);
    });
  }

  #entryOf(aor: string): Entry | undefined {
    const own = this.#entries.get(aor);
    if (own !== undefined) return own;
    const other = this.#covered.get(aor);
    if (other === undefined) return undefined;
    if (this.#entries.get(other.aor) === other && other.subscription.covers(aor)) return other;
    this.#covered.delete(aor);
    return undefined;
  }

  #use(entry: Entry): void {
    const now = this.#o.clock.now();
    // every push asks: to the second is order enough
    if (now - entry.usedAt < ORDERED_TO) return;
    entry.usedAt = now;
    this.#entries.delete(entry.aor);
    this.#entries.set(entry.aor, entry);
  }

  /** Makes room, and begins now or as soon as the rate allows. Undefined when there is no room. */
  #enter(aor: string, failures: number, usedAt: number = this.#o.clock.now()): Entry | undefined {
    const { clock, subscriptions } = this.#o;
    if (this.#entries.size >= subscriptions && !this.#evict()) {
      this.#subscribes.shed++;
      return undefined;
    }
    this.#refusals.delete(aor);
    let settle = (): void => undefined;
    const heard = new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, HOLD);
      settle = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
    const entry: Entry = {
      aor,
      usedAt,
      begunAt: undefined,
      toldAt: clock.now(),
      heard,
      settle,
      renewal: undefined,
      renewals: new Set(),
      failures,
      subscription: this.#subscription(aor, () => entry),
    };
    entry.subscription.isWanted = () => clock.now() - entry.usedAt < IDLE_AFTER;
    this.#entries.set(aor, entry);
    this.#queue.add(entry);
    this.#pump();
    return entry;
  }

  #subscription(aor: string, entry: () => Entry): RegEventSubscription {
    const { sender, identity, domain, clock, log } = this.#o;
    return new RegEventSubscription({
      aor,
      sender,
      identity,
      isc: this.#isc,
      domain,
      clock,
      log,
      onUpdates: (updates, table) => void this.#learn(entry(), updates, table),
      onNotify: (result, sinceRefresh) => this.#onNotify(entry(), result, sinceRefresh),
      onAccepted: () => void this.#subscribes.accepted++,
      onEnd: (end) => this.#onEnd(entry(), end),
    });
  }

  /** The one that was used longest ago gives way, unless even that one is in use. */
  #evict(): boolean {
    for (const entry of this.#entries.values()) {
      if (this.#o.clock.now() - entry.usedAt < IN_USE) return false;
      this.#drop(entry);
      return true;
    }
    return false;
  }

  #drop(entry: Entry): void {
    this.#remove(entry);
    void entry.subscription.close();
  }

  #remove(entry: Entry): void {
    if (this.#entries.get(entry.aor) === entry) this.#entries.delete(entry.aor);
    this.#queue.delete(entry);
    heardOf(entry);
  }

  #pump(): void {
    const { clock, perSecond } = this.#o;
    const now = clock.now();
    this.#tokens = Math.min(perSecond, this.#tokens + ((now - this.#filledAt) * perSecond) / 1000);
    this.#filledAt = now;
    for (const entry of this.#queue) {
      if (this.#tokens < 1) break;
      this.#tokens--;
      this.#queue.delete(entry);
      entry.begunAt = now;
      void this.#begin(entry);
    }
    clock.clearTimeout(this.#drain);
    if (this.#queue.size > 0)
      this.#drain = clock.setTimeout(() => this.#pump(), Math.ceil(((1 - this.#tokens) * 1000) / perSecond));
  }

  async #begin(entry: Entry): Promise<void> {
    try {
      await entry.subscription.begin();
    } catch (error) {
      this.#o.log.error({ aor: entry.aor, err: error }, `a reg event subscription failed: ${messageOf(error)}`);
      this.#onEnd(entry, { kind: 'failed', reason: 'error' });
    }
  }

  async #learn(entry: Entry, updates: readonly RegistrationUpdate[], table: RegEventTable): Promise<void> {
    if (this.#covered.size > MAX_COVERED) this.#covered.clear();
    for (const aor of table.aors) if (aor !== entry.aor) this.#covered.set(aor, entry);
    await Promise.all(updates.map((update) => this.#o.learn(update, table.tellsFeatures)));
    heardOf(entry);
  }

  #onNotify(entry: Entry, result: NotifyResult, sinceRefresh: number | undefined): void {
    this.#notifies[result]++;
    entry.toldAt = this.#o.clock.now();
    if (sinceRefresh !== undefined) this.#judge.told(sinceRefresh);
    if (result === 'taken') this.#refusals.onTold();
    else heardOf(entry);
  }

  #onEnd(entry: Entry, end: SubscriptionEnd): void {
    if (this.#entries.get(entry.aor) !== entry) return;
    const { clock, log } = this.#o;
    const { aor, begunAt, usedAt } = entry;
    this.#remove(entry);
    if (this.#stopped || end.reason === 'idle') return;
    const now = clock.now();
    const lasted = end.kind === 'over' && begunAt !== undefined && now - begunAt > LASTED;
    const failures = lasted ? 0 : entry.failures + 1;
    if (end.kind !== 'over') this.#subscribes[end.kind]++;
    log.debug({ aor, ...end, failures }, 'a reg event subscription ended');
    const wanted = end.kind === 'over' && now - usedAt < IDLE_AFTER;
    this.#refusals.add(aor, end, failures, wanted ? () => this.#again(aor, failures, usedAt) : undefined);
  }

  #again(aor: string, failures: number, usedAt: number): void {
    if (this.#stopped || this.#entryOf(aor) !== undefined) return;
    this.#enter(aor, failures, usedAt);
  }
}

const nothing = (): void => undefined;

/** Whoever waits need wait no longer. */
function heardOf({ settle, renewals }: Entry): void {
  settle();
  for (const done of renewals) done();
}

import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { canonicalApplication } from '../../model/application-id.ts';
import type { Device, Registration } from '../../model/device.ts';
import type { HeaderField } from '../../model/push.ts';
import type { SipAnswer, SipLeg, SipNotifier } from '../leg.ts';
import { type PushEvent, readPushEvent, writePushEvent } from './event.ts';
import { SubscriberLockOut } from './lock-out.ts';
import { isDevice, withSubscriptions } from './overlay.ts';

/** How subscriptions are granted; `expires` and `minExpires` in seconds, `lockOut` in milliseconds. */
export interface OmaPushPolicy {
  /** What is granted when nobody asks for a time, and the most. Default 86,400, as draft-mdolly has it. */
  readonly expires: number;
  /** Who asks for less gets 423; at most an hour (RFC 6665 section 4.2.1.1). Default 60. */
  readonly minExpires: number;
  /** Subscriptions open at a time; who comes later gets 500 with Retry-After. Default 10,000. */
  readonly subscriptions: number;
  /** Subscriptions of one user; a further one ends the oldest. Default 16. */
  readonly perUser: number;
  /** NOTIFYs in a row that a device may fail to take before it is locked out. Default 3. */
  readonly failures: number;
  /** How long a device that is locked out gets 480. Default 300,000. */
  readonly lockOut: number;
}

export const DEFAULT_OMA_PUSH: OmaPushPolicy = {
  expires: 86_400,
  minExpires: 60,
  subscriptions: 10_000,
  perUser: 16,
  failures: 3,
  lockOut: 300_000,
};

/** What came of SUBSCRIBEs for pushes, and of the NOTIFYs that carried any. */
export interface OmaPushCounts {
  /** Open now. */
  readonly subscriptions: number;
  readonly subscribes: Readonly<Record<SubscribeResult, number>>;
  readonly notifies: Readonly<Record<'taken' | 'refused' | 'silent' | 'not-sent', number>>;
}

export type SubscribeResult = 'accepted' | 'refreshed' | 'refused' | 'shed' | 'locked';

/** A subscription as it was accepted. */
export interface NewSubscription {
  /** Addresses-of-record of its user, as the core asserted them. */
  readonly aors: readonly string[];
  /** The device, as its Contact shows it. */
  readonly device: Device;
  readonly event: PushEvent;
  readonly notifier: SipNotifier;
  /** The leg that its NOTIFYs leave by. */
  readonly leg: Pick<SipLeg, 'name' | 'can'>;
}

/** A subscription that is there. */
export interface PushSubscription extends Pick<NewSubscription, 'aors' | 'device' | 'notifier' | 'leg'> {
  /** Names it in Device.subscribed. */
  readonly id: string;
  readonly event: PushEvent;
  /** Of its last SUBSCRIBE, milliseconds since the epoch. */
  readonly at: number;
  /** The device asked for no NOTIFY before then (Retry-After); milliseconds since the epoch. */
  readonly restsUntil: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export interface OmaPushOptions {
  readonly policy: OmaPushPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of a subscription that was renewed for more applications. Must not throw. */
  readonly onRenewed?: (subscription: PushSubscription) => void;
}

interface User {
  /** Oldest first. */
  readonly subscriptions: Set<Mutable<PushSubscription>>;
  /** What the last overlay was made of, until a subscription changes. */
  seen?: { readonly registration: Registration | undefined; readonly merged: Registration | undefined };
}

/** A Retry-After that is longer is not believed. Milliseconds. */
const LONGEST_REST = 3_600_000;

/**
 * Who subscribed to pushes (package `oma-push`, draft-mdolly; docs/oma-push.md): in memory only, as the dialogs are. For one
 * application of one device the youngest subscription counts.
 */
export class OmaPushSubscriptions {
  readonly #o: OmaPushOptions;
  readonly #byId = new Map<string, Mutable<PushSubscription>>();
  readonly #users = new Map<string, User>();
  readonly #lockOut: SubscriberLockOut;
  readonly #subscribes = { accepted: 0, refreshed: 0, refused: 0, shed: 0, locked: 0 };
  readonly #notifies = { taken: 0, refused: 0, silent: 0, 'not-sent': 0 };
  #serial = 0;

  constructor(options: OmaPushOptions) {
    this.#o = options;
    const { failures, lockOut } = options.policy;
    this.#lockOut = new SubscriberLockOut(options.clock, failures, lockOut);
  }

  get policy(): OmaPushPolicy {
    return this.#o.policy;
  }

  get counts(): OmaPushCounts {
    return { subscriptions: this.#byId.size, subscribes: this.#subscribes, notifies: this.#notifies };
  }

  /** Counts what became of a SUBSCRIBE that `begin` does not see. */
  counted(result: SubscribeResult): void {
    this.#subscribes[result]++;
  }

  /** Milliseconds that a device is still locked out; 0: it is not. */
  lockedFor(aor: string, device: string): number {
    return this.#lockOut.left(keyOf(aor, device));
  }

  /** False when there are as many as there may be. */
  get hasRoom(): boolean {
    return this.#byId.size < this.#o.policy.subscriptions;
  }

  /** Keeps a subscription until it ends. */
  begin({ aors, device, event, notifier, leg }: NewSubscription): PushSubscription {
    const { clock, log, policy } = this.#o;
    const one: Mutable<PushSubscription> = {
      ...{ id: `push-${++this.#serial}`, aors, event, notifier, leg, restsUntil: 0 },
      device: { ...device, expiresAt: clock.now() + notifier.expires * 1000 },
      at: clock.now(),
    };
    this.#subscribes.accepted++;
    this.#byId.set(one.id, one);
    for (const aor of aors) {
      const user = this.#users.get(aor) ?? { subscriptions: new Set() };
      this.#users.set(aor, user);
      user.subscriptions.add(one);
    }
    this.#endReplaced(one);
    for (const aor of aors) {
      const user = this.#users.get(aor);
      if (user === undefined) continue;
      const [oldest] = user.subscriptions;
      if (user.subscriptions.size > policy.perUser && oldest !== undefined) this.#end(oldest, 'noresource');
    }
    this.#changed(one);
    notifier.on('refresh', ({ request, expires }) => {
      if (expires > 0) this.#refreshed(one, request.get('Event'), expires);
    });
    notifier.on('end', (reason) => {
      log.debug({ aor: aors[0], device: device.id, reason }, 'a subscription to pushes has ended');
      if (reason === 'gone') for (const aor of aors) this.#lockOut.failed(keyOf(aor, device.id));
      this.#drop(one);
    });
    return one;
  }

  /** What is known of a user: the registration with who subscribed. The same object while nothing has changed. */
  over(aor: string, registration: Registration | undefined): Registration | undefined {
    const user = this.#users.get(aor);
    if (user === undefined) return registration;
    if (user.seen === undefined || user.seen.registration !== registration) {
      user.seen = { registration, merged: withSubscriptions(aor, registration, [...user.subscriptions]) };
    }
    return user.seen.merged;
  }

  /** The subscription by which a push for an application reaches a device, as `over` gave it. */
  of({ subscribed }: Device, application: string): PushSubscription | undefined {
    if (subscribed === undefined) return undefined;
    const tag = canonicalApplication(application);
    const id = tag === '*' ? subscribed.values().next().value : subscribed.get(tag);
    const found = id === undefined ? undefined : this.#byId.get(id);
    return found !== undefined && !found.notifier.ended && found.restsUntil <= this.#o.clock.now() ? found : undefined;
  }

  /** Sends a push of one application, which its Event names. Never rejects. */
  async notify(
    subscription: PushSubscription,
    application: string,
    body: Buffer,
    headers: readonly HeaderField[],
  ): Promise<SipAnswer> {
    const { event, notifier, aors, device } = subscription;
    const written = event.applications.get(canonicalApplication(application));
    const named = written === undefined ? event.applications.values() : [written];
    const answer = await notifier.notify(body, [{ name: 'Event', value: writePushEvent(event, named) }, ...headers]);
    if (answer.kind !== 'response') this.#notifies[answer.kind === 'not-sent' ? 'not-sent' : 'silent']++;
    else if (answer.status < 300) {
      this.#notifies.taken++;
      for (const aor of aors) this.#lockOut.succeeded(keyOf(aor, device.id));
    } else {
      this.#notifies[answer.local ? 'silent' : 'refused']++;
      const one = this.#byId.get(subscription.id);
      if (one !== undefined) one.restsUntil = this.#o.clock.now() + restOf(answer.get('Retry-After'));
    }
    return answer;
  }

  /** The user is gone with all devices: whoever is there still may subscribe anew. */
  leave(aor: string): void {
    for (const one of [...(this.#users.get(aor)?.subscriptions ?? [])]) this.#end(one, 'deactivated');
  }

  /** The user is to be forgotten. */
  forget(aor: string): void {
    for (const one of [...(this.#users.get(aor)?.subscriptions ?? [])]) this.#end(one, 'noresource');
  }

  /** Tells every subscriber to come again later (RFC 6665 section 4.1.3), and waits `within` milliseconds for that at most. */
  async stop(within: number, retryAfter: number): Promise<void> {
    if (this.#byId.size === 0) return;
    const { clock } = this.#o;
    const told = Promise.all([...this.#byId.values()].map(({ notifier }) => notifier.end('probation', { retryAfter })));
    let timer: unknown;
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, within);
    });
    await Promise.race([told, late]);
    clock.clearTimeout(timer);
  }

  #refreshed(one: Mutable<PushSubscription>, event: string | undefined, expires: number): void {
    const { clock, log } = this.#o;
    this.#subscribes.refreshed++;
    one.at = clock.now();
    one.device = { ...one.device, expiresAt: one.at + expires * 1000 };
    try {
      const again = readPushEvent(event);
      const before = one.event.applications;
      one.event = { ...one.event, applications: again.applications };
      this.#changed(one);
      if ([...again.applications.keys()].some((tag) => !before.has(tag))) this.#o.onRenewed?.(one);
    } catch (error) {
      // It is renewed as it was: what it asks for besides cannot be read.
      log.debug({ aor: one.aors[0], cause: messageOf(error) }, 'a SUBSCRIBE names no applications any more');
      this.#changed(one);
    }
  }

  /** A device that subscribes anew has lost what it had: what no application is left for ends. */
  #endReplaced(one: PushSubscription): void {
    const tags = [...one.event.applications.keys()];
    for (const aor of one.aors) {
      for (const other of [...(this.#users.get(aor)?.subscriptions ?? [])]) {
        if (other === one || !isDevice(one.device, other.device)) continue;
        if ([...other.event.applications.keys()].every((tag) => tags.includes(tag))) this.#end(other, 'noresource');
      }
    }
  }

  #end(one: PushSubscription, reason: 'noresource' | 'deactivated'): void {
    this.#drop(one);
    void one.notifier.end(reason);
  }

  #drop(one: PushSubscription): void {
    if (!this.#byId.delete(one.id)) return;
    for (const aor of one.aors) {
      const user = this.#users.get(aor);
      user?.subscriptions.delete(one);
      if (user?.subscriptions.size === 0) this.#users.delete(aor);
    }
    this.#changed(one);
  }

  #changed({ aors }: PushSubscription): void {
    for (const aor of aors) delete this.#users.get(aor)?.seen;
  }
}

const keyOf = (aor: string, device: string): string => `${aor} ${device}`;

function restOf(value: string | undefined): number {
  const seconds = /^\s*(\d{1,9})/.exec(value ?? '')?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds) * 1000, LONGEST_REST);
}

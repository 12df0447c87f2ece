import type { Clock } from '../../base/clock.ts';
import type { Device, Registration } from '../../model/device.ts';
import type { DeviceCapabilities } from '../../model/device-capabilities.ts';
import { toldValues } from '../../model/device-knowledge.ts';
import type { Told } from './answer.ts';
import type { CapabilityQuery, QueryAnswer, QueryResult } from './query.ts';
import { lessonOf, type Refusal } from './refusal.ts';

/** How devices are asked what they can; times in milliseconds. */
export interface CapabilityPolicy {
  /** `auto`: once for each registration, before the first push. `never`: only refusals teach. */
  readonly ask: 'auto' | 'never';
  /** How long an answer is believed if the device does not register anew. */
  readonly ttl: number;
  /** How long a device that gave none, or refused OPTIONS, is left alone. */
  readonly negativeTtl: number;
  /** Devices asked at once; pushes to others go on without knowing. */
  readonly inFlight: number;
  /** How long a push waits for an answer; what comes later is there for the next one. */
  readonly wait: number;
}

export const DEFAULT_CAPABILITIES: CapabilityPolicy = {
  ask: 'auto',
  ttl: 24 * 3600 * 1000,
  negativeTtl: 15 * 60 * 1000,
  inFlight: 500,
  wait: 2000,
};

/** A device was asked; `ms` is how long it took. */
export interface Asked {
  readonly aor: string;
  readonly device: string;
  readonly result: QueryResult | 'shed';
  readonly ms: number;
}

export interface CapabilityCacheOptions {
  readonly query: CapabilityQuery;
  readonly clock: Clock;
  readonly policy: CapabilityPolicy;
  /** Users whose devices are remembered; who was not looked at for long goes first. Default 100,000. */
  readonly size?: number;
  /** Told of every question, and of those that were not asked for lack of room. Must not throw. */
  readonly onAsked?: (asked: Asked) => void;
}

/** Users that are passed over for one that is forgotten: bounds what an insertion may cost. */
const CHANCES = 16;

interface Known {
  /** As it was registered when this was learned. */
  readonly device: Device;
  readonly capabilities: DeviceCapabilities;
  /** False: known from refusals, or told by itself, alone. */
  readonly asked: boolean;
  /** What it told without being asked: it holds where its answers say nothing. */
  readonly volunteered?: Told;
}

interface User {
  readonly devices: Map<string, Known>;
  /** The registration that was last looked at, and the same with what is known; good until the first of it is old. */
  seen: Registration | undefined;
  told: Registration | undefined;
  until: number;
  /** Looked at since it was last up for being forgotten. */
  used: boolean;
}

interface Question {
  /** Resolves with the answer, or when pushes have waited long enough. */
  readonly waited: Promise<void>;
  over: boolean;
}

/**
 * What devices told of themselves, by address-of-record and device. It holds until the device registers with another
 * contact or other features (a plain refresh changes nothing) or its time is over. In memory only: whoever restarts, and
 * every other node, asks for itself.
 */
export class CapabilityCache {
  readonly #o: CapabilityCacheOptions;
  // A Map keeps the order of insertion: the oldest is forgotten unless it was used since it got there (second chance).
  readonly #users = new Map<string, User>();
  readonly #questions = new Map<string, Question>();
  #hits = 0;
  #misses = 0;

  constructor(options: CapabilityCacheOptions) {
    this.#o = options;
  }

  /** Devices that were known when a push came, and those that were not. */
  get counts(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** Fills in what is known of a registration's devices. Every push comes by here: for a known user it is a look-up. */
  over(registration: Registration): Registration {
    const user = this.#users.get(registration.aor);
    if (user === undefined) return registration;
    const now = this.#o.clock.now();
    if (user.seen !== registration || user.until <= now) this.#look(user, registration, now);
    if (user.told === undefined) {
      this.#users.delete(registration.aor);
      return registration;
    }
    user.used = true;
    return user.told;
  }

  /**
   * Asks those of a user's devices, as `over` gave them, that are not known: one question at a time for each. Resolves when
   * all have answered or a push has waited long enough; never rejects. Undefined: nothing to wait for.
   */
  ask(aor: string, devices: readonly Device[]): Promise<void> | undefined {
    if (this.#o.policy.ask === 'never') return undefined;
    const waits: Promise<void>[] = [];
    for (const device of devices) {
      if (!isAskable(device)) continue;
      const known = this.#users.get(aor)?.devices.get(device.id);
      if (known?.asked === true && known.capabilities === device.capabilities) {
        this.#hits++;
        continue;
      }
      this.#misses++;
      const key = `${aor} ${device.id}`;
      const question = this.#questions.get(key) ?? this.#question(key, aor, device);
      if (question?.over === false) waits.push(question.waited);
    }
    return waits.length < 2 ? waits[0] : Promise.all(waits).then(nothing);
  }

  /** A device did not take a push: what that teaches is known before the next one. */
  learnRefusal(aor: string, device: Device, refusal: Refusal): void {
    const known = this.#users.get(aor)?.devices.get(device.id);
    const current = known !== undefined && isSame(known.device, device) ? known : undefined;
    const lesson = lessonOf(refusal, current?.capabilities ?? {});
    if (lesson === undefined) return;
    const until = Math.max(current?.capabilities.until ?? 0, this.#o.clock.now() + this.#o.policy.ttl);
    const capabilities = { ...current?.capabilities, ...lesson, until };
    const { asked = false, volunteered } = current ?? {};
    this.#keep(aor, { device, capabilities, asked, ...(volunteered !== undefined && { volunteered }) });
  }

  /** A device, as `over` gave it, told of itself without being asked. */
  learnTold(aor: string, device: Device, told: Told): void {
    if (Object.keys(told).length === 0) return;
    const known = this.#users.get(aor)?.devices.get(device.id);
    const current = known !== undefined && isSame(known.device, device) ? known : undefined;
    const until = Math.max(current?.capabilities.until ?? 0, this.#o.clock.now() + this.#o.policy.ttl);
    const capabilities = { ...current?.capabilities, ...told, until };
    this.#keep(aor, { device, capabilities, asked: current?.asked ?? false, volunteered: told });
  }

  /** Forgets a user. */
  forget(aor: string): void {
    this.#users.delete(aor);
  }

  /** Undefined when too many are asked already. */
  #question(key: string, aor: string, device: Device): Question | undefined {
    const { clock, policy, query } = this.#o;
    const startedAt = clock.now();
    if (this.#questions.size >= policy.inFlight) {
      this.#o.onAsked?.({ aor, device: device.id, result: 'shed', ms: 0 });
      return undefined;
    }
    let done: () => void = nothing;
    const waited = new Promise<void>((resolve) => {
      done = resolve;
    });
    const question: Question = { waited, over: false };
    const end = (): void => {
      question.over = true;
      done();
    };
    const timer = clock.setTimeout(end, policy.wait);
    this.#questions.set(key, question);
    void query(aor, device).then((answer) => {
      clock.clearTimeout(timer);
      this.#questions.delete(key);
      this.#answered(aor, device, answer);
      end();
      this.#o.onAsked?.({ aor, device: device.id, result: answer.result, ms: clock.now() - startedAt });
    });
    return question;
  }

  #answered(aor: string, device: Device, { result, told }: QueryAnswer): void {
    // What did not leave says nothing of the device.
    if (result === 'failed') return;
    const { ttl, negativeTtl } = this.#o.policy;
    const until = this.#o.clock.now() + (result === 'told' || result === 'nothing' ? ttl : negativeTtl);
    const volunteered = this.#users.get(aor)?.devices.get(device.id)?.volunteered;
    const capabilities = { ...volunteered, ...told, until };
    this.#keep(aor, { device, capabilities, asked: true, ...(volunteered !== undefined && { volunteered }) });
  }

  #keep(aor: string, known: Known): void {
    let user = this.#users.get(aor);
    if (user === undefined) {
      this.#makeRoom();
      user = { devices: new Map(), seen: undefined, told: undefined, until: 0, used: false };
      this.#users.set(aor, user);
    }
    user.devices.set(known.device.id, known);
    user.seen = undefined;
  }

  #makeRoom(): void {
    const { size = 100_000 } = this.#o;
    let chances = CHANCES;
    for (const [aor, user] of this.#users) {
      if (this.#users.size < size) return;
      this.#users.delete(aor);
      if (!user.used || chances-- === 0) continue;
      user.used = false;
      this.#users.set(aor, user);
    }
  }

  /** Puts what still holds beside the devices, and forgets the rest. */
  #look(user: User, registration: Registration, now: number): void {
    const before = new Map(user.devices);
    user.devices.clear();
    let until = Number.POSITIVE_INFINITY;
    const devices = registration.devices.map((device) => {
      const known = before.get(device.id);
      if (known === undefined || known.capabilities.until <= now || !isSame(known.device, device)) return device;
      user.devices.set(device.id, known);
      until = Math.min(until, known.capabilities.until);
      return { ...device, capabilities: known.capabilities };
    });
    user.seen = registration;
    user.told = user.devices.size === 0 ? undefined : { ...registration, devices };
    user.until = until;
  }
}

const nothing = (): void => undefined;

/**
 * Whether it is any use to ask: a device without a name cannot be asked alone, and one whose registration told methods and
 * media types (RFC 3840) has told what a push depends on.
 */
const isAskable = ({ gruu, instance, features }: Device): boolean =>
  (gruu !== undefined || instance !== undefined) &&
  (toldValues(features['methods']) === undefined || toldValues(features['type']) === undefined);

/** Whether a registration is a plain refresh of another. */
function isSame(one: Device, other: Device): boolean {
  if (one === other) return true;
  if (!hasContact(other, one.contact) || one.gruu !== other.gruu) return false;
  if (!isSameList(one.applications, other.applications)) return false;
  const names = Object.keys(one.features);
  return (
    names.length === Object.keys(other.features).length &&
    names.every((name) => one.features[name] === other.features[name])
  );
}

/** The flow that lasts longest is another one after every refresh of another. */
const hasContact = ({ contact, flows }: Device, wanted: string): boolean =>
  contact === wanted || flows?.some((flow) => flow.contact === wanted) === true;

const isSameList = (one: readonly string[] | undefined, other: readonly string[] | undefined): boolean =>
  one === other || (one?.length === other?.length && one?.every((value, at) => value === other?.[at]) === true);

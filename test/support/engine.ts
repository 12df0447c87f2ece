import { Events } from '../../lib/base/events.ts';
import { type Logger, silentLogger } from '../../lib/base/log.ts';
import type { Bearer, DeliveryAttempt } from '../../lib/bearer/bearer.ts';
import { Engine, type EngineOptions } from '../../lib/engine/engine.ts';
import { DEFAULT_HOP_PACE } from '../../lib/engine/hop-pace.ts';
import { DEFAULT_LIMITS, DEFAULT_RETRY, type EngineLimits } from '../../lib/engine/limits.ts';
import { DEFAULT_NOTIFY, type PostResult } from '../../lib/engine/notifier.ts';
import type { Gate } from '../../lib/engine/subscribers.ts';
import type { DeliveryResult, Notification } from '../../lib/model/delivery.ts';
import type { Registration } from '../../lib/model/device.ts';
import type { EngineEvents } from '../../lib/model/engine-events.ts';
import { createMemoryStore } from '../../lib/store/memory.ts';
import type { Store } from '../../lib/store/store.ts';
import { FakeClock } from './fake-clock.ts';

export const DELIVERED: DeliveryResult = { kind: 'delivered', proof: 'device', cause: 'sip 200' };
export const OFFLINE: DeliveryResult = {
  kind: 'retry',
  why: 'offline',
  scope: 'recipient',
  code: 4001,
  cause: 'sip 480',
};
export const BUSY: DeliveryResult = { kind: 'retry', why: 'busy', scope: 'recipient', code: 4001, cause: 'sip 486' };
export const SILENT: DeliveryResult = { kind: 'unknown', code: 4001, cause: 'no answer' };

/** A bearer whose answers the test gives, in order or one by one. */
export class FakeBearer implements Bearer {
  readonly name: string = 'fake';
  readonly attempts: DeliveryAttempt[] = [];
  answer: (attempt: DeliveryAttempt) => DeliveryResult | Promise<DeliveryResult> = () => DELIVERED;
  offer: ReturnType<Bearer['offers']> = { offer: 'yes' };

  offers(): ReturnType<Bearer['offers']> {
    return this.offer;
  }

  async deliver(attempt: DeliveryAttempt): Promise<DeliveryResult> {
    this.attempts.push(attempt);
    return this.answer(attempt);
  }

  /** push-ids in the order in which they were tried. */
  get sent(): string[] {
    return this.attempts.map((attempt) => attempt.push.pushId);
  }
}

/** A way out that the test opens and closes. */
class FakeGate implements Gate {
  ready = true;
  readonly #listeners: (() => void)[] = [];

  onReady(listener: () => void): void {
    this.#listeners.push(listener);
  }

  set(ready: boolean): void {
    this.ready = ready;
    if (ready) for (const listener of this.#listeners) listener();
  }
}

/** An engine with everything around it under the test's control. */
export class EngineBench {
  readonly clock: FakeClock;
  readonly bearer: FakeBearer = new FakeBearer();
  /** In the gateway's order; a test may put others behind the first. */
  readonly bearers: FakeBearer[] = [this.bearer];
  readonly posted: Notification[] = [];
  readonly states: EngineEvents['state'][] = [];
  readonly registrations: Map<string, Registration> = new Map();
  readonly gate: FakeGate = new FakeGate();
  readonly events: Events<EngineEvents> = new Events((error) => {
    throw error;
  });
  readonly engine: Engine;
  post: (notification: Notification) => PostResult | Promise<PostResult> = () => ({ ok: true, cause: 'http 202' });
  covers = true;

  constructor({
    store = createMemoryStore(),
    limits = {},
    clock = new FakeClock(),
    log = silentLogger,
    ...more
  }: { store?: Store; limits?: Partial<EngineLimits>; clock?: FakeClock; log?: Logger } & Pick<
    EngineOptions,
    'allowDelivery' | 'retentions' | 'bearerNames' | 'resolve' | 'capabilities'
  > = {}) {
    this.clock = clock;
    const bench = this;
    this.engine = new Engine({
      ...more,
      log,
      store,
      subscribers: {
        find: (aor) => this.registrations.get(aor),
        get covers() {
          return bench.covers;
        },
      },
      bearers: this.bearers,
      gate: this.gate,
      post: async (notification) => {
        this.posted.push(notification);
        return this.post(notification);
      },
      clock: this.clock,
      events: this.events,
      owner: 'node-1',
      domain: 'ims.test',
      limits: { ...DEFAULT_LIMITS, ...limits },
      retry: DEFAULT_RETRY,
      notify: DEFAULT_NOTIFY,
      hopPace: DEFAULT_HOP_PACE,
      random: () => 0.5,
    });
    this.events.on('state', (state) => this.states.push(state));
  }
}

/** A promise and the function that settles it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

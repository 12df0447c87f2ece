import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from './base/clock.ts';
import { Events, type Listener } from './base/events.ts';
import { type Logger, silentLogger } from './base/log.ts';
import type { SubmitAnswer } from './engine/accept.ts';
import type { EngineEvents } from './engine/events.ts';
import type { SipHandler } from './sip/leg.ts';
import type { SrfLike } from './sip/srf-like.ts';
import type { ListenPoint } from './stack/types.ts';
import type { PushStatus, Store, StoreCounts } from './store/store.ts';
import { checkOptions, type PpgConfiguration } from './options.ts';

/** A push of the app's own, without PAP. */
export interface PushRequest {
  /** Recipients: `sip:user@domain`, `user@domain`, `+digits`, or PPG address text (`WAPPUSH=…/TYPE=…@ppg`). */
  readonly to: string | readonly string[];
  /** MIME type of the body, parameters included. */
  readonly type: string;
  readonly body: Buffer | string;
  /** Application on the device, as `mms.ua` or a whole X-Wap-Application-Id value. Default: none named, which means `wml.ua`. */
  readonly application?: string;
  /** Further push headers, by name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly deliveryMethod?: 'confirmed' | 'preferconfirmed' | 'unconfirmed' | 'notspecified';
  readonly priority?: 'high' | 'medium' | 'low';
  /** Default: a new one. */
  readonly pushId?: string;
  /** Whose push it is; push-ids are unique within it. Default `app`. */
  readonly initiator?: string;
  readonly deliverBefore?: Date;
  readonly deliverAfter?: Date;
  /** Where the result notification goes. */
  readonly notifyUrl?: string;
}

export interface PpgOptions extends Omit<PpgConfiguration, 'store'> {
  /** `memory`, `sqlite:FILE` (default `sqlite:./ppg.db`), or a store of your own. */
  readonly store?: string | Store | undefined;
  /** The app's Srf; without it pushes leave by the direct leg alone. */
  readonly srf?: SrfLike;
  /** A second connected Srf to send over, without routes, so that the app's large frames and ours never meet. */
  readonly outbound?: SrfLike;
  /** Any pino-shaped logger; default silent. */
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** A running gateway. */
export interface Ppg {
  /**
   * Chain it before authentication and registrar: `srf.use('register', [ppg.middleware, auth, registrar])`, likewise
   * for `message` and `options`. What is not the gateway's goes to next(), untouched.
   */
  readonly middleware: SipHandler;
  /** Chains the middleware for every method the gateway takes part in. Call it before the app's own srf.use. */
  mount(srf: SrfLike): void;
  /** The PAP endpoint as an Express handler: `app.use('/pap', ppg.pap())`. Express 4 and 5. */
  pap(): (req: unknown, res: unknown, next: (error?: unknown) => void) => void;
  /** Opens the store, takes up what an earlier life left, and begins to deliver. */
  start(): Promise<void>;
  /** Takes nothing more, ends what is under way, closes what is its own. The app's srf stays connected. */
  stop(): Promise<void>;
  /** Submits a push of the app's own: 1001 once durable. Rejects with a PpgError that says what is wrong with it. */
  submit(push: PushRequest): Promise<SubmitAnswer & { readonly pushId: string }>;
  /** A push with its recipients and attempts; `initiator` defaults to `app`. */
  status(pushId: string, initiator?: string): Promise<PushStatus | undefined>;
  /** Listens to what happens; the function it returns takes the listener off. */
  on<K extends keyof EngineEvents>(event: K, listener: Listener<EngineEvents[K]>): () => void;
  counts(): Promise<StoreCounts>;
  /** Where the direct leg listens; empty without one. */
  readonly directListening: readonly ListenPoint[];
  /** False while no leg has a way out: pushes are taken and wait. */
  readonly ready: boolean;
}

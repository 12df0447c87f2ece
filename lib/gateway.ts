import type { ContentHttpHandler } from '../handlers/content.ts';
import type { PapHttpHandler } from '../handlers/pap.ts';
import type { Clock } from './base/clock.ts';
import type { Listener } from './base/events.ts';
import type { Logger } from './base/log.ts';
import type { SubmitAnswer } from './engine/accept.ts';
import type { Notification } from './model/delivery.ts';
import type { EngineEvents } from './model/engine-events.ts';
import type { CancelAnswer } from './model/pap-service.ts';
import type { MsrpCounters } from './msrp/endpoint.ts';
import type { AuditLog } from './ops/audit.ts';
import type { InitiatorConfiguration } from './options/initiators.ts';
import type { PpgConfiguration } from './options/options.ts';
import type { PushRequest } from './push-request.ts';
import type { AuthenticateHook } from './security/authenticator.ts';
import type { BlockEntry } from './security/block-list.ts';
import type { AllowDelivery } from './security/consent.ts';
import type { SrfLike } from './sip/drachtio/srf-like.ts';
import type { SipMiddleware } from './sip/leg.ts';
import type { OmaPushCounts } from './sip/oma-push/oma-push.ts';
import type { RegEventCounts } from './sip/reg-event/options.ts';
import type { SipTraceListener } from './stack/trace.ts';
import type { ListenPoint, StackCounters } from './stack/types.ts';
import type { Erasure, NotificationFilter } from './store/operator.ts';
import type { PushStatus, Store, StoreCounts } from './store/store.ts';

export interface PpgOptions extends Omit<PpgConfiguration, 'store'> {
  /** `memory`, `sqlite:FILE` (default `sqlite:./ppg.db`), or a store of your own. */
  readonly store?: string | Store | undefined;
  /** The app's Srf; without it pushes leave by the direct leg alone. */
  readonly srf?: SrfLike | undefined;
  /** A second connected Srf to send over, without routes, so that the app's large frames and ours never meet. */
  readonly outbound?: SrfLike | undefined;
  /**
   * True where no app lives on `srf`: what strangers send to the gateway itself is refused 403 there, as the direct leg does
   * in any case, and not passed on. Default false.
   */
  readonly standalone?: boolean | undefined;
  /** Is told of every SIP message of the direct leg, as it is on the wire. */
  readonly trace?: SipTraceListener | undefined;
  /** Any pino-shaped logger; default silent. */
  readonly log?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /**
   * A check of your own of who submits, asked before the gateway's: the name of an account of `initiators`, or an
   * account that only you know; undefined leaves it to the others. What it throws refuses the request with 503; it has
   * ten seconds.
   */
  readonly authenticate?: AuthenticateHook | undefined;
  /**
   * Says whether a subscriber is to get a push, asked before every attempt: `false` ends the recipient as undeliverable
   * 2001. When it throws or takes longer than ten seconds the push waits and is asked about again.
   */
  readonly allowDelivery?: AllowDelivery | undefined;
  /** Gets a line for every decision, as pino's `info(fields, message)`; never content, secrets or subscribers. */
  readonly audit?: AuditLog | undefined;
}

/** A running gateway. */
export interface Ppg {
  /**
   * Chain it before authentication and registrar: `srf.use('register', [ppg.middleware, auth, registrar])`, likewise
   * for `message` and `options`. What is not the gateway's goes to next(), untouched.
   */
  readonly middleware: SipMiddleware;
  /** Chains the middleware for every method the gateway takes part in. Call it before the app's own srf.use. */
  mount(srf: SrfLike): void;
  /** The PAP endpoint as an Express handler: `app.use('/pap', ppg.pap())`. Express 4 and 5. */
  pap(): PapHttpHandler;
  /**
   * The contents that devices are referred to, as an Express handler: `app.use('/content', ppg.content())`, reached by them at
   * the option `content.url`; without that option there is nothing. Express 4 and 5.
   */
  content(): ContentHttpHandler;
  /** Opens the store, takes up what an earlier life left, and begins to deliver. */
  start(): Promise<void>;
  /**
   * Takes nothing more, gives what is under way five seconds, and closes what is its own; what had no answer by then is
   * taken up at the next start. The app's srf stays connected.
   */
  stop(): Promise<void>;
  /** Submits a push of the app's own: 1001 once durable. Rejects with a PpgError that says what is wrong with it. */
  submit(push: PushRequest): Promise<SubmitAnswer & { readonly pushId: string }>;
  /**
   * Replaces the accounts without a restart; connections that are open go on with the new ones. Throws PPG_E_OPTIONS and
   * changes nothing when one cannot be used.
   */
  setInitiators(initiators: readonly InitiatorConfiguration[]): void;
  /** Replaces the block list without a restart, as setInitiators does the accounts. */
  setBlocked(block: readonly BlockEntry[]): void;
  /**
   * Cancels what still waits, for all recipients or for those in `to`; `initiator` defaults to `app`. One result for each
   * code: 1000 cancelled, 2003 not in the push, 2008 sent or perhaps sent, 3003 over already. Undefined: no such push.
   */
  cancel(pushId: string, initiator?: string, to?: string | readonly string[]): Promise<CancelAnswer | undefined>;
  /** Result notifications that were given up, oldest push first, at most 1,000; of an initiator, or of one push of it. */
  deadNotifications(filter?: NotificationFilter, limit?: number): Promise<Notification[]>;
  /** Sends dead notifications again, once or until they are taken if their time is not over; resolves with how many. */
  replayNotifications(filter?: NotificationFilter, limit?: number): Promise<number>;
  /**
   * Removes a subscriber (`sip:user@domain`, `user@domain`, `+digits`): what waits ends as `cancelled` 2001, what is over
   * loses address and attempts, the registration goes. What is in flight or owes a notification is only counted
   * (`remaining`): erase again when it is over.
   */
  erase(user: string): Promise<Erasure>;
  /** A push with its recipients and attempts; `initiator` defaults to `app`. */
  status(pushId: string, initiator?: string): Promise<PushStatus | undefined>;
  /** Listens to what happens; the function it returns takes the listener off. */
  on<K extends keyof EngineEvents>(event: K, listener: Listener<EngineEvents[K]>): () => void;
  counts(): Promise<StoreCounts>;
  /**
   * Reads the files of `sip.tls` again; connections that are there stay. Throws PPG_E_OPTIONS when the new ones cannot be
   * used, and keeps the old.
   */
  reloadTls(): void;
  /** Users who registered and whose waiting pushes are not let go yet (`limits.wakeRate`). */
  readonly wakesWaiting: number;
  /** Attempts under way. */
  readonly inFlight: number;
  /** Devices whose capabilities were known when a push came, and those that had to be asked. */
  readonly capabilityCounts: { readonly hits: number; readonly misses: number };
  /** Subscriptions to the reg event; undefined where it is no source of registrations. */
  readonly regEvents: RegEventCounts | undefined;
  /** Subscriptions of devices to pushes; undefined without `sip.omaPush`. */
  readonly omaPush: OmaPushCounts | undefined;
  /** Sessions and octets by MSRP; undefined without. */
  readonly msrp: Readonly<MsrpCounters> | undefined;
  /** Transactions, repetitions and messages that could not be read, of the direct leg; undefined without one. */
  readonly sipCounters: Readonly<StackCounters> | undefined;
  /** Where MSRP is listened on, once started; undefined: nowhere. */
  readonly msrpPort: number | undefined;
  /** Where the direct leg listens; empty without one. */
  readonly directListening: readonly ListenPoint[];
  /** The SIP legs, drachtio's before the gateway's own, and which of them has a way out now. */
  readonly legs: readonly { readonly name: string; readonly ready: boolean }[];
  /** False while no leg has a way out: pushes are taken and wait. */
  readonly ready: boolean;
}

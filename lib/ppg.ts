import { type ContentHttpHandler, contentRouter } from '../handlers/content.ts';
import { type PapHttpHandler, papRouter } from '../handlers/pap.ts';
import { refuseStrangers } from '../handlers/strangers.ts';
import { createAddressing } from './addressing/create.ts';
import { type Clock, systemClock } from './base/clock.ts';
import { PpgError } from './base/errors.ts';
import { Events, type Listener } from './base/events.ts';
import { randomToken } from './base/ids.ts';
import { type Logger, silentLogger } from './base/log.ts';
import { createImdnAsker } from './bearer/imdn.ts';
import { readingsWith } from './bearer/sip-outcome.ts';
import { createBearers } from './bearers.ts';
import { createCapabilities } from './capabilities.ts';
import { parseAddress } from './codec/pap/address.ts';
import { parseSipOnly } from './codec/sip/uri.ts';
import type { SubmitAnswer } from './engine/accept.ts';
import { Engine } from './engine/engine.ts';
import { DEFAULT_HOP_PACE } from './engine/hop-pace.ts';
import { createNotificationPost } from './engine/notify-http.ts';
import type { InitiatorConfiguration } from './initiator-options.ts';
import { createLegs, receiveOn, shortcomings } from './legs.ts';
import { namesOf } from './model/bearer-names.ts';
import type { Notification } from './model/delivery.ts';
import type { EngineEvents } from './model/engine-events.ts';
import type { CancelAnswer } from './model/pap-service.ts';
import { PAP } from './model/result-codes.ts';
import { middlewareOf, mountOn } from './mount.ts';
import type { MsrpCounters } from './msrp/endpoint.ts';
import { createMsrp } from './msrp-bearer.ts';
import { createOmaPush } from './oma-push.ts';
import { type AuditLog, createAudit } from './ops/audit.ts';
import {
  type CheckedConfiguration,
  checkBlocked,
  checkInitiators,
  checkOptions,
  type PpgConfiguration,
} from './options.ts';
import { type PushRequest, submissionOf } from './push-request.ts';
import { createRegistrationSources } from './registration-sources.ts';
import { arrivalReader } from './security/arrival.ts';
import type { AuthenticateHook } from './security/authenticator.ts';
import type { BlockEntry } from './security/block-list.ts';
import type { AllowDelivery } from './security/consent.ts';
import { tokenSecret } from './security/token-secret.ts';
import { iscHeaders } from './sip/isc-headers.ts';
import type { SipHandler } from './sip/leg.ts';
import type { OmaPushCounts } from './sip/oma-push.ts';
import { ownAddress } from './sip/own-address.ts';
import type { RegEventCounts } from './sip/reg-event.ts';
import { createSipSender } from './sip/sender.ts';
import type { SrfLike } from './sip/srf-like.ts';
import { trustedPeers } from './sip/trusted-peers.ts';
import { createSipHandlers } from './sip-handlers.ts';
import type { SipTraceListener } from './stack/trace.ts';
import type { ListenPoint } from './stack/types.ts';
import { createMemoryStore } from './store/memory.ts';
import type { Erasure, NotificationFilter } from './store/operator.ts';
import { createSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { PushStatus, Store, StoreCounts } from './store/store.ts';
import { createTenancy } from './tenancy.ts';

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
  readonly middleware: SipHandler;
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
  /** Where MSRP is listened on, once started; undefined: nowhere. */
  readonly msrpPort: number | undefined;
  /** Where the direct leg listens; empty without one. */
  readonly directListening: readonly ListenPoint[];
  /** False while no leg has a way out: pushes are taken and wait. */
  readonly ready: boolean;
}

/**
 * Makes a gateway; nothing is opened before start(). Two gateways in one process know nothing of each other.
 * Throws PPG_E_OPTIONS with one line for each option that cannot be used.
 */
export function createPpg(given: PpgOptions): Ppg {
  const {
    srf,
    outbound,
    log = silentLogger,
    clock = systemClock,
    store,
    authenticate,
    allowDelivery,
    audit,
    trace,
    standalone,
    ...rest
  } = given;
  const options = checkOptions({ ...rest, store: typeof store === 'object' ? undefined : store });
  const { domain, limits, sip } = options;
  const identity = options.identity ?? `sip:push@${domain}`;
  const keep = typeof store === 'object' ? store : openStore(options, log);
  const events = new Events<EngineEvents>((error) => log.error({ err: error }, 'a listener of the gateway failed'));
  if (audit !== undefined) createAudit({ on: (event, listener) => events.on(event, listener) }, audit);

  const legs = createLegs({
    srf,
    outbound,
    direct: sip.direct,
    force: sip.leg,
    tls: sip.tls,
    trace,
    domain,
    clock,
    log,
  });
  const toNextHop = createSipSender({
    legs: legs.all,
    force: sip.leg,
    log,
    credentials: sip.credentials,
    ...(sip.nextHop !== undefined && { nextHop: sip.nextHop }),
  });
  const isc = iscHeaders({ identity, domain, assertedService: sip.assertedService, iari: sip.iari });
  const sources = createRegistrationSources({
    sip,
    limits,
    store: keep,
    sender: toNextHop,
    identity,
    isc,
    domain,
    clock,
    log,
  });
  const { registrations, sender } = sources;
  const { rules, directory } = createAddressing(options.addresses, { domain, clock, log });
  const addresses = { domain, rules };
  const tenancy = createTenancy({
    auth: options.auth,
    authenticate,
    block: options.block,
    allowDelivery,
    addresses,
    directory,
    initiators: options.initiators,
    backlog: limits.backlog,
    store: keep,
    events,
    clock,
    log,
  });
  const post = createNotificationPost({ ...options.notify, log, clock, identity, identities: tenancy.identities });
  const capabilities = createCapabilities({
    policy: sip.capabilities,
    size: limits.registrationCache,
    sender,
    identity,
    domain,
    isc,
    events,
    clock,
    log,
  });
  const secret = tokenSecret(options.secret);
  const imdn = createImdnAsker({ secret, clock, identity });
  const readings = readingsWith(sip.outcomes, sip.notFoundIsFinal);
  const addressed = {
    sender,
    clock,
    log,
    identity,
    domain,
    isc,
    hidesIdentity: tenancy.hidesIdentity,
    vouches: tenancy.vouches,
    readings,
    profiles: sip.profiles,
  };
  const omaPush =
    sip.omaPush === false ? undefined : createOmaPush(sip.omaPush, { clock, log, domain, registrations, sender });
  const msrp = options.msrp === false ? undefined : createMsrp(options.msrp, addressed);
  const bearers = createBearers({
    ...addressed,
    msrp: msrp?.bearer,
    omaPush,
    imdn: sip.imdn === 'auto' ? imdn : undefined,
    redirects: { follow: sip.followRedirects, nextHop: sip.nextHop, domain },
    onRefused: (aor, device, refusal) => capabilities.learnRefusal(aor, device, refusal),
    content: options.content,
    secret,
    confirmWait: limits.confirmWait,
    onTransformed: ({ initiator, pushId, key }, bearer, { change, how }) =>
      events.emit('transformed', { initiator, pushId, push: key, at: clock.now(), bearer, change, how }),
  });
  const bearerNames = namesOf(
    options.qos,
    bearers.map(({ name }) => name),
  );
  const engine = new Engine({
    admit: tenancy.admit,
    allowDelivery: tenancy.allowDelivery,
    retentions: tenancy.retentions,
    mayAsk: tenancy.mayAsk,
    ...(tenancy.resolve !== undefined && { resolve: tenancy.resolve }),
    opened: tenancy.opened,
    store: keep,
    subscribers: capabilities.over(omaPush?.over(registrations) ?? registrations),
    capabilities,
    bearers,
    bearerNames,
    gate: sender,
    post: post.post,
    clock,
    log,
    events,
    owner: `${process.pid}-${randomToken(8)}`,
    domain,
    limits,
    retry: options.retry,
    notify: options.notify,
    hopPace: DEFAULT_HOP_PACE,
    random: Math.random,
  });
  registrations.on('registered', ({ aor }) => engine.wake(aor));

  const trusts = trustedPeers(sip.trustedPeers);
  const own = ownAddress(identity, () => legs.all.flatMap((leg) => leg.addresses ?? leg.address ?? []));
  const handlers = createSipHandlers({
    ...{ registrations, trusts, own, imdn, engine, domain, clock, log, legs: legs.all, capabilities, omaPush },
    ...{ standalone: standalone === true, asksImdn: sip.imdn === 'auto', registrationSource: sip.registrations },
    contactAt: (leg) => leg && sender.identityFor(leg, parseSipOnly(identity).user),
  });
  let stopped = false;
  const middleware = middlewareOf(handlers, () => stopped);
  const alone = refuseStrangers(middleware, { own, trusts, log });
  receiveOn(legs.all, alone);

  const arrival = arrivalReader(options.auth.trustedProxies);

  return {
    middleware,
    mount: (app) => mountOn(app, handlers, standalone === true ? alone : middleware),
    pap: () =>
      papRouter({
        auth: tenancy.auth,
        engine,
        clock,
        log,
        domain,
        rules,
        bearerNames,
        arrival,
        requireTls: options.auth.requireTls,
        admitQuery: tenancy.admitQuery,
        allowPrivateNotify: options.notify.allowPrivate,
        onRefused: (refusal) => events.emit('refused', refusal),
        onDenied: (denial) => events.emit('denied', denial),
        maxBodyBytes: limits.maxBodyBytes,
      }),
    content: () =>
      contentRouter({
        secret,
        content: (recipient) => keep.content(recipient),
        prove: (recipient, proof) => engine.prove(recipient, proof),
        clock,
        log,
        sourceOf: (request) => arrival(request).source,
        onDownload: (download) => events.emit('download', download),
        limits: options.content,
      }),
    async start() {
      const short = shortcomings(legs.all, options.content.url !== undefined);
      if (short !== undefined) log.warn(short);
      await engine.start();
      try {
        await Promise.all([...legs.all.map((leg) => leg.start()), msrp?.start()]);
      } catch (error) {
        stopped = true;
        await Promise.allSettled([...legs.all.map((leg) => leg.stop()), sources.stop(), msrp?.stop()]);
        await engine.stop();
        throw error;
      }
    },
    async stop() {
      await engine.stop(async () => {
        await Promise.all([sources.stop(), msrp?.stop(), omaPush?.stop()]);
        stopped = true;
        await Promise.all([...legs.all.map((leg) => leg.stop()), post.close()]);
      });
    },
    async submit(push) {
      const submission = submissionOf(push, addresses);
      const { initiator, pushId } = submission;
      try {
        return { ...(await engine.submit(submission)), pushId };
      } catch (error) {
        const { papCode: code = PAP.INTERNAL_ERROR, rule } = error instanceof PpgError ? error : {};
        events.emit('refused', { initiator, pushId, at: clock.now(), code, ...(rule !== undefined && { rule }) });
        throw error;
      }
    },
    deadNotifications: (filter, limit) => engine.operator.deadNotifications(filter, limit),
    replayNotifications: (filter, limit) => engine.operator.replayNotifications(filter, limit),
    async erase(user) {
      const asked = parseAddress(user, addresses);
      const [{ aor } = asked] = (await tenancy.resolve?.addresses([asked])) ?? [];
      const erasure = await engine.operator.erase(aor);
      registrations.forget(aor);
      omaPush?.subscriptions.forget(aor);
      capabilities.forget(aor);
      return erasure;
    },
    setBlocked: (block) => tenancy.setBlocked(checkBlocked(block)),
    setInitiators: (initiators) => tenancy.setInitiators(checkInitiators(initiators)),
    async cancel(pushId, initiator = 'app', to = []) {
      const named = (typeof to === 'string' ? [to] : to).map((text) => parseAddress(text, addresses));
      return engine.cancel(initiator, pushId, named);
    },
    status: (pushId, initiator = 'app') => engine.find(initiator, pushId),
    on: (event, listener) => events.on(event, listener),
    counts: () => keep.counts(),
    reloadTls: () => legs.stack?.reloadTls(),
    get wakesWaiting() {
      return engine.wakesWaiting;
    },
    get inFlight() {
      return engine.inFlight;
    },
    get capabilityCounts() {
      return capabilities.counts;
    },
    get msrp() {
      return msrp?.counters;
    },
    get msrpPort() {
      return msrp?.port;
    },
    get regEvents() {
      return sources.regEvents;
    },
    get omaPush() {
      return omaPush?.counts;
    },
    get directListening() {
      return legs.stack?.listening ?? [];
    },
    get ready() {
      return sender.ready;
    },
  };
}

function openStore({ store }: CheckedConfiguration, log: Logger): Store {
  if (store === 'memory') return createMemoryStore();
  return createSqliteStore({ file: store.slice('sqlite:'.length), log });
}

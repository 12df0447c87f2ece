import { contentRouter } from '../handlers/content.ts';
import { papRouter } from '../handlers/pap.ts';
import { refuseStrangers } from '../handlers/strangers.ts';
import { createAddressing } from './addressing/create.ts';
import { createBearers } from './assembly/bearers.ts';
import { createCapabilities } from './assembly/capabilities.ts';
import { createLegs, receiveOn, shortcomings } from './assembly/legs.ts';
import { middlewareOf, mountOn } from './assembly/mount.ts';
import { createMsrp } from './assembly/msrp.ts';
import { createOmaPush } from './assembly/oma-push.ts';
import { createRegistrationSources } from './assembly/registration-sources.ts';
import { createSipHandlers } from './assembly/sip-handlers.ts';
import { createTenancy } from './assembly/tenancy.ts';
import { systemClock } from './base/clock.ts';
import { PpgError } from './base/errors.ts';
import { Events } from './base/events.ts';
import { randomToken } from './base/ids.ts';
import { type Logger, silentLogger } from './base/log.ts';
import { createImdnAsker } from './bearer/imdn.ts';
import { readingsWith } from './bearer/sip-outcome.ts';
import type { Made } from './bearer/transforming.ts';
import { parseAddress } from './codec/pap/address.ts';
import { parseSipOnly } from './codec/sip/uri.ts';
import { Engine } from './engine/engine.ts';
import { DEFAULT_HOP_PACE } from './engine/hop-pace.ts';
import { createNotificationPost } from './engine/notify-http.ts';
import type { Ppg, PpgOptions } from './gateway.ts';
import { namesOf } from './model/bearer-names.ts';
import type { EngineEvents } from './model/engine-events.ts';
import type { Push } from './model/push.ts';
import { PAP } from './model/result-codes.ts';
import { createAudit } from './ops/audit.ts';
import { type CheckedConfiguration, checkBlocked, checkInitiators, checkOptions } from './options/options.ts';
import { submissionOf } from './push-request.ts';
import { arrivalReader } from './security/arrival.ts';
import { tokenSecret } from './security/token-secret.ts';
import { iscHeaders } from './sip/isc-headers.ts';
import type { Next } from './sip/leg.ts';
import { ownAddress } from './sip/own-address.ts';
import { createSipSender } from './sip/sender.ts';
import { trustedPeers } from './sip/trusted-peers.ts';
import { createMemoryStore } from './store/memory.ts';
import { createSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';

export type { Ppg, PpgOptions } from './gateway.ts';

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
  const events = new Events<EngineEvents>((error) => log.error({ err: error }, 'a listener of the gateway failed'));
  const onBroken = (cause: string): void => events.emit('broken', { at: clock.now(), cause });
  const keep = typeof store === 'object' ? store : openStore(options, log, onBroken);
  if (audit !== undefined) createAudit({ on: (event, listener) => events.on(event, listener) }, audit);

  const trusts = trustedPeers(sip.trustedPeers);
  const legs = createLegs({
    srf,
    outbound,
    direct: sip.direct,
    force: sip.leg,
    tls: sip.tls,
    trusts,
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
  const post = createNotificationPost({
    ...options.notify,
    log,
    clock,
    identity: options.pap.address ?? identity,
    name: options.pap.name,
    identities: tenancy.identities,
  });
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
    onRefused: capabilities.learnRefusal,
    content: options.content,
    onTransformed: ({ initiator, pushId, key }: Push, bearer: string, { change, how }: Made) =>
      events.emit('transformed', { initiator, pushId, push: key, at: clock.now(), bearer, change, how }),
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
    secret,
    confirmWait: limits.confirmWait,
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
    middleware: (req, res, next) => middleware(req, res, next as Next),
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
        allowNotify: options.notify.allow,
        onRefused: (refusal) => events.emit('refused', refusal),
        onDenied: (denial) => events.emit('denied', denial),
        maxBodyBytes: limits.maxBodyBytes,
        ...options.pap,
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
    reloadTls() {
      legs.stack?.reloadTls();
      msrp?.reloadTls();
    },
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
    get sipCounters() {
      return legs.stack?.counters;
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
    get legs() {
      return legs.all.map(({ name, ready }) => ({ name, ready }));
    },
    get ready() {
      return sender.ready;
    },
  };
}

function openStore({ store }: CheckedConfiguration, log: Logger, onBroken: (cause: string) => void): Store {
  if (store === 'memory') return createMemoryStore();
  return createSqliteStore({ file: store.slice('sqlite:'.length), log, onBroken });
}

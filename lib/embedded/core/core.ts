import { messageOf } from '../../base/errors.ts';
import { formatHostPort } from '../../codec/sip/host.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { HeaderField } from '../../model/push.ts';
import type { ListenPoint, ServerTransaction } from '../../stack/types.ts';
import { Bindings } from './bindings.ts';
import { DigestGuard } from './digest-guard.ts';
import { noticeOf, stateNotices } from './notice.ts';
import { type CoreOptions, DEFAULT_CORE_LIMITS } from './options.ts';
import { METHODS, StatefulProxy } from './proxy.ts';
import { RegEventNotifier } from './reg-event.ts';
import { Registrar, refusal } from './registrar.ts';
import { Domain, hopOf } from './routes.ts';
import { ThirdPartyRegister } from './third-party-register.ts';

/** A registered contact, for those who look in from outside. */
export interface RegisteredContact {
  readonly contact: string;
  /** Contact parameters as registered, `;name="value"…`. */
  readonly parameters: string;
  /** `+sip.instance` without quotes and angle brackets. */
  readonly instance?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A pocket SIP/IP core: registrar, proxy and third-party registration on one stack. */
export interface Core {
  /** Reads the registrations, binds the stack and tells the application servers. Rejects with PPG_E_SIP_TRANSPORT. */
  start(): Promise<void>;
  /** Closes the stack and the binding store. Registrations stay in the store. */
  stop(): Promise<void>;
  /** Live contacts of an address-of-record, as `sip:alice@example.com`; empty when there is none. */
  registered(aor: string): readonly RegisteredContact[];
}

const PROXIED = new Set(METHODS.filter((method) => method !== 'REGISTER'));

const ALLOW: HeaderField = { name: 'Allow', value: METHODS.join(', ') };

/** Makes a core. Throws PPG_E_SIP_SYNTAX when the URI of an application server or service is none. */
export function createCore(options: CoreOptions): Core {
  const { clock, log, stack, applicationServers } = options;
  const limits = { ...DEFAULT_CORE_LIMITS, ...options.limits };
  const domain = new Domain(options.domain, options.aliases ?? [], options.services ?? {}, applicationServers);
  const bindings = new Bindings(clock, log, options.bindings);
  const registrar = new Registrar({
    clock,
    bindings,
    domain,
    minExpires: options.minExpires ?? 60,
    defaultExpires: options.defaultExpires ?? 3600,
    limits,
  });
  const proxy = new StatefulProxy({
    clock,
    stack,
    bindings,
    domain,
    limits,
    answerTimeout: options.answerTimeout ?? 30_000,
  });
  const guard = options.digest && new DigestGuard(clock, domain.name, options.digest.users, options.digest.algorithms);
  const from = (): string => options.address ?? addressOf(stack.listening);
  const stateOf = (aor: string) =>
    stateNotices(bindings.of(aor), (request) => registrar.answer(request, aor), clock.now());
  const told = applicationServers.map(
    (server) => new ThirdPartyRegister({ clock, log, stack, server, from, stateOf, maxOpen: limits.openNotices }),
  );
  bindings.onExpired = (aor) => {
    for (const one of told) one.tellState(aor);
  };
  const servers = [...applicationServers, ...Object.values(options.services ?? {})].map((uri) => hopOf(uri).host);
  const regEvent =
    options.regEvent === false
      ? undefined
      : new RegEventNotifier({ clock, log, stack, bindings, domain, contact: from, servers, ...options.regEvent });
  bindings.onSwept = (aor) => regEvent?.changed(aor);

  const register = (transaction: ServerTransaction): void => {
    const { request } = transaction;
    const user = registrar.userOf(request);
    if (typeof user !== 'string') {
      transaction.respond(user);
      return;
    }
    const refused = guard?.refuse(request, user);
    if (refused !== undefined) {
      transaction.respond(refused);
      return;
    }
    const before = bindings.of(user).length;
    const { response, changed } = registrar.register(transaction, user);
    // First the phone, as in a real core: some refuse a MESSAGE before they know that they are registered.
    transaction.respond(response);
    if (!changed) return;
    const left = bindings.of(user);
    const notice = noticeOf(Buffer.from(transaction.raw), response, left, clock.now(), left.length < before);
    for (const one of told) one.tell(user, notice);
    regEvent?.changed(user);
  };

  const handle = (transaction: ServerTransaction): void => {
    const { request } = transaction;
    try {
      if (request.method === 'REGISTER') register(transaction);
      else if (regEvent?.takes(request) === true) regEvent.receive(transaction);
      else if (PROXIED.has(request.method)) proxy.handle(transaction);
      else if (request.method === 'CANCEL') transaction.respond(respondTo(request, 481));
      // It keeps off the way of dialogs: the ACK of a 2xx goes to the device itself, and so does what follows.
      else if (request.method !== 'ACK') transaction.respond(respondTo(request, 501, { headers: [ALLOW] }));
    } catch (error) {
      log.debug({ method: request.method, err: messageOf(error) }, 'the core refused a request');
      transaction.respond(refusal(request, error));
    }
  };

  return {
    async start() {
      await bindings.load();
      stack.onRequest(handle);
      try {
        await stack.start();
      } catch (error) {
        bindings.halt();
        throw error;
      }
      domain.listensOn(stack.listening);
      for (const aor of bindings.aors()) for (const one of told) one.tellState(aor);
    },
    async stop() {
      for (const one of told) one.stop();
      proxy.stop();
      regEvent?.stop();
      await stack.stop();
      await bindings.close();
    },
    registered: (aor) =>
      bindings.of(aor).map(({ contact, parameters, instance, expiresAt }) => ({
        contact,
        parameters,
        ...(instance !== undefined && { instance }),
        expiresAt,
      })),
  };
}

/** A URI for the first listen point; one that listens everywhere is told as loopback. */
function addressOf([point]: readonly ListenPoint[]): string {
  if (point === undefined) return 'sip:127.0.0.1';
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const host = everywhere[point.host] ?? point.host;
  const transport = point.protocol === 'udp' ? '' : `;transport=${point.protocol}`;
  return `sip:${formatHostPort({ host, port: point.port })}${transport}`;
}

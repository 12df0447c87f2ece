import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { REGINFO_TYPE } from '../../codec/reginfo/reginfo.ts';
import { splitList } from '../../codec/sip/list.ts';
import type { SipHeaders, SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { tagOf } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { HeaderField } from '../../model/push.ts';
import type { HopFinder } from '../../stack/dialog-host.ts';
import { plainHop } from '../../stack/route-set.ts';
import type { ServerTransaction, SipStack } from '../../stack/types.ts';
import { UserAgent } from '../../stack/user-agent.ts';
import type { Bindings } from './bindings.ts';
import type { RegEventOptions } from './options.ts';
import { Watcher } from './reg-event-watcher.ts';
import type { Domain } from './routes.ts';

export interface RegEventNotifierOptions extends RegEventOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: SipStack;
  readonly bindings: Bindings;
  readonly domain: Domain;
  /** SIP URI of the core. */
  readonly contact: () => string;
  /** Addresses of application servers. */
  readonly servers: readonly string[];
}

/** Seconds: what is granted when nobody asks for a time (RFC 3680 section 4.4), and the bounds of what may be asked for. */
const DEFAULT_EXPIRES = 3761;
const SHORTEST_EXPIRES = 60;
const LONGEST_EXPIRES = 7 * 24 * 3600;

const MAX_WATCHERS = 20_000;

/** The notifier of the reg event package (RFC 3680): tells application servers which contacts their users have. */
export class RegEventNotifier {
  readonly #options: RegEventNotifierOptions;
  readonly #agent: UserAgent;
  readonly #allowed: ReadonlySet<string>;
  readonly #watchers = new Map<string, Set<Watcher>>();
  /** Who could not be connected to: RFC 3261 section 18.1.1 has large requests go there by UDP after all. */
  readonly #onlyUdp = new Set<string>();
  #count = 0;
  #take: (transaction: ServerTransaction) => void = () => undefined;

  constructor(options: RegEventNotifierOptions) {
    const { stack, clock, log, contact } = options;
    this.#options = options;
    this.#allowed = new Set([...options.servers, ...(options.watchers ?? [])]);
    const findHop: HopFinder = (uri, bytes) => plainHop(uri, this.#onlyUdp.has(uri) ? 0 : bytes);
    this.#agent = new UserAgent({ stack: this.#share(stack), clock, log, contact, maxDialogs: MAX_WATCHERS, findHop });
    this.#agent.onRequest((transaction) => this.#onRequest(transaction));
  }

  /** Whether a request is the notifier's: any other SUBSCRIBE is for a device. */
  takes({ method, headers }: SipRequest): boolean {
    return method === 'SUBSCRIBE' && packageOf(headers) === 'reg';
  }

  /** Takes a request of which `takes` is true, and answers it. */
  receive(transaction: ServerTransaction): void {
    this.#take(transaction);
  }

  /** Contacts of a user came, went, or were renewed. */
  changed(aor: string): void {
    for (const watcher of [...(this.#watchers.get(aor) ?? [])]) watcher.changed();
  }

  /** Subscriptions open now. */
  get watchers(): number {
    return this.#count;
  }

  stop(): void {
    for (const ofUser of [...this.#watchers.values()]) for (const watcher of [...ofUser]) watcher.stop();
    this.#agent.stop();
  }

  /** The core keeps the stack's one handler: the user agent gets what `receive` is given. */
  #share(stack: SipStack): SipStack {
    return {
      start: () => stack.start(),
      stop: () => stack.stop(),
      get listening() {
        return stack.listening;
      },
      get counters() {
        return stack.counters;
      },
      onRequest: (handler) => {
        this.#take = handler;
      },
      request: (request, hop, listener) => stack.request(request, hop, listener),
      invite: (request, hop, listener) => stack.invite(request, hop, listener),
      sendStateless: (message, hop) => stack.sendStateless(message, hop),
    };
  }

  /** A SUBSCRIBE that belongs to no dialog of ours. */
  #onRequest(transaction: ServerTransaction): void {
    const { request, flow } = transaction;
    const { bindings, clock, log, domain, features = 'all' } = this.#options;
    const user = domain.destination(request.uri);
    const refusal = this.#refusal(request, flow.host);
    if (refusal !== undefined || user.kind !== 'user') {
      transaction.respond(refusal ?? respondTo(request, 404));
      return;
    }
    const expires = expiresOf(request.headers);
    const { aor } = user;
    const watcher: Watcher = new Watcher({
      aor,
      clock,
      log,
      features,
      contacts: () => bindings.of(aor),
      onUnreachable: (uri) => this.#byUdp(uri),
      onEnd: () => this.#forget(aor, watcher),
    });
    const dialog = this.#agent.acceptSubscription(
      transaction,
      { headers: [{ name: 'Expires', value: String(expires) }] },
      {
        onRequest: (inDialog) => this.#refresh(watcher, inDialog),
        onEnd: () => watcher.stop(),
      },
    );
    this.#count++;
    const ofUser = this.#watchers.get(aor);
    if (ofUser === undefined) this.#watchers.set(aor, new Set([watcher]));
    else ofUser.add(watcher);
    watcher.begin(dialog, expires);
  }

  #refusal(request: SipRequest, source: string): SipResponse | undefined {
    const refuse = (status: number, ...headers: HeaderField[]): SipResponse => respondTo(request, status, { headers });
    if (tagOf(request.headers.get('To') ?? '') !== undefined) return refuse(481);
    if (this.#options.everyone !== true && !this.#allowed.has(source)) return refuse(403);
    if (!accepts(request.headers)) return refuse(406, { name: 'Accept', value: REGINFO_TYPE });
    const expires = expiresOf(request.headers);
    if (expires > 0 && expires < SHORTEST_EXPIRES)
      return refuse(423, { name: 'Min-Expires', value: String(SHORTEST_EXPIRES) });
    return this.#count < MAX_WATCHERS ? undefined : refuse(503, { name: 'Retry-After', value: '60' });
  }

  /** RFC 6665 section 4.2.1.2: every SUBSCRIBE is followed by the whole state. */
  #refresh(watcher: Watcher, transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.method !== 'SUBSCRIBE') {
      transaction.respond(respondTo(request, 405));
      return;
    }
    const expires = expiresOf(request.headers);
    transaction.respond(respondTo(request, 200, { headers: [{ name: 'Expires', value: String(expires) }] }));
    watcher.renew(expires);
  }

  /** Whether it is worth another try. */
  #byUdp(uri: string): boolean {
    if (this.#onlyUdp.has(uri)) return false;
    if (this.#onlyUdp.size >= MAX_WATCHERS) this.#onlyUdp.clear();
    this.#onlyUdp.add(uri);
    return true;
  }

  #forget(aor: string, watcher: Watcher): void {
    const ofUser = this.#watchers.get(aor);
    if (ofUser?.delete(watcher) !== true) return;
    this.#count--;
    if (ofUser.size === 0) this.#watchers.delete(aor);
  }
}

const packageOf = (headers: SipHeaders): string | undefined =>
  headers.get('Event')?.split(';', 1)[0]?.trim().toLowerCase();

function expiresOf(headers: SipHeaders): number {
  const value = headers.get('Expires')?.trim();
  return value !== undefined && /^\d{1,10}$/.test(value) ? Math.min(Number(value), LONGEST_EXPIRES) : DEFAULT_EXPIRES;
}

/** Without Accept the package's own type is meant (RFC 3680 section 4.5). */
function accepts(headers: SipHeaders): boolean {
  const values = headers.all('Accept').flatMap((value) => splitList(value));
  if (values.length === 0) return true;
  return values.some((value) => {
    const type = value.split(';', 1)[0]?.trim().toLowerCase();
    return type === REGINFO_TYPE || type === 'application/*' || type === '*/*';
  });
}

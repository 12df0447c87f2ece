import type { Clock, TimerHandle } from '../../base/clock.ts';
import { splitList } from '../../codec/sip/list.ts';
import { canonicalName, SipHeaders, type SipRequest, type SipResponse } from '../../codec/sip/message.ts';
import { parseNameAddr } from '../../codec/sip/name-addr.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import { syntaxError } from '../../codec/sip/syntax.ts';
import type { HeaderField } from '../../model/push.ts';
import type { Hop, ServerTransaction, SipStack } from '../../stack/types.ts';
import type { Binding } from './binding.ts';
import type { Bindings } from './bindings.ts';
import { CallerPreferencesReader, disposition, rank } from './caller-preferences.ts';
import { type Branch, Fork, type ForkOptions, type Way } from './fork.ts';
import type { CoreLimits } from './options.ts';
import type { Domain } from './routes.ts';

export interface ProxyOptions {
  readonly clock: Clock;
  readonly stack: SipStack;
  readonly bindings: Bindings;
  readonly domain: Domain;
  readonly limits: CoreLimits;
  /** Milliseconds until devices that do not answer count as 408. */
  readonly answerTimeout: number;
}

/** A device may write what it likes there. */
const SAID_OF_ONESELF: ReadonlySet<string> = new Set(['p-asserted-identity', 'p-preferred-identity']);

type Plan = Pick<ForkOptions, 'headers' | 'branches' | 'parallel'>;

/** RFC 3261 section 16.6, step 3. */
const MAX_FORWARDS = 70;

/** The stateful proxy of RFC 3261 section 16 for requests that no dialog and no media follows. */
export class StatefulProxy {
  readonly #clock: Clock;
  readonly #stack: SipStack;
  readonly #answerTimeout: number;
  readonly #bindings: Bindings;
  readonly #domain: Domain;
  readonly #limits: CoreLimits;
  readonly #preferences = new CallerPreferencesReader();
  /** In the order they came. */
  readonly #forks = new Set<Fork>();
  readonly #onDone = (fork: Fork): void => {
    this.#forks.delete(fork);
  };
  #timer: TimerHandle | undefined;

  constructor(options: ProxyOptions) {
    this.#clock = options.clock;
    this.#stack = options.stack;
    this.#answerTimeout = options.answerTimeout;
    this.#bindings = options.bindings;
    this.#domain = options.domain;
    this.#limits = options.limits;
  }

  /** Sends a request on, and its best answer back. Throws PPG_E_SIP_SYNTAX before anything was sent. */
  handle(transaction: ServerTransaction): void {
    const plan = this.#plan(transaction);
    if ('kind' in plan) {
      transaction.respond(plan);
      return;
    }
    const deadline = this.#clock.now() + this.#answerTimeout;
    const fork = new Fork({ stack: this.#stack, transaction, ...plan, deadline, onDone: this.#onDone });
    this.#forks.add(fork);
    if (this.#timer === undefined) this.#watch(this.#answerTimeout);
    fork.start();
  }

  /** Forgets what is open; the stack that ends has told its peers nothing. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#forks.clear();
  }

  /** One timer for all: requests are answered or expire in the order they came. */
  #watch(delay: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      const now = this.#clock.now();
      for (const fork of this.#forks) {
        if (fork.deadline > now) {
          this.#watch(fork.deadline - now);
          return;
        }
        fork.expire();
      }
    }, delay);
  }

  /** Where the request goes, or the response that ends it here. */
  #plan({ request, flow }: ServerTransaction): Plan | SipResponse {
    const refuse = (status: number, ...headers: HeaderField[]): SipResponse => respondTo(request, status, { headers });
    // Section 16.3: what a proxy checks.
    const forwards = maxForwards(request.headers);
    if (forwards === 0 || hopsOf(request.headers) > this.#limits.hops) return refuse(483);
    const required = request.headers.get('Proxy-Require');
    if (required !== undefined) return refuse(420, { name: 'Unsupported', value: required });
    if (this.#forks.size >= this.#limits.openRequests) return refuse(503, { name: 'Retry-After', value: '1' });

    const headers = this.#headers(request.headers, forwards - 1);
    const destination = this.#domain.destination(request.uri);
    if (headers === undefined) return refuse(403);
    if (destination.kind === 'foreign') {
      // A request within a dialog has the contact as its request URI. Beyond that a pocket core is no open relay.
      const contact = this.#bindings.at(request.uri);
      return contact === undefined ? refuse(403) : { headers, branches: [waysTo(contact)], parallel: true };
    }
    if (destination.kind === 'self') return request.method === 'OPTIONS' ? refuse(200, ALLOW) : refuse(404);
    if (destination.kind === 'application-server') {
      const branches = [[{ uri: request.uri, hop: destination.hop }]];
      return { headers: this.#asserted(headers, flow), branches, parallel: true };
    }
    const branches = this.#branches(request, destination.aor, destination.instance);
    if (branches.length === 0) return refuse(480);
    const { fork, parallel } = disposition(request.headers);
    return { headers, branches: fork ? branches : branches.slice(0, 1), parallel };
  }

  /**
   * What an application server gets (RFC 3325 section 5, 3GPP TS 24.229 section 5.4.3.2): who sent the request, where it came
   * from a device of the user that From names, and nothing that the device itself says of that.
   */
  #asserted(headers: SipHeaders, flow: Hop): SipHeaders {
    const believed = new SipHeaders(headers.fields.filter(({ name }) => !SAID_OF_ONESELF.has(canonicalName(name))));
    const user = this.#domain.destination(parseNameAddr(headers.get('From') ?? '').uri);
    if (user.kind !== 'user') return believed;
    const isHere = (at: Hop): boolean =>
      at.protocol === flow.protocol && at.host === flow.host && at.port === flow.port;
    const own = this.#bindings.of(user.aor).some((binding) => isHere(binding.flow ?? binding.hop));
    return own ? believed.add('P-Asserted-Identity', `<${user.aor}>`) : believed;
  }

  /** Those of the user's devices that the caller wants, best first; one branch for each device. */
  #branches({ method, headers }: SipRequest, aor: string, instance: string | undefined): Branch[] {
    const registered = this.#bindings.of(aor);
    if (registered.length === 0) return [];
    const addressed =
      instance === undefined ? registered : registered.filter((binding) => sameInstance(binding.instance, instance));
    const wanted = rank(addressed, this.#preferences.read(headers), method, headers.get('Event'));
    return branchesOf(wanted);
  }

  /**
   * The header fields of the copies: Max-Forwards counted down, Route values that name this proxy taken off (section
   * 16.4). Undefined when a Route leads elsewhere.
   */
  #headers(headers: SipHeaders, forwards: number): SipHeaders | undefined {
    const copy = new SipHeaders();
    const { fields } = copy;
    let counted = false;
    for (const field of headers.fields) {
      const name = canonicalName(field.name);
      if (name === 'max-forwards') {
        if (!counted) fields.push({ name: field.name, value: String(forwards) });
        counted = true;
      } else if (name === 'route') {
        const own = splitList(field.value).every((value) => this.#domain.isOwnRoute(parseNameAddr(value).uri));
        if (!own) return undefined;
      } else fields.push(field);
    }
    if (!counted) fields.push({ name: 'Max-Forwards', value: String(forwards) });
    return copy;
  }
}

/** Methods that the core serves or sends on. */
export const METHODS: readonly string[] = [
  'REGISTER',
  'MESSAGE',
  'OPTIONS',
  'SUBSCRIBE',
  'NOTIFY',
  'INFO',
  'PUBLISH',
  'INVITE',
  'BYE',
];

const ALLOW: HeaderField = { name: 'Allow', value: METHODS.join(', ') };

function maxForwards(headers: SipHeaders): number {
  const value = headers.get('Max-Forwards');
  if (value === undefined) return MAX_FORWARDS + 1;
  if (!/^\d{1,3}$/.test(value) || Number(value) > 255) throw syntaxError('Max-Forwards is not 0 to 255');
  return Number(value);
}

/** Via elements: one for each element that the request has passed. */
function hopsOf(headers: SipHeaders): number {
  let hops = 0;
  for (const value of headers.all('Via')) hops += value.includes(',') ? splitList(value).length : 1;
  return hops;
}

/** URNs are compared without regard to case (RFC 8141 section 3.1, where uuid and imei have no more to say). */
const sameInstance = (one: string | undefined, other: string): boolean =>
  one !== undefined && one.toLowerCase() === other.toLowerCase();

/**
 * Several flows of one instance are one device: the youngest is tried, the others when it cannot be reached (RFC 5626
 * section 6). A contact that registered over a connection gets its requests there.
 */
function branchesOf(contacts: readonly Binding[]): Branch[] {
  if (contacts.length === 1) return contacts.map(waysTo);
  const devices = new Map<string, Binding[]>();
  for (const contact of contacts) {
    const device = contact.instance ?? contact.key;
    const flows = devices.get(device);
    if (flows === undefined) devices.set(device, [contact]);
    else flows.push(contact);
  }
  return [...devices.values()].map((flows) =>
    flows.sort((one, other) => other.registeredAt - one.registeredAt).flatMap(waysTo),
  );
}

const waysTo = ({ contact, flow, hop }: Binding): Way[] =>
  flow === undefined
    ? [{ uri: contact, hop }]
    : [
        { uri: contact, hop: flow },
        { uri: contact, hop },
      ];

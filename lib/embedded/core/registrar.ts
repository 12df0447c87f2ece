import type { Clock } from '../../base/clock.ts';
import { PpgError } from '../../base/errors.ts';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import { splitList } from '../../codec/sip/list.ts';
import type { SipRequest, SipResponse } from '../../codec/sip/message.ts';
import { type NameAddr, parseNameAddr, parseNameAddrs } from '../../codec/sip/name-addr.ts';
import { paramOf } from '../../codec/sip/params.ts';
import { respondTo } from '../../codec/sip/respond-to.ts';
import type { HeaderField } from '../../model/push.ts';
import type { Protocol, ServerTransaction } from '../../stack/types.ts';
import { type Binding, binding, gruuOf, keptParameters } from './binding.ts';
import type { Bindings } from './bindings.ts';
import { type CoreLimits, MAX_EXPIRES } from './options.ts';
import { type Domain, hopOf } from './routes.ts';

export interface RegistrarOptions {
  readonly clock: Clock;
  readonly bindings: Bindings;
  readonly domain: Domain;
  readonly minExpires: number;
  readonly defaultExpires: number;
  readonly limits: CoreLimits;
}

/** What a REGISTER came to. */
export interface RegisterResult {
  readonly response: SipResponse;
  /** True when contacts were changed or confirmed; false for a query or a refusal. */
  readonly changed: boolean;
}

/** Extensions that a REGISTER may require of this registrar (RFC 5627 section 5.1). */
const UNDERSTOOD = new Set(['gruu']);

/** Delta-seconds; a value that cannot be read counts as 3600 (RFC 3261 section 20.10 says so for Contact). */
const UNREADABLE_EXPIRES = 3600;

/** The registrar of RFC 3261 section 10.3, its steps in its order. */
export class Registrar {
  readonly #clock: Clock;
  readonly #bindings: Bindings;
  readonly #domain: Domain;
  readonly #minExpires: number;
  readonly #defaultExpires: number;
  readonly #limits: CoreLimits;

  constructor(options: RegistrarOptions) {
    this.#clock = options.clock;
    this.#bindings = options.bindings;
    this.#domain = options.domain;
    this.#minExpires = options.minExpires;
    this.#defaultExpires = options.defaultExpires;
    this.#limits = options.limits;
  }

  /** The user that a REGISTER is about, or the response that refuses it. Throws PPG_E_SIP_SYNTAX. */
  userOf(request: SipRequest): string | SipResponse {
    const { kind } = this.#domain.destination(request.uri);
    // Section 10.2 has no user in the request URI, some phones write one.
    if (kind !== 'self' && kind !== 'user') return respondTo(request, 403);
    const unknown = requiredOf(request).filter((option) => !UNDERSTOOD.has(option));
    if (unknown.length > 0)
      return respondTo(request, 420, { headers: [{ name: 'Unsupported', value: unknown.join(', ') }] });
    const { uri } = parseNameAddr(request.headers.get('To') ?? '');
    // Whom nobody could name is the fault of the request (RFC 4475 section 3.3.4), not of the scheme of its URI (416).
    if (!NAMES_A_USER.test(uri)) return respondTo(request, 400);
    const to = this.#domain.destination(uri);
    return to.kind === 'user' && to.instance === undefined ? to.aor : respondTo(request, 404);
  }

  /** Carries out a REGISTER of `aor`, wholly or not at all. Throws PPG_E_SIP_SYNTAX. */
  register(transaction: ServerTransaction, aor: string): RegisterResult {
    const { request, raw } = transaction;
    const contacts = parseNameAddrs(request.headers.all('Contact'));
    if (contacts.length === 0) return unchanged(this.answer(request, aor));
    if (raw.length > this.#limits.registerBytes) return unchanged(respondTo(request, 513));
    const cseq = parseCSeq(request.headers.get('CSeq') ?? '').number;
    const callId = request.headers.get('Call-ID') ?? '';
    if (contacts.some(({ uri }) => uri === '*')) return this.#removeAll(request, aor, contacts, callId, cseq);
    const changes: { binding: Binding; expires: number; known: Binding | undefined }[] = [];
    const register = Buffer.from(raw);
    for (const contact of contacts) {
      const expires = this.#expiresOf(request, contact);
      if (expires > 0 && expires < this.#minExpires) return unchanged(this.#tooBrief(request));
      const made = this.#binding(transaction, aor, contact, { callId, cseq, expires, register });
      const known = this.#bindings.of(aor).find((other) => sameContact(other, made));
      if (known !== undefined && isStale(known, callId, cseq)) return unchanged(outOfOrder(request));
      if (expires > 0 && this.#domain.isOwnHop(made.hop))
        return unchanged(respondTo(request, 403, { reason: 'Contact Leads Back Here' }));
      changes.push({ binding: made, expires, known });
    }
    const added = changes.filter(({ expires, known }) => expires > 0 && known === undefined).length;
    if (added > 0 && this.#bindings.of(aor).length + added > this.#limits.bindingsPerUser)
      return unchanged(respondTo(request, 403, { reason: 'Too Many Contacts' }));
    if (added > 0 && this.#bindings.size + added > this.#limits.bindings)
      return unchanged(respondTo(request, 503, { headers: [{ name: 'Retry-After', value: '60' }] }));
    for (const { binding: made, expires, known } of changes) {
      if (known !== undefined && (expires === 0 || known.key !== made.key)) this.#bindings.remove(known);
      if (expires > 0) this.#bindings.put(made);
    }
    return { response: this.answer(request, aor), changed: true };
  }

  /**
   * 200 with every contact of the user and the seconds it has left, and a public GRUU for each instance when the
   * phone knows what that is (RFC 5627 section 5.3).
   */
  answer(request: SipRequest, aor: string): SipResponse {
    const now = this.#clock.now();
    const wantsGruu = supports(request, 'gruu');
    const headers: HeaderField[] = this.#bindings.of(aor).map((contact) => {
      const gruu = wantsGruu && contact.instance !== undefined ? `;pub-gruu="${gruuOf(aor, contact.instance)}"` : '';
      const left = Math.ceil((contact.expiresAt - now) / 1000);
      return { name: 'Contact', value: `<${contact.contact}>${contact.parameters}${gruu};expires=${left}` };
    });
    headers.push({ name: 'Date', value: new Date(now).toUTCString() });
    return respondTo(request, 200, { headers });
  }

  /** Step 6: `Contact: *` removes everything, with Expires 0 and alone. */
  #removeAll(
    request: SipRequest,
    aor: string,
    contacts: readonly NameAddr[],
    callId: string,
    cseq: number,
  ): RegisterResult {
    if (contacts.length > 1 || deltaSeconds(request.headers.get('Expires')) !== 0)
      return unchanged(respondTo(request, 400, { reason: 'Contact * Needs Expires 0' }));
    const known = this.#bindings.of(aor);
    if (known.some((contact) => isStale(contact, callId, cseq))) return unchanged(outOfOrder(request));
    for (const contact of known) this.#bindings.remove(contact);
    return { response: this.answer(request, aor), changed: true };
  }

  /** Step 7, seconds: the Contact's own parameter, else the header, else the default. */
  #expiresOf(request: SipRequest, contact: NameAddr): number {
    const asked = deltaSeconds(paramOf(contact.params, 'expires')) ?? deltaSeconds(request.headers.get('Expires'));
    return Math.min(asked ?? this.#defaultExpires, MAX_EXPIRES);
  }

  #tooBrief(request: SipRequest): SipResponse {
    return respondTo(request, 423, { headers: [{ name: 'Min-Expires', value: String(this.#minExpires) }] });
  }

  #binding(
    { flow }: ServerTransaction,
    aor: string,
    contact: NameAddr,
    told: { callId: string; cseq: number; expires: number; register: Buffer },
  ): Binding {
    const now = this.#clock.now();
    const { protocol, host, port } = flow;
    // Behind a connection the address in the URI is often one that nobody can connect to (RFC 5626 section 5.3).
    const connection =
      protocol !== 'udp' && isStream(contact.uri, protocol) ? { protocol, host, port, existing: true } : undefined;
    return binding({
      aor,
      contact: contact.uri,
      parameters: keptParameters(contact.params),
      callId: told.callId,
      cseq: told.cseq,
      registeredAt: now,
      expiresAt: now + told.expires * 1000,
      ...(connection !== undefined && { flow: connection }),
      register: told.register,
    });
  }
}

const unchanged = (response: SipResponse): RegisterResult => ({ response, changed: false });

/** The contact that a REGISTER renews: the same key, or the same URI when an instance was added or left out. */
const sameContact = (one: Binding, other: Binding): boolean =>
  one.key === other.key ||
  (one.contact === other.contact && (one.instance === undefined || other.instance === undefined));

/** Within one Call-ID the CSeq must rise, or requests have overtaken each other. */
const isStale = (known: Binding, callId: string, cseq: number): boolean =>
  known.callId === callId && cseq <= known.cseq;

/** Step 7: nothing is changed, and the request fails. */
const outOfOrder = (request: SipRequest): SipResponse => respondTo(request, 500, { reason: 'CSeq Out Of Order' });

function deltaSeconds(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return /^\d{1,10}$/.test(value.trim()) ? Number(value) : UNREADABLE_EXPIRES;
}

/** Schemes of an address-of-record (RFC 3261 section 10.2), and numbers, which the domain makes one of. */
const NAMES_A_USER = /^(?:sips?|tel):/i;

const requiredOf = ({ headers }: SipRequest): string[] => optionTags(headers.all('Require'));

const supports = ({ headers }: SipRequest, option: string): boolean =>
  optionTags([...headers.all('Supported'), ...headers.all('Require')]).includes(option);

/** An empty Supported is legal and says nothing (RFC 3261 section 20.37). */
const optionTags = (values: readonly string[]): string[] =>
  values.filter((value) => value.trim() !== '').flatMap((value) => splitList(value).map((tag) => tag.toLowerCase()));

/** Refuses what could not be read, as the error says. */
export const refusal = (request: SipRequest, error: unknown): SipResponse =>
  respondTo(request, error instanceof PpgError ? (error.sipStatus ?? 500) : 500);

/** A WebSocket is the only way to a phone behind it, and its URI may name it by either scheme (RFC 7118 section 5.2). */
function isStream(contact: string, protocol: Protocol): boolean {
  return protocol === 'ws' || protocol === 'wss' || hopOf(contact).protocol === protocol;
}

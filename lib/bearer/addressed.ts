import type { Clock } from '../base/clock.ts';
import type { HeaderField, Push } from '../model/push.ts';
import { acceptContactFor } from '../sip/feature-tags.ts';
import { type IscHeaders, iscHeaders } from '../sip/isc-headers.ts';
import { CSEQS_PER_REQUEST } from '../sip/redirect.ts';
import { isSafeUri, type Way, wayTo } from '../sip/way-to.ts';
import type { DeliveryAttempt } from './bearer.ts';

/** What every request about a push says of the gateway. */
export interface AddressedOptions {
  readonly clock: Clock;
  /** The gateway's public service identity, a SIP URI: From and P-Asserted-Identity of every push. */
  readonly identity: string;
  /** Host that makes charging identifiers (RFC 7315 icid-generated-at) and names our operator (orig-ioi). */
  readonly domain: string;
  /** What the core is told of the gateway. Default: identity and charging vector alone. */
  readonly isc?: IscHeaders | undefined;
  /** Whether pushes of an initiator ask the core to hide who sends them (RFC 3325 section 9.3). Default: no. */
  readonly hidesIdentity?: ((initiator: string) => boolean) | undefined;
  /** The gateway's word on a push: its X-Wap-Push-Info (WAP-235). Default: none. */
  readonly vouches?: ((push: Push) => string | undefined) | undefined;
}

/** A request of a push, all but its content. */
export interface Addressed {
  readonly uri: string;
  /** From, To, Call-ID, CSeq, caller preferences, the gateway's identity, Date, Expires, X-Wap-Push-Id, X-Wap-Push-Info. */
  readonly headers: readonly HeaderField[];
}

/** Applications whose header is remembered: a Push Initiator may make up as many as it likes. */
const MAX_APPLICATIONS = 1000;

/** Undefined when an address of the attempt cannot stand in a SIP message (PAP code 2002). */
export type Addresser = (attempt: DeliveryAttempt, method: string) => Addressed | undefined;

/** Octets of the headers that an {@link Addresser} writes and of the start line, by experience 600 to 750. */
export const ADDRESSED_OCTETS = 800;

/** What of them the identity and the charging vector take, by experience. */
const USUAL_ISC_OCTETS = 250;

/** As {@link ADDRESSED_OCTETS}, with the service and applications that are configured. */
export function addressedOctets({ isc }: Pick<AddressedOptions, 'isc'>): number {
  let octets = 0;
  for (const { name, value } of isc?.({ privacy: true }) ?? []) octets += name.length + value.length + 4;
  return ADDRESSED_OCTETS + Math.max(0, octets - USUAL_ISC_OCTETS);
}

/** RFC 3261 section 20.19: Expires is a 32 bit number of seconds. */
const LONGEST_EXPIRES = 2 ** 32 - 1;

/**
 * Writes requests that bring a push to its target and to nobody else, in the form of docs/bearers.md. All attempts of a
 * push to a target keep Call-ID, From tag and X-Wap-Push-Id, whatever bearer makes them; CSeq rises with the attempt.
 */
export function createAddresser(options: AddressedOptions): Addresser {
  const { clock, identity, domain, hidesIdentity, vouches } = options;
  const from = `<${identity}>;tag=`;
  const isc = options.isc ?? iscHeaders({ identity, domain });
  const date = sipDates(clock);
  const applicationOf = applications();

  return (attempt, method) => {
    const { push, address } = attempt;
    const routed = route(attempt, applicationOf(push));
    if (!isSafeUri(routed.uri) || !isSafeUri(address.aor)) return undefined;
    const word = vouches?.(push);
    const now = clock.now();
    const lifetime = Math.ceil((attempt.expiresAt - now) / 1000);
    const headers: HeaderField[] = [
      { name: 'From', value: from + attempt.fromTag },
      { name: 'To', value: `<${address.aor}>` },
      { name: 'Call-ID', value: attempt.callId },
      { name: 'CSeq', value: `${firstCSeq(attempt.attempt)} ${method}` },
      ...isc({ privacy: hidesIdentity?.(push.initiator) === true }),
      ...routed.headers,
      { name: 'Date', value: date(now) },
      { name: 'Expires', value: String(Math.min(Math.max(lifetime, 1), LONGEST_EXPIRES)) },
      { name: 'X-Wap-Push-Id', value: push.key },
    ];
    if (word !== undefined) headers.push({ name: 'X-Wap-Push-Info', value: word });
    return { uri: routed.uri, headers };
  };
}

/** Attempt 1 begins with 1, attempt 2 with 101: what challenges and redirections use up is never used again. */
const firstCSeq = (attempt: number): number => (attempt - 1) * CSEQS_PER_REQUEST + 1;

/** Accept-Contact of a push's application; undefined when nothing can be asked for. There are few, so each is made once. */
function applications(): (push: Push) => HeaderField | undefined {
  const known = new Map<string, HeaderField | undefined>();
  return ({ applicationId }) => {
    const field = known.get(applicationId);
    if (field !== undefined || known.has(applicationId)) return field;
    const accept = acceptContactFor(applicationId);
    const made = accept === undefined ? undefined : { name: 'Accept-Contact', value: accept };
    if (known.size >= MAX_APPLICATIONS) known.clear();
    known.set(applicationId, made);
    return made;
  };
}

/**
 * The way to the target. The application is asked for unless the device is known to have told nothing of applications: then
 * `explicit` would drop it.
 */
function route({ address, target }: DeliveryAttempt, application: HeaderField | undefined): Way {
  const device = target.kind === 'device' ? target.device : undefined;
  const asked = device !== undefined && device.applications === undefined ? undefined : application;
  return wayTo(address.aor, device ?? address, device === undefined, asked === undefined ? [] : [asked]);
}

/** Values of Date (RFC 3261 section 20.17), made once a second. */
function sipDates(clock: Clock): (now: number) => string {
  let second = Math.floor(clock.now() / 1000);
  let text = new Date(second * 1000).toUTCString();
  return (now) => {
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      text = new Date(current * 1000).toUTCString();
    }
    return text;
  };
}

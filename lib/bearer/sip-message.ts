import type { Clock } from '../base/clock.ts';
import { randomToken } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import type { HeaderField, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { CSEQS_PER_ATTEMPT } from '../sip/digest-client.ts';
import { acceptContactFor, acceptContactForInstance } from '../sip/feature-tags.ts';
import { isBinaryBody, type SipSender } from '../sip/sender.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { sipHeadersOf } from './push-headers.ts';
import { sipOutcome } from './sip-outcome.ts';

export interface SipMessageBearerOptions {
  readonly sender: SipSender;
  readonly clock: Clock;
  readonly log: Logger;
  /** The gateway's public service identity, a SIP URI: From and P-Asserted-Identity of every push. */
  readonly identity: string;
  /** Host that makes charging identifiers (RFC 7315 icid-generated-at) and names our operator (orig-ioi). */
  readonly domain: string;
  /** Whether pushes of an initiator ask the core to hide who sends them (RFC 3325 section 9.3). Default: no. */
  readonly hidesIdentity?: (initiator: string) => boolean;
  /** The gateway's word on a push: its X-Wap-Push-Info (WAP-235). Default: none. */
  readonly vouches?: (push: Push) => string | undefined;
  readonly options?: {
    /** 404 says that the user does not exist, not that he is offline; default false. */
    readonly notFoundIsFinal?: boolean;
    /** Largest body by this bearer, octets; default: what a leg can carry. */
    readonly maxBytes?: number;
  };
}

/** What of a MESSAGE is the same for every recipient and attempt of a push. */
interface Prepared {
  /** Push headers, Content-Type first; undefined when SIP cannot carry them. */
  readonly headers: readonly HeaderField[] | undefined;
  readonly body: Buffer;
  readonly binary: boolean;
  /** Octets of body and push headers. */
  readonly bytes: number;
  /** Accept-Contact for the application; undefined when nothing can be asked for. */
  readonly application: HeaderField | undefined;
  readonly identity: HeaderField;
}

/** Octets of the headers that the bearer writes, by experience 600 to 750. */
const OWN_HEADERS = 800;

const PRIVATE: readonly HeaderField[] = [{ name: 'Privacy', value: 'id' }];

const FORK: HeaderField = { name: 'Request-Disposition', value: 'fork, parallel' };
const NO_FORK: HeaderField = { name: 'Request-Disposition', value: 'no-fork' };

/** RFC 3261 section 20.19: Expires is a 32 bit number of seconds. */
const LONGEST_EXPIRES = 2 ** 32 - 1;

/**
 * Delivers a push as the body of a SIP MESSAGE (RFC 3428) outside any dialog, in the form of docs/bearers.md. All
 * attempts of a push to a target keep Call-ID, From tag and X-Wap-Push-Id; CSeq rises with the attempt.
 */
export function createSipMessageBearer(bearer: SipMessageBearerOptions): Bearer {
  const { sender, clock, log, identity, domain } = bearer;
  const { notFoundIsFinal = false, maxBytes = Number.POSITIVE_INFINITY } = bearer.options ?? {};
  const asserted: HeaderField = { name: 'P-Asserted-Identity', value: `<${identity}>` };
  const from = `<${identity}>;tag=`;
  const charging = chargingVectors(domain);
  const date = sipDates(clock);
  const preparedPushes = new WeakMap<Push, Prepared>();

  function prepare(push: Push): Prepared {
    const known = preparedPushes.get(push);
    if (known !== undefined) return known;
    const prepared = prepareOnce(push);
    // A push whose content is already gone is not worth remembering.
    if (push.content !== undefined) preparedPushes.set(push, prepared);
    return prepared;
  }

  function offers(push: Push, target: DeliveryTarget): Offer {
    const { headers, bytes, body, binary } = prepare(push);
    if (headers === undefined) return cannot('a header of the push cannot stand in a SIP message');
    if (body.length > maxBytes) return cannot(`${body.length} octets are more than ${maxBytes} for a MESSAGE`);
    const addressed = target.kind === 'device' ? (target.device.gruu?.length ?? 0) : 0;
    if (!sender.fits({ binary, route: false, bytes: bytes + OWN_HEADERS + addressed }))
      return cannot(`no SIP leg carries ${bytes} octets${binary ? ' of binary content' : ''} in a MESSAGE`);
    return { offer: 'yes' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<DeliveryResult & { readonly leg?: string }> {
    const { push, target, address } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const { headers, body, binary, application, identity: pushIdentity } = prepare(push);
    if (headers === undefined)
      return failed(PAP.TRANSFORMATION_FAILURE, 'a header of the push cannot stand in a SIP message');
    const word = bearer.vouches?.(push);
    const routed = route(attempt, application);
    if (NOT_IN_URI.test(routed.uri) || NOT_IN_URI.test(address.aor))
      return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const now = clock.now();
    const lifetime = Math.ceil((attempt.expiresAt - now) / 1000);
    const { answer, leg } = await sender.request(
      {
        method: 'MESSAGE',
        uri: routed.uri,
        headers: [
          { name: 'From', value: from + attempt.fromTag },
          { name: 'To', value: `<${address.aor}>` },
          { name: 'Call-ID', value: attempt.callId },
          { name: 'CSeq', value: `${firstCSeq(attempt.attempt)} MESSAGE` },
          asserted,
          ...(bearer.hidesIdentity?.(push.initiator) === true ? PRIVATE : []),
          { name: 'P-Charging-Vector', value: charging() },
          ...routed.headers,
          { name: 'Date', value: date(now) },
          { name: 'Expires', value: String(Math.min(Math.max(lifetime, 1), LONGEST_EXPIRES)) },
          pushIdentity,
          ...(word === undefined ? [] : [{ name: 'X-Wap-Push-Info', value: word }]),
          ...headers,
        ],
        body,
      },
      { binary },
    );
    const result = sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, notFoundIsFinal });
    log.debug(
      { push: push.key, callId: attempt.callId, leg, result: result.kind, cause: result.cause },
      'MESSAGE ended',
    );
    return leg === undefined ? result : { ...result, leg };
  }

  return { name: 'sip-message', offers, deliver };
}

/** Attempt 1 has the numbers 1 to 8, attempt 2 those from 9 on: what an answered challenge uses up is never used again. */
const firstCSeq = (attempt: number): number => (attempt - 1) * CSEQS_PER_ATTEMPT + 1;

const failed = (code: number, cause: string): DeliveryResult => ({
  kind: 'failed',
  state: 'undeliverable',
  code,
  cause,
});

const cannot = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });

const NOTHING = Buffer.alloc(0);

/** What ends a URI in a header or a start line; addresses are checked where they come in, and once more here. */
const NOT_IN_URI = /[\s<>"]/;

function prepareOnce(push: Push): Prepared {
  const headers = push.content === undefined ? undefined : sipHeadersOf(push.content);
  const body = push.content?.body ?? NOTHING;
  const accept = acceptContactFor(push.applicationId);
  let bytes = body.length;
  for (const { name, value } of headers ?? []) bytes += name.length + Buffer.byteLength(value) + 4; // ': ' and CRLF
  return {
    headers,
    body,
    binary: isBinaryBody(body),
    bytes,
    application: accept === undefined ? undefined : { name: 'Accept-Contact', value: accept },
    identity: { name: 'X-Wap-Push-Id', value: push.key },
  };
}

interface Routed {
  readonly uri: string;
  readonly headers: readonly HeaderField[];
}

/**
 * Request URI and caller preferences (RFC 3841) that bring the request to its target and to nobody else: the GRUU
 * where there is one, else the instance. The application is asked for unless the device is known to have told
 * nothing of applications: then `explicit` would drop it.
 */
function route({ address, target }: DeliveryAttempt, application: HeaderField | undefined): Routed {
  const device = target.kind === 'device' ? target.device : undefined;
  const asked = device !== undefined && device.applications === undefined ? undefined : application;
  const applications = asked === undefined ? [] : [asked];
  const gruu = device === undefined ? address.gruu : device.gruu;
  if (gruu !== undefined) return { uri: gruu, headers: applications };
  const instance = device === undefined ? address.instance : device.instance;
  if (instance === undefined) {
    return { uri: requestUri(address.aor), headers: [...applications, device === undefined ? FORK : NO_FORK] };
  }
  const only = acceptContactForInstance(instance);
  const preferences = only === undefined ? [] : [{ name: 'Accept-Contact', value: only }];
  return { uri: requestUri(address.aor), headers: [...preferences, ...applications, NO_FORK] };
}

/** A telephone number says that it is one, so that the core may look it up (RFC 3261 section 19.1.1). */
const requestUri = (aor: string): string => (aor.startsWith('sip:+') ? `${aor};user=phone` : aor);

/** P-Charging-Vector values, a new icid for every request that we originate (RFC 7315 section 5.6). */
function chargingVectors(domain: string): () => string {
  const process = randomToken(8);
  const rest = `;icid-generated-at=${domain};orig-ioi=${domain}`;
  let count = 0;
  return () => `icid-value=${process}${(count++).toString(36)}${rest}`;
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

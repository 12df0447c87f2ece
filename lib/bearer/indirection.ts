import { createHash } from 'node:crypto';
import type { Logger } from '../base/log.ts';
import { writeHeaderBlock } from '../codec/mime/header-block.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import { isTold } from '../model/media-forms.ts';
import type { Content, HeaderField } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { signedToken, type TokenSecret } from '../security/token-secret.ts';
import { followRedirects, type RedirectPolicy } from '../sip/redirect.ts';
import type { SipSender } from '../sip/sender.ts';
import { type AddressedOptions, addressedOctets, createAddresser } from './addressed.ts';
import type { Bearer, DeliveryAttempt, DeliveryTarget, Offer } from './bearer.ts';
import { entityHeadersOf } from './push-headers.ts';
import { DEFAULT_READINGS, type StatusReadings, sipOutcome } from './sip-outcome.ts';

export interface IndirectionBearerOptions extends AddressedOptions {
  readonly sender: SipSender;
  readonly log: Logger;
  /** Where content is served (handlers/content), without a slash at its end: `https://ppg.example.com/content`. */
  readonly url: string;
  /** What the names of contents are signed with. */
  readonly secret: TokenSecret;
  /** How long a device may take to fetch, milliseconds. */
  readonly wait: number;
  /** Which redirections are followed, as for MESSAGE. Default: none. */
  readonly redirects?: RedirectPolicy | undefined;
  /** How statuses are read, as for MESSAGE. */
  readonly readings?: StatusReadings | undefined;
}

/** Purpose of the tokens that name contents. */
export const CONTENT_TOKEN = 'content';

const TYPE = 'message/external-body';

/** Octets of a URL's token and of the parameters beside it, at the most with any sane device id. */
const REFERENCE_OCTETS = 700;

/** What of a reference is the same for all who get it. */
interface Prepared {
  /** Headers of the content, Content-Type first. */
  readonly entity: readonly HeaderField[];
  readonly outside: readonly HeaderField[];
  /** Octets of the content. */
  readonly size: number;
  /** SHA-1 of the content, hex (RFC 4483 section 5.8). */
  readonly hash: string;
  /** Octets of the header block and of what stands outside. */
  readonly bytes: number;
}

/**
 * Delivers a push by a reference to its content (RFC 4483): a MESSAGE with `message/external-body`, in which the headers
 * of the content stand, and a URL that is this device's alone. What a device answers to the MESSAGE is never proof: it
 * has the push once it has fetched the content, and until then the content stays.
 */
export function createIndirectionBearer(bearer: IndirectionBearerOptions): Bearer {
  const { sender, log, url, secret, wait, clock, domain, readings = DEFAULT_READINGS } = bearer;
  const redirects = bearer.redirects ?? { follow: false, domain };
  const addressed = createAddresser(bearer);
  const ownOctets = addressedOctets(bearer);
  const known = new WeakMap<Content, Prepared | null>();

  /** Undefined when a header of the content cannot stand in a message. */
  function prepare(content: Content): Prepared | undefined {
    let prepared = known.get(content);
    if (prepared === undefined) {
      prepared = prepareOnce(content) ?? null;
      known.set(content, prepared);
    }
    return prepared ?? undefined;
  }

  function offers({ content }: DeliveryAttempt['push'], target: DeliveryTarget): Offer {
    if (content === undefined) return cannot('the content of the push is gone');
    if (!takesReferences(target)) return cannot(`the device does not take ${TYPE}`);
    const prepared = prepare(content);
    if (prepared === undefined) return cannot('a header of the push cannot stand in a SIP message');
    const bytes = prepared.bytes + url.length + REFERENCE_OCTETS + ownOctets;
    if (!sender.fits({ binary: false, route: false, bytes })) return cannot('its headers alone are too many for a leg');
    return { offer: 'transform', how: 'a reference to be fetched' };
  }

  async function deliver(attempt: DeliveryAttempt): Promise<DeliveryResult & { readonly leg?: string }> {
    const { push, target, index } = attempt;
    if (push.content === undefined) return failed(PAP.SERVICE_FAILURE, 'the content of the push is gone');
    const prepared = prepare(push.content);
    if (prepared === undefined)
      return failed(PAP.TRANSFORMATION_FAILURE, 'a header of the push cannot stand in a SIP message');
    // It may follow a MESSAGE of the same attempt that was refused, and be taken for that one (RFC 3261 section 8.2.2.2).
    const way = addressed({ ...attempt, callId: `ref-${attempt.callId}` }, 'MESSAGE');
    if (way === undefined) return failed(PAP.ADDRESS_ERROR, 'the address cannot stand in a SIP message');
    const until = Math.min(attempt.expiresAt, clock.now() + wait);
    const device = target.kind === 'device' ? target.device.id : 'aor';
    const token = signedToken(secret, CONTENT_TOKEN, { push: push.key, index, device }, until);
    const { sent, followed } = await followRedirects(
      {
        method: 'MESSAGE',
        uri: way.uri,
        headers: [
          ...way.headers,
          { name: 'Content-Type', value: referenceTo(`${url}/${token}`, until, prepared) },
          ...prepared.outside,
        ],
        body: writeHeaderBlock(withContentId(prepared.entity, `<${push.key}@${domain}>`)),
      },
      (request) => sender.request(request, { binary: false }),
      redirects,
    );
    const { answer, leg } = sent;
    const read = referred(sipOutcome(answer, { confirmed: attempt.confirmed, target: target.kind, readings }));
    const result =
      followed.length === 0 ? read : { ...read, cause: `${read.cause} (redirected to ${followed.join(', ')})` };
    log.debug(
      { push: push.key, callId: attempt.callId, leg, result: result.kind, cause: result.cause },
      'MESSAGE with a reference ended',
    );
    return leg === undefined ? result : { ...result, leg };
  }

  return { name: 'indirection', offers, deliver };
}

/** Somebody has the reference; whoever has the content will have fetched it. */
function referred(result: DeliveryResult): DeliveryResult {
  if (result.kind !== 'delivered' && result.kind !== 'accepted') return result;
  return { kind: 'accepted', proofComes: true, cause: `${result.cause}; the content is to be fetched` };
}

/** True unless the device said what it takes, and references are nothing of it. */
function takesReferences(target: DeliveryTarget): boolean {
  const told = target.kind === 'device' ? target.device.capabilities : undefined;
  if (told?.refusedTypes?.includes(TYPE) === true) return false;
  return told?.types === undefined || isTold(TYPE, told.types);
}

/** RFC 4483 section 5, RFC 2017: access-type, expiration, URL, size and hash. The values hold no quotation marks. */
const referenceTo = (url: string, until: number, { size, hash }: Prepared): string =>
  `${TYPE}; access-type="URL"; expiration="${new Date(until).toUTCString()}"; URL="${url}"; size=${size}; hash=${hash}`;

/** RFC 2046 section 5.2.3: what is referred to must have a name, so one without gets the push's. */
const withContentId = (entity: readonly HeaderField[], id: string): readonly HeaderField[] =>
  entity.some(({ name }) => name.toLowerCase() === 'content-id')
    ? entity
    : [...entity, { name: 'Content-ID', value: id }];

function prepareOnce(content: Content): Prepared | undefined {
  const headers = entityHeadersOf(content);
  if (headers === undefined) return undefined;
  const entity = [{ name: 'Content-Type', value: content.type }, ...headers];
  const outside = headers.filter(({ name }) => name.toLowerCase() === 'x-wap-application-id');
  let bytes = 0;
  for (const { name, value } of [...entity, ...outside]) bytes += name.length + Buffer.byteLength(value) + 4; // ': ' and CRLF
  return {
    entity,
    outside,
    size: content.body.length,
    hash: createHash('sha1').update(content.body).digest('hex').toUpperCase(),
    bytes,
  };
}

const failed = (code: number, cause: string): DeliveryResult => ({
  kind: 'failed',
  state: 'undeliverable',
  code,
  cause,
});

const cannot = (cause: string): Offer => ({ offer: 'no', code: PAP.TRANSFORMATION_FAILURE, cause });

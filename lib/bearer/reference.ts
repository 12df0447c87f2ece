import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { headerOctets, writeHeaderBlock } from '../codec/mime/header-block.ts';
import { isTold } from '../model/media-forms.ts';
import type { Content, HeaderField } from '../model/push.ts';
import { signedToken, type TokenSecret } from '../security/token-secret.ts';
import type { DeliveryAttempt, DeliveryTarget } from './bearer.ts';
import { entityHeadersOf } from './push-headers.ts';

export interface ReferenceOptions {
  /** Where content is served (handlers/content), without a slash at its end: `https://ppg.example.com/content`. */
  readonly url: string;
  /** What the names of contents are signed with. */
  readonly secret: TokenSecret;
  /** How long a device may take to fetch, milliseconds. */
  readonly wait: number;
  readonly clock: Clock;
  /** Host of Content-IDs. */
  readonly domain: string;
}

/** A reference to the content of a push, as part of a SIP message. */
export interface Reference {
  /** Content-Type first. */
  readonly headers: readonly HeaderField[];
  readonly body: Buffer;
}

/** Writes references (RFC 4483) whose URL is one device's alone. */
export interface ReferenceWriter {
  /** Octets of a reference at the most; undefined when a header of the content cannot stand in a message. */
  bytes(content: Content): number | undefined;
  /** Undefined as `bytes`. */
  write(
    attempt: Pick<DeliveryAttempt, 'push' | 'target' | 'index' | 'expiresAt'>,
    content: Content,
  ): Reference | undefined;
}

/** Purpose of the tokens that name contents. */
export const CONTENT_TOKEN = 'content';

/** Media type of references. */
export const REFERENCE_TYPE = 'message/external-body';

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

export function createReferenceWriter({ url, secret, wait, clock, domain }: ReferenceOptions): ReferenceWriter {
  const known = new WeakMap<Content, Prepared | null>();

  function prepare(content: Content): Prepared | undefined {
    let prepared = known.get(content);
    if (prepared === undefined) {
      prepared = prepareOnce(content) ?? null;
      known.set(content, prepared);
    }
    return prepared ?? undefined;
  }

  return {
    bytes(content) {
      const prepared = prepare(content);
      return prepared && prepared.bytes + url.length + REFERENCE_OCTETS;
    },
    write({ push, target, index, expiresAt }, content) {
      const prepared = prepare(content);
      if (prepared === undefined) return undefined;
      const until = Math.min(expiresAt, clock.now() + wait);
      const device = target.kind === 'device' ? target.device.id : 'aor';
      const token = signedToken(secret, CONTENT_TOKEN, { push: push.key, index, device }, until);
      return {
        headers: [
          { name: 'Content-Type', value: referenceTo(`${url}/${token}`, until, prepared) },
          ...prepared.outside,
        ],
        body: writeHeaderBlock(withContentId(prepared.entity, `<${push.key}@${domain}>`)),
      };
    },
  };
}

/** True unless the device said what it takes, and references are nothing of it. */
export function takesReferences(target: DeliveryTarget): boolean {
  const told = target.kind === 'device' ? target.device.capabilities : undefined;
  if (told?.refusedTypes?.includes(REFERENCE_TYPE) === true) return false;
  return told?.types === undefined || isTold(REFERENCE_TYPE, told.types);
}

/** RFC 4483 section 5, RFC 2017: access-type, expiration, URL, size and hash. The values hold no quotation marks. */
const referenceTo = (url: string, until: number, { size, hash }: Prepared): string =>
  `${REFERENCE_TYPE}; access-type="URL"; expiration="${new Date(until).toUTCString()}"; URL="${url}"; size=${size}; hash=${hash}`;

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
  const bytes = headerOctets(entity) + headerOctets(outside);
  return {
    entity,
    outside,
    size: content.body.length,
    hash: createHash('sha1').update(content.body).digest('hex').toUpperCase(),
    bytes,
  };
}

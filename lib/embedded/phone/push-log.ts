import { createHash } from 'node:crypto';
import { parseCSeq } from '../../codec/sip/cseq.ts';
import type { SipHeaders, SipRequest } from '../../codec/sip/message.ts';
import type { HeaderField } from '../../model/push.ts';
import { type ContentReference, type EntityProfile, readEntity } from './entity.ts';
import type { FetchedContent } from './fetch-content.ts';
import type { ImdnWish } from './imdn.ts';

/** A request that a phone got, and what it did with it. */
export interface ReceivedPush {
  readonly method: string;
  /** Of the SIP message. */
  readonly headers: SipHeaders;
  /** The form it came in. */
  readonly profile: EntityProfile;
  /** Headers of the content as they were submitted, Content-Type left out. */
  readonly entity: readonly HeaderField[];
  /** Of the content; `''` when there is none. */
  readonly contentType: string;
  /** X-Wap-Application-Id as it came. */
  readonly applicationId: string | undefined;
  /** The content: its own copy of the octets. */
  readonly body: Buffer;
  /** Octets of the content. */
  readonly size: number;
  /** Of the content, lower-case hex. */
  readonly sha256: string;
  readonly callId: string;
  readonly cseq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Status it was answered with. */
  readonly answered: number | 'silent';
  /** How many requests with this Call-ID there have been, this one included. */
  readonly attempt: number;
  /** True when an earlier request with this Call-ID was answered 2xx: the push has come twice. */
  readonly duplicate: boolean;
  /** Where its content was to be fetched. */
  readonly reference?: ContentReference;
  /** What was found there. */
  readonly fetched?: Omit<FetchedContent, 'body'>;
  /** What its sender wants to be told of it. */
  readonly imdn?: ImdnWish;
  /** Why the message is not what it says it is. */
  readonly malformed?: string;
}

/** What a phone has counted since it was made. */
export interface PhoneCounters {
  /** Requests that carried a push, retransmissions not counted. */
  pushes: number;
  /** Those with a 2xx. */
  accepted: number;
  /** Those whose Call-ID had been answered 2xx before. */
  duplicates: number;
  options: number;
}

/** Call-IDs that are remembered; a phone that got more has forgotten the oldest. */
const MAX_REMEMBERED = 100_000;

interface Seen {
  attempts: number;
  accepted: boolean;
}

/** Tells first pushes from repeated ones. */
export class PushLog {
  readonly counters: PhoneCounters = { pushes: 0, accepted: 0, duplicates: 0, options: 0 };
  readonly #seen = new Map<string, Seen>();
  readonly #opensCpim: boolean;

  /** `opensCpim`: takes pushes out of a message/cpim. */
  constructor(opensCpim = false) {
    this.#opensCpim = opensCpim;
  }

  /** Notes a request. */
  note(request: SipRequest, answered: number | 'silent', at: number): ReceivedPush {
    const { headers, method } = request;
    const callId = headers.get('Call-ID') ?? '';
    // NOTIFYs share the Call-ID of their dialog: there a push is known by its own name.
    const name = method === 'NOTIFY' ? headers.get('X-Wap-Push-Id') : undefined;
    const seen = this.#seenWith(name ?? callId);
    const duplicate = seen.accepted;
    seen.attempts++;
    this.counters.pushes++;
    if (duplicate) this.counters.duplicates++;
    if (answered !== 'silent' && answered < 300) {
      seen.accepted = true;
      this.counters.accepted++;
    }
    // The stack's buffer may be one that later messages share.
    const { type, headers: entity, body, ...form } = readEntity(headers, Buffer.from(request.body), this.#opensCpim);
    return {
      method,
      headers,
      ...form,
      entity,
      contentType: type,
      applicationId: headers.get('X-Wap-Application-Id') ?? applicationOf(entity),
      ...contentFacts(body),
      callId,
      cseq: cseqOf(headers),
      at,
      answered,
      attempt: seen.attempts,
      duplicate,
    };
  }

  #seenWith(callId: string): Seen {
    const known = this.#seen.get(callId);
    if (known !== undefined) return known;
    const seen = { attempts: 0, accepted: false };
    this.#seen.set(callId, seen);
    if (this.#seen.size > MAX_REMEMBERED) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return seen;
  }
}

const contentFacts = (body: Buffer): Pick<ReceivedPush, 'body' | 'size' | 'sha256'> => ({
  body,
  size: body.length,
  sha256: createHash('sha256').update(body).digest('hex'),
});

const applicationOf = (entity: readonly HeaderField[]): string | undefined =>
  entity.find(({ name }) => name.toLowerCase() === 'x-wap-application-id')?.value;

/** The push with the content that was fetched for it. */
export const withContent = (push: ReceivedPush, { body, ...fetched }: FetchedContent): ReceivedPush => ({
  ...push,
  ...contentFacts(body),
  fetched,
});

function cseqOf(headers: SipHeaders): number {
  try {
    return parseCSeq(headers.get('CSeq') ?? '').number;
  } catch {
    // The stack lets nothing through without a CSeq; a phone has nothing to refuse it with.
    return 0;
  }
}

import type { DeviceCapabilities } from '../../model/device-capabilities.ts';
import { isTold } from '../../model/media-forms.ts';
import { readAccept, readTokens, type Told } from './answer.ts';

/** What a device answered to a push that it did not take. */
export interface Refusal {
  readonly status: number;
  get(name: string): string | undefined;
  all?(name: string): string[];
  readonly method: string;
  /** The request offered an MSRP session, and nothing else. */
  readonly offeredMsrp?: boolean;
  /** Media type of the body, lower case, without parameters. */
  readonly type: string;
  /** Content-Encoding of the body. */
  readonly encoding?: string | undefined;
  /** Octets of the body. */
  readonly bytes: number;
}

/** Refused types that are remembered; a device that refuses more is asked each time. */
const MAX_REFUSED = 64;

/**
 * What a refusal teaches beside what was known of the device; undefined when nothing:
 *
 * - 415, 488, 606: Accept says what it would take (RFC 3261 section 21.4.13); without one, or with one that has the type
 *   after all, that type is refused. With content in a coding it may be the coding that it meant: Accept-Encoding counts then.
 * - 413, 513: one octet less may go, unless it is only for a time (413 with Retry-After, section 21.4.11).
 * - 420: the options in Unsupported are not there (section 21.4.15).
 * - 488, 606 to the offer of an MSRP session: there is none (sections 21.4.26 and 21.6.4).
 * - 405, 501: the method is not among those in Allow (section 21.4.6); without Allow nothing is known.
 */
export function lessonOf(refusal: Refusal, known: Told): Told | undefined {
  if (refusal.offeredMsrp === true) return offerLesson(refusal, known);
  switch (refusal.status) {
    case 415:
    case 488:
    case 606:
      return typeLesson(refusal, known);
    case 413:
      return refusal.get('Retry-After') === undefined ? sizeLesson(refusal, known) : undefined;
    case 513:
      return sizeLesson(refusal, known);
    case 420: {
      const tags = readTokens(refusal, 'Unsupported')?.map((tag) => tag.toLowerCase());
      if (tags === undefined) return undefined;
      const unsupported = [...new Set([...tags, ...(known.unsupported ?? [])])].slice(0, MAX_REFUSED);
      const supported = known.supported?.filter((tag) => !unsupported.includes(tag));
      return { unsupported, ...(supported !== undefined && { supported }) };
    }
    case 405:
    case 501:
      return methodLesson(refusal);
    default:
      return undefined;
  }
}

function methodLesson(refusal: Refusal): Told | undefined {
  const methods = readTokens(refusal, 'Allow')?.map((method) => method.toUpperCase());
  return methods === undefined || methods.includes(refusal.method) ? undefined : { methods };
}

/** What is refused is a session, so that nothing follows for the bodies of MESSAGEs. */
function offerLesson(refusal: Refusal, known: Told): Told | undefined {
  switch (refusal.status) {
    case 488:
    case 606:
      return known.msrp === false ? undefined : { msrp: false };
    case 405:
    case 501:
      return methodLesson(refusal);
    default:
      return undefined;
  }
}

function typeLesson(refusal: Refusal, known: Told): Told | undefined {
  const { type, encoding } = refusal;
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const encodings = readTokens(refusal, 'Accept-Encoding')?.map((coding) => coding.toLowerCase());
    return encodings === undefined ? undefined : { encodings };
  }
  const accepted = readAccept(refusal);
  if (accepted !== undefined && !isTold(type, accepted.types)) return { types: accepted.types };
  if (type === '') return undefined;
  const refused: NonNullable<DeviceCapabilities['refusedTypes']> = known.refusedTypes ?? [];
  return refused.includes(type) ? undefined : { refusedTypes: [...refused, type].slice(-MAX_REFUSED) };
}

const sizeLesson = ({ bytes }: Refusal, { maxMessageBytes = Number.POSITIVE_INFINITY }: Told): Told | undefined =>
  bytes > 0 && bytes <= maxMessageBytes ? { maxMessageBytes: bytes - 1 } : undefined;

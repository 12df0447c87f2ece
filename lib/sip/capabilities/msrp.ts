import { type MessageMedia, readMessageMedia } from '../../codec/sdp/message-media.ts';
import type { MsrpCapabilities } from '../../model/device-capabilities.ts';

/** A longer list is no list of a device; nothing is then known rather than half of it. */
const MAX_TYPES = 64;
const MAX_TYPE_LENGTH = 127; // RFC 6838 section 4.2, and a subtype as long
const TYPE = /^(?:\*|[\w!#$&.+^-]+\/[\w!#$&.+^*-]+)$/;

/**
 * What a session description says of MSRP (RFC 4975 sections 8 and 14); `false` when it describes media and MSRP is none of
 * them. In an answer to OPTIONS the port counts for nothing (RFC 3264 section 9). Undefined for what is no description.
 */
export function readMsrp(sdp: Buffer): false | MsrpCapabilities | undefined {
  let media: MessageMedia | undefined;
  try {
    media = readMessageMedia(sdp);
  } catch {
    return undefined; // nothing is known of a device that writes what cannot be read
  }
  if (media === undefined) return /^m=/m.test(sdp.toString('latin1')) ? false : undefined;
  const { maxSize } = media;
  const types = told(media.acceptTypes);
  const wrappedTypes = told(media.acceptWrappedTypes);
  return {
    ...(types !== undefined && { types }),
    ...(wrappedTypes !== undefined && { wrappedTypes }),
    ...(maxSize !== undefined && { maxSize }),
  };
}

/** Undefined for what cannot be a list of types: then nothing is known, rather than less than there is. */
const told = (types: readonly string[]): readonly string[] | undefined =>
  types.length === 0 || types.length > MAX_TYPES || types.some((one) => !TYPE.test(one) || one.length > MAX_TYPE_LENGTH)
    ? undefined
    : types;

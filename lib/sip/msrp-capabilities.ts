import type { MsrpCapabilities } from '../model/device-capabilities.ts';

/** Session descriptions of devices have some hundred octets to a few thousand. */
const MAX_SDP = 16 * 1024;
const MAX_TYPES = 64;
const MAX_TYPE_LENGTH = 127; // RFC 6838 section 4.2, and a subtype as long

/**
 * What a session description says of MSRP (RFC 4975 sections 8 and 14); `false` when it describes media and MSRP is none of
 * them. In an answer to OPTIONS the port counts for nothing (RFC 3264 section 9). Undefined for what is no description.
 */
export function readMsrp(sdp: Buffer): false | MsrpCapabilities | undefined {
  if (sdp.length > MAX_SDP) return undefined;
  const lines = sdp.toString('latin1').split(/\r\n|\n|\r/);
  if (!lines[0]?.startsWith('v=0')) return undefined;
  const attributes = new Map<string, string>();
  let media = false;
  let inMessage = false;
  let found = false;
  for (const line of lines) {
    if (line.startsWith('m=')) {
      media = true;
      // The first description of MSRP counts.
      inMessage = !found && /^m=message\s+\d{1,5}\s+(?:TCP\/)?(?:TLS\/)?MSRP\b/i.test(line);
      found ||= inMessage;
    } else if (inMessage && line.startsWith('a=')) {
      const colon = line.indexOf(':');
      if (colon > 0) attributes.set(line.slice(2, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }
  if (!found) return media ? false : undefined;
  const types = typesOf(attributes.get('accept-types'));
  const wrappedTypes = typesOf(attributes.get('accept-wrapped-types'));
  const size = attributes.get('max-size');
  const maxSize = size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : undefined;
  return {
    ...(types !== undefined && { types }),
    ...(wrappedTypes !== undefined && { wrappedTypes }),
    ...(maxSize !== undefined && { maxSize }),
  };
}

/** Undefined for what cannot be a list of types: then nothing is known, rather than less than there is. */
function typesOf(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const types = value.toLowerCase().split(/\s+/, MAX_TYPES + 1);
  if (types.length > MAX_TYPES || types.some((type) => !TYPE.test(type) || type.length > MAX_TYPE_LENGTH))
    return undefined;
  return types;
}

const TYPE = /^(?:\*|[\w!#$&.+^-]+\/[\w!#$&.+^*-]+)$/;

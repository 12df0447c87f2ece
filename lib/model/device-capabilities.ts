/**
 * What a device told of itself by its answer to OPTIONS, or taught by refusing a push. Absent always means unknown:
 * real clients leave out Accept and Allow (RFC 3261 section 11.2), even in a 415.
 */
export interface DeviceCapabilities {
  /** Applications of the contact in its answer, canonical form: cores may drop the tag at registration. */
  readonly applications?: readonly string[];
  /** Methods in upper case (Allow, or the `methods` feature of its Contact, RFC 3840). */
  readonly methods?: readonly string[];
  /** Media types in lower case, without parameters; ranges as `text/*` are possible (Accept). */
  readonly types?: readonly string[];
  /** Media types it has refused without saying what it would take. */
  readonly refusedTypes?: readonly string[];
  /** Charsets of text in lower case (Accept-Charset); `*` is possible. */
  readonly charsets?: readonly string[];
  /** Content codings in lower case (Accept-Encoding). */
  readonly encodings?: readonly string[];
  /** Language tags in lower case (Accept-Language, or the `language` feature of its Contact). */
  readonly languages?: readonly string[];
  /** Option tags in lower case (Supported). */
  readonly supported?: readonly string[];
  /** Option tags in lower case that it has refused (Unsupported of a 420). */
  readonly unsupported?: readonly string[];
  /** As it was written (User-Agent or Server). */
  readonly userAgent?: string;
  /** Where its user agent profile is (X-Wap-Profile; UAProf, WAP-248). */
  readonly profile?: string;
  /** Octets of the largest MESSAGE body worth trying: one less than the smallest that it refused (413, 513). */
  readonly maxMessageBytes?: number;
  /** Its MSRP, from the SDP of its answer (RFC 4975); `false`: it told its media, and MSRP is none of them. */
  readonly msrp?: false | MsrpCapabilities;
  /** Milliseconds since the epoch after which it should be asked again. */
  readonly until: number;
}

export interface MsrpCapabilities {
  /** `accept-types` and `accept-wrapped-types` in lower case; `*` is possible. */
  readonly types?: readonly string[];
  readonly wrappedTypes?: readonly string[];
  /** `max-size`, octets. */
  readonly maxSize?: number;
}

/** What a client can take, in the terms of UAProf's PushCharacteristics (WAP-248). Absent means not known. */
export interface ClientCapabilities {
  /** Applications, canonical form (Push-Accept-AppID). */
  readonly applications?: readonly string[];
  /** Media types in lower case, without parameters; `text/*` and `*\/*` are possible (Push-Accept). */
  readonly types?: readonly string[];
  /** Language tags in lower case (Push-Accept-Language). */
  readonly languages?: readonly string[];
  /** Content codings in lower case (Push-Accept-Encoding). */
  readonly encodings?: readonly string[];
  /** Octets of the largest push that goes in one message (Push-MsgSize). */
  readonly maxBytes?: number;
  /** What the client calls itself (BrowserUA's BrowserName). */
  readonly userAgent?: string;
  /** URL of a profile of the client that says more (Defaults). */
  readonly profile?: string;
  /** Until when this holds if nothing else is heard, milliseconds since the epoch. */
  readonly until?: number;
}

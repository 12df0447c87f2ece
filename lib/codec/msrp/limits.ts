/** What one MSRP message may be. Beyond it: PPG_E_MSRP_SYNTAX. Bodies are streamed and have no bound here. */
export interface MsrpLimits {
  /** Octets of start line and headers together. */
  readonly headBytes: number;
  /** Header fields. */
  readonly headerCount: number;
}

export const DEFAULT_MSRP_LIMITS: MsrpLimits = { headBytes: 32 * 1024, headerCount: 128 };

/** URIs in a path: two ends and their relays (RFC 4976). */
export const MAX_PATH = 16;

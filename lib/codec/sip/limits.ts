/** What one SIP message may be. Beyond it: PPG_E_SIP_TOO_LARGE. */
export interface SipLimits {
  /** Octets of the start line. */
  readonly startLine: number;
  /** Header fields. */
  readonly headerCount: number;
  /** Octets of start line and headers together. */
  readonly headerBytes: number;
  /** Octets of the body. */
  readonly bodyBytes: number;
}

export const DEFAULT_SIP_LIMITS: SipLimits = {
  startLine: 8 * 1024,
  headerCount: 256,
  headerBytes: 64 * 1024,
  bodyBytes: 16 * 1024 * 1024,
};

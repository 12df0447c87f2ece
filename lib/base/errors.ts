/** What is true of every error of one code. */
export interface ErrorKind {
  /** PAP status code a Push Initiator gets for it (WAP-247 section 9.14), where one fits. */
  readonly papCode?: number;
  /** SIP status a SIP peer gets for it. */
  readonly sipStatus?: number;
  /** True when doing the same again later may succeed. */
  readonly retryable: boolean;
}

const kind = (papCode: number | undefined, sipStatus: number | undefined, retryable = false): ErrorKind => ({
  ...(papCode !== undefined && { papCode }),
  ...(sipStatus !== undefined && { sipStatus }),
  retryable,
});

export type ErrorCode =
  | 'PPG_E_OPTIONS'
  | 'PPG_E_CONFIG'
  | 'PPG_E_LISTEN'
  | 'PPG_E_STATE'
  | 'PPG_E_PAP_XML'
  | 'PPG_E_PAP_DOCUMENT'
  | 'PPG_E_PAP_VERSION'
  | 'PPG_E_PAP_TOO_LARGE'
  | 'PPG_E_MULTIPART'
  | 'PPG_E_BODY_CONSUMED'
  | 'PPG_E_ADDRESS'
  | 'PPG_E_ADDRESS_LOOKUP'
  | 'PPG_E_PUSH_REFUSED'
  | 'PPG_E_CAPABILITIES'
  | 'PPG_E_PUSH_NOT_FOUND'
  | 'PPG_E_UNAUTHENTICATED'
  | 'PPG_E_FORBIDDEN'
  | 'PPG_E_NOTIFY_URL'
  | 'PPG_E_OVERLOAD'
  | 'PPG_E_QUOTA'
  | 'PPG_E_SIP_SYNTAX'
  | 'PPG_E_SIP_TOO_LARGE'
  | 'PPG_E_SIP_HEADER'
  | 'PPG_E_SIP_TRANSPORT'
  | 'PPG_E_SIP_TIMEOUT'
  | 'PPG_E_CPIM'
  | 'PPG_E_REGINFO'
  | 'PPG_E_LEG_DOWN'
  | 'PPG_E_LEG_CANNOT'
  | 'PPG_E_SDP'
  | 'PPG_E_MSRP_SYNTAX'
  | 'PPG_E_WBXML'
  | 'PPG_E_CHARSET'
  | 'PPG_E_STORE'
  | 'PPG_E_STORE_LOCKED'
  | 'PPG_E_STORE_CLOSED';

/**
 * Every error code of the gateway. docs/errors.md has a heading for each (a test compares the two),
 * with what it means and what to do next.
 */
export const ERROR_KINDS: Readonly<Record<ErrorCode, ErrorKind>> = {
  // options and configuration
  PPG_E_OPTIONS: kind(undefined, undefined),
  PPG_E_CONFIG: kind(undefined, undefined),
  PPG_E_LISTEN: kind(undefined, undefined),
  PPG_E_STATE: kind(3000, 500),
  // what a Push Initiator sent
  PPG_E_PAP_XML: kind(2000, undefined),
  PPG_E_PAP_DOCUMENT: kind(2000, undefined),
  PPG_E_PAP_VERSION: kind(3002, undefined),
  PPG_E_PAP_TOO_LARGE: kind(2000, undefined),
  PPG_E_MULTIPART: kind(2000, undefined),
  PPG_E_BODY_CONSUMED: kind(3000, undefined),
  PPG_E_ADDRESS: kind(2002, undefined),
  PPG_E_ADDRESS_LOOKUP: kind(3000, undefined, true),
  PPG_E_PUSH_REFUSED: kind(2000, undefined),
  PPG_E_CAPABILITIES: kind(2000, undefined),
  PPG_E_PUSH_NOT_FOUND: kind(2004, undefined),
  PPG_E_UNAUTHENTICATED: kind(2001, undefined),
  PPG_E_FORBIDDEN: kind(2001, undefined),
  PPG_E_NOTIFY_URL: kind(2000, undefined),
  PPG_E_OVERLOAD: kind(3000, 503, true),
  PPG_E_QUOTA: kind(3000, undefined, true),
  // SIP
  PPG_E_SIP_SYNTAX: kind(undefined, 400),
  PPG_E_SIP_TOO_LARGE: kind(undefined, 513),
  PPG_E_SIP_HEADER: kind(2000, 400),
  PPG_E_SIP_TRANSPORT: kind(undefined, 503, true),
  PPG_E_SIP_TIMEOUT: kind(undefined, 408, true),
  PPG_E_CPIM: kind(undefined, 400),
  PPG_E_REGINFO: kind(undefined, 400),
  PPG_E_LEG_DOWN: kind(undefined, 503, true),
  PPG_E_LEG_CANNOT: kind(3006, undefined),
  PPG_E_SDP: kind(undefined, 488),
  PPG_E_MSRP_SYNTAX: kind(undefined, undefined),
  // content in another form
  PPG_E_WBXML: kind(3006, undefined),
  PPG_E_CHARSET: kind(3006, undefined),
  // store
  PPG_E_STORE: kind(3000, 500, true),
  PPG_E_STORE_LOCKED: kind(3000, 500),
  PPG_E_STORE_CLOSED: kind(3000, 500, true),
};

/** An error with a code from {@link ERROR_KINDS}; the message is a sentence for whoever reads the log. */
export class PpgError extends Error {
  override readonly name = 'PpgError';
  readonly code: ErrorCode;
  readonly papCode: number | undefined;
  readonly sipStatus: number | undefined;
  readonly retryable: boolean;
  /** The option that refused, as `allow.recipients`. */
  readonly rule: string | undefined;
  /** Milliseconds after which the same may be tried again, where that is known. */
  readonly retryAfter: number | undefined;

  /** `overrides.papCode` narrows the kind's PAP code where one kind has several. */
  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; papCode?: number; sipStatus?: number; rule?: string; retryAfter?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const defaults = ERROR_KINDS[code];
    this.code = code;
    this.papCode = options.papCode ?? defaults.papCode;
    this.sipStatus = options.sipStatus ?? defaults.sipStatus;
    this.retryable = defaults.retryable;
    this.rule = options.rule;
    this.retryAfter = options.retryAfter;
  }
}

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Status codes of PAP (WAP-247 section 9.14). */
export const PAP = {
  OK: 1000,
  ACCEPTED: 1001,
  BAD_REQUEST: 2000,
  FORBIDDEN: 2001,
  ADDRESS_ERROR: 2002,
  ADDRESS_NOT_FOUND: 2003,
  PUSH_ID_NOT_FOUND: 2004,
  CAPABILITIES_MISMATCH: 2005,
  REQUIRED_CAPABILITIES_NOT_SUPPORTED: 2006,
  DUPLICATE_PUSH_ID: 2007,
  CANCELLATION_NOT_POSSIBLE: 2008,
  INTERNAL_ERROR: 3000,
  NOT_IMPLEMENTED: 3001,
  VERSION_NOT_SUPPORTED: 3002,
  NOT_POSSIBLE: 3003,
  CAPABILITY_MATCHING_NOT_SUPPORTED: 3004,
  MULTIPLE_ADDRESSES_NOT_SUPPORTED: 3005,
  TRANSFORMATION_FAILURE: 3006,
  DELIVERY_METHOD_NOT_POSSIBLE: 3007,
  CLIENT_CAPABILITIES_NOT_AVAILABLE: 3008,
  REQUIRED_NETWORK_NOT_AVAILABLE: 3009,
  REQUIRED_BEARER_NOT_AVAILABLE: 3010,
  REPLACEMENT_NOT_SUPPORTED: 3011,
  SERVICE_FAILURE: 4000,
  SERVICE_UNAVAILABLE: 4001,
  // 5xxx: the client aborted; the last three digits are the decimal abort reason of WAP-230.
  USER_REFUSED: 5235,
  USER_PENDING: 5236,
  USER_DISCARDED_RESOURCES: 5237,
  USER_DISCARDED_CONTENT: 5238,
} as const;

const DESCRIPTIONS: Record<number, string> = {
  1000: 'OK',
  1001: 'Accepted for processing',
  2000: 'Bad request',
  2001: 'Forbidden',
  2002: 'Address error',
  2003: 'Address not found',
  2004: 'Push ID not found',
  2005: 'Capabilities mismatch',
  2006: 'Required capabilities not supported',
  2007: 'Duplicate push ID',
  2008: 'Cancellation not possible',
  3000: 'Internal server error',
  3001: 'Not implemented',
  3002: 'Version not supported',
  3003: 'Not possible',
  3004: 'Capability matching not supported',
  3005: 'Multiple addresses not supported',
  3006: 'Transformation failure',
  3007: 'Specified delivery method not possible',
  3008: 'Client capabilities not available',
  3009: 'Required network not available',
  3010: 'Required bearer not available',
  3011: 'Replacement not supported',
  4000: 'Service failure',
  4001: 'Service unavailable',
  5235: 'Client refused the push',
  5236: 'Client cannot deliver the push now',
  5237: 'Client discarded the push for lack of resources',
  5238: 'Client cannot process the content',
};

/** The standing description of a code; PIs show it to people, so `desc` is never left out. */
export const describeCode = (code: number): string => DESCRIPTIONS[code] ?? `Status ${code}`;

/** Elements that carry a code, each with its own choice of codes (WAP-247 section 9.14). */
export type CodeCarrier =
  | 'response-result'
  | 'cancel-result'
  | 'resultnotification-message'
  | 'resultnotification-response'
  | 'statusquery-result'
  | 'ccq-response'
  | 'badmessage-response';

interface Choice {
  readonly codes: ReadonlySet<number>;
  /** 5xxx: what devices say. */
  readonly aborts?: true;
  /** For codes of a class that has no general one here; 1xxx is success. */
  readonly instead: number;
  readonly success?: number;
}

/** Which code may stand where: the table of WAP-247 section 9.14, column by column. */
export const CODE_TABLE: Readonly<Record<CodeCarrier, Choice>> = {
  'response-result': {
    codes: new Set([
      1001, 2000, 2001, 2002, 2004, 2005, 2006, 2007, 2008, 3000, 3004, 3005, 3006, 3007, 3009, 3010, 3011,
    ]),
    instead: 3000,
    success: 1001,
  },
  'cancel-result': {
    codes: new Set([1000, 2000, 2001, 2002, 2003, 2004, 2008, 3000, 3001, 3003, 3005]),
    instead: 3000,
  },
  'resultnotification-message': {
    codes: new Set([1000, 2001, 2002, 2005, 2006, 2008, 3006, 3007, 3009, 3010, 4000, 4001]),
    aborts: true,
    instead: 4000,
  },
  'resultnotification-response': { codes: new Set([1000, 2000, 2001, 2002]), instead: 2000 },
  'statusquery-result': {
    codes: new Set([1000, 2000, 2001, 2002, 2003, 2004, 3000, 3001, 3003, 3005, 3006, 3007, 3009, 3010, 4000, 4001]),
    aborts: true,
    instead: 3000,
  },
  'ccq-response': { codes: new Set([1000, 2000, 2001, 2002, 3000, 3001, 3008]), instead: 3000 },
  'badmessage-response': { codes: new Set([2000, 3002]), instead: 2000 },
};

/** Codes that PAP 1.0 has not; 3003 was its word for a message that is gone. */
const SINCE_2 = new Set<number>([PAP.CANCELLATION_NOT_POSSIBLE, PAP.REPLACEMENT_NOT_SUPPORTED]);

/** True when the code may stand in that element of a document of that version. */
export function mayStand(code: number, carrier: CodeCarrier, papVersion = '2.0'): boolean {
  const { codes, aborts } = CODE_TABLE[carrier];
  if (SINCE_2.has(code) && papVersion.startsWith('1.')) return false;
  return codes.has(code) || (aborts === true && code >= 5000 && code <= 5999);
}

/**
 * The code itself where it may stand, else the general one of its class (x000: that is how a reader takes a code it
 * does not know), else what the element has for such a case. `desc` still says what it is about.
 */
export function codeFor(code: number, carrier: CodeCarrier, papVersion: string): number {
  if (mayStand(code, carrier, papVersion)) return code;
  if (code === PAP.CANCELLATION_NOT_POSSIBLE && carrier === 'cancel-result') return PAP.NOT_POSSIBLE;
  const { instead, success } = CODE_TABLE[carrier];
  if (code < 2000 && success !== undefined) return success;
  const general = code - (code % 1000);
  return mayStand(general, carrier, papVersion) ? general : instead;
}

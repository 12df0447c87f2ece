import { ownPhrase } from '../codec/sip/reason-phrases.ts';
import type { BearerResult, DeliveryResult } from '../model/delivery.ts';
import { PAP } from '../model/result-codes.ts';
import type { SipAnswer } from '../sip/leg.ts';
import { saidBy, saying } from './said.ts';

/** What about an attempt decides how a SIP answer is read. */
export interface OutcomeContext {
  /** True when the device must prove that it has the push. */
  readonly confirmed: boolean;
  /** Whom the request named: one device, or whatever the core forks the address-of-record to. */
  readonly target: 'device' | 'aor';
  /** How statuses are read. Default {@link DEFAULT_READINGS}. */
  readonly readings?: StatusReadings;
  /** Without readings: 404 is for users whom the core does not have. */
  readonly notFoundIsFinal?: boolean | undefined;
}

/** How one status is read; docs/outcomes.md has what each means for a push. */
export type ReadingName =
  | 'delivered'
  | 'accepted'
  | 'offline'
  | 'busy'
  | 'busy-everywhere'
  | 'retry'
  | 'server-error'
  | 'overload'
  | 'no-answer'
  | 'unknown'
  | 'undeliverable'
  | 'no-such-user'
  | 'refused'
  | 'content-refused'
  | 'other-form'
  | 'credentials';

/** Readings by status. */
export type StatusReadings = Readonly<Record<number, ReadingName>>;

type Reading = (facts: Facts) => DeliveryResult;

interface Facts extends OutcomeContext {
  readonly cause: string;
  /** Made by our own side: nobody answered. */
  readonly local: boolean;
  /** Retry-After in milliseconds. */
  readonly after: number | undefined;
}

/** Longest Retry-After that is believed: a device that says more is tried once a day. */
const LONGEST_RETRY_AFTER = 24 * 3600 * 1000;

const undeliverable =
  (code: number): Reading =>
  ({ cause }) => ({ kind: 'failed', state: 'undeliverable', code, cause });

const aborted =
  (code: number): Reading =>
  ({ cause }) => ({ kind: 'failed', state: 'aborted', code, cause });

type Why = Extract<DeliveryResult, { kind: 'retry' }>['why'];
type Scope = Extract<DeliveryResult, { kind: 'retry' }>['scope'];

function retry(why: Why, scope: Scope, { after, cause }: Facts): DeliveryResult {
  return { kind: 'retry', why, scope, code: PAP.SERVICE_UNAVAILABLE, ...(after !== undefined && { after }), cause };
}

/** The core speaks of whom the request named. */
const scopeOf = ({ target }: Facts): Scope => (target === 'device' ? 'device' : 'recipient');

const offline: Reading = (facts) => retry('offline', scopeOf(facts), facts);
const busy: Reading = (facts) => retry('busy', scopeOf(facts), facts);
const busyEverywhere: Reading = (facts) => retry('busy', 'recipient', facts);
const serverError: Reading = (facts) => retry('error', scopeOf(facts), facts);

/** 200 says that the user agent has it (RFC 3428 section 7). */
const delivered: Reading = ({ cause }) => ({ kind: 'delivered', proof: 'device', cause });

/** 202 and 2xx without a meaning of their own: somebody took it (RFC 3428 section 7). */
const taken: Reading = ({ confirmed, cause }) =>
  confirmed ? { kind: 'accepted', cause } : { kind: 'delivered', proof: 'none', cause };

/** No answer: a confirmed push may be there and must not be counted as absent; an unconfirmed one just goes again. */
const noAnswer: Reading = (facts) =>
  facts.confirmed
    ? { kind: 'unknown', code: PAP.SERVICE_UNAVAILABLE, cause: facts.cause }
    : retry('error', scopeOf(facts), facts);

/** A merged request: an earlier copy got through on another way, and its end is not known (RFC 3261 section 8.2.2.2). */
const merged: Reading = ({ cause }) => ({ kind: 'unknown', code: PAP.SERVICE_UNAVAILABLE, cause });

/** 503 of our own making means that the next hop cannot be reached; one that was received slows its recipient. */
const unavailable: Reading = (facts) => retry('overload', facts.local ? 'hop' : 'recipient', facts);

/** A proxy turns a device's 503 into 500 and keeps its Retry-After (RFC 3261 section 16.7 step 6). */
const internalError: Reading = (facts) =>
  facts.after === undefined ? serverError(facts) : retry('overload', 'recipient', facts);

const failedWith = (cause: string): Extract<DeliveryResult, { kind: 'failed' }> => ({
  kind: 'failed',
  state: 'undeliverable',
  code: PAP.SERVICE_FAILURE,
  cause,
});

const credentials: Reading = ({ cause }) => ({
  ...failedWith(
    `${cause}: the core asks the gateway who it is; set sip.credentials, or have the core trust the gateway by address`,
  ),
});

/** Every way to read a status, by the name that `sip.outcomes` knows it by. */
const READINGS: Readonly<Record<ReadingName, Reading>> = {
  delivered,
  accepted: taken,
  offline,
  busy,
  'busy-everywhere': busyEverywhere,
  retry: serverError,
  'server-error': internalError,
  overload: unavailable,
  'no-answer': noAnswer,
  unknown: merged,
  undeliverable: undeliverable(PAP.SERVICE_FAILURE),
  'no-such-user': undeliverable(PAP.ADDRESS_ERROR),
  refused: aborted(PAP.USER_REFUSED),
  'content-refused': ({ cause }) => ({
    kind: 'failed',
    state: 'aborted',
    code: PAP.USER_DISCARDED_CONTENT,
    cause,
    otherBearer: true,
  }),
  'other-form': ({ cause }) => ({ ...failedWith(cause), otherBearer: true }),
  credentials,
};

/** The names of {@link READINGS}. */
export const READING_NAMES: readonly ReadingName[] = Object.keys(READINGS) as ReadingName[];

/** Statuses with a meaning of their own; the others are read as the x00 of their class (RFC 3261 section 8.1.3.2). */
export const DEFAULT_READINGS: StatusReadings = {
  200: 'delivered',
  401: 'credentials',
  403: 'refused',
  404: 'offline', // many cores answer it for a user who is not registered
  407: 'credentials',
  408: 'no-answer',
  413: 'other-form', // too large
  415: 'content-refused',
  430: 'offline', // flow failed: the edge lost the way to the device (RFC 5626)
  480: 'offline',
  482: 'unknown', // a merged request
  486: 'busy',
  488: 'content-refused',
  500: 'server-error',
  503: 'overload',
  513: 'other-form', // too large
  600: 'busy-everywhere',
  603: 'refused',
  604: 'no-such-user',
  606: 'content-refused',
  607: 'refused', // unwanted (RFC 8197)
  608: 'refused', // rejected by somebody on the way (RFC 8688)
};

/** How statuses are read that nothing else is said of, by class. */
export const CLASS_READINGS: StatusReadings = {
  2: 'accepted',
  3: 'undeliverable',
  4: 'undeliverable',
  5: 'retry',
  6: 'busy-everywhere',
};

/** How a status is read. */
export const readingOf = (status: number, readings: StatusReadings = DEFAULT_READINGS): ReadingName =>
  readings[status] ?? CLASS_READINGS[Math.trunc(status / 100)] ?? 'unknown';

/** The default readings with an operator's own in their place. */
export const readingsWith = (own: StatusReadings, notFoundIsFinal = false): StatusReadings => ({
  ...DEFAULT_READINGS,
  ...(notFoundIsFinal && { 404: 'no-such-user' }),
  ...own,
});

const NOT_FOUND_IS_FINAL = readingsWith({}, true);

/** Makes a delivery result of the answer to a MESSAGE. PAP codes as in WAP-247 section 9.14. */
export function sipOutcome(answer: SipAnswer, context: OutcomeContext): BearerResult {
  if (answer.kind === 'not-sent') return notSent(answer);
  if (answer.kind === 'unknown') return noAnswer({ ...context, cause: answer.cause, local: true, after: undefined });
  const { status } = answer;
  const facts: Facts = {
    confirmed: context.confirmed,
    target: context.target,
    cause: causeOf(status, answer.local),
    local: answer.local,
    after: status < 300 ? undefined : parseRetryAfter(answer.get('Retry-After')),
  };
  const { readings = context.notFoundIsFinal === true ? NOT_FOUND_IS_FINAL : DEFAULT_READINGS } = context;
  const result = READINGS[readingOf(status, readings)](facts);
  return answer.local ? result : saying(result, saidBy(answer.reason, ownPhrase(status)));
}

/** It did not leave: the way out is closed for everybody, unless there is no way that could ever carry this one. */
function notSent({ cause, code }: Extract<SipAnswer, { kind: 'not-sent' }>): DeliveryResult {
  return code === 'PPG_E_LEG_CANNOT' || code === 'PPG_E_SIP_HEADER'
    ? { kind: 'failed', state: 'undeliverable', code: PAP.TRANSFORMATION_FAILURE, cause }
    : { kind: 'retry', why: 'error', scope: 'hop', code: PAP.SERVICE_UNAVAILABLE, cause };
}

/** `sip 486 Busy Here`; the phrase is ours, for it ends up in log lines. */
function causeOf(status: number, local: boolean): string {
  if (local) return `sip ${status} (no answer from the network)`;
  const phrase = ownPhrase(status);
  return phrase === undefined ? `sip ${status}` : `sip ${status} ${phrase}`;
}

/**
 * Milliseconds of a Retry-After value (`120 (in a meeting);duration=60`, RFC 3261 section 20.33), at most a day.
 * Undefined when there is none or it is no number.
 */
export function parseRetryAfter(value: string | undefined): number | undefined {
  const digits = value === undefined ? null : /^\s*(\d{1,10})(?![\d.\w])/.exec(value);
  return digits === null ? undefined : Math.min(Number(digits[1]) * 1000, LONGEST_RETRY_AFTER);
}

import type { DeliveryResult } from '../model/delivery.ts';
import { PAP } from '../model/result-codes.ts';
import type { SipAnswer } from '../sip/leg.ts';

/** What about an attempt decides how a SIP answer is read. */
export interface OutcomeContext {
  /** True when the device must prove that it has the push. */
  readonly confirmed: boolean;
  /** Whom the request named: one device, or whatever the core forks the address-of-record to. */
  readonly target: 'device' | 'aor';
  /** True where the core answers 404 only for users it does not have; many answer it for a user who is offline. */
  readonly notFoundIsFinal: boolean;
}

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

const notFound: Reading = (facts) => (facts.notFoundIsFinal ? undeliverable(PAP.ADDRESS_ERROR)(facts) : offline(facts));

/** 503 of our own making means that the next hop cannot be reached; one that was received slows its recipient. */
const unavailable: Reading = (facts) => retry('overload', facts.local ? 'hop' : 'recipient', facts);

/** A proxy turns a device's 503 into 500 and keeps its Retry-After (RFC 3261 section 16.7 step 6). */
const internalError: Reading = (facts) =>
  facts.after === undefined ? serverError(facts) : retry('overload', 'recipient', facts);

const failed = undeliverable(PAP.SERVICE_FAILURE);
const refused = aborted(PAP.USER_REFUSED);
const contentRefused = aborted(PAP.USER_DISCARDED_CONTENT);

const credentials: Reading = ({ cause }) => ({
  kind: 'failed',
  state: 'undeliverable',
  code: PAP.SERVICE_FAILURE,
  cause: `${cause}: the core asks the gateway who it is; set sip.credentials, or have the core trust the gateway by address`,
});

/** Statuses with a meaning of their own; the others are read as the x00 of their class (RFC 3261 section 8.1.3.2). */
const BY_STATUS: Readonly<Record<number, Reading>> = {
  200: delivered,
  401: credentials,
  403: refused,
  404: notFound,
  407: credentials,
  408: noAnswer,
  413: failed,
  415: contentRefused,
  420: failed,
  421: failed,
  430: offline, // flow failed: the edge lost the way to the device (RFC 5626)
  480: offline,
  482: merged,
  486: busy,
  488: contentRefused,
  494: failed,
  500: internalError,
  503: unavailable,
  513: failed,
  600: busyEverywhere,
  603: refused,
  604: undeliverable(PAP.ADDRESS_ERROR),
  606: contentRefused,
  607: refused, // unwanted (RFC 8197)
  608: refused, // rejected by somebody on the way (RFC 8688)
};

const BY_CLASS: Readonly<Record<number, Reading>> = {
  2: taken,
  3: failed,
  4: failed,
  5: serverError,
  6: busyEverywhere,
};

/** Makes a delivery result of the answer to a MESSAGE. PAP codes as in WAP-247 section 9.14. */
export function sipOutcome(answer: SipAnswer, context: OutcomeContext): DeliveryResult {
  if (answer.kind === 'not-sent') return notSent(answer);
  if (answer.kind === 'unknown') return noAnswer({ ...context, cause: answer.cause, local: true, after: undefined });
  const { status } = answer;
  const facts: Facts = {
    ...context,
    cause: causeOf(status, answer.reason, answer.local),
    local: answer.local,
    after: status < 300 ? undefined : parseRetryAfter(answer.get('Retry-After')),
  };
  const reading = BY_STATUS[status] ?? BY_CLASS[Math.trunc(status / 100)] ?? merged;
  return reading(facts);
}

/** It did not leave: the way out is closed for everybody, unless there is no way that could ever carry this one. */
function notSent({ cause, code }: Extract<SipAnswer, { kind: 'not-sent' }>): DeliveryResult {
  return code === 'PPG_E_LEG_CANNOT' || code === 'PPG_E_SIP_HEADER'
    ? { kind: 'failed', state: 'undeliverable', code: PAP.TRANSFORMATION_FAILURE, cause }
    : { kind: 'retry', why: 'error', scope: 'hop', code: PAP.SERVICE_UNAVAILABLE, cause };
}

/** `sip 486 Busy Here`; the phrase comes from outside and ends up in logs and on pages, so it is cut and cleaned. */
function causeOf(status: number, reason: string, local: boolean): string {
  if (local) return `sip ${status} (no answer from the network)`;
  const phrase = reason
    .slice(0, 64)
    .replace(/[^\x20-\x7e]/g, ' ')
    .trim();
  return phrase === '' ? `sip ${status}` : `sip ${status} ${phrase}`;
}

/**
 * Milliseconds of a Retry-After value (`120 (in a meeting);duration=60`, RFC 3261 section 20.33), at most a day.
 * Undefined when there is none or it is no number.
 */
export function parseRetryAfter(value: string | undefined): number | undefined {
  const digits = value === undefined ? null : /^\s*(\d{1,10})(?![\d.\w])/.exec(value);
  return digits === null ? undefined : Math.min(Number(digits[1]) * 1000, LONGEST_RETRY_AFTER);
}

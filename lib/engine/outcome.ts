import type { Writable } from '../base/writable.ts';
import type { BearerResult, Claim, DeliveryResult, Outcome } from '../model/delivery.ts';
import type { AttemptRecord, Push } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { Attempted } from '../model/states.ts';
import type { EngineLimits } from './limits.ts';
import { backOff, offlineWait, resultName, streak, type Wait } from './retry.ts';

/** True when the PI must have proof from the device. */
export const wantsProof = (push: Push): boolean =>
  push.qos?.deliveryMethod === 'confirmed' || push.qos?.deliveryMethod === 'preferconfirmed';

/** What the outcome of an attempt depends on besides its results. */
export interface OutcomeContext {
  readonly now: number;
  readonly limits: EngineLimits;
  readonly wait: Wait;
  /** Whether registrations are told of, see Subscribers.covers. */
  readonly covered: boolean;
  /** The user registered while the attempt was under way: what it found is already out of date. */
  readonly registeredMeanwhile: boolean;
}

const earlierFailures = (records: readonly AttemptRecord[]): AttemptRecord[] =>
  records.filter((record) => record.result === 'failed');

/**
 * Makes one outcome of the results of all devices of a recipient. The first rule that fits wins:
 * one device has it; one relay has it; one may have it; one may take it later; none ever will.
 */
export function outcomeOf(claim: Claim, results: readonly DeliveryResult[], context: OutcomeContext): Outcome {
  const proof = wantsProof(claim.pushData);
  const deliveredBy = proof ? 'confirmed' : 'unconfirmed';
  const delivered = results.find((result) => result.kind === 'delivered');
  if (delivered !== undefined) {
    // preferconfirmed reports what was used: without proof it was an unconfirmed delivery (PPG Service, WAP-249).
    return {
      to: 'delivered',
      code: PAP.OK,
      desc: describeCode(PAP.OK),
      deliveredBy: delivered.proof === 'device' ? deliveredBy : 'unconfirmed',
    };
  }
  const accepted = results.filter((result) => result.kind === 'accepted');
  if (accepted.length > 0) {
    // Where no proof will come, preferconfirmed falls back to unconfirmed and says so.
    const proofComes = accepted.some((result) => result.proofComes === true);
    if (!proofComes && claim.pushData.qos?.deliveryMethod === 'preferconfirmed') {
      return { to: 'delivered', code: PAP.OK, desc: describeCode(PAP.OK), deliveredBy: 'unconfirmed' };
    }
    return awaitConfirmation(claim, context);
  }

  const unknown = results.find((result) => result.kind === 'unknown');
  const retries = results.filter((result) => result.kind === 'retry');
  if (unknown !== undefined || retries.length > 0) return tryAgain(claim, unknown, retries, context);
  return giveUp(claim, results, deliveredBy);
}

function awaitConfirmation(claim: Claim, { now, limits }: OutcomeContext): Outcome {
  return {
    to: 'awaiting-confirmation',
    deadline: Math.min(claim.pushData.expiresAt, now + limits.confirmWait),
    code: PAP.ACCEPTED,
    desc: 'Passed on, waiting for the confirmation of the device',
  };
}

type Retry = Extract<DeliveryResult, { kind: 'retry' }>;
type Unknown = Extract<DeliveryResult, { kind: 'unknown' }>;

function tryAgain(
  claim: Claim,
  unknown: Unknown | undefined,
  retries: readonly Retry[],
  context: OutcomeContext,
): Outcome {
  const { now, limits, wait } = context;
  const attempted: Attempted = unknown !== undefined || claim.attempted === 'unknown' ? 'unknown' : 'refused';
  const deadline =
    attempted === 'unknown' && wantsProof(claim.pushData)
      ? { deadline: Math.min(claim.pushData.expiresAt, firstUnknown(claim, now) + limits.confirmWait) }
      : {};

  const offline = unknown === undefined && retries.every((retry) => retry.why === 'offline');
  if (offline && !context.registeredMeanwhile) {
    const after = shortest(retries);
    const due = now + offlineWait(claim.offlineTries, context.covered, after, wait);
    const told = retries[0];
    return {
      to: 'pending',
      due,
      offline: true,
      attempted,
      code: told?.code ?? PAP.SERVICE_UNAVAILABLE,
      desc: describeCode(told?.code ?? PAP.SERVICE_UNAVAILABLE),
      ...deadline,
    };
  }

  const errors = streak(claim.attempts, ['error']);
  if (unknown === undefined && errors + 1 >= wait.policy.maxErrors && retries.every((retry) => retry.why === 'error')) {
    const code = retries[0]?.code ?? PAP.SERVICE_FAILURE;
    return {
      to: 'undeliverable',
      code: finalCode(code),
      desc: describeCode(finalCode(code)),
      deliveredBy: wantsProof(claim.pushData) ? 'confirmed' : 'unconfirmed',
    };
  }
  const inARow = streak(claim.attempts, ['error', 'busy', 'overload', 'unknown', 'offline']);
  const due = now + backOff(shortest(retries.filter((retry) => retry.why !== 'offline')), inARow, wait);
  const code = unknown?.code ?? retries[0]?.code ?? PAP.SERVICE_UNAVAILABLE;
  return { to: 'pending', due, offline: false, attempted, code, desc: describeCode(code), ...deadline };
}

/** A temporary code (service unavailable) is not what a push ends with. */
const finalCode = (code: number): number => (code === PAP.SERVICE_UNAVAILABLE ? PAP.SERVICE_FAILURE : code);

const firstUnknown = (claim: Claim, now: number): number =>
  claim.attempts.find((record) => record.result === 'unknown')?.endedAt ?? now;

function shortest(retries: readonly Retry[]): number | undefined {
  const asked = retries.flatMap((retry) => (retry.after === undefined ? [] : [retry.after]));
  return asked.length > 0 ? Math.min(...asked) : undefined;
}

/** Every device has refused for good. What a user's device said outweighs what the network said. */
function giveUp(claim: Claim, results: readonly DeliveryResult[], deliveredBy: 'confirmed' | 'unconfirmed'): Outcome {
  const failures = results.filter((result) => result.kind === 'failed');
  const worst = failures.find((failure) => failure.state === 'aborted') ?? failures[0];
  const code = worst?.code ?? earlierFailures(claim.attempts).at(-1)?.code ?? PAP.SERVICE_FAILURE;
  const state = worst?.state ?? (code >= 5000 ? 'aborted' : 'undeliverable');
  return { to: state, code, desc: describeCode(code), deliveredBy };
}

/** With what log lines leave out. */
function wholeCause({ cause, followed, said }: BearerResult): string {
  const led = followed === undefined ? cause : `${cause} to ${followed.join(', ')}`;
  return said === undefined ? led : `${led}, "${said}"`;
}

/** Records of what was tried, one for each target. */
export function attemptRecord(
  claim: Claim,
  target: { readonly id: string; readonly bearer: string; readonly callId: string; readonly startedAt: number },
  result: BearerResult,
  endedAt: number,
): AttemptRecord {
  const record: Writable<AttemptRecord> = {
    attempt: claim.attempt,
    device: target.id,
    bearer: target.bearer,
    callId: target.callId,
    startedAt: target.startedAt,
    endedAt,
    result: resultName(result),
    code: 'code' in result ? result.code : PAP.OK,
    cause: wholeCause(result),
  };
  if (result.leg !== undefined) record.leg = result.leg;
  return record;
}

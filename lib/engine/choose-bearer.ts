import type { Bearer, DeliveryTarget } from '../bearer/bearer.ts';
import {
  type BearerNames,
  type Bearers,
  bearersAllowed,
  bearersWished,
  isAmong,
  requirementCode,
} from '../model/bearer-names.ts';
import type { DeliveryResult } from '../model/delivery.ts';
import type { AttemptRecord, Push } from '../model/push.ts';
import { PAP } from '../model/result-codes.ts';
import { wantsProof } from './outcome.ts';

/** Why no bearer takes a push. */
export type Refusal = Extract<DeliveryResult, { kind: 'failed' }>;

export type Choice =
  | { readonly bearer: Bearer; readonly refusal?: undefined }
  | { readonly bearer?: undefined; readonly refusal: Refusal };

const NO_BEARER: Refusal = {
  kind: 'failed',
  state: 'undeliverable',
  code: PAP.TRANSFORMATION_FAILURE,
  cause: 'no bearer',
};

/** What a device is known not to take outweighs what a bearer cannot do. */
const MISMATCH: ReadonlySet<number> = new Set([PAP.CAPABILITIES_MISMATCH, PAP.REQUIRED_CAPABILITIES_NOT_SUPPORTED]);

/**
 * The first bearer that takes the push as it is, else the first that would transform it; those that the initiator names
 * come first, and what it requires leaves no others. Where the initiator wants proof, one that can have it goes first;
 * without any, `confirmed` ends with 3007 and `preferconfirmed` does without. `except` are those that have failed.
 * Pure, as the offers of bearers are.
 */
export function chooseBearer(
  push: Push,
  target: DeliveryTarget,
  bearers: readonly Bearer[],
  names?: BearerNames,
  except?: ReadonlySet<string>,
): Choice {
  const { qos } = push;
  const allowed = bearersAllowed(qos, names);
  const proof = wantsProof(push);
  let refusal: Refusal | undefined;
  const refuse = (code: number, cause: string): void => {
    if (refusal === undefined || !MISMATCH.has(refusal.code)) refusal = { ...NO_BEARER, code, cause };
  };
  const found: { bearer: Bearer; rank: number }[] = [];
  for (const bearer of wishedFirst(bearers, bearersWished(qos, names))) {
    if (!isAmong(allowed, bearer.name) || except?.has(bearer.name) === true) continue;
    const offer = bearer.offers(push, target);
    if (offer.offer === 'no') {
      refuse(offer.code, offer.cause);
      continue;
    }
    const unproven = proof && bearer.confirms === false;
    if (unproven && qos?.deliveryMethod === 'confirmed') {
      refuse(PAP.DELIVERY_METHOD_NOT_POSSIBLE, `${bearer.name} confirms nothing`);
      continue;
    }
    if (!unproven && offer.offer === 'yes') return { bearer };
    found.push({ bearer, rank: (unproven ? 2 : 0) + (offer.offer === 'yes' ? 0 : 1) });
  }
  const [best] = found.sort((a, b) => a.rank - b.rank);
  if (best !== undefined) return { bearer: best.bearer };
  if (refusal !== undefined) return { refusal };
  if (allowed === 'any' || qos === undefined) return { refusal: NO_BEARER };
  return { refusal: { ...NO_BEARER, code: requirementCode(qos), cause: 'what the push requires is not here' } };
}

/** Those that the initiator asks for go before the others. */
function wishedFirst(bearers: readonly Bearer[], wished: Bearers): readonly Bearer[] {
  if (wished === 'any') return bearers;
  const isWished = ({ name }: Bearer): boolean => isAmong(wished, name);
  return [...bearers.filter(isWished), ...bearers.filter((bearer) => !isWished(bearer))];
}

/** Name of the bearer in the record of a target that no bearer takes. */
export const NO_BEARER_NAME = 'none';

/** Bearers by which a device has refused the push for good. */
export function failedBearers(attempts: readonly AttemptRecord[], device: string): Set<string> {
  const failed = new Set<string>();
  for (const record of attempts) {
    if (record.device === device && record.result === 'failed' && record.bearer !== NO_BEARER_NAME)
      failed.add(record.bearer);
  }
  return failed;
}

import type { RecipientAddress } from '../../model/address.ts';
import { groupTexts } from '../../model/group.ts';
import { type Push, priorityRank } from '../../model/push.ts';
import { describeCode } from '../../model/result-codes.ts';
import { NEVER, wantsProof } from '../rules.ts';
import type { Acceptance, Cancellation, Settlement } from '../store.ts';
import type { AcceptArgs, AddressArgs } from './accept.ts';
import { OP, type Operation } from './messages.ts';
import { attemptedNumber, NOTIFY_EACH, NOTIFY_GROUPS, NOTIFY_NONE, stateNumber } from './schema.ts';
import type { SettleArgs } from './settle.ts';

/** Columns of a push and the rest of it as JSON. */
export function encodeAcceptance({ push, recipients, due, lease }: Acceptance): Operation {
  const { content } = push;
  const operation: [number, ...AcceptArgs] = [
    OP.accept,
    0,
    0,
    push.key,
    push.initiator,
    push.pushId,
    push.acceptedAt,
    push.expiresAt,
    priorityRank(push),
    wantsProof(push) ? 1 : 0,
    push.notifyUrl === undefined ? NOTIFY_NONE : grouped(recipients) ? NOTIFY_GROUPS : NOTIFY_EACH,
    due,
    lease?.leaseUntil ?? 0,
    JSON.stringify(restOf(push)),
    content === undefined ? null : JSON.stringify([content.type, content.headers]),
  ];
  for (const address of recipients) operation.push(encodeAddress(address));
  if (push.replaces === undefined) return operation;
  const [, offset, length, ...more] = operation;
  return [OP.replace, offset, length, push.replaces.pushId, push.replaces.method === 'all' ? 0 : 1, ...more];
}

/** All that has no column of its own, by name: nothing that a push may have can be forgotten here. JSON leaves out what is not there. */
const restOf = (push: Push): { readonly [K in keyof Required<PushRest>]: PushRest[K] | undefined } => ({
  qos: push.qos,
  deliverBefore: push.deliverBefore,
  deliverAfter: push.deliverAfter,
  sourceReference: push.sourceReference,
  notifyUrl: push.notifyUrl,
  progressNotes: push.progressNotes,
  replaces: push.replaces,
  capabilities: push.capabilities,
  papVersion: push.papVersion,
  applicationId: push.applicationId,
});

const grouped = (recipients: readonly RecipientAddress[]): boolean =>
  recipients.length > 1 && groupTexts(recipients.map((address) => ({ address }))).size > 0;

const encodeAddress = ({ aor, text, instance, gruu }: RecipientAddress): AddressArgs => [
  aor,
  text,
  instance ?? null,
  gruu ?? null,
];

export const encodeCancellation = ({ initiator, pushId, addresses, at }: Cancellation): Operation => [
  OP.cancel,
  initiator,
  pushId,
  at,
  ...addresses.map(encodeAddress),
];

export function encodeSettlement(settlement: Settlement): Operation {
  const { outcome } = settlement;
  const pending = outcome.to === 'pending' ? outcome : undefined;
  const operation: [number, ...SettleArgs] = [
    OP.settle,
    settlement.push,
    settlement.index,
    settlement.attempt,
    settlement.at,
    stateNumber(outcome.to),
    outcome.code,
    storedDescription(outcome.code, outcome.desc),
    settlement.attempts.length === 0 ? null : JSON.stringify(settlement.attempts),
    settlement.next?.leaseUntil ?? 0,
    settlement.notifyLease?.leaseUntil ?? 0,
    'deliveredBy' in outcome && outcome.deliveredBy === 'confirmed' ? 1 : 0,
    pending?.due ?? ('deadline' in outcome ? (outcome.deadline ?? 0) : 0),
    pending?.offline === true ? 1 : 0,
    attemptedNumber(pending?.attempted ?? 'no'),
    pending?.deadline ?? NEVER,
  ];
  return operation;
}

/** The text to store for a code: nothing when it is the standing one. */
export const storedDescription = (code: number, text: string): string | null =>
  text === describeCode(code) ? null : text;

/** What a push is kept in, apart from its columns and its content. */
export type PushRest = Omit<Push, 'key' | 'initiator' | 'pushId' | 'acceptedAt' | 'expiresAt' | 'content'>;

import { isTerminal, type RecipientState } from './states.ts';

/** What of a recipient the result of its group is made of. */
export interface GroupMember {
  readonly state: RecipientState;
  readonly eventTime: number;
  readonly deliveredBy: 'confirmed' | 'unconfirmed';
}

/**
 * Recipients that stand for one address of the submission have its text in common; these are the texts of more than one.
 * A submission never has the same text twice otherwise.
 */
export function groupTexts(recipients: Iterable<{ readonly address: { readonly text: string } }>): ReadonlySet<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { address } of recipients) {
    if (seen.has(address.text)) shared.add(address.text);
    else seen.add(address.text);
  }
  return shared;
}

/** The recipients in order, those of one address together. */
export function byAddress<T extends { readonly address: { readonly text: string } }>(
  recipients: readonly T[],
): readonly [T, ...T[]][] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const recipient of recipients) {
    const group = groups.get(recipient.address.text);
    if (group === undefined) groups.set(recipient.address.text, [recipient]);
    else group.push(recipient);
  }
  return [...groups.values()];
}

/**
 * Which end speaks for the group, weightiest first: somebody has it; somebody may have it; it was taken back and nobody has
 * it; somebody refused it; it could not be brought to anybody; time was over for everybody.
 */
const WEIGHT: Record<RecipientState, number> = {
  pending: 0,
  sending: 0,
  'awaiting-confirmation': 0,
  delivered: 1,
  timeout: 2,
  cancelled: 3,
  aborted: 4,
  undeliverable: 5,
  expired: 6,
};

const outweighs = (one: GroupMember, other: GroupMember): boolean => {
  const difference = WEIGHT[one.state] - WEIGHT[other.state];
  if (difference !== 0) return difference < 0;
  if (one.state === 'delivered' && one.deliveredBy !== other.deliveredBy) return one.deliveredBy === 'confirmed';
  return one.eventTime > other.eventTime;
};

/**
 * The one result of an address that stands for several users (WAP-247: an address has one result, however many it was
 * expanded to): that of one member, at the time of the last. The group is over when all its members are; of those that are
 * not, the one that changed last says how far it is. Of equal ends the latest counts.
 */
export function resultOfGroup<T extends GroupMember>(members: readonly [T, ...T[]]): T {
  if (members.length === 1) return members[0];
  const chosen = members.reduce((best, member) => (outweighs(member, best) ? member : best));
  if (!isTerminal(chosen.state)) return chosen;
  return { ...chosen, eventTime: Math.max(...members.map(({ eventTime }) => eventTime)) };
}

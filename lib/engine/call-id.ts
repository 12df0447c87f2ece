import { stableToken } from '../base/ids.ts';
import type { Claim } from '../model/delivery.ts';

/** What a fork is called in attempt records, see router's targetId. */
const FORK = 'aor';

/**
 * The Call-ID of every attempt at a target (docs/bearers.md). Derived from the push, the recipient and the target, so it
 * survives a restart without being stored. A device that an earlier fork may have reached, or a fork that may reach a
 * device tried before, goes on under the earlier Call-ID: only then can the device tell a retry from a second push.
 */
export function callIdOf(claim: Claim, target: string, domain: string): string {
  const earlier = claim.attempts.find(({ device }) => device === target) ?? claim.attempts.find(meant(target));
  return earlier?.callId ?? `${stableToken(claim.push, String(claim.index), target)}@${domain}`;
}

const meant =
  (target: string) =>
  ({ device }: { readonly device: string }): boolean =>
    target === FORK || device === FORK;

import type { Clock } from '../base/clock.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import { parseApplicationId } from '../model/application-id.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Push, Submission } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { Acceptance, Store } from '../store/store.ts';
import type { EngineLimits } from './limits.ts';
import type { Scheduler } from './scheduler.ts';

export interface AcceptorOptions {
  readonly store: Pick<Store, 'accept'>;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  readonly limits: EngineLimits;
  readonly newKey: () => string;
}

/** What the PI is told, and the gateway's key of the push when it was taken. */
export interface SubmitAnswer {
  readonly code: number;
  readonly desc: string;
  readonly key?: string;
}

const answer = (code: number): SubmitAnswer => ({ code, desc: describeCode(code) });

/**
 * Makes a submission durable. Resolves with 1001 only after the store has it on disk; a push that may leave at once is
 * claimed in the same transaction and starts the moment it is durable.
 * Rejects with PPG_E_STORE when the store cannot take it: nothing was accepted then.
 */
export async function accept(submission: Submission, o: AcceptorOptions): Promise<SubmitAnswer> {
  const now = o.clock.now();
  const push = pushOf(submission, o.newKey(), now, o.limits);
  const due = Math.max(now, submission.deliverAfter ?? now);
  const atOnce = due <= now && push.expiresAt > now;
  const wanted = submission.recipients.length;
  const lease = atOnce ? o.scheduler.reserve(wanted) : undefined;
  const acceptance: Acceptance = {
    push,
    recipients: submission.recipients,
    due,
    ...(lease !== undefined && { lease }),
  };

  let started = 0;
  try {
    const result = await o.store.accept(acceptance);
    if (!result.accepted) {
      o.events.emit('refused', {
        initiator: push.initiator,
        pushId: push.pushId,
        at: now,
        code: PAP.DUPLICATE_PUSH_ID,
      });
      return answer(PAP.DUPLICATE_PUSH_ID);
    }
    o.events.emit('accepted', {
      initiator: push.initiator,
      pushId: push.pushId,
      push: push.key,
      at: o.clock.now(),
      recipients: wanted,
      expiresAt: push.expiresAt,
    });
    for (const claim of result.claims) o.scheduler.run(claim);
    started = result.claims.length;
  } finally {
    if (lease !== undefined) o.scheduler.release(wanted - started);
  }
  if (lease === undefined) o.scheduler.dueAt(Math.min(due, push.expiresAt));
  else o.scheduler.dueAt(push.expiresAt);
  return { ...answer(PAP.ACCEPTED), key: push.key };
}

function pushOf(submission: Submission, key: string, now: number, limits: EngineLimits): Push {
  const { recipients: _recipients, ...rest } = submission;
  return {
    ...rest,
    key,
    acceptedAt: now,
    expiresAt: submission.deliverBefore ?? Math.max(now, submission.deliverAfter ?? now) + limits.maxAge,
    applicationId: applicationTag(submission),
  };
}

function applicationTag({ content }: Submission): string {
  const header = content.headers.find(({ name }) => name.toLowerCase() === 'x-wap-application-id');
  return parseApplicationId(header?.value).tag;
}

import type { Clock } from '../base/clock.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { Writable } from '../base/writable.ts';
import type { Bearer } from '../bearer/bearer.ts';
import { applicationIdOf } from '../model/application-id.ts';
import { contradiction } from '../model/capabilities.ts';
import type { ClientCapabilities } from '../model/client-capabilities.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Push, Submission } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import type { Acceptance, AcceptResult, Store } from '../store/store.ts';
import { tellCancelled } from './cancel.ts';
import type { EngineLimits } from './limits.ts';
import type { Notifier } from './notifier.ts';
import type { Scheduler } from './scheduler.ts';
import type { Subscribers } from './subscribers.ts';

export interface AcceptorOptions {
  readonly store: Pick<Store, 'accept'>;
  readonly scheduler: Scheduler;
  readonly notifier: Pick<Notifier, 'kick'>;
  readonly subscribers: Subscribers;
  readonly bearers: readonly Bearer[];
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

const REFUSALS: Record<(AcceptResult & { accepted: false })['reason'], number> = {
  duplicate: PAP.DUPLICATE_PUSH_ID,
  'not-found': PAP.PUSH_ID_NOT_FOUND,
  'nothing-pending': PAP.CANCELLATION_NOT_POSSIBLE,
};

const answer = (code: number): SubmitAnswer => ({ code, desc: describeCode(code) });

/**
 * Makes a submission durable. Resolves with 1001 only after the store has it on disk; a push that may leave at once is
 * claimed in the same transaction and starts the moment it is durable.
 * Rejects with PPG_E_STORE when the store cannot take it: nothing was accepted then.
 */
export async function accept(submission: Submission, o: AcceptorOptions): Promise<SubmitAnswer> {
  const now = o.clock.now();
  const { initiator, pushId } = submission;
  const refuse = (code: number): SubmitAnswer => {
    o.events.emit('refused', { initiator, pushId, at: now, code });
    return answer(code);
  };
  if (submission.qos?.deliveryMethod === 'confirmed' && o.bearers.every(({ confirms }) => confirms === false)) {
    return refuse(PAP.DELIVERY_METHOD_NOT_POSSIBLE);
  }
  if (submission.capabilities !== undefined && (await contradicted(submission.capabilities, submission, o))) {
    return refuse(PAP.CAPABILITIES_MISMATCH);
  }
  const push = pushOf(submission, o.newKey(), now, o.limits);
  const due = Math.max(now, submission.deliverAfter ?? now);
  const atOnce = due <= now && push.expiresAt > now;
  const wanted = submission.recipients.length;
  const lease = atOnce ? o.scheduler.reserve(wanted) : undefined;
  const { recipients } = submission;
  const acceptance: Acceptance = lease === undefined ? { push, recipients, due } : { push, recipients, due, lease };

  let started = 0;
  try {
    const result = await o.store.accept(acceptance);
    if (!result.accepted) return refuse(REFUSALS[result.reason]);
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
    if (result.replaced !== undefined) tellReplaced(push, submission, result, o);
  } finally {
    if (lease !== undefined) o.scheduler.release(wanted - started);
  }
  if (lease === undefined) o.scheduler.dueAt(Math.min(due, push.expiresAt));
  else o.scheduler.dueAt(push.expiresAt);
  return { code: PAP.ACCEPTED, desc: describeCode(PAP.ACCEPTED), key: push.key };
}

/**
 * Whether the devices of any address are known not to be what the initiator takes them for; of a group those of every
 * member, since for the others it can still go on.
 */
async function contradicted(
  capabilities: ClientCapabilities,
  { recipients }: Submission,
  { subscribers }: AcceptorOptions,
): Promise<boolean> {
  const fits = new Map<string, boolean>();
  for (const address of recipients) {
    const registration = await subscribers.find(address.aor);
    const wrong = contradiction(capabilities, registration, address) !== undefined;
    fits.set(address.text, !wrong || fits.get(address.text) === true);
  }
  return [...fits.values()].includes(false);
}

/** The old push's recipients are cancelled, and those of the new one that are left out have ended: both are told. */
function tellReplaced(
  push: Push,
  { recipients }: Submission,
  { replaced = [], leftOut = [] }: AcceptResult & { accepted: true },
  { events, notifier }: AcceptorOptions,
): void {
  const { initiator, pushId, acceptedAt: at } = push;
  const cause = `replaced by ${pushId}`;
  tellCancelled(replaced, { initiator, pushId: push.replaces?.pushId ?? '', at, cause }, events);
  for (const index of leftOut) {
    events.emit('state', {
      initiator,
      pushId,
      push: push.key,
      index,
      at,
      address: recipients[index]?.text ?? '',
      state: 'undeliverable',
      code: PAP.CANCELLATION_NOT_POSSIBLE,
      cause: 'nothing of the replaced push was left to cancel',
    });
  }
  notifier.kick();
}

/** Written out, since an object made of the rest of another costs as much as reading its document's version. */
function pushOf(submission: Submission, key: string, now: number, limits: EngineLimits): Push {
  const { qos, deliverBefore, deliverAfter, sourceReference, notifyUrl, replaces, capabilities, content } = submission;
  const push: Writable<Push> = {
    initiator: submission.initiator,
    pushId: submission.pushId,
    progressNotes: submission.progressNotes,
    papVersion: submission.papVersion,
    content,
    key,
    acceptedAt: now,
    expiresAt: deliverBefore ?? Math.max(now, deliverAfter ?? now) + limits.maxAge,
    applicationId: applicationIdOf(content.headers),
  };
  if (qos !== undefined) push.qos = qos;
  if (deliverBefore !== undefined) push.deliverBefore = deliverBefore;
  if (deliverAfter !== undefined) push.deliverAfter = deliverAfter;
  if (sourceReference !== undefined) push.sourceReference = sourceReference;
  if (notifyUrl !== undefined) push.notifyUrl = notifyUrl;
  if (replaces !== undefined) push.replaces = replaces;
  if (capabilities !== undefined) push.capabilities = capabilities;
  return push;
}

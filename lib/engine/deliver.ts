import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import type { Writable } from '../base/writable.ts';
import type { Bearer, DeliveryTarget } from '../bearer/bearer.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { BearerNames } from '../model/bearer-names.ts';
import { contradiction } from '../model/capabilities.ts';
import type { Claim, Outcome, Proof } from '../model/delivery.ts';
import type { Device, Registration } from '../model/device.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { AttemptRecord, Push } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import { isTerminal } from '../model/states.ts';
import type { Consent } from '../security/consent.ts';
import type { Lease, Settlement, SettleResult, Store } from '../store/store.ts';
import { callIdOf } from './call-id.ts';
import type { CapabilitySource } from './capability-source.ts';
import { chooseBearer, failedBearers, NO_BEARER_NAME } from './choose-bearer.ts';
import type { HopPace } from './hop-pace.ts';
import { insist } from './insist.ts';
import type { Leases } from './leases.ts';
import { type EngineLimits, LEASE, type RetryPolicy } from './limits.ts';
import type { Notifier } from './notifier.ts';
import { attemptRecord, outcomeOf, wantsProof } from './outcome.ts';
import { leftProofs, type Prover, type Tried, withEarlyProofs } from './prove.ts';
import { offlineWait } from './retry.ts';
import { type Route, route, targetId } from './router.ts';
import { isCovered, type Subscribers } from './subscribers.ts';

export interface DelivererOptions {
  readonly store: Pick<Store, 'settle'>;
  readonly subscribers: Subscribers;
  readonly bearers: readonly Bearer[];
  /** Who asks devices what they can; default: nobody. */
  readonly capabilities?: CapabilitySource;
  /** What initiators call them. Default: the names that are always there. */
  readonly bearerNames?: BearerNames;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  readonly pace: HopPace;
  readonly limits: EngineLimits;
  readonly retry: RetryPolicy;
  readonly random: () => number;
  /** Owner name of this node's leases. */
  readonly owner: string;
  /** Domain part of Call-IDs. */
  readonly domain: string;
  /** A lease for the next push of the same subscriber, or undefined when nothing more may start now. */
  readonly nextLease: () => Lease | undefined;
  /** Keeps the leases of what is under way. */
  readonly leases: Pick<Leases, 'begin' | 'end' | 'signal'>;
  /** Gets the notifications that final states made, or hears that the store owes one. */
  readonly notifier: Pick<Notifier, 'hasRoom' | 'send' | 'kick'>;
  /** Knows what is told of a push while it is tried. */
  readonly proofs: Pick<Prover, 'begin' | 'take' | 'again'>;
  /** Whether the subscriber is to get the push; `unsure` leaves it waiting. Default: yes. Must not throw or reject. */
  readonly allowDelivery?: (push: Push, address: RecipientAddress) => Consent | Promise<Consent>;
  /** Told when a recipient waits until `due`. */
  readonly onDue: (due: number) => void;
  /** See InsistOptions. */
  readonly stopping?: AbortSignal;
}

/**
 * Takes a claim to its outcome: asks where the user's devices are, tries each by the best bearer, makes one outcome of
 * the answers and settles it in one transaction with the notification. Goes on with the next push of the same
 * subscriber for as long as the store hands one out.
 */
export class Deliverer {
  readonly #o: DelivererOptions;

  constructor(options: DelivererOptions) {
    this.#o = options;
  }

  /** Never rejects: whatever goes wrong is logged, and the claim's lease brings the recipient back. */
  async run(first: Claim): Promise<void> {
    const { leases, proofs, log, clock, onDue } = this.#o;
    for (let claim: Claim | undefined = first, next: Claim | undefined; claim !== undefined; claim = next) {
      next = undefined;
      leases.begin(claim);
      try {
        next = await this.#once(claim);
      } catch (error) {
        proofs.take(claim);
        const { pushId, initiator } = claim.pushData;
        log.error(
          { pushId, initiator, cause: messageOf(error) },
          'an attempt could not be finished; its lease will bring the push back',
        );
        onDue(clock.now() + LEASE);
      } finally {
        leases.end(claim);
      }
    }
  }

  async #once(claim: Claim): Promise<Claim | undefined> {
    const { clock, subscribers, allowDelivery, proofs } = this.#o;
    const startedAt = clock.now();
    // Of an earlier attempt, while it is found out where this one goes.
    proofs.begin(claim);
    if (allowDelivery !== undefined) {
      const asked = allowDelivery(claim.pushData, claim.address);
      const allowed = asked instanceof Promise ? await asked : asked;
      if (allowed !== true) return this.#unwanted(claim, allowed);
    }
    const found = subscribers.find(claim.address.aor);
    let registration = found instanceof Promise ? await found : found;
    let way = this.#route(claim, registration);
    const asking = this.#ask(claim, registration, way);
    if (asking !== undefined) {
      await asking;
      registration = await subscribers.find(claim.address.aor);
      way = this.#route(claim, registration);
    }
    const { capabilities } = claim.pushData;
    const wrong = capabilities && contradiction(capabilities, registration, claim.address);
    if (wrong !== undefined) {
      return this.#untried(claim, finalOutcome(claim, 'undeliverable', PAP.CAPABILITIES_MISMATCH), wrong);
    }
    // `await`, here and below: a promise that is returned as it is takes two turns more of the microtask queue.
    if (way.kind === 'targets') return await this.#attempt(claim, way.targets, registration, startedAt);
    if (way.kind === 'refused') {
      const state = way.code >= 5000 ? 'aborted' : 'undeliverable';
      return this.#untried(claim, finalOutcome(claim, state, way.code), way.cause);
    }
    const wait = { policy: this.#o.retry, random: this.#o.random };
    const due = startedAt + offlineWait(claim.offlineTries, isCovered(subscribers, claim.address.aor), undefined, wait);
    const code = PAP.SERVICE_UNAVAILABLE;
    const outcome: Outcome = {
      to: 'pending',
      due,
      offline: true,
      attempted: claim.attempted,
      code,
      desc: describeCode(code),
    };
    return this.#untried(claim, outcome, way.cause);
  }

  #route({ address, pushData: push, attempts }: Claim, registration: Registration | undefined): Route {
    const { bearers, bearerNames } = this.#o;
    const fits = (device: Device): boolean =>
      chooseBearer(push, { kind: 'device', device }, bearers, bearerNames).bearer !== undefined;
    return route(address, push.applicationId, registration, attempts, fits);
  }

  /** Finds out what the devices can that the push would go to; a fork is never asked, since its one answer names nobody. */
  #ask({ address }: Claim, registration: Registration | undefined, way: Route): Promise<void> | undefined {
    const { capabilities } = this.#o;
    if (capabilities === undefined || way.kind !== 'targets' || registration?.devices.length === 0) return undefined;
    if (registration === undefined) return undefined;
    return capabilities.ask(
      address.aor,
      way.targets.flatMap((target) => (target.kind === 'device' ? [target.device] : [])),
    );
  }

  /** Nobody may be sent what he does not want, nor lose what he does because nobody could say. */
  #unwanted(claim: Claim, allowed: false | 'unsure'): Promise<Claim | undefined> {
    if (allowed === false) {
      const outcome = finalOutcome(claim, 'undeliverable', PAP.FORBIDDEN);
      return this.#untried(claim, outcome, 'the subscriber or the operator wants no such pushes');
    }
    const code = PAP.SERVICE_UNAVAILABLE;
    const outcome: Outcome = {
      to: 'pending',
      due: this.#o.clock.now() + this.#o.retry.longest,
      offline: false,
      attempted: claim.attempted,
      code,
      desc: describeCode(code),
    };
    return this.#untried(claim, outcome, 'nobody can say whether the subscriber wants it');
  }

  /** The end of an attempt in which no device was asked. */
  #untried(claim: Claim, outcome: Outcome, cause: string): Promise<Claim | undefined> {
    const proofs = this.#o.proofs.take(claim);
    return this.#settle(claim, provenBefore(claim, outcome, proofs), [], cause, leftProofs(proofs, []));
  }

  async #attempt(
    claim: Claim,
    targets: readonly DeliveryTarget[],
    before: Registration | undefined,
    startedAt: number,
  ): Promise<Claim | undefined> {
    const { events, clock, limits, pace, subscribers } = this.#o;
    if (events.has('attempt')) {
      events.emit('attempt', {
        initiator: claim.pushData.initiator,
        pushId: claim.pushData.pushId,
        push: claim.push,
        index: claim.index,
        at: startedAt,
        attempt: claim.attempt,
        aor: claim.address.aor,
        devices: targets.length,
      });
    }
    const [only] = targets;
    const answered =
      targets.length === 1 && only !== undefined
        ? [await this.#try(claim, only, startedAt)]
        : await Promise.all(targets.map((target) => this.#try(claim, target, startedAt)));

    const now = clock.now();
    for (const { result } of answered) {
      if (pace.learn(claim.address.aor, result)) {
        this.#o.onDue(pace.pausedUntil);
        events.emit('hop', { at: now, pausedUntil: pace.pausedUntil });
      }
    }
    const offline = answered.some(({ result }) => result.kind === 'retry' && result.why === 'offline');
    const registeredMeanwhile = offline && (await this.#registeredSince(claim.address.aor, before));
    const proofs = this.#o.proofs.take(claim);
    const tried = proofs.length === 0 ? answered : withEarlyProofs(answered, proofs);
    const [first] = tried;
    const alone = tried.length === 1 && first !== undefined ? first : undefined;
    const found = outcomeOf(claim, alone === undefined ? tried.map(({ result }) => result) : [alone.result], {
      now,
      limits,
      wait: { policy: this.#o.retry, random: this.#o.random },
      covered: isCovered(subscribers, claim.address.aor),
      registeredMeanwhile,
    });
    const outcome = proofs.length === 0 ? found : provenBefore(claim, found, proofs);
    const left = proofs.length === 0 ? proofs : leftProofs(proofs, tried);
    if (alone !== undefined && alone.earlier === undefined)
      return await this.#settle(claim, outcome, [alone.record], alone.result.cause, left);
    const causes = tried.map(({ result }) => result.cause).join('; ');
    return this.#settle(
      claim,
      outcome,
      tried.flatMap(({ earlier = [], record }) => [...earlier, record]),
      causes,
      left,
    );
  }

  /** A device that appeared while an older request found nobody must not wait for the slow retry. */
  async #registeredSince(aor: string, before: Registration | undefined): Promise<boolean> {
    const after = await this.#o.subscribers.find(aor);
    if (after === undefined || !after.registered) return false;
    // By what was known, not by the time of the attempt: it may have been received before it, and stored meanwhile.
    return before === undefined || after.updatedAt !== before.updatedAt;
  }

  /** By the best bearer; when that one's form of the push is refused, by the next. */
  async #try(claim: Claim, target: DeliveryTarget, startedAt: number): Promise<Tried> {
    const { pushData: push } = claim;
    const { bearers, bearerNames, domain, clock, leases } = this.#o;
    const device = targetId(target);
    const callId = callIdOf(claim, device, domain);
    const failed = failedBearers(claim.attempts, device);
    let earlier: AttemptRecord[] | undefined;
    let last: Tried | undefined;
    for (;;) {
      const { bearer, refusal } = chooseBearer(push, target, bearers, bearerNames, failed);
      // What the device said of one bearer's form outweighs that no other bearer has one.
      if (bearer === undefined && last !== undefined) return last;
      const result =
        bearer === undefined
          ? refusal
          : await bearer.deliver({
              push,
              index: claim.index,
              address: claim.address,
              target,
              attempt: claim.attempt,
              callId,
              fromTag: callId.slice(0, 16),
              confirmed: wantsProof(push) && bearer.confirms !== false,
              expiresAt: push.expiresAt,
              abandoned: () => leases.signal(claim),
            });
      const by = { id: device, bearer: bearer?.name ?? NO_BEARER_NAME, callId, startedAt };
      const record = attemptRecord(claim, by, result, clock.now());
      last = earlier === undefined ? { result, record } : { result, record, earlier };
      const otherMay = (result.kind === 'failed' || result.kind === 'retry') && result.otherBearer === true;
      if (bearer === undefined || !otherMay) return last;
      earlier = earlier === undefined ? [record] : [...earlier, record];
      failed.add(bearer.name);
    }
  }

  async #settle(
    claim: Claim,
    outcome: Outcome,
    attempts: readonly AttemptRecord[],
    cause: string,
    left: readonly Proof[],
  ): Promise<Claim | undefined> {
    const { clock, owner, events, log, notifier, onDue } = this.#o;
    const at = clock.now();
    const next = this.#o.nextLease();
    const owes = isFinal(outcome) && claim.pushData.notifyUrl !== undefined;
    // One that nobody here can take stays free in the store: leased, it would rest there until the lease has run out.
    const leased = owes && notifier.hasRoom;
    const { push, index, attempt } = claim;
    const settlement: Writable<Settlement> = { push, index, attempt, at, outcome, attempts };
    if (next !== undefined) settlement.next = next;
    if (leased) settlement.notifyLease = { owner, leaseUntil: at + LEASE };
    const result: SettleResult = await insist(settlement, this.#o);
    if (left.length > 0) this.#o.proofs.again(claim, left);
    if (!result.applied) {
      log.warn(
        { pushId: claim.pushData.pushId, push, attempt, cause },
        'the outcome came too late: another attempt has taken over',
      );
      return result.next;
    }
    if (outcome.to === 'pending')
      onDue(Math.min(outcome.due, outcome.deadline ?? outcome.due, claim.pushData.expiresAt));
    else if (outcome.to === 'awaiting-confirmation') onDue(outcome.deadline);
    if (result.notification !== undefined) notifier.send(result.notification);
    // Not leased, or made with others of a group: then the store has it for whoever asks.
    else if (owes) notifier.kick();
    if (outcome.to !== 'delivered') {
      log.info(
        {
          pushId: claim.pushData.pushId,
          initiator: claim.pushData.initiator,
          push,
          state: outcome.to,
          code: outcome.code,
          attempt,
          cause,
        },
        'push not delivered by this attempt',
      );
    }
    if (events.has('state')) {
      const told: Writable<EngineEvents['state']> = {
        initiator: claim.pushData.initiator,
        pushId: claim.pushData.pushId,
        push,
        index,
        at,
        address: claim.address.text,
        state: outcome.to,
        code: outcome.code,
        cause,
      };
      if (outcome.to === 'pending') told.due = outcome.due;
      events.emit('state', told);
    }
    return result.next;
  }
}

/** A device that was asked before has it: whatever this attempt has found. */
function provenBefore(claim: Claim, outcome: Outcome, proofs: readonly Proof[]): Outcome {
  if (outcome.to === 'delivered' || !proofs.some(({ kind }) => kind === 'delivered')) return outcome;
  return {
    to: 'delivered',
    code: PAP.OK,
    desc: describeCode(PAP.OK),
    deliveredBy: wantsProof(claim.pushData) ? 'confirmed' : 'unconfirmed',
  };
}

const isFinal = (outcome: Outcome): boolean => isTerminal(outcome.to);

const finalOutcome = (claim: Claim, to: 'undeliverable' | 'aborted', code: number): Outcome => ({
  to,
  code,
  desc: describeCode(code),
  deliveredBy: wantsProof(claim.pushData) ? 'confirmed' : 'unconfirmed',
});

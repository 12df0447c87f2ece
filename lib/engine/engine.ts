import type { Clock } from '../base/clock.ts';
import { PpgError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import { orderedIds } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { Bearer } from '../bearer/bearer.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { BearerNames } from '../model/bearer-names.ts';
import { capabilitiesOf, devicesFor } from '../model/capabilities.ts';
import type { ClientCapabilities } from '../model/client-capabilities.ts';
import type { Proof } from '../model/delivery.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { CancelAnswer, PapService, StatusAnswer } from '../model/pap-service.ts';
import type { Push, RecipientRef, Submission } from '../model/push.ts';
import type { Consent } from '../security/consent.ts';
import type { PushStatus, Store } from '../store/store.ts';
import { type AcceptorOptions, accept, type SubmitAnswer } from './accept.ts';
import { cancelAnswer, tellCancelled } from './cancel.ts';
import type { CapabilitySource } from './capability-source.ts';
import { Deliverer } from './deliver.ts';
import { HopPace, type HopPacePolicy } from './hop-pace.ts';
import { Leases } from './leases.ts';
import type { EngineLimits, RetryPolicy } from './limits.ts';
import { Notifier, type NotifyPolicy, type Post } from './notifier.ts';
import { Operator } from './operator.ts';
import { Prover } from './prove.ts';
import { statusAnswer } from './queries.ts';
import { Scheduler } from './scheduler.ts';
import type { Gate, Subscribers } from './subscribers.ts';

export interface EngineOptions {
  readonly store: Store;
  readonly subscribers: Subscribers;
  readonly bearers: readonly Bearer[];
  /** See DelivererOptions. */
  readonly capabilities?: CapabilitySource;
  /** See DelivererOptions. */
  readonly bearerNames?: BearerNames;
  readonly gate: Gate;
  readonly post: Post;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Events<EngineEvents>;
  /** Owner of this node's leases; unique among the nodes of a store. */
  readonly owner: string;
  readonly domain: string;
  readonly limits: EngineLimits;
  readonly retry: RetryPolicy;
  readonly notify: NotifyPolicy;
  readonly hopPace: HopPacePolicy;
  /** 0 to 1; `Math.random` outside tests. */
  readonly random: () => number;
  /** See DelivererOptions. */
  readonly allowDelivery?: (push: Push, address: RecipientAddress) => Consent | Promise<Consent>;
  /** Initiators whose final pushes are kept for less than `limits.retention`, and how long, milliseconds. */
  readonly retentions?: () => ReadonlyMap<string, number>;
  /** Called when the store is open and nothing is delivered yet; must not reject. */
  readonly opened?: () => Promise<void>;
  /**
   * Asked before a submission is stored. Throws or rejects with a PpgError to refuse it; otherwise gives a function
   * that is called once the submission is stored or has failed. Default: everything is let in.
   */
  readonly admit?: (submission: Submission) => (() => void) | Promise<() => void>;
  /**
   * Finds out where addresses lead, once a submission was let in. Rejects with a PpgError when that cannot be said: the
   * submission is refused. `done` is called once it is stored or has failed. Default: where they say.
   */
  readonly resolve?: {
    submission(submission: Submission): Promise<{ readonly submission: Submission; readonly done: () => void }>;
    /** For questions about a push; never rejects. */
    addresses(addresses: readonly RecipientAddress[]): Promise<readonly RecipientAddress[]>;
  };
  /**
   * Throws PPG_E_FORBIDDEN when an initiator may not ask about a user; `asked` is the address as it was submitted, where it
   * led to another. Default: everybody may.
   */
  readonly mayAsk?: (
    initiator: string,
    address: RecipientAddress,
    application?: string,
    asked?: RecipientAddress,
  ) => void;
}

/** How long a stop waits for what is under way, milliseconds. */
const DRAIN = 5000;

const nothing = async (): Promise<void> => undefined;

/** The heart of the gateway: takes submissions, delivers, retries, ends and reports them. */
export class Engine implements PapService {
  readonly #o: EngineOptions;
  readonly #scheduler: Scheduler;
  readonly #notifier: Notifier;
  readonly #prover: Prover;
  readonly #leases: Leases;
  readonly #acceptor: AcceptorOptions;
  /** For operators. */
  readonly operator: Operator;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #starting: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(options: EngineOptions) {
    this.#o = options;
    const { store, clock, log, events, owner, random, limits } = options;
    this.operator = new Operator({
      store,
      clock,
      events,
      onOwed: () => this.#notifier.kick(),
      onDue: (due) => this.#scheduler.dueAt(due),
    });
    const pace = new HopPace(clock, options.hopPace);
    this.#notifier = new Notifier({
      store,
      clock,
      log,
      events,
      owner,
      random,
      post: options.post,
      policy: options.notify,
    });
    this.#prover = new Prover({
      store,
      clock,
      log,
      events,
      onEnded: () => this.#notifier.kick(),
      onFreed: () => this.#scheduler.kick(),
      stopping: this.#stopping.signal,
    });
    this.#leases = new Leases({ store, clock, log });
    const deliverer = new Deliverer({
      ...options,
      leases: this.#leases,
      proofs: this.#prover,
      pace,
      nextLease: () => this.#scheduler.nextLease(),
      notifier: this.#notifier,
      onDue: (due) => this.#scheduler.dueAt(due),
      stopping: this.#stopping.signal,
    });
    this.#scheduler = new Scheduler({
      store,
      clock,
      log,
      events,
      gate: options.gate,
      pace,
      owner,
      inFlight: limits.inFlight,
      wakeRate: limits.wakeRate,
      subscribers: options.subscribers,
      retention: limits.retention,
      ...(options.retentions !== undefined && { retentions: options.retentions }),
      deliver: (claim) => deliverer.run(claim),
      onEnded: () => this.#notifier.kick(),
    });
    this.#acceptor = {
      ...options,
      scheduler: this.#scheduler,
      notifier: this.#notifier,
      newKey: orderedIds(() => clock.now()),
    };
  }

  /** Opens the store and takes up what an earlier life left behind. Rejects with PPG_E_STATE when it is stopped meanwhile. */
  start(): Promise<void> {
    if (this.#state !== 'new' || this.#starting !== undefined) {
      return Promise.reject(new PpgError('PPG_E_STATE', 'the gateway was started before; make a new one'));
    }
    this.#starting = this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { store, clock, opened } = this.#o;
    await store.open(clock.now());
    await opened?.();
    if (this.#state !== 'new') {
      await store.close();
      throw new PpgError('PPG_E_STATE', 'the gateway was stopped while it started');
    }
    this.#state = 'running';
    this.#scheduler.start();
    this.#notifier.start();
  }

  /**
   * Takes nothing more and closes the store when everything under way has ended. What takes longer than `within`
   * milliseconds is abandoned: `abandon` makes open attempts and POSTs fail, so that their ends are stored as unknown
   * and owed, and the next start takes them up.
   */
  async stop(abandon: () => Promise<void> = nothing, within: number = DRAIN): Promise<void> {
    const before = this.#state;
    if (before === 'stopped') return;
    this.#state = 'stopped';
    this.#stopping.abort();
    if (before === 'new') {
      await this.#starting?.catch(() => undefined); // whoever starts is told, and closes the store
      return abandon(); // nothing is under way
    }
    const drained = this.#drain();
    await this.#atMost(within, drained);
    await abandon();
    await drained;
    await this.#o.store.close();
  }

  async #drain(): Promise<void> {
    await this.#scheduler.stop();
    this.#leases.stop();
    await this.#notifier.stop();
  }

  #atMost(within: number, work: Promise<void>): Promise<void> {
    const { clock } = this.#o;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, within);
      void work.then(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  /** See PapService.submit. Rejects with PPG_E_STATE when the gateway does not run. */
  submit(submission: Submission): Promise<SubmitAnswer> {
    if (this.#state !== 'running') {
      return Promise.reject(new PpgError('PPG_E_STATE', 'the gateway does not run, so it cannot take a push'));
    }
    return this.#submit(submission);
  }

  async #submit(submission: Submission): Promise<SubmitAnswer> {
    const admitted = this.#o.admit?.(submission);
    const done = [admitted instanceof Promise ? await admitted : admitted];
    try {
      const { resolve } = this.#o;
      if (resolve === undefined) return await accept(submission, this.#acceptor);
      const resolved = await resolve.submission(submission);
      done.push(resolved.done);
      return await accept(resolved.submission, this.#acceptor);
    } finally {
      for (const each of done) each?.();
    }
  }

  /** See PapService.cancel. Rejects with PPG_E_STORE or PPG_E_STORE_CLOSED; nothing was cancelled then. */
  async cancel(
    initiator: string,
    pushId: string,
    addresses: readonly RecipientAddress[],
  ): Promise<CancelAnswer | undefined> {
    const { store, clock, events } = this.#o;
    const at = clock.now();
    const { resolve } = this.#o;
    const wanted = resolve === undefined ? addresses : await resolve.addresses(addresses);
    const cancelled = await store.cancel({ initiator, pushId, addresses: wanted, at });
    if (cancelled === undefined) return undefined;
    const of = { initiator, pushId, at, cause: 'cancelled by the initiator' };
    if (tellCancelled(cancelled.recipients, of, events)) this.#notifier.kick();
    return cancelAnswer(cancelled);
  }

  /** See PapService.capabilities. */
  async capabilities(
    initiator: string,
    address: RecipientAddress,
    applicationId?: string,
  ): Promise<ClientCapabilities | undefined> {
    this.#o.mayAsk?.(initiator, address, applicationId);
    const [found = address] = (await this.#o.resolve?.addresses([address])) ?? [];
    if (found.aor !== address.aor) this.#o.mayAsk?.(initiator, found, applicationId, address);
    const { subscribers, capabilities } = this.#o;
    const registration = await subscribers.find(found.aor);
    const asking = registration && capabilities?.ask(found.aor, devicesFor(registration, found));
    if (asking === undefined) return capabilitiesOf(registration, found, applicationId);
    await asking;
    return capabilitiesOf(await subscribers.find(found.aor), found, applicationId);
  }

  async status(
    initiator: string,
    pushId: string,
    addresses: readonly RecipientAddress[],
  ): Promise<StatusAnswer | undefined> {
    const found = await this.find(initiator, pushId);
    if (found === undefined) return undefined;
    const { resolve } = this.#o;
    return statusAnswer(found, resolve === undefined ? addresses : await resolve.addresses(addresses));
  }

  /** A push with its recipients and their attempts. */
  find(initiator: string, pushId: string): Promise<PushStatus | undefined> {
    return this.#o.store.status(initiator, pushId);
  }

  /**
   * Somebody told that a device has a push, or will not take it: ends what waits for that, and is kept for an attempt
   * that is still under way. A refusal decides only when no other device may have the push. Who tells must have been
   * checked. True when the recipient ended by it. Never rejects.
   */
  async prove(ref: RecipientRef, proof: Proof): Promise<boolean> {
    return this.#state === 'new' ? false : this.#prover.prove(ref, proof);
  }

  /** A registration of the user was seen. */
  wake(aor: string): void {
    this.#scheduler.wake(aor);
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** Users who registered and whose waiting pushes are not let go yet (limits.wakeRate). */
  get wakesWaiting(): number {
    return this.#scheduler.wakesWaiting;
  }

  /** Attempts under way. */
  get inFlight(): number {
    return this.#scheduler.inFlight;
  }
}

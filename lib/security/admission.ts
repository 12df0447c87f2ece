import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { Submission } from '../model/push.ts';
import type { OpenCounts, OpenLedger } from './ledger.ts';
import { type AllowRules, compilePolicy, type NumberDomain, type Policy, recipientCheck } from './policy.ts';
import { type Rate, RateLimit } from './rate-limit.ts';

export interface AdmissionAccount {
  readonly name: string;
  readonly allow?: AllowRules | undefined;
}

export interface AdmissionOptions {
  readonly accounts: readonly AdmissionAccount[];
  /** Whether no recipient may get it, since the subscriber or the operator wants no such pushes. */
  readonly blocked: (submission: Submission) => boolean;
  readonly ledger: OpenLedger;
  readonly domainOf: NumberDomain;
  /** Recipients that may be open in the whole gateway; 0: no limit. */
  readonly backlog: number;
  /** The store's own count, for when a limit is reached. */
  readonly recount: () => Promise<OpenCounts>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Gate {
  readonly policy: Policy;
  readonly recipients: ReturnType<typeof recipientCheck>;
  readonly open: number;
  readonly rate: KeptRate;
  readonly queryRate: KeptRate;
}

/** A limit and the numbers that it was made of; without any there is none. */
interface KeptRate {
  readonly limit: RateLimit | undefined;
  readonly rules: string;
}

/** A rate whose numbers stay goes on counting. */
function keptRate(rate: Rate | undefined, before: KeptRate | undefined): KeptRate {
  const rules = JSON.stringify(rate ?? null);
  return before?.rules === rules ? before : { limit: rate && new RateLimit(rate), rules };
}

const nothing = (): void => undefined;

/** When to come again: places become free as fast as devices answer. Milliseconds. */
const BACKLOG_RETRY = 5000;
const OPEN_RETRY = 10_000;
/** A limit that is reached is compared with the store at most so often, milliseconds. */
const RECOUNT_EVERY = 30_000;

/**
 * Decides whether a submission may be stored: the block list, the account's policy, its rate, its open recipients, the backlog of the
 * gateway, in this order. What the policy refuses takes nothing from the rate. Whoever has no rules (the app's
 * own pushes) meets the backlog only.
 */
export class Admission {
  readonly #o: AdmissionOptions;
  #gates = new Map<string, Gate>();
  #recountedAt = Number.NEGATIVE_INFINITY;

  /** Throws PPG_E_OPTIONS for rules that cannot be read. */
  constructor(options: AdmissionOptions) {
    this.#o = options;
    this.prepare(options.accounts)();
  }

  /**
   * Reads other rules; the function puts them in the place of the old ones. A rate whose numbers stay goes on counting.
   * Throws PPG_E_OPTIONS.
   */
  prepare(accounts: readonly AdmissionAccount[]): () => void {
    const gates = new Map<string, Gate>();
    const { domainOf } = this.#o;
    for (const { name, allow } of accounts) {
      if (allow === undefined) continue;
      const before = this.#gates.get(name);
      gates.set(name, {
        policy: compilePolicy(allow, domainOf),
        recipients: recipientCheck(allow.recipients, domainOf),
        open: allow.open ?? Number.POSITIVE_INFINITY,
        rate: keptRate(allow.rate, before?.rate),
        queryRate: keptRate(allow.queryRate, before?.queryRate),
      });
    }
    return () => {
      this.#gates = gates;
    };
  }

  /**
   * Lets a submission in: the function that comes back gives up its place once it is stored or not.
   * Throws or rejects with PPG_E_FORBIDDEN (2001), PPG_E_QUOTA or PPG_E_OVERLOAD (both with `retryAfter`); `rule` names
   * the option.
   */
  admit(submission: Submission): (() => void) | Promise<() => void> {
    if (this.#o.blocked(submission)) {
      throw new PpgError('PPG_E_FORBIDDEN', 'the recipient or the operator wants no such pushes (block)', {
        rule: 'block',
      });
    }
    const gate = this.#gates.get(submission.initiator);
    if (gate === undefined) return this.#reserve(submission, Number.POSITIVE_INFINITY);
    const refusal = gate.policy(submission);
    if (refusal !== undefined) {
      throw new PpgError('PPG_E_FORBIDDEN', `${refusal.reason} (${refusal.rule})`, { rule: refusal.rule });
    }
    const { open } = gate;
    const rate = gate.rate.limit;
    return rate === undefined ? this.#reserve(submission, open) : this.#inRate(submission, rate, open);
  }

  /**
   * Asks again whether there is room, for a submission that was let in and has `more` recipients since its groups were
   * expanded; the function gives up their places once it is stored or not. Throws PPG_E_QUOTA or PPG_E_OVERLOAD.
   */
  grown({ initiator, recipients }: Submission, more: number): () => void {
    if (more <= 0) return nothing;
    const open = this.#gates.get(initiator)?.open ?? Number.POSITIVE_INFINITY;
    return this.#reserve({ initiator, recipients: recipients.slice(0, more) }, open);
  }

  /** Throws PPG_E_FORBIDDEN when the account may not push to that user: then it may not ask about the user either. */
  mayAsk(initiator: string, address: RecipientAddress): void {
    const refusal = this.#gates.get(initiator)?.recipients?.({ recipients: [address] });
    if (refusal !== undefined) {
      throw new PpgError('PPG_E_FORBIDDEN', `${refusal.reason} (${refusal.rule})`, { rule: refusal.rule });
    }
  }

  /** Counts a cancel, status query or capability query. Rejects with PPG_E_QUOTA (`retryAfter`) past `allow.queryRate`. */
  query(initiator: string): void | Promise<void> {
    const limit = this.#gates.get(initiator)?.queryRate.limit;
    if (limit !== undefined) return this.#inQueryRate(limit);
  }

  async #inQueryRate(limit: RateLimit): Promise<void> {
    const wait = await limit.take();
    if (wait === 0) return;
    throw new PpgError('PPG_E_QUOTA', 'this account asks and cancels faster than it may (allow.queryRate)', {
      rule: 'allow.queryRate',
      retryAfter: wait,
    });
  }

  async #inRate(submission: Submission, rate: RateLimit, open: number): Promise<() => void> {
    const wait = await rate.take();
    if (wait === 0) return this.#reserve(submission, open);
    throw new PpgError('PPG_E_QUOTA', 'this account submits faster than it may (allow.rate)', {
      rule: 'allow.rate',
      retryAfter: wait,
    });
  }

  #reserve({ initiator, recipients }: Pick<Submission, 'initiator' | 'recipients'>, open: number): () => void {
    const { ledger, backlog } = this.#o;
    if (open !== Number.POSITIVE_INFINITY && ledger.of(initiator) + recipients.length > open) {
      this.#recount();
      throw new PpgError('PPG_E_QUOTA', `this account may have ${open} recipients open (allow.open)`, {
        rule: 'allow.open',
        retryAfter: OPEN_RETRY,
      });
    }
    if (backlog > 0 && ledger.total + recipients.length > backlog) {
      this.#recount();
      throw new PpgError('PPG_E_OVERLOAD', 'too many pushes wait in this gateway (limits.backlog)', {
        rule: 'limits.backlog',
        retryAfter: BACKLOG_RETRY,
      });
    }
    return ledger.reserve(initiator, recipients.length);
  }

  /** A count that had gone wrong would refuse for ever. */
  #recount(): void {
    const { clock, recount, ledger, log } = this.#o;
    if (clock.now() - this.#recountedAt < RECOUNT_EVERY) return;
    this.#recountedAt = clock.now();
    ledger
      .compare(recount)
      .catch((error: unknown) => log.warn({ cause: messageOf(error) }, 'the store could not be counted'));
  }
}

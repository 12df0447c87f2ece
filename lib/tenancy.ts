import type { Clock } from './base/clock.ts';
import { messageOf } from './base/errors.ts';
import type { Events } from './base/events.ts';
import type { Logger } from './base/log.ts';
import type { AuthOptions, InitiatorOptions } from './initiator-options.ts';
import type { RecipientAddress } from './model/address.ts';
import type { EngineEvents } from './model/engine-events.ts';
import type { Submission } from './model/push.ts';
import { Admission } from './security/admission.ts';
import { type AuthenticateHook, Authenticator } from './security/authenticator.ts';
import { type OpenCounts, OpenLedger } from './security/ledger.ts';
import type { Store } from './store/store.ts';

export interface TenancyOptions {
  readonly initiators: readonly InitiatorOptions[];
  readonly auth: AuthOptions;
  readonly authenticate: AuthenticateHook | undefined;
  /** `limits.backlog`. */
  readonly backlog: number;
  readonly store: Pick<Store, 'counts' | 'operator'>;
  readonly events: Events<EngineEvents>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who may submit, and what each of them may do; everything about accounts that can change while the gateway runs. */
export interface Tenancy {
  readonly auth: Authenticator;
  /** See EngineOptions.admit. */
  admit(submission: Submission): (() => void) | Promise<() => void>;
  /** See EngineOptions.mayAsk. */
  mayAsk(initiator: string, address: RecipientAddress): void;
  /** Counts what the store holds; once it is open, before anything is delivered. Never rejects. */
  opened(): Promise<void>;
  /** Replaces the accounts. Throws PPG_E_OPTIONS and changes nothing then. */
  setInitiators(initiators: readonly InitiatorOptions[]): void;
}

export function createTenancy(options: TenancyOptions): Tenancy {
  const { initiators, backlog, store, events, clock, log } = options;
  const ledger = new OpenLedger(events);
  let quotas = hasQuotas(initiators);
  const recount = async (): Promise<OpenCounts> => {
    if (quotas && store.operator !== undefined) return store.operator.openByInitiator();
    const { pending, sending, awaitingConfirmation } = await store.counts();
    return new Map([['', pending + sending + awaitingConfirmation]]);
  };
  const count = async (): Promise<void> => {
    try {
      ledger.set(await recount());
    } catch (error) {
      log.warn({ cause: messageOf(error) }, 'the store could not be counted; limits on what waits start from nothing');
    }
  };
  const { authenticate } = options;
  const auth = new Authenticator({ accounts: initiators, token: options.auth.token, authenticate, clock, log });
  const admission = new Admission({ accounts: initiators, ledger, backlog, recount, clock, log });
  return {
    auth,
    admit: (submission) => admission.admit(submission),
    mayAsk: (initiator, address) => admission.mayAsk(initiator, address),
    opened: count,
    setInitiators(accounts) {
      const admit = admission.prepare(accounts);
      auth.setAccounts(accounts);
      admit();
      const before = quotas;
      quotas = hasQuotas(accounts);
      if (quotas && !before) void count();
    },
  };
}

const hasQuotas = (accounts: readonly InitiatorOptions[]): boolean =>
  accounts.some(({ allow }) => allow?.open !== undefined);

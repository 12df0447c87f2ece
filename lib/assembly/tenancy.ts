import type { Directory } from '../addressing/directory.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, PpgError } from '../base/errors.ts';
import type { Events } from '../base/events.ts';
import type { Logger } from '../base/log.ts';
import { type AddressOptions, parseAddress } from '../codec/pap/address.ts';
import type { EngineOptions } from '../engine/engine.ts';
import { NotifyIdentities } from '../engine/notify-identity.ts';
import type { RecipientAddress } from '../model/address.ts';
import type { EngineEvents } from '../model/engine-events.ts';
import type { Push, Submission } from '../model/push.ts';
import type { AuthOptions, InitiatorOptions } from '../options/initiators.ts';
import { Admission } from '../security/admission.ts';
import { type AuthenticateHook, Authenticator } from '../security/authenticator.ts';
import { type BlockEntry, BlockList } from '../security/block-list.ts';
import { type AllowDelivery, type Consent, ConsentKeeper } from '../security/consent.ts';
import { type OpenCounts, OpenLedger } from '../security/ledger.ts';
import { compileVouching } from '../security/vouching.ts';
import type { Store } from '../store/store.ts';

export interface TenancyOptions {
  readonly initiators: readonly InitiatorOptions[];
  readonly auth: AuthOptions;
  readonly authenticate: AuthenticateHook | undefined;
  readonly block: readonly BlockEntry[];
  readonly allowDelivery: AllowDelivery | undefined;
  /** How users are read. */
  readonly addresses: AddressOptions;
  /** Finds out where addresses lead; undefined: they lead where they say. */
  readonly directory: Directory | undefined;
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
  readonly identities: NotifyIdentities;
  /** See EngineOptions.retentions. */
  retentions(): ReadonlyMap<string, number>;
  /** Whether pushes of the initiator go with `Privacy: id`. */
  hidesIdentity(initiator: string): boolean;
  /** What the gateway vouches for of a push. */
  vouches(push: Push): string | undefined;
  /** See EngineOptions.admit. */
  admit(submission: Submission): (() => void) | Promise<() => void>;
  /** See EngineOptions.resolve. */
  readonly resolve: EngineOptions['resolve'];
  /** See PapDependencies.admitQuery. */
  admitQuery(initiator: string): void | Promise<void>;
  /** See EngineOptions.mayAsk. */
  mayAsk(initiator: string, address: RecipientAddress, application?: string, asked?: RecipientAddress): void;
  /** See EngineOptions.allowDelivery. */
  allowDelivery(push: Push, address: RecipientAddress): Consent | Promise<Consent>;
  /** Replaces the block list. Throws PPG_E_OPTIONS and changes nothing then. */
  setBlocked(block: readonly BlockEntry[]): void;
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
  const warn = (error: unknown): void =>
    log.warn({ cause: messageOf(error) }, 'the store could not be counted; limits on what waits may be wrong');
  const { authenticate, addresses, directory, allowDelivery } = options;
  const consent = new ConsentKeeper({ blocked: new BlockList(options.block, addresses), allowDelivery, clock, log });
  const blocked = (submission: Submission): boolean => consent.blocks(submission);
  const auth = new Authenticator({ accounts: initiators, token: options.auth.token, authenticate, clock, log });
  const domainOf = (number: string): string => addresses.rules?.domainOf(number) ?? addresses.domain;
  const admission = new Admission({ accounts: initiators, blocked, ledger, domainOf, backlog, recount, clock, log });
  const identities = new NotifyIdentities(initiators);
  let hidden = hiddenOf(initiators);
  let retentions = retentionsOf(initiators);
  let vouching = compileVouching(initiators);
  return {
    auth,
    identities,
    retentions: () => retentions,
    hidesIdentity: (initiator) => hidden.has(initiator),
    vouches: (push) => vouching(push),
    admit: (submission) => admission.admit(submission),
    admitQuery: (initiator) => admission.query(initiator),
    mayAsk(initiator, address, application = '', asked = address) {
      // Who wants no pushes of an initiator wants no questions either.
      if (consent.blocked.blocks(initiator, address.aor, application)) throw forbiddenToAsk();
      // The account's own rules are about what it wrote.
      admission.mayAsk(initiator, asked);
    },
    opened: async () => recount().then((counts) => ledger.set(counts), warn),
    resolve: directory && {
      addresses: (wanted) => directory.resolveForQuery(wanted),
      async submission(submission) {
        const resolved = { ...submission, recipients: await directory.resolve(submission.recipients) };
        if (blocked(resolved)) throw unwanted();
        const done = admission.grown(resolved, resolved.recipients.length - submission.recipients.length);
        return { submission: resolved, done };
      },
    },
    // What was submitted is only another user than the one it led to when there is a directory.
    allowDelivery: (push, { aor, text }) =>
      consent.allows(push, aor, directory === undefined ? aor : askedAor(text, addresses)),
    setBlocked(block) {
      consent.blocked = new BlockList(block, addresses);
      events.emit('operator', { at: clock.now(), action: 'block', entries: block.length });
    },
    setInitiators(accounts) {
      const vouchingThen = compileVouching(accounts);
      const changes = [admission.prepare(accounts), identities.prepare(accounts)];
      // The last that can refuse them; from here on everything changes.
      auth.setAccounts(accounts);
      for (const change of changes) change();
      hidden = hiddenOf(accounts);
      retentions = retentionsOf(accounts);
      vouching = vouchingThen;
      events.emit('operator', { at: clock.now(), action: 'initiators', accounts: accounts.length });
      const before = quotas;
      quotas = hasQuotas(accounts);
      if (quotas && !before) ledger.compare(recount).catch(warn);
    },
  };
}

const forbiddenToAsk = (): PpgError =>
  new PpgError('PPG_E_FORBIDDEN', 'the user or the operator does not let this account ask (block)', { rule: 'block' });

const unwanted = (): PpgError =>
  new PpgError('PPG_E_FORBIDDEN', 'the recipient or the operator wants no such pushes (block)', { rule: 'block' });

function askedAor(text: string, addresses: AddressOptions): string | undefined {
  try {
    return parseAddress(text, addresses).aor;
  } catch {
    return undefined; // It was read when it came, so an alias has gone since: only the one it led to is known.
  }
}

const retentionsOf = (accounts: readonly InitiatorOptions[]): ReadonlyMap<string, number> =>
  new Map(accounts.flatMap(({ name, retention }) => (retention === undefined ? [] : [[name, retention]])));

const hiddenOf = (accounts: readonly InitiatorOptions[]): ReadonlySet<string> =>
  new Set(accounts.filter(({ privacy }) => privacy).map(({ name }) => name));

const hasQuotas = (accounts: readonly InitiatorOptions[]): boolean =>
  accounts.some(({ allow }) => allow?.open !== undefined);

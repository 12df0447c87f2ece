import { type Clock, systemClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import type { Writable } from '../../base/writable.ts';
import type { RecipientAddress } from '../../model/address.ts';
import type { Claim, Notification } from '../../model/delivery.ts';
import type { Registration } from '../../model/device.ts';
import type { Content, Push, RecipientRef } from '../../model/push.ts';
import type { FinalState } from '../../model/states.ts';
import type { BindingStore } from '../bindings.ts';
import type { OperatorStore } from '../operator.ts';
import type { Settled } from '../settled.ts';
import type {
  Acceptance,
  AcceptResult,
  CancelAnswer,
  Cancellation,
  Confirmation,
  Lease,
  NotificationSettlement,
  PushStatus,
  Settlement,
  SettleResult,
  Store,
  StoreCounts,
} from '../store.ts';
import type { AcceptAnswer } from './accept.ts';
import { bindingsOver } from './bindings.ts';
import type { CancelRows, ReplaceAnswer } from './cancel.ts';
import {
  contentOf,
  decodeCancelAnswer,
  decodeCancelled,
  decodeClaim,
  decodeNotification,
  decodeSettled,
  decodeStatus,
} from './decode.ts';
import type { DriverName, SqlRow } from './driver.ts';
import { encodeAcceptance, encodeCancellation, encodeSettlement, storedDescription } from './encode.ts';
import type { SettledRow } from './expire.ts';
import type { CommitGate } from './gate.ts';
import { OP } from './messages.ts';
import { NOTIFY_RESULTS } from './notifications.ts';
import { operatorOver } from './operator.ts';
import { stateNumber } from './schema.ts';
import type { SettleAnswer } from './settle.ts';
import { StoreThread } from './thread.ts';

export interface SqliteStoreOptions {
  /** The database; its folder is made when it is not there. One process at a time. */
  readonly file: string;
  /** Told of what fails and of a slow disk. Default: nobody. */
  readonly log?: Logger;
  /** Measures transactions; the times of pushes come with the calls. Default: the system's. */
  readonly clock?: Clock;
  /** Told when the store can do nothing more for good; a process that ends then and is started again loses nothing. */
  readonly onBroken?: (cause: string) => void;
  /** Most operations in one transaction. Default 256. */
  readonly maxBatch?: number;
  /** Which SQLite to use. Default: libsql, else the one of Node. */
  readonly driver?: DriverName;
  /** For tests: holds, slows or fails commits. */
  readonly gate?: CommitGate;
  /** For tests: the thread's program, already built. */
  readonly workerUrl?: URL;
}

export interface SqliteStore extends Store {
  /** Registrar bindings in the same file; closed with the store. */
  bindings(): BindingStore;
}

/** A store in one SQLite file, owned by a thread of its own. open() makes the file or brings it up to date. */
export const createSqliteStore = (options: SqliteStoreOptions): SqliteStore => new ThreadStore(options);

type Known = Pick<Claim, 'pushData' | 'address'>;

const refOf = (key: string, index: number): string => (index === 0 ? key : `${key}/${index}`);

class ThreadStore implements SqliteStore {
  readonly #thread: StoreThread;
  /** What is in flight, to make its notification without asking the thread for the push again. */
  readonly #inFlight = new Map<string, Known>();

  constructor({
    file,
    log = silentLogger,
    clock = systemClock,
    maxBatch,
    onBroken,
    driver,
    gate,
    workerUrl,
  }: SqliteStoreOptions) {
    this.#thread = new StoreThread({
      file,
      log,
      clock,
      ...(maxBatch !== undefined && { maxBatch }),
      ...(onBroken !== undefined && { onBroken }),
      ...(driver !== undefined && { driver }),
      ...(gate !== undefined && { gate: gate.shared }),
      ...(workerUrl !== undefined && { workerUrl }),
    });
  }

  open(now: number): Promise<void> {
    return this.#thread.open(now);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async accept(acceptance: Acceptance): Promise<AcceptResult> {
    const { push, lease, recipients } = acceptance;
    const told = await this.#thread.call(encodeAcceptance(acceptance), push.content?.body);
    if (typeof told === 'string')
      return { accepted: false, reason: told as Exclude<ReplaceAnswer, readonly unknown[]> };
    const [answer, replaced, left] = (push.replaces === undefined ? [told, null, null] : told) as [
      AcceptAnswer,
      CancelRows | null,
      readonly number[] | null,
    ];
    if (answer === false) return { accepted: false, reason: 'duplicate' };
    const indexes = answer === true ? FIRST : answer;
    const claims =
      lease === undefined ? [] : indexes.map((index) => this.#firstClaim(push, recipients[index], index, lease));
    if (replaced === null) return { accepted: true, claims };
    return { accepted: true, claims, replaced: decodeCancelled(replaced), leftOut: left ?? [] };
  }

  async cancel(cancellation: Cancellation): Promise<CancelAnswer | undefined> {
    const rows = (await this.#thread.call(encodeCancellation(cancellation))) as CancelRows | null;
    return rows === null ? undefined : decodeCancelAnswer(rows, cancellation);
  }

  #firstClaim(push: Push, address: RecipientAddress | undefined, index: number, lease: Lease): Claim {
    if (address === undefined) throw new RangeError(`recipient ${index} of ${push.key}`);
    const known: Known = { pushData: push, address };
    this.#inFlight.set(refOf(push.key, index), known);
    return {
      push: push.key,
      index,
      pushData: push,
      address,
      attempt: 1,
      attempted: 'no',
      offlineTries: 0,
      attempts: NOTHING_TRIED,
      owner: lease.owner,
      leaseUntil: lease.leaseUntil,
    };
  }

  #claimed(row: SqlRow, lease: Lease): Claim {
    const claim = decodeClaim(row, lease);
    this.#inFlight.set(refOf(claim.push, claim.index), claim);
    return claim;
  }

  async claimDue(query: { now: number; limit: number } & Lease): Promise<Claim[]> {
    const rows = await this.#thread.call([OP.claimDue, query.now, query.limit, query.leaseUntil]);
    return (rows as SqlRow[]).map((row) => this.#claimed(row, query));
  }

  async wake(query: { aor: string; now: number } & Lease): Promise<Claim | undefined> {
    const row = (await this.#thread.call([OP.wake, query.aor, query.now, query.leaseUntil])) as SqlRow | null;
    return row === null ? undefined : this.#claimed(row, query);
  }

  async nextDue(): Promise<{ claims?: number; expiry?: number; notifications?: number }> {
    const [claims, expiry, notifications] = (await this.#thread.call([OP.nextDue])) as [number, number, number];
    return {
      ...(Number.isFinite(claims) && { claims }),
      ...(Number.isFinite(expiry) && { expiry }),
      ...(Number.isFinite(notifications) && { notifications }),
    };
  }

  async settle(settlement: Settlement): Promise<SettleResult> {
    const answer = (await this.#thread.call(encodeSettlement(settlement))) as SettleAnswer;
    if (answer === 0) return { applied: false };
    const ref = refOf(settlement.push, settlement.index);
    const known = this.#inFlight.get(ref);
    this.#inFlight.delete(ref);
    const [applied, row] = typeof answer === 'number' ? [answer] : answer;
    const result: Writable<SettleResult> = { applied: true };
    if (row !== undefined && settlement.next !== undefined) result.next = this.#claimed(row, settlement.next);
    if (applied === 2 && known !== undefined) result.notification = firstNotification(known, settlement);
    return result;
  }

  async renew(claims: readonly (RecipientRef & { attempt: number })[], leaseUntil: number): Promise<boolean[]> {
    const refs = claims.map(({ push, index, attempt }) => [push, index, attempt]);
    return (await this.#thread.call([OP.renew, leaseUntil, ...refs])) as boolean[];
  }

  async confirm(confirmation: Confirmation): Promise<Settled | undefined> {
    const { push, index, at, state, code, desc, device, cause } = confirmation;
    const said = [stateNumber(state), code, storedDescription(code, desc), device ?? null, cause ?? null];
    const row = (await this.#thread.call([OP.confirm, push, index, at, ...said])) as SettledRow | null;
    if (row === null) return undefined;
    // One that went back to its line when its lease ran out and ends there is not settled by anybody.
    this.#inFlight.delete(refOf(push, index));
    return decodeSettled(row);
  }

  async expire({ now, limit }: { now: number; limit: number }): Promise<Settled[]> {
    const rows = (await this.#thread.call([OP.expire, now, limit])) as SettledRow[];
    // One that went back to its line when its lease ran out and ends there is not settled by anybody.
    for (const [key, index] of rows) this.#inFlight.delete(refOf(key, index));
    return rows.map(decodeSettled);
  }

  async status(initiator: string, pushId: string): Promise<PushStatus | undefined> {
    const found = (await this.#thread.call([OP.status, initiator, pushId])) as [SqlRow, SqlRow[]] | null;
    return found === null ? undefined : decodeStatus(found, initiator, pushId);
  }

  async content({ push, index }: RecipientRef): Promise<Content | undefined> {
    const row = (await this.#thread.call([OP.content, push, index])) as SqlRow | null;
    return row === null ? undefined : contentOf(row[0], row[1]).content;
  }

  async claimNotifications(query: { now: number; limit: number } & Lease): Promise<Notification[]> {
    const rows = await this.#thread.call([OP.claimNotifications, query.now, query.limit, query.leaseUntil]);
    return (rows as SqlRow[]).map(decodeNotification);
  }

  async settleNotification({ push, index, result, due, tries }: NotificationSettlement): Promise<void> {
    await this.#thread.call([OP.settleNotification, push, index, NOTIFY_RESULTS.indexOf(result), tries, due ?? null]);
  }

  async purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    return (await this.#thread.call([OP.purge, before, limit])) as number;
  }

  async registration(aor: string): Promise<Registration | undefined> {
    const data = (await this.#thread.call([OP.registration, aor])) as string | null;
    return data === null ? undefined : (JSON.parse(data) as Registration);
  }

  async saveRegistration(registration: Registration): Promise<void> {
    await this.#thread.call([OP.saveRegistration, registration.aor, JSON.stringify(registration)]);
  }

  async waitingRanks(aors: readonly string[]): Promise<readonly (number | undefined)[]> {
    const ranks = (await this.#thread.call([OP.waitingRanks, ...aors])) as (number | null)[];
    return ranks.map((rank) => rank ?? undefined);
  }

  async waitingUsers({
    after,
    limit,
  }: {
    after: string;
    limit: number;
  }): Promise<{ readonly aors: readonly string[]; readonly last: string | undefined }> {
    const rows = (await this.#thread.call([OP.waitingUsers, after, limit])) as [string, number][];
    return { aors: rows.flatMap(([aor, waits]) => (waits === 1 ? [aor] : [])), last: rows.at(-1)?.[0] };
  }

  async counts(): Promise<StoreCounts> {
    const answer = await this.#thread.call([OP.counts]);
    const [pending, sending, awaitingConfirmation, notifications, deadNotifications] = answer as StoreCount5;
    return { pending, sending, awaitingConfirmation, notifications, deadNotifications };
  }

  bindings(): BindingStore {
    return bindingsOver(this.#thread);
  }

  get operator(): OperatorStore {
    return operatorOver(this.#thread);
  }
}

type StoreCount5 = [number, number, number, number, number];

const FIRST: readonly number[] = [0];
const NOTHING_TRIED: Claim['attempts'] = [];

/** The notification that a settlement has made and claimed. */
function firstNotification({ pushData, address }: Known, { push, index, at, outcome }: Settlement): Notification {
  const notification: Writable<Notification> = {
    push,
    index,
    initiator: pushData.initiator,
    pushId: pushData.pushId,
    notifyUrl: pushData.notifyUrl ?? '',
    papVersion: pushData.papVersion,
    address,
    state: outcome.to as FinalState,
    code: outcome.code,
    desc: outcome.desc,
    deliveredBy: 'deliveredBy' in outcome ? outcome.deliveredBy : 'unconfirmed',
    receivedTime: pushData.acceptedAt,
    eventTime: at,
    tries: 0,
  };
  if (pushData.qos !== undefined) notification.qos = pushData.qos;
  return notification;
}

import { PpgError } from '../base/errors.ts';
import { namedRecipients, type RecipientAddress } from '../model/address.ts';
import type { Claim, Notification } from '../model/delivery.ts';
import type { Registration } from '../model/device.ts';
import { type Content, type Push, priorityRank, type RecipientRef } from '../model/push.ts';
import { describeCode, PAP } from '../model/result-codes.ts';
import { type FinalState, isTerminal } from '../model/states.ts';
import { Lines } from './memory-lines.ts';
import { claimNotifications, notificationOf, oweNotification, settleNotification } from './memory-notifications.ts';
import { memoryOperator } from './memory-operator.ts';
import {
  byKey,
  byRank,
  bySchedule,
  countsOf,
  createMemoryData,
  kept,
  type MemoryData,
  nextDueOf,
  type PushRow,
  type Row,
  recipientOf,
  waiting,
} from './memory-rows.ts';
import type { OperatorStore } from './operator.ts';
import {
  appendAttempts,
  BEHIND,
  CANCELLED,
  endOfTime,
  isCancellable,
  isConfirmable,
  LEFT_OUT,
  leftOut,
  NEVER,
  REPLACED,
  wantsProof,
  withProof,
} from './rules.ts';
import type { Settled } from './settled.ts';
import type {
  Acceptance,
  AcceptResult,
  CancelAnswer,
  Cancellation,
  CancelledRecipient,
  Confirmation,
  Lease,
  NotificationSettlement,
  PushStatus,
  Settlement,
  SettleResult,
  Store,
  StoreCounts,
} from './store.ts';

const idOf = (initiator: string, pushId: string): string => JSON.stringify([initiator, pushId]);

/**
 * A store that forgets everything with the process: for tests, and the plain statement of what the others do.
 * `data` shared between two stores makes the second one the first one reopened.
 */
export const createMemoryStore = (data: MemoryData = createMemoryData()): Store => new MemoryStore(data);

class MemoryStore implements Store {
  readonly #data: MemoryData;
  readonly #lines: Lines;
  #open = false;

  constructor(data: MemoryData) {
    this.#data = data;
    this.#lines = new Lines(data);
  }

  async open(now: number): Promise<void> {
    this.#open = true;
    for (const row of [...this.#data.flights.values()]) this.#lines.giveBack(row, now);
    for (const row of this.#data.owed) {
      if (row.notification?.state === 'leased') Object.assign(row.notification, { state: 'owed', due: now });
    }
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  async accept({ push, recipients, due, lease }: Acceptance): Promise<AcceptResult> {
    this.#check();
    if (this.#data.byId.has(idOf(push.initiator, push.pushId))) return { accepted: false, reason: 'duplicate' };
    if (this.#data.pushes.has(push.key)) throw new PpgError('PPG_E_STORE', `The key ${push.key} is taken.`);
    const now = push.acceptedAt;
    const replaced = this.#replace(push, recipients);
    if (typeof replaced === 'string') return { accepted: false, reason: replaced };
    const row: PushRow = { push: kept(push), rank: priorityRank(push), recipients: [] };
    this.#data.pushes.set(push.key, row);
    this.#data.byId.set(idOf(push.initiator, push.pushId), row);
    for (const [index, address] of recipients.entries()) {
      row.recipients.push({
        of: row,
        index,
        address,
        state: 'pending',
        code: PAP.ACCEPTED,
        desc: describeCode(PAP.ACCEPTED),
        attempted: 'no',
        attempt: 0,
        offlineTries: 0,
        eventTime: now,
        deliveredBy: wantsProof(push) ? 'confirmed' : 'unconfirmed',
        attempts: [],
        due,
        offline: false,
        notBefore: due > now ? due : 0,
        ends: push.expiresAt,
      });
    }
    const cancelled = (replaced ?? []).filter((one) => one.cancelled).map(({ address }) => address);
    const left = push.replaces?.method === 'pending-only' ? leftOut(recipients, cancelled) : [];
    const entering = row.recipients.filter(({ index }) => !left.includes(index));
    const claims = entering.flatMap((recipient) => this.#enter(recipient, due, now, lease) ?? []);
    for (const recipient of row.recipients) if (left.includes(recipient.index)) this.#end(recipient, LEFT_OUT, now);
    return { accepted: true, claims, ...(replaced !== undefined && { replaced, leftOut: left }) };
  }

  /** Cancels what a new push replaces; undefined when it replaces nothing that is known. */
  #replace(
    { replaces, initiator, acceptedAt }: Push,
    recipients: readonly RecipientAddress[],
  ): readonly CancelledRecipient[] | undefined | 'not-found' | 'nothing-pending' {
    if (replaces === undefined) return undefined;
    const pendingOnly = replaces.method === 'pending-only';
    const old = this.#data.byId.get(idOf(initiator, replaces.pushId));
    if (old === undefined) return pendingOnly ? 'not-found' : undefined;
    const { found } = namedRecipients(old.recipients, recipients);
    const any = found.some(({ state, attempted }) => isCancellable(state, attempted));
    if (pendingOnly && !any) return 'nothing-pending';
    return this.#cancelAll(found, REPLACED, acceptedAt);
  }

  async cancel({ initiator, pushId, addresses, at }: Cancellation): Promise<CancelAnswer | undefined> {
    this.#check();
    const push = this.#data.byId.get(idOf(initiator, pushId));
    if (push === undefined) return undefined;
    const { found, strangers } = namedRecipients(push.recipients, addresses);
    return { recipients: this.#cancelAll(found, CANCELLED, at), strangers };
  }

  #cancelAll(rows: readonly Row[], end: typeof CANCELLED, at: number): CancelledRecipient[] {
    const lines = new Set<string>();
    const results = rows.map((row): CancelledRecipient => {
      const cancelled = isCancellable(row.state, row.attempted);
      if (cancelled) lines.add(row.address.aor);
      if (cancelled) this.#end(row, end, at);
      const { index, address, state, attempted } = row;
      return { push: row.of.push.key, index, address, cancelled, state, attempted };
    });
    for (const aor of lines) this.#lines.stand(aor, at);
    return results;
  }

  /** A new recipient joins its line, or leaves at once when nothing is before it. */
  #enter(row: Row, due: number, now: number, lease: Lease | undefined): Claim | undefined {
    const { aor } = row.address;
    if (due > now) return void this.#lines.put(row, due);
    if (row.ends <= now) return void this.#lines.put(row, NEVER);
    if (this.#data.flights.has(aor)) return void this.#lines.put(row, BEHIND);
    const head = this.#lines.head(aor, now);
    const behind = head !== undefined && byRank(head, row) < 0;
    if (behind) this.#lines.put(head, now);
    if (behind) return void this.#lines.put(row, BEHIND);
    if (lease !== undefined) return this.#lines.claim(row, lease, now);
    return void this.#lines.put(row, now);
  }

  async claimDue({ now, limit, ...lease }: { now: number; limit: number } & Lease): Promise<Claim[]> {
    this.#check();
    for (const row of [...this.#data.flights.values()]) {
      if (row.lease !== undefined && row.lease.leaseUntil <= now) this.#lines.giveBack(row, now);
    }
    const due = [...this.#data.scheduled].filter((row) => row.due <= now).sort(bySchedule);
    const claims: Claim[] = [];
    for (const row of due) {
      if (claims.length >= limit) break;
      const { aor } = row.address;
      if (row.due > now || !this.#data.scheduled.has(row)) continue; // its line was seen to already
      const head = this.#lines.head(aor, now);
      if (head !== undefined && !this.#data.flights.has(aor)) claims.push(this.#lines.claim(head, lease, now));
    }
    return claims;
  }

  async wake({ aor, now, ...lease }: { aor: string; now: number } & Lease): Promise<Claim | undefined> {
    this.#check();
    this.#lines.unpark(aor, now);
    return this.#next(aor, lease, now);
  }

  #next(aor: string, lease: Lease, now: number): Claim | undefined {
    const head = this.#lines.head(aor, now);
    return head === undefined || this.#data.flights.has(aor) ? undefined : this.#lines.claim(head, lease, now);
  }

  async nextDue(): Promise<{ claims?: number; expiry?: number; notifications?: number }> {
    this.#check();
    return nextDueOf(this.#data);
  }

  async settle(settlement: Settlement): Promise<SettleResult> {
    this.#check();
    const { at, outcome } = settlement;
    const row = this.#held(settlement);
    if (row === undefined) return { applied: false };
    const { aor } = row.address;
    this.#data.flights.delete(aor);
    delete row.lease;
    row.attempts = appendAttempts(row.attempts, settlement.attempts);
    Object.assign(row, { state: outcome.to, code: outcome.code, desc: outcome.desc, eventTime: at });
    if (outcome.to === 'pending') {
      row.attempted = outcome.attempted;
      row.offline = outcome.offline;
      row.offlineTries = outcome.offline ? row.offlineTries + 1 : 0;
      row.ends = Math.min(outcome.deadline ?? row.ends, row.ends);
      this.#lines.put(row, Math.max(1, outcome.due));
      if (outcome.offline) this.#lines.park(aor, outcome.due);
    } else if (outcome.to === 'awaiting-confirmation') {
      row.ends = outcome.deadline;
      this.#data.awaiting.add(row);
    } else {
      row.deliveredBy = outcome.deliveredBy;
      this.#finished(row, settlement.notifyLease);
    }
    const next = settlement.next === undefined ? undefined : this.#next(aor, settlement.next, at);
    if (next === undefined) this.#lines.stand(aor, at);
    const owed = row.notification;
    return {
      applied: true,
      ...(next !== undefined && { next }),
      ...(owed?.state === 'leased' && { notification: notificationOf(row, owed) }),
    };
  }

  /** The recipient, when the caller's claim is its newest and still runs. */
  #held(ref: RecipientRef & { attempt: number }): Row | undefined {
    const row = this.#data.pushes.get(ref.push)?.recipients[ref.index];
    return row?.state === 'sending' && row.attempt === ref.attempt ? row : undefined;
  }

  /** A final state was set: what is owed for it, and the end of the push when it was the last. */
  #finished(row: Row, notifyLease?: Lease): void {
    const { of } = row;
    oweNotification(this.#data, row, notifyLease);
    if (!of.recipients.every((recipient) => isTerminal(recipient.state))) return;
    const { content: _gone, ...rest } = of.push;
    of.push = rest;
    of.doneAt = row.eventTime;
  }

  async renew(claims: readonly (RecipientRef & { attempt: number })[], leaseUntil: number): Promise<boolean[]> {
    this.#check();
    return claims.map((claim) => {
      const row = this.#held(claim);
      if (row?.lease !== undefined) row.lease = { owner: row.lease.owner, leaseUntil };
      return row?.lease !== undefined;
    });
  }

  async confirm(confirmation: Confirmation): Promise<Settled | undefined> {
    this.#check();
    const row = this.#data.pushes.get(confirmation.push)?.recipients[confirmation.index];
    if (row === undefined || !isConfirmable(row.state, row.attempt)) return undefined;
    const { records, ends } = withProof(row.attempts, row.state, confirmation);
    row.attempts = records;
    if (!ends) return undefined;
    const { state, code, desc, at } = confirmation;
    const fromPending = row.state === 'pending';
    const settled = this.#end(row, { state, code, desc }, at);
    if (!fromPending) return settled;
    this.#lines.stand(row.address.aor, at);
    return { ...settled, fromPending };
  }

  #end(row: Row, end: { state: FinalState; code: number; desc: string }, at: number): Settled {
    this.#lines.remove(row);
    this.#data.awaiting.delete(row);
    Object.assign(row, end, { eventTime: at });
    this.#finished(row);
    const { push } = row.of;
    const { state, code } = end;
    return { push: push.key, index: row.index, initiator: push.initiator, pushId: push.pushId, state, code };
  }

  async expire({ now, limit }: { now: number; limit: number }): Promise<Settled[]> {
    this.#check();
    const over = [...waiting(this.#data)]
      .filter((row) => row.ends <= now)
      .sort((a, b) => a.ends - b.ends || byKey(a, b));
    const lines = new Set<string>();
    const settled = over.slice(0, limit).map((row) => {
      if (row.state === 'pending') lines.add(row.address.aor);
      const state = row.state === 'pending' ? 'pending' : 'awaiting-confirmation';
      return this.#end(row, endOfTime(state, row.attempted, wantsProof(row.of.push)), now);
    });
    for (const aor of lines) this.#lines.stand(aor, now);
    return settled;
  }

  async status(initiator: string, pushId: string): Promise<PushStatus | undefined> {
    this.#check();
    const found = this.#data.byId.get(idOf(initiator, pushId));
    if (found === undefined) return undefined;
    return { push: found.push, recipients: found.recipients.map(recipientOf) };
  }

  async content({ push, index }: RecipientRef): Promise<Content | undefined> {
    this.#check();
    const row = this.#data.pushes.get(push)?.recipients[index];
    return row === undefined || isTerminal(row.state) ? undefined : row.of.push.content;
  }

  async claimNotifications(query: { now: number; limit: number } & Lease): Promise<Notification[]> {
    this.#check();
    return claimNotifications(this.#data, query);
  }

  async settleNotification(settlement: NotificationSettlement): Promise<void> {
    this.#check();
    settleNotification(this.#data, settlement);
  }

  async purge({ before, limit }: { before: number; limit: number }): Promise<number> {
    this.#check();
    const over = [...this.#data.pushes.values()].filter(
      ({ doneAt = before, recipients }) => doneAt < before && !recipients.some((row) => this.#data.owed.has(row)),
    );
    over.sort((a, b) => (a.doneAt ?? 0) - (b.doneAt ?? 0) || (a.push.key < b.push.key ? -1 : 1));
    for (const { push } of over.slice(0, limit)) {
      this.#data.pushes.delete(push.key);
      this.#data.byId.delete(idOf(push.initiator, push.pushId));
    }
    return Math.min(over.length, limit);
  }

  async registration(aor: string): Promise<Registration | undefined> {
    this.#check();
    return this.#data.registrations.get(aor);
  }

  async saveRegistration(registration: Registration): Promise<void> {
    this.#check();
    this.#data.registrations.set(registration.aor, registration);
  }

  get operator(): OperatorStore {
    return memoryOperator({
      data: this.#data,
      check: () => this.#check(),
      end: (row, end, at) => this.#end(row, end, at),
      stand: (aor, now) => this.#lines.stand(aor, now),
    });
  }

  async waitingRanks(aors: readonly string[]): Promise<readonly (number | undefined)[]> {
    this.#check();
    return aors.map((aor) => this.#waitingRank(aor));
  }

  async waitingUsers({
    after,
    limit,
  }: {
    after: string;
    limit: number;
  }): Promise<{ readonly aors: readonly string[]; readonly last: string | undefined }> {
    this.#check();
    const page = [...this.#data.registrations.keys()].filter((aor) => aor > after).sort();
    const looked = page.slice(0, limit);
    return { aors: looked.filter((aor) => this.#waitingRank(aor) !== undefined), last: looked.at(-1) };
  }

  #waitingRank(aor: string): number | undefined {
    let best: number | undefined;
    for (const { offline, of } of this.#data.lines.get(aor) ?? []) {
      if (offline && (best === undefined || of.rank < best)) best = of.rank;
    }
    return best;
  }

  async counts(): Promise<StoreCounts> {
    this.#check();
    return countsOf(this.#data);
  }

  #check(): void {
    if (!this.#open) throw new PpgError('PPG_E_STORE_CLOSED', 'The store is closed.');
  }
}

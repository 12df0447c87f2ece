import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RecipientAddress } from '../../lib/model/address.ts';
import type { Claim, Notification, Outcome } from '../../lib/model/delivery.ts';
import { createMemoryStore } from '../../lib/store/memory.ts';
import { createMemoryData } from '../../lib/store/memory-rows.ts';
import type { OperatorStore } from '../../lib/store/operator.ts';
import { CommitGate } from '../../lib/store/sqlite/gate.ts';
import type { Store } from '../../lib/store/store.ts';
import { address, pushOf, record, T0 } from '../contract/store/harness.ts';
import { type StoreFolder, storeFolder } from '../support/sqlite-store.ts';
import { type Call, type Step, step, USERS } from './store-steps.ts';

/**
 * Random histories, told to the memory store and to SQLite side by side: every answer must be the same. The memory
 * store is written for the reader, SQLite for speed, so where they differ one of them is wrong.
 */

const LEASE = 50;

const keyOf = (n: number): string => `k${String(n).padStart(4, '0')}`;
const idOf = (n: number): string => `${keyOf(n)}@pi.example.com`;

/** A history under way: two stores, the time, and what has been handed out. */
class History {
  readonly #folder: StoreFolder = storeFolder();
  readonly #data = createMemoryData();
  #memory: Store = createMemoryStore(this.#data);
  #sqlite: Store | undefined;
  #now = T0;
  #pushes = 0;
  #fault = false;
  readonly #gate = new CommitGate();
  /** Keys of pushes by the number of their submission, and whose they are. */
  readonly #initiators: string[] = [];
  readonly #claims: Claim[] = [];
  readonly #notifications: Notification[] = [];

  async open(): Promise<void> {
    this.#memory = createMemoryStore(this.#data);
    await this.#memory.open(this.#now);
    this.#sqlite = await this.#folder.open(this.#now, { gate: this.#gate });
  }

  async dispose(): Promise<void> {
    await this.#folder.dispose();
  }

  async #both<T>(call: (store: Store) => Promise<T>): Promise<T> {
    if (this.#sqlite === undefined) throw new Error('not open');
    if (this.#fault) {
      this.#fault = false;
      this.#gate.fail(1);
      await assert.rejects(call(this.#sqlite), { code: 'PPG_E_STORE' });
    }
    const [expected, actual] = await Promise.all([call(this.#memory), call(this.#sqlite)]);
    assert.deepEqual(actual, expected);
    return actual;
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'together') {
      // One transaction: when it fails each is tried alone, and all of them are as if nothing had been.
      if (step.fault) this.#gate.fail(1);
      // Two that are always asked: one alone in its transaction would be refused.
      const [counts, due] = [this.#both((store) => store.counts()), this.#both((store) => store.nextDue())];
      await Promise.all([counts, due, ...step.calls.map((one) => this.#take(one))]);
      this.#gate.fail(0);
    } else {
      this.#fault = step.fault === true;
      await this.#take(step);
      this.#fault = false;
    }
    await this.#both((store) => store.counts());
    await this.#both((store) => store.nextDue());
  }

  async #take(step: Call): Promise<void> {
    const now = this.#now;
    const lease = { owner: 'node', leaseUntil: now + LEASE };
    switch (step.do) {
      case 'pass':
        this.#now += step.time;
        break;
      case 'reopen':
        await this.#memory.close();
        await this.#sqlite?.close();
        await this.open();
        break;
      case 'accept': {
        const key = keyOf(++this.#pushes);
        this.#initiators[this.#pushes] = step.initiator;
        const push = pushOf(key, {
          initiator: step.initiator,
          ...(step.priority !== undefined && { priority: step.priority }),
          method: step.method,
          at: now,
          expiresAt: now + step.life,
          notifyUrl: step.notify ? 'http://pi.example.com/' : undefined,
          ...(step.oldId && { pushId: 'k0001@pi.example.com' }),
          ...(step.replaces !== undefined && {
            extra: {
              replaces: {
                pushId: idOf(this.#pushes - step.replaces),
                method: step.pendingOnly ? 'pending-only' : 'all',
              },
            },
          }),
        });
        const recipients = step.users.map((user) => (step.group && user !== 'c' ? member(user) : address(user)));
        const due = now + step.delay;
        const result = await this.#both((store) =>
          store.accept({ push, recipients, due, ...(step.lease && { lease }) }),
        );
        if (result.accepted) this.#claims.push(...result.claims);
        break;
      }
      case 'claimDue':
        this.#claims.push(...(await this.#both((store) => store.claimDue({ now, limit: step.limit, ...lease }))));
        break;
      case 'wake': {
        const claim = await this.#both((store) => store.wake({ aor: address(step.user).aor, now, ...lease }));
        if (claim !== undefined) this.#claims.push(claim);
        break;
      }
      case 'settle':
        await this.#settle(step);
        break;
      case 'renew': {
        const claim = pick(this.#claims, step.which);
        if (claim !== undefined) await this.#both((store) => store.renew([claim], now + 2 * LEASE));
        break;
      }
      case 'confirm': {
        const claim = pick(this.#claims, step.which);
        if (claim === undefined) break;
        const { push, index } = claim;
        const { device, cause } = step;
        const whose = { ...(device !== undefined && { device }), ...(cause !== undefined && { cause }) };
        const end = step.good
          ? ({ state: 'delivered', code: 1000, desc: 'OK' } as const)
          : ({ state: 'undeliverable', code: 4000, desc: 'the device said so' } as const);
        await this.#both((store) => store.confirm({ push, index, at: now, ...end, ...whose }));
        break;
      }
      case 'expire':
        await this.#both((store) => store.expire({ now, limit: step.limit }));
        break;
      case 'claimNotifications': {
        const owed = await this.#both((store) => store.claimNotifications({ now, limit: step.limit, ...lease }));
        this.#notifications.push(...owed);
        break;
      }
      case 'notified': {
        const owed = pick(this.#notifications, step.which);
        if (owed === undefined) break;
        const { push, index, tries } = owed;
        await this.#both((store) =>
          store.settleNotification({ push, index, tries, result: step.result, due: now + step.delay }),
        );
        break;
      }
      case 'cancel': {
        const pushId = idOf(this.#pushes - step.which);
        const addresses = step.users.map(address);
        const initiator = this.#initiators[this.#pushes - step.which] ?? 'pi';
        await this.#both((store) => store.cancel({ initiator, pushId, addresses, at: now }));
        break;
      }
      case 'erase':
        await this.#both((store) => operatorOf(store).erase({ aor: address(step.user).aor, at: now }));
        break;
      case 'purge':
        await this.#both((store) => store.purge({ before: now - 20, limit: step.limit }));
        break;
      case 'dead':
        await this.#both((store) => operatorOf(store).deadNotifications({ initiator: step.of, limit: step.limit }));
        break;
      case 'replay': {
        const pushId = step.which === undefined ? undefined : idOf(this.#pushes - step.which);
        const query = { initiator: step.of, pushId, now, limit: step.limit };
        await this.#both((store) => operatorOf(store).replayNotifications(query));
        break;
      }
      case 'register': {
        const { aor } = address(step.user);
        const registration = { aor, registered: step.registered, devices: [], expiresAt: 0, updatedAt: now } as const;
        await this.#both((store) => store.saveRegistration(registration));
        break;
      }
      case 'ask':
        await this.#ask(step);
        break;
    }
  }

  /** What only reads. */
  async #ask({ which, limit }: Extract<Call, { do: 'ask' }>): Promise<void> {
    const number = this.#pushes - which;
    const aors = USERS.map((user) => address(user).aor);
    await Promise.all([
      this.#both((store) => store.status(this.#initiators[number] ?? 'pi', idOf(number))),
      this.#both((store) => store.content({ push: keyOf(number), index: limit - 1 })),
      this.#both((store) => operatorOf(store).openByInitiator()),
      this.#both((store) => store.waitingRanks?.(aors) ?? never()),
      this.#both((store) => store.waitingUsers?.({ after: aors[limit - 2] ?? '', limit }) ?? never()),
      this.#both((store) => store.registration(aors[which % aors.length] ?? '')),
    ]);
  }

  async #settle(step: Extract<Call, { do: 'settle' }>): Promise<void> {
    // Settled ones stay in the list: an old claim must change nothing, in both.
    const claim = pick(this.#claims, step.which);
    if (claim === undefined) return;
    const at = this.#now;
    const lease = { owner: 'node', leaseUntil: at + LEASE };
    const result = await this.#both((store) =>
      store.settle({
        push: claim.push,
        index: claim.index,
        attempt: claim.attempt,
        at,
        outcome: outcomeOf(step, at),
        attempts: step.tried.map(([device, result]) => ({ ...record(claim.attempt), device, result })),
        ...(step.next && { next: lease }),
        ...(step.notify && { notifyLease: lease }),
      }),
    );
    if (result.next !== undefined) this.#claims.push(result.next);
    if (result.notification !== undefined) this.#notifications.push(result.notification);
  }

  /** At the end nobody is stranded: whatever waits is claimed, one after the other, and all is told alike. */
  async check(): Promise<void> {
    for (let moved = 1; moved > 0; ) {
      // Leases are over each time: what `next` claimed and nobody settles comes back.
      this.#now += 2 * LEASE;
      const now = this.#now;
      const lease = { owner: 'node', leaseUntil: now + LEASE };
      const claims = await this.#both((store) => store.claimDue({ now, limit: 2, ...lease }));
      const aors = claims.map((claim) => claim.address.aor);
      assert.equal(new Set(aors).size, aors.length);
      for (const { push, index, attempt } of claims) {
        const outcome = { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' } as const;
        const next = attempt % 2 === 1 && { next: lease };
        await this.#both((store) => store.settle({ push, index, attempt, at: now, outcome, attempts: [], ...next }));
      }
      moved = claims.length + (await this.#both((store) => store.expire({ now, limit: 5 }))).length;
    }
    const { pending, sending, awaitingConfirmation } = await this.#both((store) => store.counts());
    assert.deepEqual({ pending, sending, awaitingConfirmation }, { pending: 0, sending: 0, awaitingConfirmation: 0 });
    for (let n = 1; n <= this.#pushes; n++) {
      await this.#both((store) => store.status(this.#initiators[n] ?? 'pi', idOf(n)));
    }
  }
}

/** A user whom the initiator knows by the name of a group only. */
const member = (user: string): RecipientAddress => ({ ...address(user), text: address('staff').text });

const never = (): never => {
  throw new Error('the store cannot do that');
};

const operatorOf = (store: Store): OperatorStore => store.operator ?? never();

function pick<T>(from: readonly T[], which: number): T | undefined {
  // The newest ones are the interesting ones.
  return from[from.length - 1 - (which % Math.max(1, from.length))];
}

function outcomeOf({ outcome, delay, deadline }: Extract<Call, { do: 'settle' }>, at: number): Outcome {
  const pending = { to: 'pending', due: at + delay, code: 4001, desc: 'Service unavailable' } as const;
  const limited = deadline === undefined ? {} : { deadline: at + deadline };
  switch (outcome) {
    case 'delivered':
      return { to: 'delivered', code: 1000, desc: 'OK', deliveredBy: 'confirmed' };
    case 'aborted':
      return { to: 'aborted', code: 5235, desc: 'not now', deliveredBy: 'unconfirmed' };
    case 'await':
      return { to: 'awaiting-confirmation', deadline: at + delay, code: 1001, desc: 'passed on' };
    case 'retry':
      return { ...pending, offline: false, attempted: 'refused', ...limited };
    case 'unknown':
      return { ...pending, offline: false, attempted: 'unknown', ...limited };
    case 'offline':
      return { ...pending, offline: true, attempted: 'no', ...limited };
  }
}

describe('memory and SQLite stores', () => {
  it('give the same answers to the same history', async function () {
    this.timeout(300_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const history = new History();
        try {
          await history.open();
          for (const one of steps) await history.take(one);
          await history.check();
        } finally {
          await history.dispose();
        }
      }),
      { numRuns: Number(process.env['PPG_PROPERTY_RUNS'] ?? 25), interruptAfterTimeLimit: 100_000 },
    );
  });
});

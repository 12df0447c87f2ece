import assert from 'node:assert/strict';
import {
  delivered,
  dueKeys,
  lease,
  recipientOf,
  retryAt,
  type StoreRules,
  settle,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

export const claimRules: StoreRules = (use) => {
  describe('claims', () => {
    it('what is due is claimed once', async () => {
      const { store } = use();
      await submit(store, 'k1');
      assert.deepEqual(await dueKeys(store, T0), ['k1']);
      assert.deepEqual(await dueKeys(store, T0), []);
      const { state, attempt, eventTime } = await recipientOf(store, 'k1');
      assert.deepEqual({ state, attempt, eventTime }, { state: 'sending', attempt: 1, eventTime: T0 });
    });

    it('one of each address-of-record, in the order of acceptance', async () => {
      const { store } = use();
      for (const [key, user] of ['alice', 'alice', 'bob', 'alice', 'bob'].entries()) {
        await submit(store, `k${key}`, { users: [user] });
      }
      assert.deepEqual(await dueKeys(store, T0), ['k0', 'k2']);
    });

    it('high priority first, over all and within an address-of-record', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice'], priority: 'low' });
      await submit(store, 'k2', { users: ['bob'], priority: 'medium' });
      await submit(store, 'k3', { users: ['alice'], priority: 'medium' });
      await submit(store, 'k4', { users: ['carol'], priority: 'high' });
      await submit(store, 'k5', { users: ['dave'], priority: 'low' });
      assert.deepEqual(await dueKeys(store, T0), ['k4', 'k2', 'k3', 'k5']);
    });

    it('no quality-of-service element is medium', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice'], priority: 'low' });
      await submit(store, 'k2', { users: ['bob'] });
      await submit(store, 'k3', { users: ['carol'], priority: 'medium' });
      assert.deepEqual(await dueKeys(store, T0), ['k2', 'k3', 'k1']);
    });

    it('within a priority the longest due goes first', async () => {
      const { store } = use();
      await submit(store, 'k1', { users: ['alice'], due: T0 + 30 });
      await submit(store, 'k2', { users: ['bob'], due: T0 + 20 });
      await submit(store, 'k3', { users: ['carol'], due: T0 + 10 });
      assert.deepEqual(await dueKeys(store, T0 + 30), ['k3', 'k2', 'k1']);
    });

    it('of an address-of-record the first accepted of those that are due goes first, whatever was due first', async () => {
      const { store } = use();
      await submit(store, 'k1', { due: T0 + 30 });
      await submit(store, 'k2', { due: T0 + 20 });
      await submit(store, 'k3', { due: T0 + 40 });
      assert.deepEqual(await dueKeys(store, T0 + 30), ['k1']);
    });

    it('at most the limit, and the rest next time', async () => {
      const { store } = use();
      for (let i = 0; i < 5; i++) await submit(store, `k${i}`, { users: [`u${i}`] });
      assert.deepEqual(await dueKeys(store, T0, 2), ['k0', 'k1']);
      assert.deepEqual(await dueKeys(store, T0, 2), ['k2', 'k3']);
      assert.deepEqual(await dueKeys(store, T0, 2), ['k4']);
    });

    it('those that may not go do not use up the limit', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k0', { due: T0 });
      for (let i = 1; i < 20; i++) await submit(store, `k${String(i).padStart(2, '0')}`, { due: T0 + 1 });
      await submit(store, 'k99', { users: ['bob'], due: T0 + 2 });
      assert.deepEqual(await dueKeys(store, T0 + 2, 1), ['k99']);
    });

    it('a claim tells what earlier attempts left behind', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      await settle(store, claim, retryAt(T0 + 1, { attempted: 'unknown' }), {});
      const [again] = await store.claimDue({ now: T0 + 1, limit: 1, ...lease(T0 + 9, 'node-2') });
      assert.equal(again?.attempt, 2);
      assert.equal(again?.attempted, 'unknown');
      assert.equal(again?.owner, 'node-2');
      assert.equal(again?.leaseUntil, T0 + 9);
      assert.deepEqual(again?.pushData, claim.pushData);
    });

    it('a lease that ran out: the recipient is due again, as perhaps delivered', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      assert.deepEqual(await dueKeys(store, T0 + 99), []);
      const [claim] = await store.claimDue({ now: T0 + 100, limit: 9, ...lease(T0 + 200) });
      assert.equal(claim?.push, 'k1');
      assert.equal(claim?.attempt, 2);
      assert.equal(claim?.attempted, 'unknown');
    });

    it('a lease that ran out lets a higher priority go first', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      await submit(store, 'k2', { priority: 'high' });
      assert.deepEqual(await dueKeys(store, T0 + 100), ['k2']);
    });

    it('a renewed lease holds longer; a lost one is not renewed', async () => {
      const { store } = use();
      const held = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      const lost = { push: 'k2', index: 0, attempt: 1 };
      const old = { ...held, attempt: 0 };
      assert.deepEqual(await store.renew([held, lost, old], T0 + 500), [true, false, false]);
      assert.deepEqual(await dueKeys(store, T0 + 499), []);
      assert.deepEqual(await dueKeys(store, T0 + 500), ['k1']);
      assert.deepEqual(await store.renew([held], T0 + 900), [false]);
    });

    it('a renewed claim is settled as any other, by its attempt', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      await submit(store, 'k2');
      assert.deepEqual(await store.renew([claim], T0 + 60_000), [true]);
      assert.equal((await store.nextDue()).claims, T0 + 60_000);
      const { applied, next } = await settle(store, claim, delivered, { at: T0 + 50_000, next: lease(T0 + 70_000) });
      assert.deepEqual([applied, next?.push], [true, 'k2']);
    });

    it('what another attempt has taken over is not renewed, and the new one keeps its lease', async () => {
      const { store } = use();
      const old = await submitAndClaim(store, 'k1', { lease: lease(T0 + 100) });
      const [claim] = await store.claimDue({ now: T0 + 100, limit: 1, ...lease(T0 + 200) });
      assert.deepEqual(await store.renew([old], T0 + 900), [false]);
      assert.equal((await store.nextDue()).claims, T0 + 200);
      assert.deepEqual(await store.renew([claim ?? old], T0 + 900), [true]);
    });

    it('nextDue tells when there is something to claim', async () => {
      const { store } = use();
      assert.deepEqual(await store.nextDue(), {});
      await submit(store, 'k1', { due: T0 + 50, priority: 'low' });
      await submit(store, 'k2', { users: ['bob'], due: T0 + 70, priority: 'high' });
      assert.equal((await store.nextDue()).claims, T0 + 50);
      await dueKeys(store, T0 + 50);
      assert.equal((await store.nextDue()).claims, T0 + 70);
      await store.claimDue({ now: T0 + 70, limit: 5, ...lease(T0 + 90) });
      assert.equal((await store.nextDue()).claims, T0 + 90);
    });

    it('what waits behind one in flight is not due again and again', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k000', { lease: lease(T0 + 60_000) });
      for (let i = 1; i < 50; i++) await submit(store, `k${String(i).padStart(3, '0')}`, { lease: lease() });
      await submit(store, 'k900', { due: T0 + 10 });
      assert.deepEqual(await dueKeys(store, T0 + 20), []);
      assert.equal((await store.nextDue()).claims, T0 + 60_000);
      const { next } = await settle(store, claim, delivered, { at: T0 + 20, next: lease(T0 + 70_000) });
      assert.equal(next?.push, 'k001');
      assert.equal((await store.nextDue()).claims, T0 + 70_000);
    });
  });
};

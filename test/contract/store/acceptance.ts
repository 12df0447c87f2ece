import assert from 'node:assert/strict';
import {
  address,
  DAY,
  delivered,
  dueKeys,
  lease,
  pushOf,
  recipientOf,
  retryAt,
  type StoreRules,
  settle,
  statusOf,
  submit,
  submitAndClaim,
  T0,
} from './harness.ts';

export const acceptanceRules: StoreRules = (use) => {
  describe('acceptance', () => {
    it('a push is kept as it was given', async () => {
      const { store } = use();
      const push = pushOf('k1', {
        priority: 'high',
        method: 'confirmed',
        extra: {
          deliverBefore: T0 + DAY,
          deliverAfter: T0 - 1,
          sourceReference: 'quelle <ä> \u{1f680}',
          progressNotes: true,
          content: {
            type: 'text/vnd.wap.si; charset=utf-8',
            headers: [{ name: 'X-Wap-Application-Id', value: 'x-wap-application:mms.ua' }],
            body: Buffer.from('<si/>'),
          },
        },
      });
      const recipients = [{ ...address('alice'), instance: 'urn:uuid:1', gruu: 'sip:alice@example.com;gr=1' }];
      await store.accept({ push, recipients, due: T0 });
      const status = await statusOf(store, 'k1');
      assert.deepEqual(status.push, push);
      assert.deepEqual(status.recipients, [
        {
          push: 'k1',
          index: 0,
          address: recipients[0],
          state: 'pending',
          code: 1001,
          desc: 'Accepted for processing',
          attempted: 'no',
          attempt: 0,
          offlineTries: 0,
          eventTime: T0,
          deliveredBy: 'confirmed',
          attempts: [],
        },
      ]);
    });

    it('content comes back octet for octet: NULs, every octet, nothing, and much', async () => {
      const { store } = use();
      const every = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
      const bodies = [Buffer.from([0, 0, 0]), every, Buffer.alloc(0), Buffer.alloc(300_000, 0xff)];
      const pooled = Buffer.from('a short body that lives in a pool shared with others').subarray(2, 12);
      await Promise.all([...bodies, pooled].map((body, i) => submit(store, `k${i}`, { body, users: [`u${i}`] })));
      const claims = await store.claimDue({ now: T0, limit: 10, ...lease() });
      assert.deepEqual(
        claims.map((claim) => claim.pushData.content?.body),
        [...bodies, pooled],
      );
      for (const claim of claims) assert.ok(Buffer.isBuffer(claim.pushData.content?.body));
    });

    it('a body that its owner writes over after the call is kept as it was', async () => {
      const { store } = use();
      const body = Buffer.from('before');
      const done = submit(store, 'k1', { body });
      body.fill('x');
      await done;
      assert.equal((await statusOf(store, 'k1')).push.content?.body.toString(), 'before');
    });

    it('a second push-id of the same initiator is a duplicate and changes nothing', async () => {
      const { store } = use();
      await submit(store, 'k1', { pushId: 'same' });
      const second = await submit(store, 'k2', { pushId: 'same', users: ['bob'], lease: lease() });
      assert.deepEqual(second, { accepted: false, reason: 'duplicate' });
      const status = await store.status('pi', 'same');
      assert.equal(status?.push.key, 'k1');
      assert.deepEqual(
        status?.recipients.map(({ address: { aor } }) => aor),
        ['sip:alice@example.com'],
      );
      assert.equal((await store.counts()).pending, 1);
    });

    it('duplicates made in the same turn are found, too', async () => {
      const { store } = use();
      const results = await Promise.all(['k1', 'k2', 'k3'].map((key) => submit(store, key, { pushId: 'same' })));
      assert.deepEqual(
        results.map(({ accepted }) => accepted),
        [true, false, false],
      );
    });

    it('a duplicate among others of its turn fails alone', async () => {
      const { store } = use();
      await submit(store, 'k0', { pushId: 'taken' });
      const ids = ['a', 'taken', 'b'];
      const results = await Promise.all(ids.map((pushId, i) => submit(store, `k${i + 1}`, { pushId })));
      assert.deepEqual(
        results.map(({ accepted }) => accepted),
        [true, false, true],
      );
      assert.equal((await store.counts()).pending, 3);
    });

    it('a key that is taken is an error, and the first push stays as it is', async () => {
      const { store } = use();
      await submit(store, 'k1');
      const before = await statusOf(store, 'k1');
      const second = submit(store, 'k1', { pushId: 'other', users: ['bob'], lease: lease() });
      await assert.rejects(second, { code: 'PPG_E_STORE' });
      assert.deepEqual(await statusOf(store, 'k1'), before);
      assert.equal(await store.status('pi', 'other'), undefined);
    });

    it('two initiators may use the same push-id, and neither sees the other', async () => {
      const { store } = use();
      await submit(store, 'k1', { pushId: 'same', initiator: 'one' });
      const second = await submit(store, 'k2', { pushId: 'same', initiator: 'two' });
      assert.equal(second.accepted, true);
      assert.equal((await store.status('one', 'same'))?.push.key, 'k1');
      assert.equal((await store.status('two', 'same'))?.push.key, 'k2');
      assert.equal(await store.status('three', 'same'), undefined);
    });

    it('with a lease it is claimed in the same transaction', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1');
      assert.deepEqual(claim, {
        push: 'k1',
        index: 0,
        pushData: pushOf('k1'),
        address: address('alice'),
        attempt: 1,
        attempted: 'no',
        offlineTries: 0,
        attempts: [],
        owner: 'node-1',
        leaseUntil: T0 + 60_000,
      });
      assert.equal((await recipientOf(store, 'k1')).state, 'sending');
      assert.deepEqual(await dueKeys(store, T0), []);
    });

    it('nothing is claimed while another of the address-of-record is in flight', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1');
      assert.deepEqual(await submit(store, 'k2', { lease: lease() }), { accepted: true, claims: [] });
      assert.deepEqual(await submit(store, 'k3', { lease: lease(), priority: 'high' }), { accepted: true, claims: [] });
      assert.equal((await recipientOf(store, 'k2')).state, 'pending');
    });

    it('nothing is claimed while an earlier one of the address-of-record is due', async () => {
      const { store } = use();
      await submit(store, 'k1');
      assert.deepEqual(await submit(store, 'k2', { lease: lease() }), { accepted: true, claims: [] });
      assert.deepEqual(await dueKeys(store, T0), ['k1']);
    });

    it('a push of higher priority is claimed before an earlier one that is due', async () => {
      const { store } = use();
      await submit(store, 'k1', { priority: 'low' });
      const claim = await submitAndClaim(store, 'k2', { priority: 'high' });
      assert.equal(claim.push, 'k2');
      assert.deepEqual(await dueKeys(store, T0), []);
      const { next } = await settle(store, claim, delivered, { next: lease() });
      assert.equal(next?.push, 'k1');
    });

    it('an earlier one that waits for its retry does not hold the new one back', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + 5000));
      await submitAndClaim(store, 'k2');
    });

    it('an earlier one whose retry is due by now does', async () => {
      const { store } = use();
      await settle(store, await submitAndClaim(store, 'k1'), retryAt(T0 + 5000));
      const second = await submit(store, 'k2', { lease: lease(), at: T0 + 5000 });
      assert.deepEqual(second, { accepted: true, claims: [] });
      assert.deepEqual(await dueKeys(store, T0 + 5000), ['k1']);
    });

    it('every recipient of a push has its own state, and what can be claimed is', async () => {
      const { store } = use();
      await submitAndClaim(store, 'k1', { users: ['bob'] });
      const result = await submit(store, 'k2', { users: ['alice', 'bob', 'carol'], lease: lease() });
      assert.ok(result.accepted);
      assert.deepEqual(
        result.claims.map(({ index }) => index),
        [0, 2],
      );
      const { recipients } = await statusOf(store, 'k2');
      assert.deepEqual(
        recipients.map(({ state }) => state),
        ['sending', 'pending', 'sending'],
      );
    });

    it('the same address-of-record twice in one push goes one at a time', async () => {
      const { store } = use();
      const claim = await submitAndClaim(store, 'k1', { users: ['alice', 'alice'] });
      assert.equal(claim.index, 0);
      const { next } = await settle(store, claim, delivered, { next: lease() });
      assert.equal(next?.index, 1);
      assert.equal(next?.push, 'k1');
    });

    it('a push with deliver-after is not claimed before', async () => {
      const { store } = use();
      const result = await submit(store, 'k1', { due: T0 + 1000, lease: lease() });
      assert.deepEqual(result, { accepted: true, claims: [] });
      assert.deepEqual(await dueKeys(store, T0 + 999), []);
      assert.deepEqual(await dueKeys(store, T0 + 1000), ['k1']);
    });
  });
};

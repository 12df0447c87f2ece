import assert from 'node:assert/strict';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { deferred, EngineBench } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, submission } from '../../support/model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

describe('result notifications', () => {
  let bench: EngineBench;

  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });

  afterEach(() => bench.engine.stop());

  it('are retried with back-off until the PI takes them', async () => {
    let refusals = 3;
    bench.post = () => (refusals-- > 0 ? { ok: false, cause: 'http 503' } : { ok: true, cause: 'http 202' });
    await bench.engine.submit(submission(NOTIFY));
    await bench.clock.advance(HOUR);
    assert.equal(bench.posted.length, 4);
    await bench.clock.advance(DAY);
    assert.equal(bench.posted.length, 4);
  });

  it('are given up after a day', async () => {
    bench.post = () => ({ ok: false, cause: 'refused' });
    await bench.engine.submit(submission(NOTIFY));
    await bench.clock.advance(2 * DAY);
    const tries = bench.posted.length;
    assert.ok(tries > 10 && tries < 60, `${tries} tries`);
    await bench.clock.advance(2 * DAY);
    assert.equal(bench.posted.length, tries);
  });

  it('a PI that hangs delays nobody else', async () => {
    const hang = deferred<{ ok: boolean; cause: string }>();
    bench.post = ({ notifyUrl }) => (notifyUrl.includes('slow') ? hang.promise : { ok: true, cause: 'http 202' });
    for (let i = 0; i < 40; i++) {
      await bench.engine.submit(
        submission({ pushId: `s${i}`, recipients: [address(`u${i}`)], notifyUrl: 'http://slow.test/' }),
      );
    }
    await bench.engine.submit(submission({ pushId: 'fast', notifyUrl: 'http://fast.test/' }));
    await settle();
    assert.ok(bench.posted.some((one) => one.pushId === 'fast'));
    assert.equal(bench.posted.filter((one) => one.pushId.startsWith('s')).length, 16);
    hang.resolve({ ok: true, cause: 'http 202' });
    await bench.clock.advance(10);
    assert.equal(bench.posted.length, 41);
  });

  it('the next POST to a PI does not wait for the disk', async () => {
    const store = createMemoryStore();
    const disk = deferred<void>();
    const settleNotification = store.settleNotification.bind(store);
    store.settleNotification = (settlement) => disk.promise.then(() => settleNotification(settlement));
    await bench.engine.stop();
    bench = new EngineBench({ store });
    await bench.engine.start();
    for (let i = 0; i < 40; i++) await bench.engine.submit(submission({ ...NOTIFY, pushId: `p${i}` }));
    await settle();
    assert.equal(bench.posted.length, 40);
    disk.resolve();
  });

  it('more than can be held wait in the store and follow when there is room', async () => {
    const hang = deferred<{ ok: boolean; cause: string }>();
    const many = 10_100;
    bench.post = () => hang.promise;
    await Promise.all(
      Array.from({ length: many }, (_, i) =>
        bench.engine.submit(submission({ ...NOTIFY, pushId: `p${i}`, recipients: [address(`u${i}`)] })),
      ),
    );
    await bench.clock.advance(2000);
    hang.resolve({ ok: true, cause: 'http 202' });
    while (bench.posted.length < many) {
      const before = bench.posted.length;
      await bench.clock.advance(10_000);
      assert.ok(bench.posted.length > before, `${before} of ${many} were posted`);
    }
    assert.equal(new Set(bench.posted.map(({ pushId }) => pushId)).size, many);
  });

  it('a PI that hangs never takes all the room, and what it did not get comes when it is back', async () => {
    const hang = deferred<{ ok: boolean; cause: string }>();
    const many = 6000;
    bench.post = ({ notifyUrl }) => (notifyUrl.includes('slow') ? hang.promise : { ok: true, cause: 'http 202' });
    const submit = (pushId: string, notifyUrl: string): Promise<unknown> =>
      bench.engine.submit(submission({ pushId, recipients: [address(pushId)], notifyUrl }));
    await Promise.all(Array.from({ length: many }, (_, i) => submit(`slow${i}`, 'http://slow.test/')));
    await settle();
    await submit('fast', 'http://fast.test/');
    await settle();
    assert.ok(bench.posted.some(({ pushId }) => pushId === 'fast'));
    hang.resolve({ ok: true, cause: 'http 202' });
    await bench.clock.advance(60_000);
    assert.equal(new Set(bench.posted.map(({ pushId }) => pushId)).size, many + 1);
  });

  it('owed ones survive a stop', async () => {
    await bench.engine.stop();
    const store = createMemoryStore();
    bench = new EngineBench({ store });
    await bench.engine.start();
    bench.post = () => ({ ok: false, cause: 'http 503' });
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    await bench.engine.stop();
    bench = new EngineBench({ store, clock: bench.clock });
    await bench.engine.start();
    await bench.clock.advance(HOUR);
    assert.equal(bench.posted.length, 1);
  });
});

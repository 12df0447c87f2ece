import assert from 'node:assert/strict';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { BUSY, DELIVERED, deferred, EngineBench, OFFLINE, SILENT } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, device, qos, registration, submission } from '../../support/model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

describe('life of a push', () => {
  let bench: EngineBench;

  beforeEach(async () => {
    bench = new EngineBench();
    await bench.engine.start();
  });

  afterEach(() => bench.engine.stop());

  const state = async (pushId = '1@pi.test'): Promise<string> => {
    const found = await bench.engine.find('mmsc', pushId);
    return found?.recipients.map((one) => `${one.state} ${one.code}`).join(', ') ?? 'not found';
  };

  it('is accepted, sent, delivered and reported', async () => {
    const answer = await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    assert.equal(answer.code, 1001);
    await settle();
    assert.equal(await state(), 'delivered 1000');
    assert.deepEqual(
      bench.posted.map(({ pushId, state, code, deliveredBy }) => ({ pushId, state, code, deliveredBy })),
      [{ pushId: '1@pi.test', state: 'delivered', code: 1000, deliveredBy: 'confirmed' }],
    );
  });

  it('a second push with the same push-id is refused with 2007 and changes nothing', async () => {
    await bench.engine.submit(submission());
    const again = await bench.engine.submit(
      submission({ content: { type: 'text/html', headers: [], body: Buffer.from('x') } }),
    );
    assert.equal(again.code, 2007);
    await settle();
    assert.deepEqual(bench.bearer.sent, ['1@pi.test']);
  });

  it('another initiator may use the same push-id, and each sees its own', async () => {
    await bench.engine.submit(submission());
    assert.equal((await bench.engine.submit(submission({ initiator: 'dm' }))).code, 1001);
    assert.equal(await bench.engine.status('stock', '1@pi.test', []), undefined);
  });

  it('deliver-after holds it until then', async () => {
    const deliverAfter = bench.clock.now() + HOUR;
    await bench.engine.submit(submission({ deliverAfter }));
    await bench.clock.advance(HOUR - 1);
    assert.deepEqual(bench.bearer.sent, []);
    await bench.clock.advance(2);
    assert.equal(await state(), 'delivered 1000');
  });

  it('a deliver-before in the past is accepted, never sent, and reported expired', async () => {
    const answer = await bench.engine.submit(submission({ ...NOTIFY, deliverBefore: bench.clock.now() - 1 }));
    assert.equal(answer.code, 1001);
    await bench.clock.advance(10);
    assert.deepEqual(bench.bearer.sent, []);
    assert.equal(await state(), 'expired 4001');
    assert.equal(bench.posted[0]?.state, 'expired');
  });

  it('expiry is reported when it happens, not when somebody asks', async () => {
    bench.bearer.answer = () => OFFLINE;
    await bench.engine.submit(submission({ ...NOTIFY, deliverBefore: bench.clock.now() + HOUR }));
    await bench.clock.advance(HOUR - 1);
    assert.equal(bench.posted.length, 0);
    await bench.clock.advance(2);
    assert.equal(bench.posted[0]?.state, 'expired');
  });

  it('without deliver-before it expires after the maximum age', async () => {
    bench.bearer.answer = () => OFFLINE;
    await bench.engine.submit(submission());
    await bench.clock.advance(7 * DAY - 1);
    assert.match(await state(), /^pending/);
    await bench.clock.advance(2);
    assert.equal(await state(), 'expired 4001');
  });

  it('a confirmed push that only a relay took ends as timeout when nobody confirms', async () => {
    bench.bearer.answer = () => ({ kind: 'accepted', cause: 'sip 202' });
    await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    await settle();
    assert.match(await state(), /^awaiting-confirmation/);
    await bench.clock.advance(DAY + 1);
    assert.equal(await state(), 'timeout 4000');
    assert.equal(bench.posted[0]?.state, 'timeout');
  });

  it('a confirmed push that nobody ever answered ends as timeout, not as expired', async () => {
    bench.bearer.answer = () => SILENT;
    await bench.engine.submit(submission({ qos: qos('confirmed'), deliverBefore: bench.clock.now() + HOUR }));
    await bench.clock.advance(HOUR + 1);
    assert.equal(await state(), 'timeout 4000');
  });

  it('every attempt keeps Call-ID and From tag, and the attempt number rises', async () => {
    const answers: DeliveryResult[] = [SILENT, BUSY, DELIVERED];
    bench.bearer.answer = () => answers.shift() ?? DELIVERED;
    await bench.engine.submit(submission());
    await bench.clock.advance(10 * MINUTE);
    assert.equal(await state(), 'delivered 1000');
    const { attempts } = bench.bearer;
    assert.deepEqual(
      attempts.map((one) => one.attempt),
      [1, 2, 3],
    );
    assert.equal(new Set(attempts.map((one) => `${one.callId} ${one.fromTag}`)).size, 1);
  });

  it('an offline user is tried at registration, and slowly without one', async () => {
    bench.bearer.answer = () => OFFLINE;
    await bench.engine.submit(submission());
    await bench.clock.advance(14 * MINUTE);
    assert.equal(bench.bearer.attempts.length, 1);
    await bench.clock.advance(2 * MINUTE);
    assert.equal(bench.bearer.attempts.length, 2);
    bench.bearer.answer = () => DELIVERED;
    bench.engine.wake('sip:alice@ims.test');
    await settle();
    assert.equal(await state(), 'delivered 1000');
  });

  it('waiting pushes leave at registration by priority, then in order of submission, one at a time', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([], { registered: false }));
    const priorities = ['low', 'medium', 'high', 'medium', 'high'] as const;
    for (const [i, priority] of priorities.entries()) {
      await bench.engine.submit(submission({ pushId: `${i}`, qos: { ...qos('unconfirmed'), priority } }));
    }
    await settle();
    assert.deepEqual(bench.bearer.sent, []);
    bench.registrations.set('sip:alice@ims.test', registration([device('phone', ['wml.ua'])]));
    let most = 0;
    let now = 0;
    bench.bearer.answer = async () => {
      most = Math.max(most, ++now);
      await settle();
      now--;
      return DELIVERED;
    };
    bench.engine.wake('sip:alice@ims.test');
    for (let i = 0; i < 10; i++) await settle();
    assert.deepEqual(bench.bearer.sent, ['2', '4', '1', '3', '0']);
    assert.equal(most, 1);
  });

  it('a long queue of an offline user is probed once, not once a push', async () => {
    bench.bearer.answer = () => OFFLINE;
    for (let i = 0; i < 20; i++) await bench.engine.submit(submission({ pushId: `${i}` }));
    await settle();
    const first = bench.bearer.attempts.length;
    await bench.clock.advance(16 * MINUTE);
    assert.ok(bench.bearer.attempts.length <= first + 2, `${bench.bearer.attempts.length} attempts`);
  });

  it('a registration that comes while an attempt finds nobody is not missed', async () => {
    const held = deferred<DeliveryResult>();
    bench.bearer.answer = () => held.promise;
    await bench.engine.submit(submission());
    await bench.clock.advance(100);
    bench.registrations.set(
      'sip:alice@ims.test',
      registration([device('phone', ['wml.ua'])], { updatedAt: bench.clock.now() }),
    );
    bench.engine.wake('sip:alice@ims.test');
    await settle();
    bench.bearer.answer = () => DELIVERED;
    held.resolve(OFFLINE);
    await bench.clock.advance(5000);
    assert.equal(await state(), 'delivered 1000');
  });

  it('nor is one that was received before the attempt began and learned while it was under way', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([], { updatedAt: bench.clock.now() - HOUR }));
    const received = bench.clock.now();
    await bench.clock.advance(5);
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await bench.engine.submit(submission());
    bench.registrations.set('sip:alice@ims.test', registration([device('one')], { updatedAt: received }));
    bench.engine.wake('sip:alice@ims.test');
    await settle();
    bench.bearer.answer = () => DELIVERED;
    answer.resolve(OFFLINE);
    await bench.clock.advance(MINUTE);
    assert.equal(await state(), 'delivered 1000');
  });

  it('each known device gets its own request, and one that confirms makes the recipient delivered', async () => {
    bench.registrations.set(
      'sip:alice@ims.test',
      registration([device('phone', ['wml.ua']), device('tablet', ['wml.ua']), device('watch', ['mms.ua'])]),
    );
    bench.bearer.answer = ({ target }) =>
      target.kind === 'device' && target.device.id === 'tablet' ? DELIVERED : SILENT;
    await bench.engine.submit(submission({ qos: qos('confirmed') }));
    await bench.clock.advance(HOUR);
    assert.equal(await state(), 'delivered 1000');
    const tried = bench.bearer.attempts.map(({ target }) => (target.kind === 'device' ? target.device.id : 'aor'));
    assert.deepEqual(tried.sort(), ['phone', 'tablet']);
    const calls = new Set(bench.bearer.attempts.map(({ callId }) => callId));
    assert.equal(calls.size, 2);
  });

  it('a push for an application that no device runs is undeliverable without being sent', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([device('phone', ['ulp.ua'])]));
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.deepEqual(bench.bearer.sent, []);
    assert.equal(await state(), 'undeliverable 2006');
    assert.equal(bench.posted[0]?.code, 2006);
  });

  it('a push that no bearer can carry is undeliverable with the code of the bearer', async () => {
    bench.bearer.offer = { offer: 'no', code: 3006, cause: 'binary' };
    await bench.engine.submit(submission());
    await settle();
    assert.equal(await state(), 'undeliverable 3006');
  });

  it('each recipient of a push ends for itself', async () => {
    bench.bearer.answer = ({ address }) =>
      address.aor.startsWith('sip:bob')
        ? { kind: 'failed', state: 'aborted', code: 5235, cause: 'sip 603' }
        : DELIVERED;
    await bench.engine.submit(submission({ ...NOTIFY, recipients: [address('alice'), address('bob')] }));
    await settle();
    assert.equal(await state(), 'delivered 1000, aborted 5235');
    assert.deepEqual(bench.posted.map((one) => one.state).sort(), ['aborted', 'delivered']);
  });

  it('a whole next hop that is overloaded gets a rest, and everything leaves afterwards', async () => {
    bench.bearer.answer = () => ({
      kind: 'retry',
      why: 'overload',
      scope: 'hop',
      code: 4001,
      after: 5000,
      cause: 'local 503',
    });
    for (let i = 0; i < 10; i++)
      await bench.engine.submit(submission({ pushId: `${i}`, recipients: [address(`user${i}`)] }));
    await settle();
    assert.ok(bench.bearer.attempts.length < 10, `${bench.bearer.attempts.length} sent before the rest`);
    bench.bearer.answer = () => DELIVERED;
    await bench.clock.advance(60_000);
    for (let i = 0; i < 10; i++) assert.equal(await state(`${i}`), 'delivered 1000');
  });

  it('while no leg has a way out pushes are taken and wait', async () => {
    bench.gate.set(false);
    assert.equal((await bench.engine.submit(submission())).code, 1001);
    await bench.clock.advance(1000);
    assert.deepEqual(bench.bearer.sent, []);
    bench.gate.set(true);
    await settle();
    assert.equal(await state(), 'delivered 1000');
  });

  it('attempts under way stay under their bound and the rest follows', async () => {
    await bench.engine.stop();
    bench = new EngineBench({ limits: { inFlight: 3 } });
    await bench.engine.start();
    let most = 0;
    let now = 0;
    bench.bearer.answer = async () => {
      most = Math.max(most, ++now);
      await settle();
      now--;
      return DELIVERED;
    };
    for (let i = 0; i < 12; i++)
      await bench.engine.submit(submission({ pushId: `${i}`, recipients: [address(`user${i}`)] }));
    await bench.clock.advance(1000);
    assert.equal(new Set(bench.bearer.sent).size, 12);
    assert.ok(most <= 3, `${most} at once`);
  });

  it('a stop waits for attempts under way and starts no other', async () => {
    const held = deferred<DeliveryResult>();
    bench.bearer.answer = () => held.promise;
    await bench.engine.submit(submission());
    await bench.engine.submit(submission({ pushId: '2@pi.test' }));
    await settle();
    let stopped = false;
    const stopping = bench.engine.stop().then(() => {
      stopped = true;
    });
    await settle();
    assert.equal(stopped, false);
    held.resolve(DELIVERED);
    await stopping;
    assert.deepEqual(bench.bearer.sent, ['1@pi.test']);
    await assert.rejects(bench.engine.submit(submission({ pushId: '3' })), { code: 'PPG_E_STATE' });
  });

  it('a stop gives up on a silent device, and the next start takes its push up under a higher attempt', async () => {
    await bench.engine.stop();
    const store = createMemoryStore();
    bench = new EngineBench({ store });
    await bench.engine.start();
    const held = deferred<DeliveryResult>();
    bench.bearer.answer = () => held.promise;
    await bench.engine.submit(submission({ qos: qos('confirmed') }));
    await settle();
    const stopping = bench.engine.stop(async () => held.resolve(SILENT));
    await bench.clock.advance(5000);
    await stopping;

    bench = new EngineBench({ store, clock: bench.clock });
    await bench.engine.start();
    await bench.clock.advance(5000);
    assert.deepEqual(
      bench.bearer.attempts.map(({ attempt }) => attempt),
      [2],
    );
    assert.equal(await state(), 'delivered 1000');
  });

  it('final pushes go after the retention', async () => {
    await bench.engine.submit(submission());
    await settle();
    await bench.clock.advance(7 * DAY + 2 * MINUTE);
    assert.equal(await state(), 'not found');
  });
});

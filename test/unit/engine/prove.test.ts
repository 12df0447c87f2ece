import assert from 'node:assert/strict';
import type { DeliveryResult, Proof } from '../../../lib/model/delivery.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import { createMemoryStore } from '../../../lib/store/memory.ts';
import { BUSY, deferred, EngineBench, SILENT } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { device, qos, registration, submission } from '../../support/model.ts';

const FETCHED: Proof = { kind: 'delivered', cause: 'fetched', source: 'fetch' };
const REFUSED: Proof = { kind: 'failed', state: 'aborted', code: 5235, cause: 'not wanted', source: 'imdn' };
const PROOF_COMES: DeliveryResult = { kind: 'accepted', cause: 'sip 202', proofComes: true };
const RELAYED: DeliveryResult = { kind: 'accepted', cause: 'sip 202' };
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

describe('proofs that do not come as the answer to an attempt', () => {
  let bench: EngineBench;
  let told: EngineEvents['proof'][];

  beforeEach(async () => {
    bench = new EngineBench();
    told = [];
    bench.events.on('proof', (proof) => told.push(proof));
    await bench.engine.start();
  });

  afterEach(() => bench.engine.stop());

  const state = async (pushId = '1@pi.test'): Promise<string> => {
    const found = await bench.engine.find('mmsc', pushId);
    return found?.recipients.map((one) => `${one.state} ${one.code} ${one.deliveredBy}`).join(', ') ?? 'not found';
  };
  const send = async (method: 'confirmed' | 'preferconfirmed' = 'confirmed', pushId = '1@pi.test'): Promise<void> => {
    await bench.engine.submit(submission({ ...NOTIFY, pushId, qos: qos(method) }));
    await settle();
  };
  /** The recipient of the n-th attempt. */
  const of = (n = 0): { push: string; index: number } => {
    const attempt = bench.bearer.attempts[n];
    assert.ok(attempt, `no attempt ${n}`);
    return { push: attempt.push.key, index: attempt.index };
  };
  const results = (): string[] => told.map(({ source, result }) => `${source} ${result}`);

  it('end what waits for confirmation, tell of it and report it', async () => {
    bench.bearer.answer = () => RELAYED;
    await send();
    assert.equal(await state(), 'awaiting-confirmation 1001 confirmed');
    assert.equal(await bench.engine.prove(of(), FETCHED), true);
    await bench.clock.advance(1000);
    assert.equal(await state(), 'delivered 1000 confirmed');
    assert.deepEqual(bench.states.at(-1)?.state, 'delivered');
    assert.deepEqual(
      bench.posted.map((one) => one.state),
      ['delivered'],
    );
    assert.deepEqual(results(), ['fetch applied']);
  });

  it('count once', async () => {
    bench.bearer.answer = () => RELAYED;
    await send();
    assert.deepEqual(await Promise.all([bench.engine.prove(of(), FETCHED), bench.engine.prove(of(), REFUSED)]), [
      true,
      false,
    ]);
    await bench.clock.advance(1000);
    assert.equal(await state(), 'delivered 1000 confirmed');
    assert.equal(bench.posted.length, 1);
  });

  it('that come before the answer to the attempt count when it is settled', async () => {
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await send();
    assert.equal(await bench.engine.prove(of(), FETCHED), false);
    assert.deepEqual(results(), ['fetch early']);
    answer.resolve(RELAYED);
    await settle();
    assert.equal(await state(), 'delivered 1000 confirmed');
    const found = await bench.engine.find('mmsc', '1@pi.test');
    assert.equal(found?.recipients[0]?.attempts[0]?.cause, 'fetched');
  });

  it('count although the answer never comes', async () => {
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await send();
    await bench.engine.prove(of(), FETCHED);
    answer.resolve(SILENT);
    await settle();
    assert.equal(await state(), 'delivered 1000 confirmed');
  });

  it('end what is tried again after an answer was lost, and the next push of the user goes on', async () => {
    bench.bearer.answer = () => SILENT;
    await send();
    assert.equal(await state(), 'pending 4001 confirmed');
    bench.bearer.answer = () => BUSY;
    assert.equal(await bench.engine.prove(of(), FETCHED), true);
    await settle();
    assert.equal(await state(), 'delivered 1000 confirmed');
    await bench.clock.advance(3_600_000);
    assert.equal(bench.bearer.attempts.length, 1, 'it is not sent again');
  });

  it('of an earlier attempt count while it is found out where the next one goes', async () => {
    let consent: Promise<boolean> = Promise.resolve(true);
    const slow = new EngineBench({ allowDelivery: () => consent });
    slow.bearer.answer = () => SILENT;
    await slow.engine.start();
    await slow.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    await settle();
    const said = deferred<boolean>();
    consent = said.promise;
    await slow.clock.advance(5000);
    const attempt = slow.bearer.attempts[0];
    assert.ok(attempt);
    await slow.engine.prove({ push: attempt.push.key, index: 0 }, FETCHED);
    said.resolve(false);
    await settle();
    assert.equal((await slow.engine.find('mmsc', '1@pi.test'))?.recipients[0]?.state, 'delivered');
    assert.equal(slow.bearer.attempts.length, 1);
    await slow.engine.stop();
  });

  it('of a device that is not tried any more count while another one is', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([device('one')]));
    bench.bearer.answer = () => SILENT;
    await send();
    bench.registrations.set('sip:alice@ims.test', registration([device('two')]));
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await bench.clock.advance(5000);
    assert.equal(bench.bearer.attempts.length, 2);
    await bench.engine.prove(of(), { ...FETCHED, device: 'one' });
    answer.resolve(BUSY);
    await settle();
    assert.equal(await state(), 'delivered 1000 confirmed');
  });

  it('of a device that is not tried any more end the push as refused once nobody else may have it', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([device('one')]));
    bench.bearer.answer = () => SILENT;
    await send();
    bench.registrations.set('sip:alice@ims.test', registration([device('two')]));
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await bench.clock.advance(5000);
    await bench.engine.prove(of(), { ...REFUSED, device: 'one' });
    answer.resolve(RELAYED);
    await settle();
    assert.equal(await state(), 'awaiting-confirmation 1001 confirmed');
    await bench.engine.prove(of(), { ...REFUSED, device: 'two' });
    assert.equal(await state(), 'aborted 5235 confirmed');
  });

  it('that the store cannot take at once are given to it again', async () => {
    const store = createMemoryStore();
    const confirm = store.confirm.bind(store);
    let failures = 2;
    store.confirm = (confirmation) => (failures-- > 0 ? Promise.reject(new Error('disk full')) : confirm(confirmation));
    const failing = new EngineBench({ store });
    failing.bearer.answer = () => RELAYED;
    await failing.engine.start();
    await failing.engine.submit(submission({ qos: qos('confirmed') }));
    await settle();
    const attempt = failing.bearer.attempts[0];
    assert.ok(attempt);
    assert.equal(await failing.engine.prove({ push: attempt.push.key, index: 0 }, FETCHED), false);
    await failing.clock.advance(10_000);
    assert.equal((await failing.engine.find('mmsc', '1@pi.test'))?.recipients[0]?.state, 'delivered');
    await failing.engine.stop();
  });

  it('that come while the store does not take the end of the attempt are kept until it does', async () => {
    const store = createMemoryStore();
    const settleReal = store.settle.bind(store);
    let failures = 2;
    store.settle = (settlement) => (failures-- > 0 ? Promise.reject(new Error('disk full')) : settleReal(settlement));
    const failing = new EngineBench({ store });
    failing.bearer.answer = () => RELAYED;
    await failing.engine.start();
    await failing.engine.submit(submission({ qos: qos('confirmed') }));
    await settle();
    const attempt = failing.bearer.attempts[0];
    assert.ok(attempt);
    assert.equal(await failing.engine.prove({ push: attempt.push.key, index: 0 }, FETCHED), false);
    await failing.clock.advance(10_000);
    assert.equal((await failing.engine.find('mmsc', '1@pi.test'))?.recipients[0]?.state, 'delivered');
    await failing.engine.stop();
  });

  it('of a refusal decide once no other device may have the push', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([device('one'), device('two')]));
    bench.bearer.answer = () => RELAYED;
    await send();
    assert.equal(await bench.engine.prove(of(), { ...REFUSED, device: 'one' }), false);
    assert.equal(await state(), 'awaiting-confirmation 1001 confirmed');
    assert.equal(await bench.engine.prove(of(), { ...REFUSED, device: 'two' }), true);
    assert.equal(await state(), 'aborted 5235 confirmed');
    assert.deepEqual(results(), ['imdn ignored', 'imdn applied']);
  });

  it('of an early refusal leave the other devices their word', async () => {
    bench.registrations.set('sip:alice@ims.test', registration([device('one'), device('two')]));
    const answers = [deferred<DeliveryResult>(), deferred<DeliveryResult>()];
    let next = 0;
    bench.bearer.answer = () => answers[next++]?.promise ?? SILENT;
    await send();
    await bench.engine.prove(of(), { ...REFUSED, device: 'one' });
    for (const answer of answers) answer.resolve(RELAYED);
    await settle();
    assert.equal(await state(), 'awaiting-confirmation 1001 confirmed');
    await bench.engine.prove(of(), { ...FETCHED, device: 'two' });
    assert.equal(await state(), 'delivered 1000 confirmed');
  });

  it('are nothing where there is no such push', async () => {
    assert.equal(await bench.engine.prove({ push: 'none', index: 0 }, FETCHED), false);
    assert.deepEqual(results(), ['fetch ignored']);
  });

  it('make preferconfirmed wait where one will come, and only there', async () => {
    bench.bearer.answer = () => PROOF_COMES;
    await send('preferconfirmed');
    assert.equal(await state(), 'awaiting-confirmation 1001 confirmed');
    await bench.engine.prove(of(), FETCHED);
    assert.equal(await state(), 'delivered 1000 confirmed');
    bench.bearer.answer = () => RELAYED;
    await send('preferconfirmed', '2@pi.test');
    assert.equal(await state('2@pi.test'), 'delivered 1000 unconfirmed');
  });

  it('that a store cannot take lose no push: it waits on', async () => {
    const store = createMemoryStore();
    store.confirm = () => Promise.reject(new Error('disk full'));
    const failing = new EngineBench({ store });
    failing.bearer.answer = () => RELAYED;
    await failing.engine.start();
    await failing.engine.submit(submission({ qos: qos('confirmed') }));
    await settle();
    const attempt = failing.bearer.attempts[0];
    assert.ok(attempt);
    assert.equal(await failing.engine.prove({ push: attempt.push.key, index: 0 }, FETCHED), false);
    const found = await failing.engine.find('mmsc', '1@pi.test');
    assert.equal(found?.recipients[0]?.state, 'awaiting-confirmation');
    await failing.engine.stop();
  });
});

import assert from 'node:assert/strict';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import type { Device } from '../../../lib/model/device.ts';
import type { AttemptRecord } from '../../../lib/model/push.ts';
import { BUSY, deferred, EngineBench, FakeBearer } from '../../support/engine.ts';
import { settle } from '../../support/fake-clock.ts';
import { address, device, qos, registration, submission } from '../../support/model.ts';

const ALICE = 'sip:alice@ims.test';
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };
const OTHER_FORM: DeliveryResult = {
  kind: 'failed',
  state: 'aborted',
  code: 5238,
  cause: 'sip 415',
  otherBearer: true,
};

const attemptsOf = async (bench: EngineBench): Promise<readonly AttemptRecord[]> =>
  (await bench.engine.find('mmsc', '1@pi.test'))?.recipients[0]?.attempts ?? [];

describe('a form of the push that a device refuses', () => {
  let bench: EngineBench;
  let second: FakeBearer;

  beforeEach(async () => {
    bench = new EngineBench();
    second = Object.assign(new FakeBearer(), { name: 'second' });
    bench.bearers.push(second);
    bench.bearer.answer = () => OTHER_FORM;
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  it('is followed by the next bearer at once, and both are on record', async () => {
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.equal(bench.posted[0]?.state, 'delivered');
    assert.deepEqual(
      (await attemptsOf(bench)).map(({ bearer, attempt, result, code }) => [bearer, attempt, result, code]),
      [
        ['fake', 1, 'failed', 5238],
        ['second', 1, 'delivered', 1000],
      ],
    );
  });

  it('is the end where no other bearer takes it', async () => {
    second.offer = { offer: 'no', code: 3006, cause: 'cannot' };
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.deepEqual([bench.posted[0]?.state, bench.posted[0]?.code], ['aborted', 5238]);
    assert.equal((await attemptsOf(bench)).length, 1);
  });

  it('is not tried again when the other bearer has to wait', async () => {
    bench.registrations.set(ALICE, registration([device('phone', ['wml.ua'])]));
    second.answer = () => BUSY;
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    second.answer = () => ({ kind: 'delivered', proof: 'device', cause: 'now' });
    await bench.clock.advance(60_000);
    await settle();
    assert.equal(bench.posted[0]?.state, 'delivered');
    assert.equal(bench.bearer.sent.length, 1);
    assert.equal(second.sent.length, 2);
  });

  it('by every bearer ends with what the last one was told', async () => {
    second.answer = () => ({ ...OTHER_FORM, code: 4000, state: 'undeliverable' });
    await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    await settle();
    assert.deepEqual([bench.posted[0]?.state, bench.posted[0]?.code], ['undeliverable', 4000]);
    assert.equal((await attemptsOf(bench)).length, 2);
  });
});

describe('devices that nobody has asked what they can', () => {
  let bench: EngineBench;
  const asked: { aor: string; ids: string[] }[] = [];
  let answer: Promise<void> | undefined;

  beforeEach(async () => {
    asked.length = 0;
    answer = undefined;
    bench = new EngineBench({
      capabilities: {
        ask(aor, devices) {
          asked.push({ aor, ids: devices.map(({ id }) => id) });
          return answer;
        },
      },
    });
    await bench.engine.start();
  });
  afterEach(() => bench.engine.stop());

  const phone = device('phone', ['wml.ua']);
  const know = (...devices: Device[]): unknown => bench.registrations.set(ALICE, registration(devices));

  it('are asked before the first push, which then goes by what they told', async () => {
    const told = deferred<void>();
    answer = told.promise;
    know(device('a'), device('b'));
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.deepEqual(asked, [{ aor: ALICE, ids: ['a', 'b'] }]);
    assert.deepEqual(bench.bearer.sent, []);
    know(device('a'), device('b', undefined, { capabilities: { applications: ['wml.ua'], until: 1 } }));
    told.resolve();
    await settle();
    assert.deepEqual(
      bench.bearer.attempts.map(({ target }) => target.kind === 'device' && target.device.id),
      ['b'],
    );
  });

  it('are only those that the push would go to', async () => {
    know(phone, device('tablet', ['ulp.ua']), device('old'));
    await bench.engine.submit(submission(NOTIFY));
    await settle();
    assert.deepEqual(asked[0]?.ids, ['phone']);
  });

  it('are never asked by a fork', async () => {
    await bench.engine.submit(submission(NOTIFY));
    know();
    await bench.engine.submit(submission({ ...NOTIFY, pushId: '2@pi.test' }));
    await bench.engine.submit(
      submission({ ...NOTIFY, pushId: '3@pi.test', recipients: [address('bob', { gruu: 'sip:bob@ims.test;gr=x' })] }),
    );
    await settle();
    assert.deepEqual(
      asked.flatMap(({ ids }) => ids),
      [],
    );
    assert.equal(bench.bearer.sent.length, 3);
  });

  it('are asked by a capability query', async () => {
    const told = deferred<void>();
    answer = told.promise;
    know(device('a'), device('b'));
    const query = bench.engine.capabilities('mmsc', address('alice', { instance: 'urn:uuid:b' }));
    await settle();
    know(device('a'), device('b', undefined, { capabilities: { types: ['text/plain'], userAgent: 'B', until: 1 } }));
    told.resolve();
    const capabilities = await query;
    assert.deepEqual(asked, [{ aor: ALICE, ids: ['b'] }]);
    assert.deepEqual(capabilities?.types, ['text/plain']);
    assert.equal(capabilities.userAgent, 'B');
  });
});

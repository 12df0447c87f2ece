import assert from 'node:assert/strict';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { DELIVERED, deferred, EngineBench, OFFLINE, SILENT } from '../../support/engine.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { address, device, qos, registration, submission } from '../../support/model.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOTIFY = { notifyUrl: 'http://pi.test/notify' };

/** A clock that somebody sets: timers go on as they were, as the system's do. */
class SetClock extends FakeClock {
  #ahead = 0;

  override now(): number {
    return super.now() + this.#ahead;
  }

  set(by: number): void {
    this.#ahead += by;
  }
}

describe('a clock that is set', () => {
  let clock: SetClock;
  let bench: EngineBench;

  beforeEach(async () => {
    clock = new SetClock();
    bench = new EngineBench({ clock });
    await bench.engine.start();
    await settle();
  });

  afterEach(() => bench.engine.stop());

  const state = async (pushId = '1@pi.test'): Promise<string> => {
    const found = await bench.engine.find('mmsc', pushId);
    return found?.recipients.map((one) => `${one.state} ${one.code}`).join(', ') ?? 'not found';
  };

  it('forward, as after a sleep of the machine: what is due since then starts within a minute', async () => {
    await bench.engine.submit(submission({ deliverAfter: clock.now() + 8 * HOUR }));
    clock.set(9 * HOUR);
    await clock.advance(MINUTE);
    assert.equal(await state(), 'delivered 1000');
  });

  it('forward: so are results that are owed', async () => {
    bench.post = () => ({ ok: false, cause: 'http 503' });
    await bench.engine.submit(submission(NOTIFY));
    await clock.advance(HOUR);
    const before = bench.posted.length;
    bench.post = () => ({ ok: true, cause: 'http 202' });
    clock.set(2 * HOUR);
    await clock.advance(MINUTE);
    assert.equal(bench.posted.length, before + 1);
  });

  it('back does not make a rest of the next hop longer than a rest may be', async () => {
    bench.bearer.answer = () => ({ kind: 'retry', why: 'overload', scope: 'hop', code: 4001, cause: 'sip 503' });
    await bench.engine.submit(submission());
    await settle();
    clock.set(-2 * HOUR);
    bench.bearer.answer = () => DELIVERED;
    await bench.engine.submit(submission({ pushId: '2@pi.test', recipients: [address('bob')] }));
    await clock.advance(MINUTE);
    assert.equal(await state('2@pi.test'), 'delivered 1000');
  });

  it('back leaves no attempt without the lease it needs', async () => {
    const open: ((result: DeliveryResult) => void)[] = [];
    bench.bearer.answer = () => {
      const { promise, resolve } = deferred<DeliveryResult>();
      open.push(resolve);
      return promise;
    };
    await bench.engine.submit(submission());
    clock.set(-2 * HOUR);
    await bench.engine.submit(submission({ pushId: '2@pi.test', recipients: [address('bob')] }));
    await clock.advance(10 * MINUTE);
    // Whatever else is due has the store look for leases that are over.
    await bench.engine.submit(submission({ pushId: '3@pi.test', deliverAfter: clock.now() + SECOND }));
    await clock.advance(10 * MINUTE);
    assert.equal(open.length, 2);
    for (const answer of open) answer(DELIVERED);
    bench.bearer.answer = () => DELIVERED;
    await settle();
    assert.equal(await state(), 'delivered 1000');
    assert.equal(await state('2@pi.test'), 'delivered 1000');
  });
});

describe('the time of a push', () => {
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

  it('that is over while an attempt is under way ends it as soon as the attempt has found nobody', async () => {
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = () => answer.promise;
    await bench.engine.submit(submission({ ...NOTIFY, deliverBefore: bench.clock.now() + 10 * SECOND }));
    await bench.clock.advance(20 * SECOND);
    assert.equal(await state(), 'sending 1001');
    answer.resolve(OFFLINE);
    await bench.clock.advance(SECOND);
    assert.equal(await state(), 'expired 4001');
    assert.equal(bench.posted[0]?.state, 'expired');
  });

  it('ends on time when the scheduler looked for work while an attempt was under way', async () => {
    const answer = deferred<DeliveryResult>();
    bench.bearer.answer = ({ push }) => (push.pushId === '1@pi.test' ? answer.promise : DELIVERED);
    await bench.engine.submit(submission({ ...NOTIFY, deliverBefore: bench.clock.now() + 30 * SECOND }));
    const other = { pushId: '2@pi.test', recipients: [address('bob')] };
    await bench.engine.submit(submission({ ...other, deliverAfter: bench.clock.now() + SECOND }));
    await bench.clock.advance(5 * SECOND);
    answer.resolve(OFFLINE);
    await bench.clock.advance(26 * SECOND);
    assert.equal(await state(), 'expired 4001');
  });

  it('that waits for a proof is not longer again because the user has left, or nobody knows his consent', async () => {
    bench.bearer.answer = () => SILENT;
    bench.registrations.set(address('alice').aor, registration([device('urn:uuid:1')], { aor: address('alice').aor }));
    await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    await settle();
    bench.registrations.set(address('alice').aor, registration([], { aor: address('alice').aor, registered: false }));
    await bench.clock.advance(DAY + MINUTE);
    assert.equal(await state(), 'timeout 4000');
  });

  it('that waits for a proof is not longer again because the records of the first attempts have gone', async () => {
    let count = 0;
    bench.bearer.answer = () =>
      count++ === 0 ? SILENT : { kind: 'retry', why: 'busy', scope: 'recipient', code: 4001, cause: 'sip 486' };
    await bench.engine.submit(submission({ ...NOTIFY, qos: qos('confirmed') }));
    await bench.clock.advance(DAY + MINUTE);
    assert.equal(await state(), 'timeout 4000');
  });

  it('is not spent on trying without end whoever answers Retry-After: 0', async () => {
    bench.bearer.answer = () => ({
      kind: 'retry',
      why: 'busy',
      scope: 'recipient',
      code: 4001,
      after: 0,
      cause: 'sip 486',
    });
    await bench.engine.submit(submission());
    await bench.clock.advance(MINUTE);
    assert.ok(bench.bearer.attempts.length <= 8, `${bench.bearer.attempts.length} attempts in a minute`);
  });
});

import assert from 'node:assert/strict';
import { DEFAULT_HOP_PACE, HopPace } from '../../../lib/engine/hop-pace.ts';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const overload = (scope: 'recipient' | 'hop', after?: number): DeliveryResult => ({
  kind: 'retry',
  why: 'overload',
  scope,
  code: 4001,
  cause: 'sip 503',
  ...(after !== undefined && { after }),
});

describe('pace of the next hop', () => {
  it('one recipient that is overloaded slows nobody else, however often it says so', () => {
    const pace = new HopPace(new FakeClock());
    for (let i = 0; i < 100; i++) pace.learn('sip:a@ims.test', overload('recipient'));
    assert.equal(pace.paused, false);
  });

  it('several recipients within the window pause the hop', () => {
    const pace = new HopPace(new FakeClock());
    const paused = [1, 2, 3, 4, 5].map((n) => pace.learn(`sip:${n}@ims.test`, overload('recipient')));
    assert.deepEqual(paused, [false, false, false, false, true]);
    assert.equal(pace.paused, true);
  });

  it('recipients spread over a longer time do not', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    for (let n = 0; n < 20; n++) {
      pace.learn(`sip:${n}@ims.test`, overload('recipient'));
      clock.tick(DEFAULT_HOP_PACE.window);
    }
    assert.equal(pace.paused, false);
  });

  it('the hop itself pauses at once, for as long as it asks up to the longest', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    assert.equal(pace.learn('sip:a@ims.test', overload('hop', 10_000)), true);
    assert.equal(pace.pausedUntil - clock.now(), 10_000);
    clock.tick(10_000);
    assert.equal(pace.paused, false);
    pace.learn('sip:a@ims.test', overload('hop', 10 ** 9));
    assert.equal(pace.pausedUntil - clock.now(), DEFAULT_HOP_PACE.longest);
  });

  it('one that says so again and again does not keep the words of others alive', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    for (const n of [1, 2, 3, 4]) pace.learn(`sip:${n}@ims.test`, overload('recipient'));
    clock.tick(DEFAULT_HOP_PACE.window - 1);
    pace.learn('sip:1@ims.test', overload('recipient'));
    clock.tick(2);
    pace.learn('sip:1@ims.test', overload('recipient'));
    assert.equal(pace.learn('sip:5@ims.test', overload('recipient')), false);
  });

  it('a pause becomes as long as a later answer asks, and no shorter', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    pace.learn('sip:a@ims.test', overload('hop'));
    assert.equal(pace.learn('sip:b@ims.test', overload('hop')), false);
    assert.equal(pace.learn('sip:c@ims.test', overload('hop', 20_000)), true);
    assert.equal(pace.learn('sip:d@ims.test', overload('hop', 5000)), false);
    assert.equal(pace.pausedUntil - clock.now(), 20_000);
  });

  it('the longest Retry-After of several recipients counts for the hop', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    for (const n of [1, 2, 3, 4, 5]) pace.learn(`sip:${n}@ims.test`, overload('recipient', n === 5 ? 7000 : undefined));
    assert.equal(pace.pausedUntil - clock.now(), 7000);
  });

  it('pauses lengthen while nothing gets through and start anew after a delivery', () => {
    const clock = new FakeClock();
    const pace = new HopPace(clock);
    const length = (): number => {
      pace.learn('sip:a@ims.test', overload('hop'));
      const ms = pace.pausedUntil - clock.now();
      clock.tick(ms);
      return ms;
    };
    assert.deepEqual([length(), length(), length()], [1000, 2000, 4000]);
    pace.learn('sip:a@ims.test', { kind: 'delivered', proof: 'device', cause: 'sip 200' });
    assert.equal(length(), 1000);
  });
});

import assert from 'node:assert/strict';
import { TransactionTimers } from '../../../lib/stack/timers.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('transaction timers', () => {
  const make = (): { clock: FakeClock; timers: TransactionTimers; fired: string[]; errors: unknown[] } => {
    const clock = new FakeClock();
    const errors: unknown[] = [];
    return { clock, timers: new TransactionTimers(clock, (error) => errors.push(error)), fired: [], errors };
  };

  it('of one moment and delay share one timer of the clock', () => {
    const { clock, timers, fired } = make();
    for (let i = 0; i < 1000; i++) timers.set({ onTimer: (name) => fired.push(name) }, 'e', 500);
    assert.equal(clock.pending, 1);
    clock.tick(1);
    timers.set({ onTimer: (name) => fired.push(name) }, 'f', 500);
    assert.equal(clock.pending, 2);
    clock.tick(499);
    assert.equal(fired.length, 1000);
    clock.tick(1);
    assert.equal(fired.at(-1), 'f');
  });

  it('that are cleared do not fire; the clock is let go with the last', () => {
    const { clock, timers, fired } = make();
    const first = timers.set({ onTimer: () => fired.push('first') }, 'e', 500);
    const second = timers.set({ onTimer: () => fired.push('second') }, 'e', 500);
    timers.clear(first);
    timers.clear(first);
    assert.equal(clock.pending, 1);
    timers.clear(second);
    assert.equal(clock.pending, 0);
    timers.set({ onTimer: () => fired.push('third') }, 'e', 500);
    clock.tick(500);
    assert.deepEqual(fired, ['third']);
  });

  it('cleared by one that fires at the same moment stay silent', () => {
    const { clock, timers, fired } = make();
    timers.set({ onTimer: () => timers.clear(other) }, 'e', 500);
    const other = timers.set({ onTimer: () => fired.push('other') }, 'e', 500);
    clock.tick(500);
    assert.deepEqual(fired, []);
  });

  it('an owner who throws does not stop the others', () => {
    const { clock, timers, fired, errors } = make();
    timers.set(
      {
        onTimer: () => {
          throw new Error('x');
        },
      },
      'e',
      500,
    );
    timers.set({ onTimer: () => fired.push('second') }, 'e', 500);
    clock.tick(500);
    assert.deepEqual(fired, ['second']);
    assert.equal(errors.length, 1);
  });

  it('are all gone after stop', () => {
    const { clock, timers, fired } = make();
    timers.set({ onTimer: () => fired.push('x') }, 'e', 500);
    timers.set({ onTimer: () => fired.push('y') }, 'f', 900);
    timers.stop();
    clock.tick(1000);
    assert.deepEqual(fired, []);
    assert.equal(clock.pending, 0);
  });
});

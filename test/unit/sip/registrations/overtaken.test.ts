import assert from 'node:assert/strict';
import { Overtaken } from '../../../../lib/sip/registrations/overtaken.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fakeRequest } from '../../../support/fake-sip.ts';

describe('REGISTERs that a later one has overtaken', () => {
  const clock = new FakeClock();

  const register = (callId: string, number: number) =>
    fakeRequest({
      method: 'REGISTER',
      headers: { From: '<sip:scscf.example.com>;tag=1', 'Call-ID': callId, CSeq: `${number} REGISTER` },
    });

  it('are remembered for no more than so many, and no longer than half a minute', async () => {
    const overtaken = new Overtaken(clock, 3);
    for (const callId of ['a', 'b', 'c', 'd']) assert.equal(overtaken.has(register(callId, 8), 'u'), false);
    assert.equal(overtaken.size, 3);
    assert.equal(overtaken.has(register('d', 7), 'u'), true);
    await clock.advance(32_000);
    overtaken.has(register('e', 8), 'u');
    assert.equal(overtaken.size, 1);
  });

  it('stay known where others are heard again and again', async () => {
    const overtaken = new Overtaken(clock, 2);
    overtaken.has(register('a', 8), 'u');
    overtaken.has(register('b', 8), 'u');
    overtaken.has(register('a', 9), 'u');
    overtaken.has(register('c', 8), 'u');
    assert.equal(overtaken.has(register('a', 8), 'u'), true);
    assert.equal(overtaken.has(register('b', 7), 'u'), false);
  });

  it('are told by no clock that was set back since', () => {
    let now = clock.now();
    const overtaken = new Overtaken({ now: () => now });
    overtaken.has(register('a', 8), 'u');
    now -= 3_600_000;
    assert.equal(overtaken.has(register('a', 7), 'u'), false);
  });

  it('are not kept under a name of any length', () => {
    const overtaken = new Overtaken(clock);
    overtaken.has(register('x'.repeat(2000), 8), 'u');
    assert.equal(overtaken.size, 0);
  });
});

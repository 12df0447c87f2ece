import assert from 'node:assert/strict';
import { callIdOf } from '../../../lib/engine/call-id.ts';
import { claim, record } from '../../support/model.ts';

const DOMAIN = 'ims.test';

describe('Call-ID of an attempt', () => {
  it('is the same for the same push, recipient and target, and another for any other', () => {
    const one = callIdOf(claim(), 'phone', DOMAIN);
    assert.equal(callIdOf(claim(), 'phone', DOMAIN), one);
    for (const other of [
      callIdOf(claim(), 'tablet', DOMAIN),
      callIdOf(claim({ index: 1 }), 'phone', DOMAIN),
      callIdOf(claim({ push: 'k2' }), 'phone', DOMAIN),
    ]) {
      assert.notEqual(other, one);
    }
  });

  it('a device that a fork may have reached gets its retry under the Call-ID of the fork', () => {
    const attempts = [record('unknown', { device: 'aor', callId: 'fork@ims.test' })];
    assert.equal(callIdOf(claim({ attempts }), 'phone', DOMAIN), 'fork@ims.test');
  });

  it('a fork that may reach a device tried before goes under the Call-ID of that device', () => {
    const attempts = [record('unknown', { device: 'phone', callId: 'phone@ims.test' })];
    assert.equal(callIdOf(claim({ attempts }), 'aor', DOMAIN), 'phone@ims.test');
  });

  it('a device keeps its own once it has one', () => {
    const attempts = [
      record('busy', { device: 'aor', callId: 'fork@ims.test' }),
      record('busy', { device: 'phone', callId: 'phone@ims.test' }),
    ];
    assert.equal(callIdOf(claim({ attempts }), 'phone', DOMAIN), 'phone@ims.test');
  });

  it('another device is not confused with one that was tried', () => {
    const attempts = [record('busy', { device: 'tablet', callId: 'tablet@ims.test' })];
    assert.equal(callIdOf(claim({ attempts }), 'phone', DOMAIN), callIdOf(claim(), 'phone', DOMAIN));
  });
});

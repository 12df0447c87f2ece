import assert from 'node:assert/strict';
import { DEFAULT_LIMITS, DEFAULT_RETRY } from '../../../lib/engine/limits.ts';
import { attemptRecord, type OutcomeContext, outcomeOf } from '../../../lib/engine/outcome.ts';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { claim, push, qos, record } from '../../support/model.ts';

const NOW = 1_000_000;
const MINUTE = 60_000;

const context = (more: Partial<OutcomeContext> = {}): OutcomeContext => ({
  now: NOW,
  limits: DEFAULT_LIMITS,
  wait: { policy: DEFAULT_RETRY, random: () => 0.5 },
  covered: true,
  registeredMeanwhile: false,
  ...more,
});

const delivered: DeliveryResult = { kind: 'delivered', proof: 'device', cause: 'sip 200' };
const passedOn: DeliveryResult = { kind: 'delivered', proof: 'none', cause: 'sip 202' };
const accepted: DeliveryResult = { kind: 'accepted', cause: 'sip 202' };
const unknown: DeliveryResult = { kind: 'unknown', code: 4001, cause: 'no answer' };
const refused: DeliveryResult = { kind: 'failed', state: 'aborted', code: 5235, cause: 'sip 603' };
const unfit: DeliveryResult = { kind: 'failed', state: 'undeliverable', code: 4000, cause: 'sip 400' };
const retry = (why: 'offline' | 'busy' | 'overload' | 'error', after?: number): DeliveryResult => ({
  kind: 'retry',
  why,
  scope: 'recipient',
  code: 4001,
  cause: why,
  ...(after !== undefined && { after }),
});

const confirmed = claim({ pushData: push({ qos: qos('confirmed') }) });
const preferred = claim({ pushData: push({ qos: qos('preferconfirmed') }) });

describe('record of an attempt', () => {
  const by = { id: 'aor', bearer: 'sip-message', callId: 'a@b', startedAt: NOW };

  it('has the cause, and where a redirection led', () => {
    assert.equal(attemptRecord(confirmed, by, refused, NOW).cause, 'sip 603');
    const redirected = { ...refused, cause: 'sip 603, redirected', followed: ['sip:a@b.example', 'sip:c@b.example'] };
    assert.equal(
      attemptRecord(confirmed, by, redirected, NOW).cause,
      'sip 603, redirected to sip:a@b.example, sip:c@b.example',
    );
    assert.equal(attemptRecord(confirmed, by, { ...refused, said: 'Go away' }, NOW).cause, 'sip 603, "Go away"');
  });
});

describe('outcome of an attempt', () => {
  it('one device that has it makes the recipient delivered, whatever the others say', () => {
    const outcome = outcomeOf(confirmed, [refused, unknown, delivered], context());
    assert.deepEqual([outcome.to, outcome.code], ['delivered', 1000]);
  });

  it('confirmed is reported confirmed, everything else unconfirmed', () => {
    for (const [one, by] of [
      [confirmed, 'confirmed'],
      [claim(), 'unconfirmed'],
      [claim({ pushData: push({ qos: qos('unconfirmed') }) }), 'unconfirmed'],
    ] as const) {
      const outcome = outcomeOf(one, [delivered], context());
      assert.equal(outcome.to === 'delivered' && outcome.deliveredBy, by);
    }
  });

  it('a relay that took an unconfirmed push ends it', () => {
    assert.equal(outcomeOf(claim(), [passedOn], context()).to, 'delivered');
  });

  it('a relay that took a confirmed push leaves it waiting, no longer than confirmWait or the push', () => {
    const long = outcomeOf(confirmed, [accepted], context());
    assert.equal(long.to === 'awaiting-confirmation' && long.deadline, NOW + DEFAULT_LIMITS.confirmWait);
    const short = outcomeOf(
      { ...confirmed, pushData: { ...confirmed.pushData, expiresAt: NOW + 5 } },
      [accepted],
      context(),
    );
    assert.equal(short.to === 'awaiting-confirmation' && short.deadline, NOW + 5);
  });

  it('preferconfirmed falls back to unconfirmed when only a relay took it, and says so', () => {
    const outcome = outcomeOf(preferred, [accepted], context());
    assert.equal(outcome.to === 'delivered' && outcome.deliveredBy, 'unconfirmed');
  });

  it('no answer is retried and remembered, and bounds the wait of a confirmed push', () => {
    const outcome = outcomeOf(confirmed, [unknown], context());
    assert.ok(outcome.to === 'pending');
    assert.equal(outcome.attempted, 'unknown');
    assert.equal(outcome.offline, false);
    assert.equal(outcome.due, NOW + DEFAULT_RETRY.first);
    assert.equal(outcome.deadline, NOW + DEFAULT_LIMITS.confirmWait);
  });

  it('the bound counts from the first attempt that went unanswered', () => {
    const later = { ...confirmed, attempts: [record('unknown', { endedAt: NOW - 50 })], attempted: 'unknown' as const };
    const outcome = outcomeOf(later, [unknown], context());
    assert.equal(outcome.to === 'pending' && outcome.deadline, NOW - 50 + DEFAULT_LIMITS.confirmWait);
  });

  it('once unknown, a later refusal does not make it known', () => {
    const outcome = outcomeOf(claim({ attempted: 'unknown' }), [retry('busy')], context());
    assert.equal(outcome.to === 'pending' && outcome.attempted, 'unknown');
  });

  it('offline waits slowly and doubles to the longest', () => {
    const waits = [0, 1, 2, 9].map((offlineTries) => {
      const outcome = outcomeOf(claim({ offlineTries }), [retry('offline')], context());
      assert.ok(outcome.to === 'pending' && outcome.offline);
      return outcome.due - NOW;
    });
    assert.deepEqual(waits, [15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 360 * MINUTE]);
  });

  it('offline backs off as usual where nobody tells of registrations', () => {
    const outcome = outcomeOf(claim(), [retry('offline')], context({ covered: false }));
    assert.equal(outcome.to === 'pending' && outcome.due - NOW, DEFAULT_RETRY.first);
  });

  it('a user who registered while the attempt found nobody is tried again soon', () => {
    const outcome = outcomeOf(claim(), [retry('offline')], context({ registeredMeanwhile: true }));
    assert.ok(outcome.to === 'pending');
    assert.equal(outcome.offline, false);
    assert.equal(outcome.due - NOW, DEFAULT_RETRY.first);
  });

  it('Retry-After is honoured and bounded', () => {
    const due = (after: number): number => {
      const outcome = outcomeOf(claim(), [retry('busy', after)], context());
      return outcome.to === 'pending' ? outcome.due - NOW : -1;
    };
    assert.equal(due(30_000), 30_000);
    assert.equal(due(10 ** 12), DEFAULT_RETRY.longestRetryAfter);
  });

  it('back-off doubles with each attempt in a row and stops at the longest', () => {
    const records = (count: number) => Array.from({ length: count }, (_, i) => record('busy', { attempt: i + 1 }));
    const waits = [0, 1, 3, 20].map((count) => {
      const outcome = outcomeOf(claim({ attempts: records(count) }), [retry('busy')], context());
      return outcome.to === 'pending' ? outcome.due - NOW : -1;
    });
    assert.deepEqual(waits, [2000, 4000, 16_000, DEFAULT_RETRY.longest]);
  });

  it('errors in a row end as undeliverable 4000', () => {
    const attempts = Array.from({ length: DEFAULT_RETRY.maxErrors - 1 }, (_, i) => record('error', { attempt: i + 1 }));
    const outcome = outcomeOf(claim({ attempts }), [retry('error')], context());
    assert.deepEqual([outcome.to, outcome.code], ['undeliverable', 4000]);
    const one = outcomeOf(claim({ attempts: attempts.slice(1) }), [retry('error')], context());
    assert.equal(one.to, 'pending');
  });

  it('one device that may take it later keeps the push alive when another refused', () => {
    assert.equal(outcomeOf(claim(), [refused, retry('busy')], context()).to, 'pending');
  });

  it("what a user's device said outweighs what the network said", () => {
    const outcome = outcomeOf(claim(), [unfit, refused], context());
    assert.deepEqual([outcome.to, outcome.code], ['aborted', 5235]);
  });
});

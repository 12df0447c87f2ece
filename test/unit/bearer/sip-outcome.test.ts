import assert from 'node:assert/strict';
import { type OutcomeContext, parseRetryAfter, readingsWith, sipOutcome } from '../../../lib/bearer/sip-outcome.ts';
import type { DeliveryResult } from '../../../lib/model/delivery.ts';
import { describeCode } from '../../../lib/model/result-codes.ts';
import { fakeAnswer } from '../../support/fake-sip.ts';

const CONFIRMED: OutcomeContext = { confirmed: true, target: 'device' };
const UNCONFIRMED: OutcomeContext = { ...CONFIRMED, confirmed: false };
const AOR: OutcomeContext = { ...CONFIRMED, target: 'aor' };

/** A result in one line: kind, what decides about it, code. */
function line(result: DeliveryResult): string {
  switch (result.kind) {
    case 'delivered':
      return `delivered ${result.proof}`;
    case 'accepted':
      return 'accepted';
    case 'retry':
      return `retry ${result.why} ${result.scope} ${result.code}${result.after === undefined ? '' : ` +${result.after}`}`;
    case 'failed':
      return `${result.state} ${result.code}`;
    case 'unknown':
      return `unknown ${result.code}`;
  }
}

/** [status, confirmed to a device, unconfirmed to a device, confirmed to the address-of-record] */
const TABLE: [status: number, confirmed: string, unconfirmed: string, aor: string][] = [
  [200, 'delivered device', 'delivered device', 'delivered device'],
  [202, 'accepted', 'delivered none', 'accepted'],
  [204, 'accepted', 'delivered none', 'accepted'],
  [299, 'accepted', 'delivered none', 'accepted'],
  [300, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [302, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [400, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [401, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [403, 'aborted 5235', 'aborted 5235', 'aborted 5235'],
  [404, 'retry offline device 4001', 'retry offline device 4001', 'retry offline recipient 4001'],
  [405, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [407, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [408, 'unknown 4001', 'retry error device 4001', 'unknown 4001'],
  [410, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [413, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [415, 'aborted 5238', 'aborted 5238', 'aborted 5238'],
  [420, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [421, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [430, 'retry offline device 4001', 'retry offline device 4001', 'retry offline recipient 4001'],
  [480, 'retry offline device 4001', 'retry offline device 4001', 'retry offline recipient 4001'],
  [482, 'unknown 4001', 'unknown 4001', 'unknown 4001'],
  [486, 'retry busy device 4001', 'retry busy device 4001', 'retry busy recipient 4001'],
  [488, 'aborted 5238', 'aborted 5238', 'aborted 5238'],
  [494, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [499, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [500, 'retry error device 4001', 'retry error device 4001', 'retry error recipient 4001'],
  [501, 'retry error device 4001', 'retry error device 4001', 'retry error recipient 4001'],
  [503, 'retry overload recipient 4001', 'retry overload recipient 4001', 'retry overload recipient 4001'],
  [504, 'retry error device 4001', 'retry error device 4001', 'retry error recipient 4001'],
  [513, 'undeliverable 4000', 'undeliverable 4000', 'undeliverable 4000'],
  [599, 'retry error device 4001', 'retry error device 4001', 'retry error recipient 4001'],
  [600, 'retry busy recipient 4001', 'retry busy recipient 4001', 'retry busy recipient 4001'],
  [603, 'aborted 5235', 'aborted 5235', 'aborted 5235'],
  [604, 'undeliverable 2002', 'undeliverable 2002', 'undeliverable 2002'],
  [606, 'aborted 5238', 'aborted 5238', 'aborted 5238'],
  [607, 'aborted 5235', 'aborted 5235', 'aborted 5235'],
  [608, 'aborted 5235', 'aborted 5235', 'aborted 5235'],
  [699, 'retry busy recipient 4001', 'retry busy recipient 4001', 'retry busy recipient 4001'],
];

describe('what a SIP answer means for a push', () => {
  for (const [status, confirmed, unconfirmed, aor] of TABLE) {
    it(`${status}: ${confirmed}`, () => {
      const answer = fakeAnswer(status);
      assert.deepEqual(
        [CONFIRMED, UNCONFIRMED, AOR].map((context) => line(sipOutcome(answer, context))),
        [confirmed, unconfirmed, aor],
      );
    });
  }

  it('every status has a result whose code the PAP knows', () => {
    for (let status = 200; status < 700; status++) {
      const result = sipOutcome(fakeAnswer(status), CONFIRMED);
      if ('code' in result) assert.doesNotMatch(describeCode(result.code), /^Status/);
      assert.match(result.cause, new RegExp(`^sip ${status}`));
    }
  });

  it('404 is final where the core uses it for users it does not have', () => {
    assert.equal(
      line(sipOutcome(fakeAnswer(404), { ...CONFIRMED, readings: readingsWith({}, true) })),
      'undeliverable 2002',
    );
  });

  it('nobody answered: unknown when it must be proven, again when it need not', () => {
    const local = fakeAnswer(408, {}, { local: true });
    assert.equal(line(sipOutcome(local, CONFIRMED)), 'unknown 4001');
    assert.equal(line(sipOutcome(local, UNCONFIRMED)), 'retry error device 4001');
    const lost = { kind: 'unknown', cause: 'link lost' } as const;
    assert.equal(line(sipOutcome(lost, CONFIRMED)), 'unknown 4001');
    assert.equal(line(sipOutcome(lost, { ...UNCONFIRMED, target: 'aor' })), 'retry error recipient 4001');
    assert.equal(sipOutcome(lost, CONFIRMED).cause, 'link lost');
  });

  it('503 of our own side slows the hop, one from the network its recipient', () => {
    assert.equal(line(sipOutcome(fakeAnswer(503, {}, { local: true }), AOR)), 'retry overload hop 4001');
    assert.equal(line(sipOutcome(fakeAnswer(503, { 'retry-after': '5' }), AOR)), 'retry overload recipient 4001 +5000');
  });

  it('500 with Retry-After is the 503 of a device behind a proxy', () => {
    assert.equal(
      line(sipOutcome(fakeAnswer(500, { 'Retry-After': '60' }), CONFIRMED)),
      'retry overload recipient 4001 +60000',
    );
  });

  it('offline and busy carry the Retry-After they came with', () => {
    const after = { 'Retry-After': '120 (in a meeting);duration=60' };
    assert.equal(line(sipOutcome(fakeAnswer(480, after), CONFIRMED)), 'retry offline device 4001 +120000');
    assert.equal(line(sipOutcome(fakeAnswer(486, after), AOR)), 'retry busy recipient 4001 +120000');
    assert.equal(line(sipOutcome(fakeAnswer(600, after), CONFIRMED)), 'retry busy recipient 4001 +120000');
  });

  it('what did not leave leaves later, unless it never can', () => {
    const notSent = (code?: 'PPG_E_LEG_DOWN' | 'PPG_E_LEG_CANNOT' | 'PPG_E_SIP_HEADER') =>
      line(sipOutcome({ kind: 'not-sent', cause: 'x', ...(code !== undefined && { code }) }, CONFIRMED));
    assert.equal(notSent(), 'retry error hop 4001');
    assert.equal(notSent('PPG_E_LEG_DOWN'), 'retry error hop 4001');
    assert.equal(notSent('PPG_E_LEG_CANNOT'), 'undeliverable 3006');
    assert.equal(notSent('PPG_E_SIP_HEADER'), 'undeliverable 3006');
  });

  it('a challenge says what to do about it', () => {
    assert.match(sipOutcome(fakeAnswer(407), CONFIRMED).cause, /sip\.credentials/);
  });

  it('the phrase of a peer is no part of the cause, and cut and cleaned before an operator reads it', () => {
    const told = (reason: string, status = 486) => {
      const { cause, said } = sipOutcome(fakeAnswer(status, {}, { reason }), CONFIRMED);
      return [cause, said];
    };
    assert.deepEqual(told('Busy Here'), ['sip 486 Busy Here', undefined]);
    assert.deepEqual(told('BUSY here '), ['sip 486 Busy Here', undefined]);
    assert.deepEqual(told(''), ['sip 486 Busy Here', undefined]);
    assert.deepEqual(told('bob@example.com has it'), ['sip 486 Busy Here', 'bob@example.com has it']);
    assert.deepEqual(told('a\r\n\u001b[2Jb'), ['sip 486 Busy Here', 'a   [2Jb']);
    assert.deepEqual(told('x'.repeat(10_000)), ['sip 486 Busy Here', 'x'.repeat(64)]);
    assert.deepEqual(told('Fine', 200), ['sip 200 OK', 'Fine']);
    assert.deepEqual(
      told('Enough', 499),
      ['sip 499', 'Enough'],
      'nor is another status named by the phrase of its class',
    );
  });

  it('a status that no leg should answer with is not taken for a delivery', () => {
    for (const status of [0, 100, 199, 700, Number.NaN])
      assert.equal(sipOutcome(fakeAnswer(status), CONFIRMED).kind, 'unknown', String(status));
  });

  const retryAfter: [value: string | undefined, ms: number | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['0', 0],
    ['18', 18_000],
    [' 120 ', 120_000],
    ['120(busy)', 120_000],
    ['120;duration=3600', 120_000],
    ['99999999999', undefined],
    ['4294967295', 86_400_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['1e9', undefined],
    ['soon', undefined],
    ['Fri, 26 Sep 1997 21:00:00 GMT', undefined],
  ];
  for (const [value, ms] of retryAfter) {
    it(`Retry-After ${JSON.stringify(value)} is ${ms} ms`, () => {
      assert.equal(parseRetryAfter(value), ms);
    });
  }
});

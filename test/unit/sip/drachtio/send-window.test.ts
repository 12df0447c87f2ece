import assert from 'node:assert/strict';
import { createDrachtioLeg } from '../../../../lib/sip/drachtio/drachtio-leg.ts';
import type { SipAnswer, SipLeg } from '../../../../lib/sip/leg.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { type FakeCall, FakeSrf } from '../../../support/fake-srf.ts';

/** Requests that may be without an answer at once, and those beyond that the server may not have confirmed yet. */
const AT_ONCE = 80;
const UNCONFIRMED = 2;
const GUARD = 36_000; // ms

describe('requests by UDP through a drachtio-server', () => {
  let clock: FakeClock;
  let srf: FakeSrf;
  let leg: SipLeg;

  beforeEach(() => {
    clock = new FakeClock();
    srf = new FakeSrf();
    leg = createDrachtioLeg({ srf, outbound: srf, clock });
    srf.up();
  });

  const burst = (many: number, nextHop = 'sip:core:5060'): Promise<SipAnswer>[] =>
    Array.from({ length: many }, (_, n) => leg.request({ method: 'MESSAGE', uri: `sip:${n}@b`, headers: [], nextHop }));
  const callAt = (n: number): FakeCall => {
    const call = srf.calls[n];
    assert.ok(call !== undefined, `request ${n} has not left`);
    return call;
  };

  it('wait while their answers would not fit into its socket, and go in their order', async () => {
    const answers = burst(AT_ONCE + 10);
    assert.equal(srf.calls.length, AT_ONCE);
    for (const call of srf.calls.slice(0, 9)) call.accept();
    callAt(5).respond(200);
    callAt(7).respond(480);
    callAt(8).respond(503, ''); // the server's own answer: nothing comes back from the network
    callAt(9).callback(new Error('invalid request-uri'));
    await settle();
    assert.deepEqual(
      srf.calls.slice(AT_ONCE).map(({ uri }) => uri),
      [0, 1, 2, 3].map((n) => `sip:${AT_ONCE + n}@b`),
    );
    for (let n = 0; n < srf.calls.length; n++) {
      callAt(n).accept();
      callAt(n).respond(200);
      await settle();
    }
    assert.equal((await Promise.all(answers)).length, AT_ONCE + 10);
    assert.equal(clock.pending, 0);
  });

  it('follow a provisional answer as well, and only once for each before them', async () => {
    void burst(AT_ONCE + 2);
    callAt(0).accept();
    callAt(0).respond(100);
    callAt(0).respond(200);
    await settle();
    assert.equal(srf.calls.length, AT_ONCE + 1);
  });

  it('are not held by devices that take their time, once it has confirmed what went before', async () => {
    void burst(3 * AT_ONCE);
    for (let n = 0; n < AT_ONCE - UNCONFIRMED; n++) callAt(n).accept();
    await settle();
    assert.equal(srf.calls.length, AT_ONCE);
    for (let n = AT_ONCE - UNCONFIRMED; n < 3 * AT_ONCE; n++) {
      callAt(n).accept();
      await settle();
      assert.equal(srf.calls.length, Math.min(n + 1 + UNCONFIRMED, 3 * AT_ONCE), 'one for each confirmation');
    }
    // with nothing to confirm there is room at once, though nobody has answered
    void burst(UNCONFIRMED + 1);
    assert.equal(srf.calls.length, 3 * AT_ONCE + UNCONFIRMED);
  });

  it('that wait are not sent when it confirms nothing for as long as a request is waited for', async () => {
    const answers = burst(AT_ONCE + 3);
    await clock.advance(GUARD);
    const kinds = (await Promise.all(answers)).map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(-4), ['unknown', 'not-sent', 'not-sent', 'not-sent']);
    assert.equal(srf.calls.length, AT_ONCE);
    assert.equal(clock.pending, 0);
    srf.onCall = (call) => call.accept();
    void burst(AT_ONCE);
    assert.equal(srf.calls.length, 2 * AT_ONCE, 'nothing of it takes room');
  });

  it('that wait are not sent when the link is lost or the leg stops', async () => {
    const lost = burst(AT_ONCE + 3);
    srf.emit('close');
    const kinds = (await Promise.all(lost)).map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(-4), ['unknown', 'not-sent', 'not-sent', 'not-sent']);
    srf.up();
    srf.calls.length = 0;
    const stopped = burst(AT_ONCE + 1);
    assert.equal(srf.calls.length, AT_ONCE, 'nothing of what was lost takes room');
    await leg.stop();
    assert.equal((await stopped.at(-1))?.kind, 'not-sent');
    assert.equal(clock.pending, 0);
  });

  it('never wait for those that go by TCP', async () => {
    srf.onCall = (call) => call.accept();
    void burst(AT_ONCE);
    const tcp = 'sip:core:5060;transport=tcp';
    void burst(1, tcp);
    callAt(AT_ONCE).respond(200);
    await settle();
    void burst(2 * AT_ONCE, tcp);
    assert.equal(srf.calls.length, 3 * AT_ONCE + 1);
  });
});

import assert from 'node:assert/strict';
import { createDrachtioLeg } from '../../../../lib/sip/drachtio/drachtio-leg.ts';
import type { SipAnswer, SipLeg } from '../../../../lib/sip/leg.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { type FakeCall, FakeSrf } from '../../../support/fake-srf.ts';

/** Requests that may be without an answer at once, and how long one counts as such at the most, ms. */
const AT_ONCE = 80;
const LONGEST_HOLD = 250;
const SHORTEST_HOLD = 100;

describe('requests by UDP through a drachtio-server', () => {
  let clock: FakeClock;
  let srf: FakeSrf;
  let leg: SipLeg;

  beforeEach(() => {
    clock = new FakeClock();
    srf = new FakeSrf();
    leg = createDrachtioLeg({ srf, outbound: srf, clock });
    srf.up();
    srf.onCall = (call) => call.accept();
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
      callAt(n).respond(200);
      await settle();
    }
    assert.equal((await Promise.all(answers)).length, AT_ONCE + 10);
    assert.equal(clock.pending, 0);
  });

  it('follow a provisional answer as well, and only once for each before them', async () => {
    void burst(AT_ONCE + 2);
    callAt(0).respond(100);
    callAt(0).respond(200);
    await settle();
    assert.equal(srf.calls.length, AT_ONCE + 1);
  });

  it('are not held by devices that take their time', async () => {
    void burst(3 * AT_ONCE);
    await clock.advance(LONGEST_HOLD - 1);
    assert.equal(srf.calls.length, AT_ONCE);
    await clock.advance(1);
    assert.equal(srf.calls.length, 2 * AT_ONCE);
    await clock.advance(LONGEST_HOLD);
    assert.equal(srf.calls.length, 3 * AT_ONCE);
    // what comes when there is room goes at once
    await clock.advance(LONGEST_HOLD);
    void burst(1);
    assert.equal(srf.calls.length, 3 * AT_ONCE + 1);
  });

  it('are held for less time while the server answers others quickly', async () => {
    // the quickest of each 32 answers takes 10 ms
    for (let look = 0; look < 4; look++) {
      const first = srf.calls.length;
      void burst(32);
      await clock.advance(10);
      for (let n = first; n < first + 32; n++) callAt(n).respond(200);
      await settle();
    }
    const before = srf.calls.length;
    void burst(2 * AT_ONCE);
    await clock.advance(SHORTEST_HOLD - 1);
    assert.equal(srf.calls.length, before + AT_ONCE);
    await clock.advance(1);
    assert.equal(srf.calls.length, before + 2 * AT_ONCE);
  });

  it('are held as long as ever when one look of the last found none quick', async () => {
    for (const took of [10, 200, 10, 10]) {
      const first = srf.calls.length;
      void burst(32);
      await clock.advance(took);
      for (let n = first; n < first + 32; n++) callAt(n).respond(200);
      await settle();
    }
    const before = srf.calls.length;
    void burst(2 * AT_ONCE);
    await clock.advance(LONGEST_HOLD - 1);
    assert.equal(srf.calls.length, before + AT_ONCE);
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
    void burst(AT_ONCE);
    const tcp = 'sip:core:5060;transport=tcp';
    void burst(1, tcp);
    callAt(AT_ONCE).respond(200);
    await settle();
    void burst(2 * AT_ONCE, tcp);
    assert.equal(srf.calls.length, 3 * AT_ONCE + 1);
  });
});

import assert from 'node:assert/strict';
import { createDrachtioLeg } from '../../../../lib/sip/drachtio/drachtio-leg.ts';
import { connectionTo } from '../../../../lib/sip/drachtio/hop-opening.ts';
import type { SipAnswer, SipLeg } from '../../../../lib/sip/leg.ts';
import { FakeClock, settle } from '../../../support/fake-clock.ts';
import { FakeSrf } from '../../../support/fake-srf.ts';

describe('many requests at once to a hop that drachtio-server has no connection to', () => {
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

  const burst = (nextHop = 'sip:core:5060;transport=tcp', many = 100): Promise<SipAnswer>[] =>
    Array.from({ length: many }, () => leg.request({ method: 'OPTIONS', uri: 'sip:a@b', headers: [], nextHop }));

  async function answerAll(answers: readonly Promise<SipAnswer>[]): Promise<void> {
    await settle();
    for (const call of srf.calls) call.respond(200);
    assert.ok((await Promise.all(answers)).every((answer) => answer.kind === 'response' && answer.status === 200));
    assert.equal(clock.pending, 0);
  }

  it('wait for the answer to the first', async () => {
    const answers = burst();
    assert.equal(srf.calls.length, 1);
    srf.calls[0]?.respond(100);
    await settle();
    assert.equal(srf.calls.length, 100, 'a provisional response is one');
    await answerAll(answers);
    // it is open now
    srf.calls.length = 0;
    const more = burst();
    assert.equal(srf.calls.length, 100);
    await answerAll(more);
    // and after a while it may be closed again
    clock.tick(60_000);
    srf.calls.length = 0;
    const late = burst();
    assert.equal(srf.calls.length, 1);
    srf.calls[0]?.respond(200);
    await answerAll(late);
  });

  it('are not held for long by a hop that is silent, nor by one that refuses', async () => {
    const silent = burst();
    clock.tick(2_000);
    await settle();
    assert.equal(srf.calls.length, 100);
    await answerAll(silent);
    srf.calls.length = 0;
    const refused = burst('sip:other;transport=tcp');
    srf.calls[0]?.respond(503, '');
    await settle();
    assert.equal(srf.calls.length, 100);
    for (const call of srf.calls) call.respond(503, '');
    assert.ok((await Promise.all(refused)).every((answer) => answer.kind === 'response' && answer.local));
  });

  it('go at once by UDP, and to each of several hops', async () => {
    const udp = burst('sip:core:5060', 70);
    assert.equal(srf.calls.length, 70);
    const others = Array.from({ length: 10 }, (_, i) => burst(`sip:core${i};transport=tcp`, 5)).flat();
    assert.equal(srf.calls.length, 80);
    for (const call of srf.calls) call.respond(200);
    await answerAll([...udp, ...others]);
  });

  it('are not sent when the link is lost while they wait', async () => {
    const answers = burst();
    srf.emit('close');
    const kinds = (await Promise.all(answers)).map(({ kind }) => kind);
    assert.deepEqual([kinds[0], new Set(kinds.slice(1))], ['unknown', new Set(['not-sent'])]);
    assert.deepEqual([srf.calls.length, clock.pending], [1, 0]);
  });

  it('a connection is told by transport, host and port', () => {
    for (const [uri, connection] of [
      ['sip:core', undefined],
      ['sip:a@core;transport=udp', undefined],
      ['sip:a@core;transport=tcpx', undefined],
      ['sip:a@Core:5080;lr;transport=TCP', 'tcp core:5080'],
      ['sip:core;transport=tls', 'tls core'],
      ['sips:a@core', 'tls core'],
      ['sips:a@core;transport=tcp', 'tls core'],
      ['sip:[::1]:5060;transport=tcp', 'tcp [::1]:5060'],
    ] as const)
      assert.equal(connectionTo(uri), connection, uri);
  });
});

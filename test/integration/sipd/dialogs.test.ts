import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { randomToken } from '../../../lib/base/ids.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createDrachtioLeg } from '../../../lib/sip/drachtio/drachtio-leg.ts';
import type { OutboundRequest, SipLeg } from '../../../lib/sip/leg.ts';
import { SipdNet } from '../../support/sipd-net.ts';

/** SUBSCRIBE by createUAC of the real drachtio-srf. */
describe('dialogs by drachtio-srf and the embedded server', () => {
  let net: SipdNet;
  let leg: SipLeg;
  /** A drachtio-server remembers the dialog of the last run. */
  const callId = randomToken();

  beforeEach(async () => {
    net = await new SipdNet().start();
    leg = createDrachtioLeg({ srf: net.srf(), connect: net.connectOptions(), clock: systemClock });
    await leg.start();
  });

  afterEach(async () => {
    await leg.stop();
    await net.stop();
  });

  const subscribe = (): OutboundRequest => ({
    method: 'SUBSCRIBE',
    uri: net.peer.uri(),
    headers: [
      { name: 'From', value: '<sip:ppg@example.com>;tag=ours' },
      { name: 'To', value: '<sip:bob@example.com>' },
      { name: 'Call-ID', value: callId },
      { name: 'CSeq', value: '1 SUBSCRIBE' },
      { name: 'Event', value: 'reg' },
      { name: 'Contact', value: '<sip:ppg@127.0.0.1>' },
    ],
  });

  it('a SUBSCRIBE that is accepted makes a dialog', async () => {
    net.peer.onRequest = (transaction) => {
      const headers = [
        { name: 'Contact', value: `<${net.peer.uri()}>` },
        { name: 'Expires', value: '600' },
      ];
      transaction.respond(respondTo(transaction.request, 202, { headers }));
    };
    const answer = await leg.subscribe(subscribe());
    assert.ok(answer.kind === 'dialog', JSON.stringify(answer));
    assert.deepEqual([answer.status, answer.dialog.callId, answer.dialog.ended], [202, callId, false]);
    assert.equal(net.peer.requests[0]?.headers.get('Event'), 'reg');
  });

  it('a SUBSCRIBE that is refused is answered with the status and its headers', async () => {
    net.peer.onRequest = (transaction) => {
      const headers = [{ name: 'Allow-Events', value: 'presence' }];
      transaction.respond(respondTo(transaction.request, 489, { headers }));
    };
    const answer = await leg.subscribe(subscribe());
    assert.ok(answer.kind === 'response');
    assert.deepEqual([answer.status, answer.get('allow-events'), answer.local], [489, 'presence', false]);
  });
});

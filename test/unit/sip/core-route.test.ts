import assert from 'node:assert/strict';
import { silentLogger } from '../../../lib/base/log.ts';
import type { Registration } from '../../../lib/model/device.ts';
import { viaServingNode } from '../../../lib/sip/core-route.ts';
import type { OutboundRequest } from '../../../lib/sip/leg.ts';
import { createSipSender, type SipSender } from '../../../lib/sip/sender.ts';
import { FakeLeg } from '../../support/fake-sip.ts';

const ALICE = 'sip:alice@example.com';
const NEXT_HOP = 'sip:icscf.example.com';

describe('the way by the S-CSCF that serves a user', () => {
  let leg: FakeLeg;
  let sender: SipSender;
  let servedBy: string | undefined;

  const registration = (): Registration => ({
    aor: ALICE,
    registered: true,
    devices: [],
    updatedAt: 0,
    expiresAt: 1,
    ...(servedBy !== undefined && { servedBy }),
  });
  const make = (name: 'drachtio' | 'direct'): void => {
    leg = new FakeLeg(name);
    const plain = createSipSender({ legs: [leg], force: 'auto', nextHop: NEXT_HOP, log: silentLogger });
    sender = viaServingNode(plain, (aor) => (aor === ALICE ? Promise.resolve(registration()) : undefined));
  };
  const message = (more: Partial<OutboundRequest> = {}, to = ALICE): OutboundRequest => ({
    method: 'MESSAGE',
    uri: ALICE,
    headers: [{ name: 'To', value: `<${to}>` }],
    ...more,
  });
  const route = (at = 0): string | undefined => leg.sent[at]?.headers.find(({ name }) => name === 'Route')?.value;

  beforeEach(() => {
    servedBy = 'sip:scscf.example.com:6060;transport=tcp';
    make('direct');
  });

  it('is a preloaded Route on the direct leg', async () => {
    await sender.request(message());
    assert.equal(leg.sent[0]?.nextHop, servedBy);
    assert.equal(route(), '<sip:scscf.example.com:6060;transport=tcp;lr>');
    servedBy = 'sip:scscf.example.com;lr?x=y';
    await sender.subscribe(message({ method: 'SUBSCRIBE' }));
    await sender.invite(message({ method: 'INVITE' }));
    assert.deepEqual([route(1), route(2)], ['<sip:scscf.example.com;lr>', '<sip:scscf.example.com;lr>']);
  });

  it('is the next hop alone over drachtio', async () => {
    make('drachtio');
    await sender.request(message());
    assert.equal(leg.sent[0]?.nextHop, servedBy);
    assert.equal(route(), undefined);
  });

  it('leaves the headers of the leg as they were asked for', async () => {
    await sender.request(message(), { headersFor: () => [{ name: 'Contact', value: '<sip:x>' }] });
    assert.deepEqual(
      leg.sent[0]?.headers.map(({ name }) => name),
      ['To', 'Contact', 'Route'],
    );
  });

  it('is not taken where none was learned, for others, and for requests with a next hop of their own', async () => {
    await sender.request(message({}, 'sip:bob@example.com'));
    await sender.request(message({ nextHop: 'sip:other.example.com' }));
    await sender.request(message({ headers: [] }));
    servedBy = undefined;
    await sender.request(message());
    assert.deepEqual(
      leg.sent.map(({ nextHop }) => nextHop),
      [NEXT_HOP, 'sip:other.example.com', NEXT_HOP, NEXT_HOP],
    );
    assert.deepEqual([0, 1, 2, 3].map(route), [undefined, undefined, undefined, undefined]);
  });

  it('is left for the next hop where it cannot be reached', async () => {
    leg.answer = ({ nextHop }) =>
      nextHop === NEXT_HOP
        ? { kind: 'unknown', cause: 'sent' }
        : { kind: 'not-sent', code: 'PPG_E_LEG_DOWN', cause: 'refused' };
    const { answer } = await sender.request(message());
    assert.equal(answer.kind, 'unknown');
    assert.deepEqual(
      leg.sent.map(({ nextHop }) => nextHop),
      [servedBy, NEXT_HOP],
    );
    assert.equal(route(1), undefined);
  });

  it('is as able as the sender', () => {
    assert.equal(sender.ready, true);
    assert.equal(sender.can.binary, true);
    assert.equal(sender.fits({ binary: true, route: true, bytes: 100 }), true);
    assert.equal(sender.identityFor(leg, 'push'), 'sip:push@192.0.2.1:5060');
    let woken = 0;
    sender.onReady(() => woken++);
    leg.becomeReady();
    assert.equal(woken, 1);
  });
});

import assert from 'node:assert/strict';
import { SipHeaders, type SipRequest, type SipResponse } from '../../../lib/codec/sip/message.ts';
import { DialogState } from '../../../lib/stack/dialog-state.ts';
import { plainHop, routingOf } from '../../../lib/stack/route-set.ts';
import { answerTimer, sessionExpires } from '../../../lib/stack/session-timer.ts';
import { subscriptionState } from '../../../lib/stack/subscription.ts';

const headersOf = (fields: readonly (readonly [string, string])[]): SipHeaders =>
  new SipHeaders(fields.map(([name, value]) => ({ name, value })));

const INVITE: SipRequest = {
  kind: 'request',
  method: 'INVITE',
  uri: 'sip:bob@example.com',
  headers: headersOf([
    ['From', '"A" <sip:a@example.com>;tag=a'],
    ['To', '<sip:bob@example.com>'],
    ['Call-ID', 'c1'],
    ['CSeq', '7 INVITE'],
    ['Contact', '<sip:a@192.0.2.1>'],
    ['Record-Route', '<sip:p2.example.com;lr>, <sip:p1.example.com;lr>'],
  ]),
  body: Buffer.alloc(0),
};

const ok = (fields: readonly (readonly [string, string])[]): SipResponse => ({
  kind: 'response',
  status: 200,
  reason: 'OK',
  headers: headersOf([['To', '<sip:bob@example.com>;tag=b'], ...fields]),
  body: Buffer.alloc(0),
});

describe('the state of a dialog (RFC 3261 section 12)', () => {
  const client = (): DialogState =>
    DialogState.asClient(
      INVITE,
      ok([
        ['Contact', '<sip:bob@192.0.2.9;transport=tcp>'],
        ['Record-Route', '<sip:p2.example.com;lr>'],
        ['Record-Route', '<sip:p1.example.com;lr>'],
      ]),
    );

  it('of the caller has the route set in reverse, and goes on from its CSeq', () => {
    const state = client();
    assert.deepEqual(state.routeSet, ['<sip:p1.example.com;lr>', '<sip:p2.example.com;lr>']);
    const request = state.request('INFO', {}, 'sip:a@192.0.2.1');
    assert.equal(request.uri, 'sip:bob@192.0.2.9;transport=tcp');
    assert.equal(request.headers.get('From'), '"A" <sip:a@example.com>;tag=a');
    assert.equal(request.headers.get('To'), '<sip:bob@example.com>;tag=b');
    assert.equal(request.headers.get('CSeq'), '8 INFO');
    assert.deepEqual(request.headers.all('Route'), state.routeSet);
    assert.equal(request.headers.has('Contact'), false);
    assert.equal(state.request('UPDATE', {}, 'sip:a@192.0.2.1').headers.get('Contact'), '<sip:a@192.0.2.1>');
    assert.equal(state.ack(7, {}).headers.get('CSeq'), '7 ACK');
  });

  it('of the callee has the route set as it came, and its tags the other way round', () => {
    const state = DialogState.asServer(INVITE, 'b');
    assert.deepEqual(state.routeSet, ['<sip:p2.example.com;lr>', '<sip:p1.example.com;lr>']);
    assert.deepEqual([state.localTag, state.remoteTag, state.remoteTarget], ['b', 'a', 'sip:a@192.0.2.1']);
    const request = state.request('BYE', {}, undefined);
    assert.equal(request.headers.get('To'), '"A" <sip:a@example.com>;tag=a');
    assert.throws(() => DialogState.asServer({ ...INVITE, headers: headersOf([['To', '<sip:b@x>']]) }, 'b'));
  });

  it('admits only a CSeq that rises (section 12.2.2)', () => {
    const state = DialogState.asServer(INVITE, 'b');
    const withCSeq = (cseq: string): SipRequest => ({ ...INVITE, headers: headersOf([['CSeq', cseq]]) });
    assert.deepEqual(
      ['7 BYE', '6 BYE', '9 INFO', '8 INFO', '10 BYE'].map((cseq) => state.admits(withCSeq(cseq))),
      [false, false, true, false, true],
    );
  });

  it('moves its target with target refresh requests only', () => {
    const state = client();
    const moved = headersOf([['Contact', '<sip:bob@192.0.2.77>']]);
    state.refreshTarget('INFO', moved);
    assert.equal(state.remoteTarget, 'sip:bob@192.0.2.9;transport=tcp');
    state.refreshTarget('UPDATE', moved);
    assert.equal(state.remoteTarget, 'sip:bob@192.0.2.77');
  });

  it('never lets the caller of a request write what the dialog decides', () => {
    const headers = ['Via', 'CSeq', 'Call-ID', 'i', 'Route', 'To', 'l'].map((name) => ({ name, value: 'forged' }));
    const request = client().request('INFO', { headers }, undefined);
    assert.equal(
      request.headers.fields.some(({ value }) => value === 'forged'),
      false,
    );
  });

  it('goes by a strict router as RFC 2543 would (section 12.2.1.1)', () => {
    const routing = routingOf('sip:bob@192.0.2.9', [
      '<sip:strict.example.com;method=INVITE>',
      '<sip:p2.example.com;lr>',
    ]);
    assert.equal(routing.uri, 'sip:strict.example.com');
    assert.deepEqual(
      routing.routes.map(({ value }) => value),
      ['<sip:p2.example.com;lr>', '<sip:bob@192.0.2.9>'],
    );
    assert.equal(routing.next, 'sip:strict.example.com;method=INVITE');
  });

  it('finds the plain hop of a URI', () => {
    assert.deepEqual(plainHop('sip:bob@192.0.2.9', 500), { protocol: 'udp', host: '192.0.2.9', port: 5060 });
    assert.deepEqual(plainHop('sip:bob@192.0.2.9', 1500), { protocol: 'tcp', host: '192.0.2.9', port: 5060 });
    assert.deepEqual(plainHop('sips:bob@192.0.2.9', 500), { protocol: 'tls', host: '192.0.2.9', port: 5061 });
    assert.deepEqual(plainHop('sip:192.0.2.9:5070;transport=TCP;maddr=192.0.2.10', 1), {
      ...{ protocol: 'tcp', host: '192.0.2.10', port: 5070 },
    });
  });
});

describe('what headers say of sessions and subscriptions', () => {
  it('Session-Expires (RFC 4028 section 4)', () => {
    const read = (value: string) => sessionExpires(headersOf([['x', value]]));
    assert.deepEqual(read('1800;refresher=UAS'), { interval: 1800, refresher: 'uas' });
    assert.deepEqual(read('90'), { interval: 90 });
    for (const value of ['', 'soon', '-1', '99999999999', '90 ;refresher=me'])
      assert.equal(read(value)?.refresher, undefined);
    assert.equal(read('soon'), undefined);
  });

  it('who refreshes, by RFC 4028 table 2', () => {
    const answer = (value: string, supported: boolean) =>
      answerTimer(headersOf([['Session-Expires', value], ...(supported ? [['k', 'timer'] as const] : [])]));
    const refresher = (value: string, supported: boolean): unknown => {
      const found = answer(value, supported);
      return typeof found === 'object' ? found.agreed.refresher : found;
    };
    assert.equal(refresher('180', true), 'uac');
    assert.equal(refresher('180;refresher=uas', true), 'uas');
    assert.equal(refresher('180', false), 'uas');
    assert.equal(refresher('60', true), 'too-small');
    assert.equal(refresher('60', false), undefined);
  });

  it('Subscription-State (RFC 6665 section 4.1.3)', () => {
    assert.deepEqual(subscriptionState('active;expires=600'), { state: 'active', expires: 600 });
    assert.deepEqual(subscriptionState('terminated; reason=probation;retry-after=7'), {
      ...{ state: 'terminated', reason: 'probation', retryAfter: 7 },
    });
    assert.deepEqual(subscriptionState('waiting'), { state: 'active' });
    assert.deepEqual(subscriptionState(undefined), undefined);
    assert.deepEqual(subscriptionState(';expires=1'), undefined);
  });
});

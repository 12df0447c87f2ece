import assert from 'node:assert/strict';
import { SipHeaders, type SipRequest } from '../../../lib/codec/sip/message.ts';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { writeSip } from '../../../lib/codec/sip/write.ts';
import { InviteClient } from '../../../lib/stack/invite-client.ts';
import { cancelOf } from '../../../lib/stack/invite-requests.ts';
import { InviteServer } from '../../../lib/stack/invite-server.ts';
import { DEFAULT_TIMERS, TransactionTimers } from '../../../lib/stack/timers.ts';
import type { Flow, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const FLOW: Flow = { protocol: 'udp', host: '192.0.2.1', port: 5060, localHost: '192.0.2.2', localPort: 5060 };

const INVITE: SipRequest = {
  kind: 'request',
  method: 'INVITE',
  uri: 'sip:bob@example.com',
  headers: new SipHeaders([
    { name: 'Via', value: 'SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKinvite' },
    { name: 'Route', value: '<sip:p1.example.com;lr>' },
    { name: 'Route', value: '<sip:p2.example.com;lr>' },
    { name: 'From', value: '<sip:a@example.com>;tag=1' },
    { name: 'To', value: '<sip:bob@example.com>' },
    { name: 'Call-ID', value: 'call' },
    { name: 'CSeq', value: '17 INVITE' },
    { name: 'Contact', value: '<sip:a@192.0.2.2>' },
  ]),
  body: Buffer.from('v=0'),
};

function client(protocol: Protocol = 'udp') {
  const clock = new FakeClock();
  const start = clock.now();
  const log: string[] = [];
  const octets: Buffer[] = [];
  const note = (what: string): void => void log.push(`${clock.now() - start} ${what}`);
  const errors: unknown[] = [];
  const transaction = new InviteClient(
    {
      timers: new TransactionTimers(clock, (error) => errors.push(error)),
      values: DEFAULT_TIMERS,
      transmitInvite: (sent, _hop, sender) => {
        octets.push(sent);
        note(sent.subarray(0, sent.indexOf(' ')).toString());
        sender?.onSent(undefined);
      },
      forgetInvite: () => note('forgotten'),
      sendCancel: (_transaction, reason) => note(`CANCEL ${reason ?? ''}`),
      countRetransmission: () => undefined,
      onUserError: (error) => errors.push(error),
    },
    'key',
    { protocol, host: '192.0.2.1', port: 5060 },
    INVITE,
    { onResponse: ({ status }) => note(String(status)), onFailure: (failure) => note(failure) },
  );
  transaction.begin();
  const answer = (status: number): void =>
    transaction.onResponse(respondTo(INVITE, status, { toTag: 'b' }), FLOW, Buffer.alloc(0));
  return { clock, transaction, log, octets, answer, errors };
}

describe('an INVITE client transaction (RFC 3261 section 17.1.1)', () => {
  it('timer A doubles from T1 without a bound; timer B ends at 64*T1', () => {
    const { clock, log } = client();
    clock.tick(100_000);
    assert.deepEqual(log, [
      ...['0 INVITE', '500 INVITE', '1500 INVITE', '3500 INVITE', '7500 INVITE', '15500 INVITE', '31500 INVITE'],
      ...['32000 forgotten', '32000 timeout'],
    ]);
    assert.equal(clock.pending, 0);
  });

  it('over a reliable transport there is no timer A, and timer B all the same', () => {
    const { clock, log } = client('tcp');
    clock.tick(100_000);
    assert.deepEqual(log, ['0 INVITE', '32000 forgotten', '32000 timeout']);
  });

  it('a provisional response stops timers A and B: it may ring for ever', () => {
    const { clock, log, answer } = client();
    answer(180);
    clock.tick(600_000);
    assert.deepEqual(log, ['0 INVITE', '0 180']);
    assert.equal(clock.pending, 0);
  });

  it('a refusal gets its ACK, each time it comes, until timer D at 32 s', () => {
    const { clock, log, answer } = client();
    answer(486);
    clock.tick(5000);
    answer(486);
    clock.tick(26_999);
    assert.deepEqual(log, ['0 INVITE', '0 ACK', '0 486', '5000 ACK']);
    clock.tick(1);
    assert.deepEqual(log.slice(4), ['32000 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('over a reliable transport timer D is zero', () => {
    const { clock, log, answer } = client('tcp');
    answer(486);
    assert.deepEqual(log, ['0 INVITE', '0 ACK', '0 forgotten', '0 486']);
    assert.equal(clock.pending, 0);
  });

  it('every 2xx goes to the user until timer M at 64*T1 (RFC 6026 section 8.4), and none is acknowledged here', () => {
    const { clock, log, answer } = client();
    answer(200);
    clock.tick(1000);
    answer(200);
    clock.tick(30_999);
    answer(486);
    assert.deepEqual(log, ['0 INVITE', '0 200', '1000 200']);
    clock.tick(1);
    assert.deepEqual(log.slice(3), ['32000 forgotten']);
    answer(200);
    assert.equal(log.length, 4);
    assert.equal(clock.pending, 0);
  });

  it('the ACK to a refusal is made of the INVITE and the response (section 17.1.1.3)', () => {
    const { octets, answer } = client();
    answer(486);
    const ack = parseSip(octets[1] as Buffer);
    assert.ok(ack.kind === 'request');
    assert.deepEqual([ack.method, ack.uri, ack.body.length], ['ACK', INVITE.uri, 0]);
    for (const name of ['Via', 'From', 'Call-ID']) assert.equal(ack.headers.get(name), INVITE.headers.get(name));
    assert.deepEqual(ack.headers.all('Via').length, 1);
    assert.deepEqual(ack.headers.all('Route'), INVITE.headers.all('Route'));
    assert.equal(ack.headers.get('To'), '<sip:bob@example.com>;tag=b');
    assert.equal(ack.headers.get('CSeq'), '17 ACK');
  });

  it('CANCEL waits for a provisional response, goes once, and the wait ends 64*T1 later (section 9.1)', () => {
    const { clock, transaction, log, answer } = client();
    transaction.cancel('SIP;cause=200');
    clock.tick(400);
    assert.deepEqual(log, ['0 INVITE']);
    answer(100);
    transaction.cancel('again');
    answer(180);
    clock.tick(32_000);
    assert.deepEqual(log, [
      ...['0 INVITE', '400 100', '400 CANCEL SIP;cause=200', '400 180', '32400 forgotten', '32400 timeout'],
    ]);
    assert.equal(clock.pending, 0);
  });

  it('CANCEL is of no use after a final response', () => {
    const { clock, transaction, log, answer } = client();
    answer(100);
    answer(200);
    transaction.cancel('late');
    assert.deepEqual(log, ['0 INVITE', '0 100', '0 200']);
    clock.tick(32_000);
    assert.equal(clock.pending, 0);
  });

  it('a CANCEL has the URI, Call-ID, To, From, CSeq number, Route and the one Via of its INVITE (section 9.1)', () => {
    const cancel = cancelOf(INVITE, 'SIP;cause=200');
    for (const name of ['Via', 'From', 'To', 'Call-ID'])
      assert.equal(cancel.headers.get(name), INVITE.headers.get(name));
    assert.deepEqual(cancel.headers.all('Route'), INVITE.headers.all('Route'));
    assert.equal(cancel.headers.get('CSeq'), '17 CANCEL');
    assert.equal(cancel.headers.get('Reason'), 'SIP;cause=200');
    assert.equal(cancel.uri, INVITE.uri);
  });

  it('fails when the transport does', () => {
    const { clock, transaction, log } = client();
    transaction.onSendError(new Error('refused'));
    assert.deepEqual(log, ['0 INVITE', '0 forgotten', '0 transport']);
    assert.equal(clock.pending, 0);
  });
});

function server(protocol: Protocol = 'udp') {
  const clock = new FakeClock();
  const start = clock.now();
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${clock.now() - start} ${what}`);
  const transaction = new InviteServer(
    {
      timers: new TransactionTimers(clock, (error) => assert.fail(String(error))),
      values: DEFAULT_TIMERS,
      reply: (_origin, _port, octets) => note(octets.subarray(8, 11).toString()),
      forgetInvited: () => note('forgotten'),
      countRetransmission: () => undefined,
      onUserError: (error) => assert.fail(String(error)),
    },
    'key',
    INVITE,
    'ours',
    { flow: { ...FLOW, protocol }, endpoint: { reply: () => undefined } },
    5060,
  );
  const respond = (status: number): void => {
    const response = respondTo(INVITE, status);
    transaction.respond(response, writeSip(response));
  };
  return { clock, transaction, log, respond };
}

describe('an INVITE server transaction (RFC 3261 section 17.2.1)', () => {
  it('says 100 after 200 ms, unless its user was faster, and repeats what was said last', () => {
    const slow = server();
    slow.transaction.onRetransmission();
    slow.clock.tick(300);
    slow.transaction.onRetransmission();
    slow.respond(180);
    slow.transaction.onRetransmission();
    assert.deepEqual(slow.log, ['200 100', '300 100', '300 180', '300 180']);
    const fast = server();
    fast.respond(180);
    fast.clock.tick(300);
    assert.deepEqual(fast.log, ['0 180']);
  });

  it('timer G repeats a refusal from T1 up to every T2; timer H ends at 64*T1', () => {
    const { clock, log, respond } = server();
    respond(486);
    clock.tick(100_000);
    const times = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert.deepEqual(log, [...times.map((time) => `${time} 486`), '32000 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('over a reliable transport there is no timer G, and timer H all the same', () => {
    const { clock, log, respond } = server('tcp');
    respond(486);
    clock.tick(100_000);
    assert.deepEqual(log, ['0 486', '32000 forgotten']);
  });

  it('the ACK stops timer G; timer I absorbs others for T4', () => {
    const { clock, transaction, log, respond } = server();
    respond(486);
    clock.tick(600);
    transaction.onAck();
    assert.equal(transaction.takesAck, true);
    clock.tick(4999);
    transaction.onAck();
    assert.deepEqual(log, ['0 486', '500 486']);
    clock.tick(1);
    assert.deepEqual(log.slice(2), ['5600 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('over a reliable transport timer I is zero', () => {
    const { transaction, log, respond, clock } = server('tcp');
    respond(486);
    transaction.onAck();
    assert.deepEqual(log, ['0 486', '0 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('after a 2xx it absorbs the INVITE, sends what its user repeats, and ends with timer L (RFC 6026 section 8.7)', () => {
    const { clock, transaction, log, respond } = server();
    respond(200);
    clock.tick(500);
    transaction.onRetransmission();
    respond(200);
    assert.equal(transaction.takesAck, false);
    clock.tick(31_500);
    assert.deepEqual(log, ['0 200', '500 200', '32000 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('a CANCEL is 487, unless its user takes care of it or has answered', () => {
    const alone = server();
    alone.transaction.onCancelled(INVITE);
    assert.deepEqual(alone.log, ['0 487']);
    const minded = server();
    let told = 0;
    minded.transaction.onCancel(() => told++);
    minded.transaction.onCancelled(INVITE);
    assert.deepEqual([minded.log, told], [[], 1]);
    minded.respond(200);
    minded.transaction.onCancelled(INVITE);
    assert.deepEqual([minded.log, told], [['0 200'], 1]);
  });

  it('a user who says nothing for four minutes is given up: 500', () => {
    const { clock, log, respond } = server();
    clock.tick(200_000);
    respond(183);
    clock.tick(239_999);
    assert.deepEqual(log, ['200 100', '200000 183']);
    clock.tick(1);
    assert.equal(log[2], '440000 500');
    clock.tick(100_000);
    assert.equal(clock.pending, 0);
  });
});

import assert from 'node:assert/strict';
import { SipHeaders, type SipResponse } from '../../../lib/codec/sip/message.ts';
import { NonInviteClient } from '../../../lib/stack/client-transaction.ts';
import { DEFAULT_TIMERS, TransactionTimers } from '../../../lib/stack/timers.ts';
import type { Sender } from '../../../lib/stack/transport.ts';
import type { Flow, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const FLOW: Flow = { protocol: 'udp', host: '192.0.2.1', port: 5060, localHost: '192.0.2.2', localPort: 5060 };

const response = (status: number): SipResponse => ({
  kind: 'response',
  status,
  reason: '',
  headers: new SipHeaders(),
  body: Buffer.alloc(0),
});

interface Bench {
  readonly clock: FakeClock;
  readonly transaction: NonInviteClient;
  /** Milliseconds from the start at which the request was sent. */
  readonly sentAt: number[];
  /** What the user and the table were told, with the time. */
  readonly told: string[];
  readonly senders: (Sender | undefined)[];
  readonly errors: unknown[];
}

function begin(protocol: Protocol, options: { sent?: boolean; userThrows?: boolean } = {}): Bench {
  const clock = new FakeClock();
  const start = clock.now();
  const sentAt: number[] = [];
  const told: string[] = [];
  const senders: (Sender | undefined)[] = [];
  const errors: unknown[] = [];
  const tell = (what: string): void => {
    told.push(`${clock.now() - start} ${what}`);
    if (options.userThrows) throw new Error('user');
  };
  const transaction = new NonInviteClient(
    {
      timers: new TransactionTimers(clock, (error) => errors.push(error)),
      values: DEFAULT_TIMERS,
      transmit: (_transaction, sender) => {
        sentAt.push(clock.now() - start);
        senders.push(sender);
        if (options.sent !== false) sender?.onSent(undefined);
      },
      forget: () => told.push(`${clock.now() - start} forgotten`),
      countRetransmission: () => undefined,
      onUserError: (error) => errors.push(error),
    },
    'key',
    { protocol, host: '192.0.2.1', port: 5060 },
    Buffer.from('request'),
    { onResponse: ({ status }) => tell(String(status)), onFailure: (failure) => tell(failure) },
  );
  transaction.begin();
  return { clock, transaction, sentAt, told, senders, errors };
}

describe('a non-INVITE client transaction (RFC 3261 section 17.1.2)', () => {
  it('repeats over UDP at T1, doubling to T2, until timer F at 64*T1', () => {
    const { clock, sentAt, told } = begin('udp');
    clock.tick(60_000);
    assert.deepEqual(sentAt, [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert.deepEqual(told, ['32000 forgotten', '32000 timeout']);
    assert.equal(clock.pending, 0);
  });

  it('sends once over TCP and waits for timer F', () => {
    const { clock, sentAt, told } = begin('tcp');
    clock.tick(60_000);
    assert.deepEqual(sentAt, [0]);
    assert.deepEqual(told, ['32000 forgotten', '32000 timeout']);
  });

  it('repeats at T2 once a provisional response has come, and still ends at timer F', () => {
    const { clock, transaction, sentAt, told } = begin('udp');
    clock.tick(600);
    transaction.onResponse(response(100), FLOW, Buffer.alloc(0));
    clock.tick(60_000);
    assert.deepEqual(sentAt, [0, 500, 1500, 5500, 9500, 13_500, 17_500, 21_500, 25_500, 29_500]);
    assert.deepEqual(told, ['600 100', '32000 forgotten', '32000 timeout']);
  });

  it('ends its retransmissions with the final response and absorbs repeated ones until timer K', () => {
    const { clock, transaction, sentAt, told } = begin('udp');
    clock.tick(700);
    transaction.onResponse(response(200), FLOW, Buffer.alloc(0));
    assert.equal(transaction.octets.length, 0);
    clock.tick(4999);
    transaction.onResponse(response(200), FLOW, Buffer.alloc(0));
    assert.deepEqual(told, ['700 200']);
    clock.tick(1);
    assert.deepEqual(told, ['700 200', '5700 forgotten']);
    assert.deepEqual(sentAt, [0, 500]);
    assert.equal(clock.pending, 0);
  });

  it('has no timer K over TCP', () => {
    const { clock, transaction, told } = begin('tcp');
    transaction.onResponse(response(404), FLOW, Buffer.alloc(0));
    assert.deepEqual(told, ['0 forgotten', '0 404']);
    assert.equal(clock.pending, 0);
  });

  it('tells a transport failure, and nothing after it', () => {
    const { clock, transaction, told } = begin('tcp');
    transaction.onSendError(new Error('refused'));
    transaction.onResponse(response(200), FLOW, Buffer.alloc(0));
    clock.tick(60_000);
    assert.deepEqual(told, ['0 forgotten', '0 transport']);
  });

  it('does not repeat what has not left yet', () => {
    const { clock, sentAt, senders, transaction } = begin('udp', { sent: false });
    clock.tick(1000);
    assert.deepEqual(sentAt, [0]);
    assert.equal(transaction.sent, false);
    senders[0]?.onSent(undefined);
    clock.tick(1000);
    assert.deepEqual(sentAt, [0, 1500]);
  });

  it('lets go of its connection with the final response', () => {
    const { transaction } = begin('tcp', { sent: false });
    const released: unknown[] = [];
    transaction.onSent({ release: (sender) => released.push(sender) });
    assert.deepEqual(released, []);
    transaction.onResponse(response(200), FLOW, Buffer.alloc(0));
    assert.deepEqual(released, [transaction]);
  });

  it('outlives a user who throws', () => {
    const { clock, transaction, told, errors } = begin('udp', { userThrows: true });
    transaction.onResponse(response(200), FLOW, Buffer.alloc(0));
    clock.tick(5000);
    assert.deepEqual(told, ['0 200', '5000 forgotten']);
    assert.equal(errors.length, 1);
  });
});

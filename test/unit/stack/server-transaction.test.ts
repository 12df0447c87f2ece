import assert from 'node:assert/strict';
import { NonInviteServer } from '../../../lib/stack/server-transaction.ts';
import { DEFAULT_TIMERS, TransactionTimers } from '../../../lib/stack/timers.ts';
import type { Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';

interface Bench {
  readonly clock: FakeClock;
  readonly transaction: NonInviteServer;
  readonly log: string[];
}

function begin(protocol: Protocol): Bench {
  const clock = new FakeClock();
  const start = clock.now();
  const log: string[] = [];
  const transaction = new NonInviteServer(
    {
      timers: new TransactionTimers(clock, (error) => log.push(String(error))),
      values: DEFAULT_TIMERS,
      reply: (_origin, port, octets) => log.push(`${clock.now() - start} ${octets} to ${port}`),
      forget: () => log.push(`${clock.now() - start} forgotten`),
      countRetransmission: () => undefined,
      onUserError: (error) => log.push(String(error)),
    },
    'key',
    {
      flow: { protocol, host: '192.0.2.1', port: 5060, localHost: '192.0.2.2', localPort: 5060 },
      endpoint: { reply: () => undefined },
    },
    7777,
  );
  return { clock, transaction, log };
}

describe('a non-INVITE server transaction (RFC 3261 section 17.2.2)', () => {
  it('says nothing to retransmissions before there is a response', () => {
    const { transaction, log } = begin('udp');
    transaction.onRetransmission();
    assert.deepEqual(log, []);
  });

  it('repeats its provisional, then its final response, and forgets at timer J', () => {
    const { clock, transaction, log } = begin('udp');
    transaction.respond(100, Buffer.from('100'));
    clock.tick(500);
    transaction.onRetransmission();
    transaction.respond(200, Buffer.from('200'));
    transaction.respond(500, Buffer.from('500'));
    clock.tick(31_999);
    transaction.onRetransmission();
    clock.tick(1);
    assert.deepEqual(log, [
      '0 100 to 7777',
      '500 100 to 7777',
      '500 200 to 7777',
      '32499 200 to 7777',
      '32500 forgotten',
    ]);
    assert.equal(clock.pending, 0);
  });

  it('has no timer J over TCP', () => {
    const { clock, transaction, log } = begin('tcp');
    transaction.respond(200, Buffer.from('200'));
    assert.deepEqual(log, ['0 200 to 7777', '0 forgotten']);
    assert.equal(clock.pending, 0);
  });

  it('is forgotten after 64*T1 when nobody answers, and tells so once', () => {
    const { clock, transaction, log } = begin('udp');
    let ended = 0;
    transaction.onTerminated(() => ended++);
    clock.tick(32_000);
    assert.deepEqual(log, ['32000 forgotten']);
    assert.equal(ended, 1);
    transaction.respond(200, Buffer.from('200'));
    assert.equal(log.length, 1);
    transaction.onTerminated(() => ended++);
    assert.equal(ended, 2, 'who asks too late is told at once');
  });

  it('ends when the transport fails', () => {
    const { transaction, log } = begin('tcp');
    transaction.respond(100, Buffer.from('100'));
    transaction.onSendError();
    assert.deepEqual(log, ['0 100 to 7777', '0 forgotten']);
  });
});

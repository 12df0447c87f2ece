import assert from 'node:assert/strict';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { writeSip } from '../../../lib/codec/sip/write.ts';
import { settle } from '../../support/fake-clock.ts';
import {
  type Arrivals,
  loopbackStack,
  messageRequest,
  type Outcome,
  requestText,
  type StackUnderTest,
  send,
  statusOf,
  type TcpListener,
  type TcpPeer,
  tcpListener,
  tcpPeer,
} from '../../support/sip-loopback.ts';

const VIA = 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK';

describe('keep-alives of connections that the stack makes (RFC 5626 section 4.4.1)', () => {
  let a: StackUnderTest;
  let far: TcpListener;

  const { random } = Math;

  beforeEach(async () => {
    // each waits for as long as it may
    Math.random = () => 1 - Number.EPSILON;
    a = await loopbackStack({ tcp: { keepAlive: 120_000 } });
    far = await tcpListener();
  });

  afterEach(async () => {
    Math.random = random;
    await Promise.all([a.stack.stop(), far.close()]);
  });

  /** A connection with a request on it that is not answered. */
  async function connected(): Promise<{ peer: TcpPeer; outcomes: Arrivals<Outcome> }> {
    const outcomes = send(a.stack, messageRequest(), { protocol: 'tcp', host: '127.0.0.1', port: far.port });
    const peer = await far.peers.next();
    assert.match(await peer.received.next(), /^MESSAGE /);
    return { peer, outcomes };
  }

  async function answered(peer: TcpPeer, outcomes: Arrivals<Outcome>): Promise<void> {
    const request = parseSip(Buffer.from(peer.received.all[0] ?? '', 'latin1'));
    assert.ok(request.kind === 'request');
    peer.socket.write(writeSip(respondTo(request, 200)));
    assert.equal(statusOf(await outcomes.next()), 200);
  }

  it('leave again and again while they are answered, and the connection stays', async () => {
    const { peer, outcomes } = await connected();
    await answered(peer, outcomes);
    for (let i = 2; i < 10; i++) {
      a.clock.tick(120_000);
      assert.equal(await peer.received.next(), '\r\n\r\n');
      peer.socket.write('\r\n');
      // the answer to a request comes behind the pong
      const probe = send(a.stack, messageRequest({ CSeq: `${i} MESSAGE` }), {
        ...{ protocol: 'tcp', host: '127.0.0.1', port: far.port },
      });
      const request = parseSip(Buffer.from(await peer.received.next(), 'latin1'));
      assert.ok(request.kind === 'request');
      peer.socket.write(writeSip(respondTo(request, 200)));
      assert.equal(statusOf(await probe.next()), 200);
    }
    assert.deepEqual([far.peers.all.length, a.stack.counters.connections], [1, 1]);
  });

  it('come after four fifths of the time at the least', async () => {
    Math.random = () => 0;
    const { peer, outcomes } = await connected();
    await answered(peer, outcomes);
    a.clock.tick(95_999);
    await settle();
    assert.equal(peer.received.all.length, 1);
    a.clock.tick(1);
    assert.equal(await peer.received.next(), '\r\n\r\n');
  });

  it('that have no answer within 10 s end the connection, and what waits on it', async () => {
    const { peer, outcomes } = await connected();
    await answered(peer, outcomes);
    a.clock.tick(120_000);
    assert.equal(await peer.received.next(), '\r\n\r\n');
    const waiting = send(a.stack, messageRequest({ CSeq: '2 MESSAGE' }), {
      ...{ protocol: 'tcp', host: '127.0.0.1', port: far.port },
    });
    await peer.received.next();
    a.clock.tick(9_999);
    assert.equal(a.stack.counters.connections, 1);
    a.clock.tick(1);
    await peer.closed;
    assert.deepEqual([statusOf(await waiting.next()), a.stack.counters.connections], ['transport', 0]);
  });

  it('are answered for a peer who sends them at the same time', async () => {
    const { peer, outcomes } = await connected();
    await answered(peer, outcomes);
    a.clock.tick(120_000);
    assert.equal(await peer.received.next(), '\r\n\r\n');
    peer.socket.write('\r\n');
    peer.socket.write('\r\n\r\n');
    assert.equal(await peer.received.next(), '\r\n');
  });

  it('are not sent on connections that peers made, nor unless they are asked for', async () => {
    const quiet = await loopbackStack();
    try {
      const peer = await tcpPeer(a.at('tcp').port);
      const outcomes = send(quiet.stack, messageRequest(), { protocol: 'tcp', host: '127.0.0.1', port: far.port });
      const other = await far.peers.next();
      await other.received.next();
      await answered(other, outcomes);
      peer.socket.write(requestText(`${VIA}quiet;rport`));
      const transaction = await a.requests.next();
      transaction.respond(respondTo(transaction.request, 200));
      assert.match(await peer.received.next(), /^SIP\/2\.0 200 /);
      a.clock.tick(590_000);
      quiet.clock.tick(590_000);
      await settle();
      assert.deepEqual([peer.received.all.length, other.received.all.length], [1, 1]);
      peer.socket.destroy();
    } finally {
      await quiet.stack.stop();
    }
  });
});

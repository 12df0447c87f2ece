import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { settle } from '../../support/fake-clock.ts';
import { freePorts } from '../../support/ports.ts';
import {
  loopbackStack,
  messageRequest,
  requestText,
  type StackUnderTest,
  send,
  statusOf,
  tcpListener,
  tcpPeer,
} from '../../support/sip-loopback.ts';

const anyPort = (protocol: string): ListenPoint => ({ protocol: protocol as Protocol, host: '127.0.0.1', port: 0 });

const VIA = 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK';

describe('the SIP stack over TCP', () => {
  let a: StackUnderTest;
  let b: StackUnderTest;

  beforeEach(async () => {
    [a, b] = await Promise.all([loopbackStack(), loopbackStack()]);
  });

  afterEach(() => Promise.all([a.stack.stop(), b.stack.stop()]));

  const answer = async (under: StackUnderTest, status = 200): Promise<number> => {
    const transaction = await under.requests.next();
    transaction.respond(respondTo(transaction.request, status));
    return transaction.flow.port;
  };

  it('carries a large binary body there and back', async () => {
    const body = Buffer.alloc(1_000_000, Buffer.from([0, 13, 10, 255]));
    const outcomes = send(a.stack, messageRequest({}, body), b.at('tcp'));
    const transaction = await b.requests.next();
    assert.ok(transaction.request.body.equals(body));
    transaction.respond(respondTo(transaction.request, 200, { body }));
    const outcome = await outcomes.next();
    assert.ok('response' in outcome && outcome.response.body.equals(body));
    assert.deepEqual([a.stack.counters.clientTransactions, b.stack.counters.serverTransactions], [0, 0]);
  });

  it('sends once, and keeps and reuses one connection', async () => {
    const first = send(a.stack, messageRequest(), b.at('tcp'));
    const second = send(a.stack, messageRequest(), b.at('tcp'));
    const ports = [await answer(b), await answer(b)];
    assert.deepEqual([statusOf(await first.next()), statusOf(await second.next())], [200, 200]);
    const third = send(a.stack, messageRequest(), b.at('tcp'));
    ports.push(await answer(b));
    assert.equal(statusOf(await third.next()), 200);
    assert.equal(new Set(ports).size, 1);
    assert.deepEqual([a.stack.counters.connections, b.stack.counters.connections], [1, 1]);
    assert.equal(a.stack.counters.retransmissionsSent, 0);
  });

  it('answers reach a stack that listens nowhere', async () => {
    const client = await loopbackStack({ listen: [] });
    try {
      const outcomes = send(client.stack, messageRequest(), b.at('tcp'));
      await answer(b, 202);
      assert.equal(statusOf(await outcomes.next()), 202);
    } finally {
      await client.stack.stop();
    }
  });

  it('uses a connection the other way round', async () => {
    const there = send(a.stack, messageRequest(), b.at('tcp'));
    const port = await answer(b);
    await there.next();
    const back = send(b.stack, messageRequest(), { protocol: 'tcp', host: '127.0.0.1', port });
    await answer(a, 404);
    assert.equal(statusOf(await back.next()), 404);
    assert.deepEqual([a.stack.counters.connections, b.stack.counters.connections], [1, 1]);
  });

  it('never connects to a peer who is to be reached by a connection that is there', async () => {
    const there = send(a.stack, messageRequest(), b.at('tcp'));
    const flow = { protocol: 'tcp', host: '127.0.0.1', port: await answer(b), existing: true } as const;
    await there.next();
    const back = send(b.stack, messageRequest(), flow);
    await answer(a);
    assert.equal(statusOf(await back.next()), 200);

    // somebody else has the port that the peer came from
    const stranger = await tcpListener();
    try {
      const lost = send(b.stack, messageRequest(), { ...flow, port: stranger.port });
      await settle();
      assert.deepEqual(lost.all.map(statusOf), ['transport']);
      assert.equal(stranger.peers.all.length, 0);
      assert.equal(b.stack.counters.connections, 1);
    } finally {
      await stranger.close();
    }
  });

  it('reads a stream split at every octet', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    peer.socket.setNoDelay(true);
    for (const octet of requestText(`${VIA}1`, { body: 'a\0b\r\n\r\n' })) {
      peer.socket.write(Buffer.from([octet]));
      await settle();
    }
    const transaction = await b.requests.next();
    assert.equal(transaction.request.body.toString(), 'a\0b\r\n\r\n');
    transaction.respond(respondTo(transaction.request, 200));
    assert.match(await peer.received.next(), /^SIP\/2\.0 200 OK\r\n/);
    peer.socket.destroy();
  });

  it('answers a keep-alive (RFC 5626 section 4.4.1)', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    peer.socket.write('\r\n\r\n');
    assert.equal(await peer.received.next(), '\r\n');
    peer.socket.write(requestText(`${VIA}1`));
    await answer(b);
    assert.match(await peer.received.next(), /^SIP\/2\.0 200/);
    peer.socket.destroy();
  });

  it('fails at once when the connection is refused', async () => {
    const listener = await tcpListener();
    await listener.close();
    const hop = { protocol: 'tcp', host: '127.0.0.1', port: listener.port } as const;
    const outcome = await send(a.stack, messageRequest(), hop).next();
    assert.ok('cause' in outcome);
    assert.match(`${outcome.failure} ${outcome.cause.message}`, /^transport .*ECONNREFUSED/);
    assert.equal(a.stack.counters.connections, 0);
    assert.equal(a.stack.counters.clientTransactions, 0);
  });

  it('fails at once when the connection is lost under a request', async () => {
    const listener = await tcpListener();
    try {
      const outcomes = send(a.stack, messageRequest(), { protocol: 'tcp', host: '127.0.0.1', port: listener.port });
      const { socket, received } = await listener.peers.next();
      assert.match(await received.next(), /^MESSAGE /);
      socket.destroy();
      assert.equal(statusOf(await outcomes.next()), 'transport');
      assert.equal(a.stack.counters.clientTransactions, 0);
    } finally {
      await listener.close();
    }
  });

  for (const rport of ['', ';rport'])
    it(`makes a new connection for a response when the old one is gone (RFC 3261 section 18.2.2) ${rport}`, async () => {
      const listener = await tcpListener();
      try {
        const peer = await tcpPeer(b.at('tcp').port);
        peer.socket.write(requestText(`SIP/2.0/TCP phone.example:${listener.port}${rport};branch=z9hG4bK1`));
        const transaction = await b.requests.next();
        peer.socket.destroy();
        await peer.closed;
        while (b.stack.counters.connections > 0) await settle();
        transaction.respond(respondTo(transaction.request, 200));
        const { received } = await listener.peers.next();
        assert.match(await received.next(), /^SIP\/2\.0 200 OK\r\nVia: SIP\/2\.0\/TCP phone\.example/);
      } finally {
        await listener.close();
      }
    });

  it('answers a malformed request, then closes: the stream has lost its frame', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    peer.socket.write(requestText(`${VIA}1`, { more: ['Nonsense'] }));
    assert.match(await peer.received.next(), /^SIP\/2\.0 400 /);
    await peer.closed;
    while (b.stack.counters.connections > 0) await settle();
    assert.equal(b.stack.counters.malformed, 1);
  });

  it('closes idle connections, and those that do not finish a message', async () => {
    const idle = await tcpPeer(b.at('tcp').port);
    while (b.stack.counters.connections < 1) await settle();
    b.clock.tick(595_000);
    assert.equal(b.stack.counters.connections, 1);
    b.clock.tick(10_000);
    await idle.closed;
    const slow = await tcpPeer(b.at('tcp').port);
    slow.socket.write('MESSAGE sip:');
    while (b.stack.counters.connections < 1) await settle();
    for (let i = 0; i < 7; i++) {
      slow.socket.write('x');
      await settle();
      b.clock.tick(5000);
    }
    await slow.closed;
    assert.equal(b.stack.counters.connections, 0);
    assert.equal(b.clock.pending, 0);
  });

  it('keeps an idle connection while a request waits for its answer', async () => {
    const patient = await loopbackStack({ tcp: { idle: 10_000 } });
    try {
      const outcomes = send(patient.stack, messageRequest(), b.at('tcp'));
      const transaction = await b.requests.next();
      patient.clock.tick(30_000);
      transaction.respond(respondTo(transaction.request, 200));
      assert.equal(statusOf(await outcomes.next()), 200);
      patient.clock.tick(15_000);
      assert.equal(patient.stack.counters.connections, 0);
    } finally {
      await patient.stack.stop();
    }
  });

  it('bounds connections and octets held of unfinished messages', async () => {
    const small = await loopbackStack({ tcp: { maxConnections: 2, maxHeld: 1000 } });
    try {
      const { port } = small.at('tcp');
      const [one, two] = [await tcpPeer(port), await tcpPeer(port)];
      while (small.stack.counters.connections < 2) await settle();
      const three = await tcpPeer(port);
      await one.closed;
      assert.equal(small.stack.counters.connections, 2);
      const outcome = await send(small.stack, messageRequest(), b.at('tcp')).next();
      assert.equal(statusOf(outcome), 'transport');
      const part = `MESSAGE sip:a@b SIP/2.0\r\nX: ${'y'.repeat(550)}`;
      two.socket.write(part);
      three.socket.write(part);
      await Promise.race([two.closed, three.closed]);
      assert.equal(small.stack.counters.connections, 1);
    } finally {
      await small.stack.stop();
    }
  });

  it('has room for requests of its own when peers hold all the connections they may', async () => {
    const { stack, at } = await loopbackStack({ tcp: { maxConnections: 16 } });
    const peers: Awaited<ReturnType<typeof tcpPeer>>[] = [];
    try {
      const { port } = at('tcp');
      while (stack.counters.connections < 14) {
        peers.push(await tcpPeer(port));
        await settle();
      }
      peers.push(await tcpPeer(port));
      await peers[0]?.closed;
      const outcomes = send(stack, messageRequest(), b.at('tcp'));
      await answer(b);
      assert.equal(statusOf(await outcomes.next()), 200);
      assert.equal(stack.counters.connections, 15);
    } finally {
      for (const { socket } of peers) socket.destroy();
      await stack.stop();
    }
  });

  it('lets a newcomer have the place of who never said anything, and keeps who did', async () => {
    const { stack, at, requests } = await loopbackStack({ tcp: { maxConnections: 4 } });
    const peers: Awaited<ReturnType<typeof tcpPeer>>[] = [];
    try {
      const { port } = at('tcp');
      const friend = await tcpPeer(port);
      peers.push(friend);
      friend.socket.write(requestText(`${VIA}1`));
      const asked = await requests.next();
      for (let i = 0; i < 12; i++) {
        const peer = await tcpPeer(port);
        peers.push(peer);
        // By their close, not by its own: accepted one after the other.
        if (i >= 3) await peers[i - 2]?.closed;
      }
      asked.respond(respondTo(asked.request, 200));
      assert.match(await friend.received.next(), /^SIP\/2\.0 200/);
      assert.equal(stack.counters.connections, 4);
    } finally {
      for (const { socket } of peers) socket.destroy();
      await stack.stop();
    }
  });

  it('bounds the connections of one address, until they are closed', async () => {
    const { stack, at } = await loopbackStack({ tcp: { maxPerAddress: 2, isExempt: () => false } });
    const peers: Awaited<ReturnType<typeof tcpPeer>>[] = [];
    const connectFrom = async (localAddress: string): Promise<void> => {
      const socket = connect({ port: at('tcp').port, host: '127.0.0.1', localAddress });
      socket.on('error', () => undefined).resume();
      peers.push({ socket } as Awaited<ReturnType<typeof tcpPeer>>);
      await once(socket, 'connect');
    };
    try {
      const { port } = at('tcp');
      for (let i = 0; i < 2; i++) peers.push(await tcpPeer(port));
      await (await tcpPeer(port)).closed;
      await connectFrom('127.0.0.2');
      while (stack.counters.connections < 3) await settle();
      peers[0]?.socket.destroy();
      while (stack.counters.connections > 2) await settle();
      peers.push(await tcpPeer(port));
      while (stack.counters.connections < 3) await settle();
      // Those that this side makes are not counted.
      const outcomes = send(stack, messageRequest(), b.at('tcp'));
      await answer(b);
      assert.equal(statusOf(await outcomes.next()), 200);
    } finally {
      for (const { socket } of peers) socket.destroy();
      await stack.stop();
    }
  });

  it('keeps every connection in sight, also those from one port to two of its own', async () => {
    const two = await loopbackStack({ listen: ['udp', 'tcp', 'tcp'].map(anyPort) });
    const ports = two.stack.listening.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port);
    const closed: Promise<unknown>[] = [];
    const [localPort = 0] = await freePorts(1);
    for (const port of ports) {
      const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.1', localPort });
      socket.resume();
      await once(socket, 'connect');
      closed.push(once(socket, 'close'));
      while (two.stack.counters.connections < closed.length) await settle();
    }
    await two.stack.stop();
    await Promise.all(closed);
    assert.equal(two.stack.counters.connections, 0);
  });

  it('refuses a message above its limit while it is being announced', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    peer.socket.write(requestText(`${VIA}1`).toString().replace('Content-Length: 0', 'Content-Length: 99999999'));
    assert.match(await peer.received.next(), /^SIP\/2\.0 513 /);
    await peer.closed;
  });

  it('closes on a peer who asks and asks and does not read the answers', async () => {
    const body = Buffer.alloc(200_000);
    b.stack.onRequest((transaction) => transaction.respond(respondTo(transaction.request, 200, { body })));
    const peer = await tcpPeer(b.at('tcp').port);
    peer.socket.pause();
    for (let i = 0; i < 200; i++) peer.socket.write(requestText(`${VIA}${i}`));
    while (b.stack.counters.connections === 0) await settle();
    while (b.stack.counters.connections > 0) await settle();
    peer.socket.destroy();
  });

  it('does not send a request over a connection that the peer has ended', async () => {
    const listener = await tcpListener();
    try {
      const hop = { protocol: 'tcp', host: '127.0.0.1', port: listener.port } as const;
      const first = send(a.stack, messageRequest(), hop);
      const ending = await listener.peers.next();
      await ending.received.next();
      ending.socket.end();
      assert.equal(statusOf(await first.next()), 'transport');
      send(a.stack, messageRequest(), hop);
      const fresh = await listener.peers.next();
      assert.match(await fresh.received.next(), /^MESSAGE /);
    } finally {
      await listener.close();
    }
  });

  it('does not take a busy connection for a slow one', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    const halves = requestText(`${VIA}x`);
    for (let i = 0; i < 10; i++) {
      peer.socket.write(Buffer.concat([halves.subarray(i === 0 ? 0 : 30), halves.subarray(0, 30)]));
      await answer(b);
      b.clock.tick(5000);
    }
    assert.equal(b.stack.counters.connections, 1);
    peer.socket.destroy();
  });

  it('keeps raw octets of what came in', async () => {
    const peer = await tcpPeer(b.at('tcp').port);
    const [first, second] = [requestText(`${VIA}1`, { body: 'one' }), requestText(`${VIA}2`, { body: 'two' })];
    peer.socket.write(Buffer.concat([first, second]));
    assert.deepEqual((await b.requests.next()).raw, first);
    assert.deepEqual((await b.requests.next()).raw, second);
    assert.equal(parseSip(second).body.toString(), 'two');
    peer.socket.destroy();
  });
});

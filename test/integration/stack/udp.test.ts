import assert from 'node:assert/strict';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import {
  loopbackStack,
  messageRequest,
  requestText,
  type StackUnderTest,
  send,
  statusOf,
  type UdpPeer,
  udpPeer,
} from '../../support/sip-loopback.ts';

describe('the SIP stack over UDP', () => {
  let a: StackUnderTest;
  let b: StackUnderTest;
  let peer: UdpPeer;

  beforeEach(async () => {
    [a, b, peer] = await Promise.all([loopbackStack(), loopbackStack(), udpPeer()]);
  });

  afterEach(() => Promise.all([a.stack.stop(), b.stack.stop(), peer.close()]));

  it('carries a request with any octets and its response', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const outcomes = send(a.stack, messageRequest({}, body), b.at('udp'));
    const transaction = await b.requests.next();
    assert.deepEqual(transaction.request.body, body);
    assert.deepEqual(parseSip(transaction.raw).body, body);
    assert.equal(transaction.flow.port, a.at('udp').port);
    transaction.respond(respondTo(transaction.request, 202, { body: Buffer.from('\0') }));
    const outcome = await outcomes.next();
    assert.ok('response' in outcome);
    assert.equal(outcome.response.status, 202);
    assert.deepEqual(parseSip(outcome.raw).body, Buffer.from('\0'));
    assert.deepEqual([a.stack.counters.clientTransactions, b.stack.counters.serverTransactions], [1, 1]);
    a.clock.tick(5000);
    b.clock.tick(32_000);
    assert.deepEqual([a.stack.counters.clientTransactions, b.stack.counters.serverTransactions], [0, 0]);
    assert.deepEqual([a.clock.pending, b.clock.pending], [0, 0]);
  });

  it('absorbs retransmissions and repeats the response', async () => {
    const octets = requestText(`SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKx`);
    peer.send(octets, b.at('udp').port);
    const transaction = await b.requests.next();
    peer.send(octets, b.at('udp').port);
    while (b.stack.counters.retransmissionsAbsorbed === 0) await settle();
    assert.equal(peer.datagrams.all.length, 0);
    transaction.respond(respondTo(transaction.request, 200));
    const first = await peer.datagrams.next();
    peer.send(octets, b.at('udp').port);
    assert.deepEqual(await peer.datagrams.next(), first);
    assert.equal(b.requests.all.length, 1);
    assert.equal(b.stack.counters.retransmissionsAbsorbed, 2);
    assert.equal(b.stack.counters.retransmissionsSent, 1);
  });

  it('repeats its own request with the same octets', async () => {
    const outcomes = send(a.stack, messageRequest(), { protocol: 'udp', host: '127.0.0.1', port: peer.port });
    const first = await peer.datagrams.next();
    a.clock.tick(500);
    assert.deepEqual(await peer.datagrams.next(), first);
    const request = parseSip(first);
    assert.ok(request.kind === 'request');
    assert.match(
      request.headers.get('Via') ?? '',
      /^SIP\/2\.0\/UDP 127\.0\.0\.1:\d+;rport;branch=z9hG4bK[0-9a-f]{24}$/,
    );
    a.clock.tick(31_500);
    assert.equal(statusOf(await outcomes.next()), 'timeout');
  });

  it('answers to the source port when asked by rport, else to the port of sent-by', async () => {
    const other = await udpPeer();
    try {
      peer.send(requestText(`SIP/2.0/UDP phone.example:${other.port};rport;branch=z9hG4bK1`), b.at('udp').port);
      const asked = await b.requests.next();
      asked.respond(respondTo(asked.request, 200));
      const via = parseSip(await peer.datagrams.next()).headers.get('Via');
      assert.equal(
        via,
        `SIP/2.0/UDP phone.example:${other.port};branch=z9hG4bK1;received=127.0.0.1;rport=${peer.port}`,
      );
      peer.send(requestText(`SIP/2.0/UDP phone.example:${other.port};branch=z9hG4bK2`), b.at('udp').port);
      const unasked = await b.requests.next();
      unasked.respond(respondTo(unasked.request, 200));
      assert.match(parseSip(await other.datagrams.next()).headers.get('Via') ?? '', /;received=127\.0\.0\.1$/);
    } finally {
      await other.close();
    }
  });

  it('drops responses to nothing and responses whose Via is not its own (RFC 3261 section 18.1.2)', async () => {
    const outcomes = send(a.stack, messageRequest(), { protocol: 'udp', host: '127.0.0.1', port: peer.port });
    const request = parseSip(await peer.datagrams.next());
    assert.ok(request.kind === 'request');
    const port = a.at('udp').port;
    const ok = respondTo(request, 200);
    const octets = (via: string): Buffer =>
      Buffer.from(
        `SIP/2.0 200 OK\r\nVia: ${via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\n`,
      );
    const via = ok.headers.get('Via') ?? '';
    peer.send(octets(via.replace(/branch=z9hG4bK..../, 'branch=z9hG4bKffff')), port);
    peer.send(octets(via.replace('127.0.0.1', '192.0.2.1')), port);
    peer.send(Buffer.from('SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n'), port);
    peer.send(octets(via).subarray(0, 40), port);
    while (a.stack.counters.malformed < 2) await settle();
    assert.equal(outcomes.all.length, 0);
    peer.send(octets(via), port);
    assert.equal(statusOf(await outcomes.next()), 200);
  });

  it('answers what is malformed where it can be answered', async () => {
    const port = b.at('udp').port;
    const via = 'SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1';
    const statusAfter = async (octets: Buffer): Promise<string> => {
      peer.send(octets, port);
      return (await peer.datagrams.next()).toString().slice(8, 11);
    };
    assert.equal(await statusAfter(requestText(via, { more: ['Nonsense'] })), '400');
    assert.equal(await statusAfter(requestText(via, { body: 'cut' }).subarray(0, -1)), '400');
    assert.equal(await statusAfter(requestText(via, { more: ['CSeq: 2 MESSAGE'] })), '400');
    assert.equal(await statusAfter(Buffer.from(requestText(via).toString().replace('SIP/2.0\r', 'SIP/7.0\r'))), '505');
    assert.equal(await statusAfter(requestText(via, { more: Array(300).fill('X: y') })), '513');
    for (const silent of [
      requestText('nonsense'),
      requestText(via, { method: 'ACK', more: ['Nonsense'] }),
      requestText(via, { method: 'ACK', more: ['CSeq: 2 ACK'] }),
      Buffer.from('\0\0\0\0'),
      Buffer.from('\r\n\r\n'),
      Buffer.from('hello'),
    ])
      peer.send(silent, port);
    while (b.stack.counters.malformed < 9) await settle();
    assert.equal(peer.datagrams.all.length, 5);
    assert.equal(b.requests.all.length, 0);
  });

  it('hands an ACK on without a transaction and never answers it', async () => {
    peer.send(requestText('SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1', { method: 'ACK' }), b.at('udp').port);
    const ack = await b.requests.next();
    ack.respond(respondTo(ack.request, 200));
    assert.equal(b.stack.counters.serverTransactions, 0);
    await settle();
    assert.equal(peer.datagrams.all.length, 0);
  });

  it('answers 500 for a handler that throws or writes what no header may have', async () => {
    const via = (n: number): string => `SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK${n}`;
    const port = b.at('udp').port;
    b.stack.onRequest(() => {
      throw new Error('handler');
    });
    peer.send(requestText(via(1)), port);
    assert.match((await peer.datagrams.next()).toString(), /^SIP\/2\.0 500 /);
    b.stack.onRequest((transaction) =>
      transaction.respond(respondTo(transaction.request, 200, { headers: [{ name: 'X', value: 'a\r\nb' }] })),
    );
    peer.send(requestText(via(2)), port);
    assert.match((await peer.datagrams.next()).toString(), /^SIP\/2\.0 500 /);
  });

  it('answers 503 while there is no handler', async () => {
    const clock = new FakeClock();
    const bare = createSipStack({ clock, listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });
    await bare.start();
    try {
      peer.send(requestText('SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1'), bare.listening[0]?.port ?? 0);
      assert.match((await peer.datagrams.next()).toString(), /^SIP\/2\.0 503 /);
    } finally {
      await bare.stop();
    }
  });

  it('forgets a request that its handler never answers after 64*T1', async () => {
    peer.send(requestText('SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1'), b.at('udp').port);
    const transaction = await b.requests.next();
    let ended = 0;
    transaction.onTerminated(() => ended++);
    b.clock.tick(31_999);
    assert.equal(b.stack.counters.serverTransactions, 1);
    b.clock.tick(1);
    assert.deepEqual([b.stack.counters.serverTransactions, ended], [0, 1]);
  });

  it('refuses beyond its transactions: 503 with Retry-After, and a failure to its own user', async () => {
    const small = await loopbackStack({ maxTransactions: 1 });
    try {
      const via = (n: number): string => `SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK${n}`;
      peer.send(requestText(via(1)), small.at('udp').port);
      await small.requests.next();
      peer.send(requestText(via(2)), small.at('udp').port);
      assert.match((await peer.datagrams.next()).toString(), /^SIP\/2\.0 503 [\s\S]*\r\nRetry-After: \d+\r\n/);
      const hop = { protocol: 'udp', host: '127.0.0.1', port: peer.port } as const;
      send(small.stack, messageRequest(), hop);
      const outcome = await send(small.stack, messageRequest(), hop).next();
      assert.ok('cause' in outcome && 'code' in outcome.cause);
      assert.equal(outcome.cause.code, 'PPG_E_OVERLOAD');
    } finally {
      await small.stack.stop();
    }
  });

  it('fails at once for what cannot leave', async () => {
    const failure = async (request = messageRequest(), hop = b.at('udp')): Promise<string> => {
      const outcome = await send(a.stack, request, hop).next();
      return 'cause' in outcome ? `${outcome.failure}: ${outcome.cause.message}` : 'answered';
    };
    assert.match(await failure(messageRequest({}, Buffer.alloc(66_000))), /^transport: .*EMSGSIZE/);
    assert.match(await failure(messageRequest({ 'X-A': 'a\r\nb' })), /^transport: .*CR, LF or NUL/);
    assert.match(await failure(messageRequest({ CSeq: undefined })), /^transport: .*CSeq/);
    assert.match(await failure(messageRequest({ CSeq: '1 OPTIONS' })), /^transport: .*CSeq/);
    assert.match(await failure(messageRequest(), { protocol: 'udp', host: '::1', port: 5060 }), /no UDP socket/);
    assert.match(
      await failure(messageRequest(), { protocol: 'udp', host: 'no-such-host.invalid', port: 5060 }),
      /^transport: /,
    );
    assert.equal(a.stack.counters.clientTransactions, 0);
    assert.equal(a.clock.pending, 0);
  });

  it('never tells of a failure before the request has returned', async () => {
    let returned = false;
    const early = await new Promise<boolean>((resolve) => {
      const hop = { protocol: 'udp', host: '::1', port: 5060 } as const;
      a.stack.request(messageRequest(), hop, { onResponse: () => undefined, onFailure: () => resolve(!returned) });
      returned = true;
    });
    assert.equal(early, false);
  });

  it('looks host names up', async () => {
    const { port } = b.at('udp');
    const outcomes = send(a.stack, messageRequest(), { protocol: 'udp', host: 'localhost', port });
    const transaction = await b.requests.next();
    transaction.respond(respondTo(transaction.request, 200));
    assert.equal(statusOf(await outcomes.next()), 200);
  });

  it('fails what is open when it stops, refuses what comes later, and can be started again', async () => {
    const outcomes = send(a.stack, messageRequest(), { protocol: 'udp', host: '127.0.0.1', port: peer.port });
    await peer.datagrams.next();
    await a.stack.stop();
    assert.equal(statusOf(await outcomes.next()), 'transport');
    assert.equal(statusOf(await send(a.stack, messageRequest(), b.at('udp')).next()), 'transport');
    assert.equal(a.clock.pending, 0);
    await a.stack.start();
    const again = send(a.stack, messageRequest(), b.at('udp'));
    const transaction = await b.requests.next();
    transaction.respond(respondTo(transaction.request, 200));
    assert.equal(statusOf(await again.next()), 200);
  });

  it('says which port is taken, and keeps nothing open then', async () => {
    const { port } = b.at('udp');
    await assert.rejects(
      loopbackStack({
        listen: [
          { protocol: 'tcp', host: '127.0.0.1', port: 0 },
          { protocol: 'udp', host: '127.0.0.1', port },
        ],
      }),
      new RegExp(`cannot listen on udp 127.0.0.1:${port}`),
    );
  });

  for (const protocols of [
    ['udp', 'tcp'],
    ['tcp', 'udp'],
  ] as const)
    it(`gives ${protocols.join(' and ')} the same port where the system may choose it`, async () => {
      const more = { protocol: 'tcp', host: '127.0.0.1', port: 0 } as const;
      const points = [...protocols.map((protocol) => ({ protocol, host: '127.0.0.1', port: 0 })), more];
      const { stack } = await loopbackStack({ listen: points });
      try {
        const [first, second, third] = stack.listening;
        assert.deepEqual([first?.protocol, second?.protocol, third?.protocol], [...protocols, 'tcp']);
        assert.equal(first?.port, second?.port);
        assert.notEqual(first?.port, third?.port);
      } finally {
        await stack.stop();
      }
    });

  it('sends statelessly: an ACK with a Via of its own, a response as it is', async () => {
    const hop = { protocol: 'udp', host: '127.0.0.1', port: peer.port } as const;
    a.stack.sendStateless({ ...messageRequest({ CSeq: '1 ACK' }), method: 'ACK' }, hop);
    const ack = parseSip(await peer.datagrams.next());
    assert.match(ack.headers.get('Via') ?? '', /branch=z9hG4bK/);
    assert.ok(ack.kind === 'request');
    a.stack.sendStateless(respondTo(ack, 200), hop);
    assert.equal(parseSip(await peer.datagrams.next()).headers.all('Via').length, 1);
    assert.equal(a.stack.counters.clientTransactions, 0);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { silentLogger } from '../../../lib/base/log.ts';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createCore } from '../../../lib/embedded/core/core.ts';
import { createSipStack, type SipStackOptions } from '../../../lib/stack/stack.ts';
import type { Hop, ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import {
  Arrivals,
  loopbackStack,
  messageRequest,
  requestText,
  type StackUnderTest,
  send,
  statusOf,
} from '../../support/sip-loopback.ts';
import { tlsPair, tlsText } from '../../support/tls-fixtures.ts';

const point = (protocol: Protocol): ListenPoint => ({ protocol, host: '127.0.0.1', port: 0 });
const VIA = 'SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK';

interface WsPeer {
  readonly socket: WebSocket;
  readonly received: Arrivals<Buffer>;
  readonly closed: Promise<unknown>;
}

const running: (() => unknown)[] = [];

async function start(options: Partial<SipStackOptions> = {}): Promise<StackUnderTest> {
  const under = await loopbackStack({ listen: [point('ws')], ...options });
  running.push(() => under.stack.stop());
  return under;
}

async function wsPeer(url: string, protocols = ['sip'], ca?: string): Promise<WsPeer> {
  const socket = new WebSocket(url, protocols, { ...(ca !== undefined && { ca }) });
  const received = new Arrivals<Buffer>();
  socket.on('message', (data) => received.add(data as Buffer));
  running.push(() => socket.terminate());
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return { socket, received, closed: once(socket, 'close') };
}

const urlOf = (under: StackUnderTest, protocol: 'ws' | 'wss' = 'ws'): string =>
  `${protocol}://127.0.0.1:${under.at(protocol).port}/any`;

describe('the SIP stack over WebSocket (RFC 7118)', () => {
  afterEach(async () => {
    for (const stop of running.splice(0).reverse()) await stop();
  });

  it('takes requests and answers them, in text and binary frames, with any octets', async () => {
    const under = await start();
    const { socket, received } = await wsPeer(urlOf(under));
    assert.equal(socket.protocol, 'sip');
    for (const octets of [requestText(`${VIA}1`), requestText(`${VIA}2`, { body: 'a\0\xff' })]) {
      socket.send(octets, { binary: octets.includes(0) });
      const transaction = await under.requests.next();
      assert.deepEqual([transaction.flow.protocol, transaction.flow.host], ['ws', '127.0.0.1']);
      transaction.respond(respondTo(transaction.request, 200, { body: Buffer.from([0, 255]) }));
      const answer = parseSip(await received.next());
      assert.ok(answer.kind === 'response');
      assert.deepEqual([answer.status, [...answer.body]], [200, [0, 255]]);
      assert.match(answer.headers.get('Via') ?? '', /^SIP\/2\.0\/WS df7jal23ls0d\.invalid.*;received=127\.0\.0\.1/);
    }
    assert.equal(transactionless(under), 0);
  });

  const transactionless = ({ stack }: StackUnderTest): number => stack.counters.serverTransactions;

  it('sends requests by the connection of the phone, and never makes one', async () => {
    const under = await start();
    const { socket, received, closed } = await wsPeer(urlOf(under));
    socket.send(requestText(`${VIA}1`));
    const { flow } = await under.requests.next();
    const hop = { protocol: flow.protocol, host: flow.host, port: flow.port, existing: true };
    const outcomes = send(under.stack, messageRequest(), hop);
    const request = parseSip(await received.next());
    assert.ok(request.kind === 'request');
    assert.match(request.headers.get('Via') ?? '', /^SIP\/2\.0\/WS 127\.0\.0\.1:\d+;/);
    const lines = ['SIP/2.0 202 Accepted'];
    for (const name of ['Via', 'From', 'To', 'Call-ID', 'CSeq']) lines.push(`${name}: ${request.headers.get(name)}`);
    socket.send(`${lines.join('\r\n')}\r\n\r\n`); // no Content-Length: the frame ends it
    assert.equal(statusOf(await outcomes.next()), 202);

    const lost = send(under.stack, messageRequest(), hop);
    await received.next();
    socket.terminate();
    assert.equal(statusOf(await lost.next()), 'transport');
    await closed;
    assert.equal(statusOf(await send(under.stack, messageRequest(), hop).next()), 'transport');
    assert.equal(under.stack.counters.connections, 0);
  });

  it('goes by TLS with the certificates of TLS, those of a reload included', async () => {
    const ca = tlsText('ca.pem');
    const under = await start({ listen: [point('udp'), point('wss')], tls: { ...tlsPair('other'), ca } });
    await assert.rejects(wsPeer(urlOf(under, 'wss'), ['sip'], ca));
    (under.stack as unknown as { reloadTls(tls: object): void }).reloadTls({ ...tlsPair('server'), ca });
    const { socket, received } = await wsPeer(urlOf(under, 'wss'), ['sip'], ca);
    socket.send(requestText(`${VIA.replace('WS', 'WSS')}1`));
    const transaction = await under.requests.next();
    assert.deepEqual([transaction.flow.protocol, transaction.flow.verified], ['wss', undefined]);
    transaction.respond(respondTo(transaction.request, 200));
    assert.match((await received.next()).toString(), /^SIP\/2\.0 200/);
  });

  it('wants the subprotocol sip, and no plain HTTP', async () => {
    const under = await start();
    await assert.rejects(wsPeer(urlOf(under), []), /400/);
    await assert.rejects(wsPeer(urlOf(under), ['chat']), /400/);
    assert.equal((await wsPeer(urlOf(under), ['chat', 'sip'])).socket.protocol, 'sip');
    const asked = httpRequest({ host: '127.0.0.1', port: under.at('ws').port });
    asked.end();
    const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    assert.equal(response.statusCode, 426);
  });

  it('lets go of those it turns away, though they keep their end open', async () => {
    const under = await start({ tcp: { maxConnections: 1 } });
    const ask = async (): Promise<string> => {
      const socket = connect({ port: under.at('ws').port, host: '127.0.0.1', allowHalfOpen: true });
      running.push(() => socket.destroy());
      socket.on('error', () => undefined);
      const head = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
      socket.write(['GET / HTTP/1.1', ...head, `Sec-WebSocket-Key: ${'A'.repeat(22)}==`, '', ''].join('\r\n'));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      await Promise.race([once(socket, 'end'), once(socket, 'close')]);
      return answer.slice(0, 'HTTP/1.1 400'.length);
    };
    for (let turn = 0; turn < 3; turn++) {
      let answer = '';
      // The server lets go a moment after the peer has its answer.
      while (answer === '') answer = await ask();
      assert.equal(answer, 'HTTP/1.1 400');
    }
  });

  it('bounds connections, messages and silence', async () => {
    const under = await start({ tcp: { maxConnections: 1, idle: 60_000 } });
    const silent = await wsPeer(urlOf(under));
    const first = await wsPeer(urlOf(under));
    await silent.closed;
    const pinged = once(first.socket, 'ping');
    under.clock.tick(30_000);
    await pinged;
    while (under.stack.counters.connections === 0) await settle();
    first.socket.send(Buffer.alloc(256 * 1024 + 1));
    await first.closed;
    while (under.stack.counters.connections > 0) await settle();
    const idle = await wsPeer(urlOf(under));
    idle.socket.pause();
    under.clock.tick(120_000);
    idle.socket.resume();
    await idle.closed;
  });

  it('bounds the time of an unfinished message, also between pings, and octets held of all', async () => {
    const under = await start({ tcp: { maxHeld: 150_000 } });
    const slow = await wsPeer(urlOf(under));
    slow.socket.send('MESSAGE sip:b@example.com SIP/2.0', { fin: false });
    for (let i = 0; i < 6; i++) {
      const answered = once(slow.socket, 'pong');
      slow.socket.ping();
      await answered;
      under.clock.tick(5_000);
    }
    await slow.closed;
    const [one, two] = [await wsPeer(urlOf(under)), await wsPeer(urlOf(under))];
    const part = Buffer.alloc(100_000, 'x');
    one.socket.send(part, { fin: false });
    two.socket.send(part, { fin: false });
    const left = await Promise.race([one.closed.then(() => two), two.closed.then(() => one)]);
    left.socket.send(requestText(`${VIA}2`).subarray(0, 0), { fin: true });
    left.socket.send(requestText(`${VIA}2`));
    await under.requests.next();
  });

  it('closes on a peer who sends one message in tiny fragments', async () => {
    const under = await start();
    const { socket, closed } = await wsPeer(urlOf(under));
    for (let i = 0; i < 10_000; i++) socket.send('x', { fin: false });
    await closed;
  });

  it('closes on a peer who pings and does not read the answers', async () => {
    const under = await start();
    const { socket, closed } = await wsPeer(urlOf(under));
    socket.pause();
    while (under.stack.counters.connections === 0) await settle();
    const payload = Buffer.alloc(125);
    while (under.stack.counters.connections > 0) {
      for (let i = 0; i < 500; i++) socket.ping(payload);
      await settle();
    }
    socket.resume();
    await closed;
  });

  it('bounds the connections of one address, and the time until they are WebSockets', async () => {
    const under = await start({ tcp: { maxPerAddress: 2, isExempt: () => false } });
    const first = await wsPeer(urlOf(under));
    const stalling = connect(under.at('ws').port, '127.0.0.1');
    running.push(() => stalling.destroy());
    stalling.on('error', () => undefined).resume();
    await once(stalling, 'connect');
    await assert.rejects(wsPeer(urlOf(under)));
    under.clock.tick(10_000);
    await once(stalling, 'close');
    first.socket.send(requestText(`${VIA}1`));
    await under.requests.next();
  });

  it('gives up a TLS handshake that does not come to an end', async () => {
    const under = await start({ listen: [point('wss')], tls: tlsPair('server') });
    const stalling = connect(under.at('wss').port, '127.0.0.1');
    running.push(() => stalling.destroy());
    stalling.on('error', () => undefined).resume();
    await once(stalling, 'connect');
    const { socket } = await wsPeer(urlOf(under, 'wss'), ['sip'], tlsText('ca.pem'));
    under.clock.tick(10_000);
    await once(stalling, 'close');
    socket.send(requestText(`${VIA.replace('WS', 'WSS')}1`));
    await under.requests.next();
  });

  it('survives malformed messages, and answers keep-alives', async () => {
    const under = await start();
    const { socket, received } = await wsPeer(urlOf(under));
    socket.send('\r\n\r\n');
    assert.equal((await received.next()).toString(), '\r\n');
    socket.send('nonsense');
    socket.send(requestText(`${VIA}1`, { more: ['CSeq: 2 MESSAGE'] }));
    assert.match((await received.next()).toString(), /^SIP\/2\.0 400/);
    socket.send(requestText(`${VIA}2`));
    await under.requests.next();
    assert.equal(under.stack.counters.malformed, 2);
  });

  it('lets a phone register with the core and have its messages', async () => {
    const clock = new FakeClock();
    const stack = createSipStack({ clock, listen: [point('udp'), point('ws')] });
    const at = (protocol: Protocol): Hop => stack.listening.find((one) => one.protocol === protocol) as Hop;
    const core = createCore({
      clock,
      log: silentLogger,
      stack,
      domain: 'example.com',
      applicationServers: [],
      services: {},
      bindings: createMemoryBindings(),
    });
    await core.start();
    running.push(() => core.stop());
    const { socket, received } = await wsPeer(`ws://127.0.0.1:${at('ws').port}/`);
    const register = requestText(`${VIA}1`, {
      method: 'REGISTER',
      more: ['Contact: <sip:b@df7jal23ls0d.invalid;transport=ws>', 'Expires: 600'],
    });
    socket.send(register.toString().replace('REGISTER sip:b@', 'REGISTER sip:'));
    assert.match((await received.next()).toString(), /^SIP\/2\.0 200/);
    const sender = await start({ listen: [point('udp')] });
    const outcomes = send(sender.stack, messageRequest(), at('udp'));
    const request = (await received.next()).toString();
    assert.match(request, /^MESSAGE sip:b@df7jal23ls0d\.invalid;transport=ws SIP\/2\.0\r\n/);
    const head = request.split('\r\n').filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/.test(line));
    socket.send(`SIP/2.0 200 OK\r\n${head.join('\r\n')}\r\n\r\n`);
    assert.equal(statusOf(await outcomes.next()), 200);
  });
});

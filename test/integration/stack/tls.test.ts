import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import type { StackControls } from '../../../lib/stack/controls.ts';
import { createSipStack, type SipStackOptions } from '../../../lib/stack/stack.ts';
import type { TlsOptions } from '../../../lib/stack/tls-options.ts';
import type { Hop, ListenPoint } from '../../../lib/stack/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import {
  Arrivals,
  messageRequest,
  requestText,
  type StackUnderTest,
  send,
  statusOf,
} from '../../support/sip-loopback.ts';
import { tlsFile, tlsPair, tlsText } from '../../support/tls-fixtures.ts';

const TLS_POINT: ListenPoint = { protocol: 'tls', host: '127.0.0.1', port: 0 };
/** A stack that takes no TLS itself. */
const CLIENT = { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] } as const;
const CA = tlsText('ca.pem');
const SERVER: TlsOptions = { ...tlsPair('server'), ca: CA };
const DOMAIN = 'sip.example.com';

type TlsUnderTest = Omit<StackUnderTest, 'stack'> & { stack: StackUnderTest['stack'] & StackControls };

const running: (() => Promise<unknown> | unknown)[] = [];

async function tlsStack(tls: TlsOptions, options: Partial<SipStackOptions> = {}): Promise<TlsUnderTest> {
  const clock = new FakeClock();
  const stack = createSipStack({ clock, listen: [TLS_POINT], tls, ...options });
  const requests: StackUnderTest['requests'] = new Arrivals();
  stack.onRequest((transaction) => requests.add(transaction));
  await stack.start();
  running.push(() => stack.stop());
  return { stack, clock, requests, at: () => stack.listening[0] as Hop };
}

/** A bare TLS connection to a stack. */
async function tlsPeer({ at }: TlsUnderTest, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: at('tls').port, ca: CA, servername: DOMAIN, ...options });
  running.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

const namesOf = (socket: TLSSocket): string => socket.getPeerCertificate().subjectaltname ?? '';

describe('the SIP stack over TLS', () => {
  afterEach(async () => {
    for (const stop of running.splice(0).reverse()) await stop();
  });

  const hopTo = (under: TlsUnderTest, domain?: string): Hop => ({
    protocol: 'tls',
    host: '127.0.0.1',
    port: under.at('tls').port,
    ...(domain !== undefined && { domain }),
  });

  const answered = async (under: TlsUnderTest, status = 200): Promise<StackUnderTest['requests']['all'][number]> => {
    const transaction = await under.requests.next();
    transaction.respond(respondTo(transaction.request, status));
    return transaction;
  };

  it('carries requests and answers, and names itself in Via', async () => {
    const [a, b] = [await tlsStack({ ca: CA }, CLIENT), await tlsStack(SERVER)];
    const body = Buffer.alloc(300_000, Buffer.from([0, 13, 10, 255]));
    const outcomes = send(a.stack, messageRequest({}, body), hopTo(b, DOMAIN));
    const { request, flow } = await answered(b);
    assert.ok(request.body.equals(body));
    assert.match(request.headers.get('Via') ?? '', /^SIP\/2\.0\/TLS 127\.0\.0\.1/);
    assert.deepEqual([flow.protocol, flow.verified], ['tls', undefined]);
    assert.equal(statusOf(await outcomes.next()), 200);
    assert.equal(a.stack.counters.retransmissionsSent, 0);
  });

  it('reuses a connection for one domain, and makes another for another', async () => {
    const [a, b] = [await tlsStack({ ca: CA }, CLIENT), await tlsStack(SERVER)];
    const ports: number[] = [];
    for (const domain of [DOMAIN, DOMAIN, DOMAIN.toUpperCase(), 'localhost', undefined]) {
      const outcomes = send(a.stack, messageRequest(), hopTo(b, domain));
      ports.push((await answered(b)).flow.port);
      assert.equal(statusOf(await outcomes.next()), 200);
    }
    assert.deepEqual(ports.slice(1, 3), [ports[0], ports[0]]);
    assert.equal(new Set(ports).size, 3);
    assert.deepEqual([a.stack.counters.connections, b.stack.counters.connections], [3, 3]);
  });

  it('gives nothing to a server that is not who it should be', async () => {
    const table: [server: TlsOptions, domain: string | undefined, outcome: number | string][] = [
      [SERVER, DOMAIN, 200],
      [SERVER, undefined, 200], // by its address
      [SERVER, 'example.com', 'transport'],
      [{ ...tlsPair('domain') }, 'example.com', 200],
      [{ ...tlsPair('domain') }, 'host7.example.com', 'transport'],
      [{ ...tlsPair('wildcard') }, DOMAIN, 'transport'],
      [{ ...tlsPair('nameless') }, 'nameless', 'transport'],
      [{ ...tlsPair('stranger') }, DOMAIN, 'transport'],
    ];
    const a = await tlsStack({ ca: CA }, CLIENT);
    for (const [options, domain, expected] of table) {
      const b = await tlsStack(options);
      const outcomes = send(a.stack, messageRequest(), hopTo(b, domain));
      if (expected === 200) await answered(b);
      assert.equal(statusOf(await outcomes.next()), expected, domain);
      assert.equal(b.requests.all.length, expected === 200 ? 1 : 0);
    }
  });

  it('takes any server when it is told not to verify', async () => {
    const a = await tlsStack({ verifyServer: false }, CLIENT);
    const b = await tlsStack(tlsPair('stranger'));
    const outcomes = send(a.stack, messageRequest(), hopTo(b, 'whoever.example'));
    await answered(b);
    assert.equal(statusOf(await outcomes.next()), 200);
  });

  it('asks for client certificates when it has an authority, and tells whom one stands for', async () => {
    const b = await tlsStack(SERVER);
    const seen: unknown[] = [];
    for (const own of [tlsPair('client'), tlsPair('stranger'), {}]) {
      const a = await tlsStack({ ca: CA, ...own }, CLIENT);
      const outcomes = send(a.stack, messageRequest(), hopTo(b, DOMAIN));
      seen.push((await answered(b)).flow.verified);
      assert.equal(statusOf(await outcomes.next()), 200);
    }
    assert.deepEqual(seen, [['client.example.com'], undefined, undefined]);
  });

  it('refuses clients without a certificate where one is required', async () => {
    const b = await tlsStack({ ...SERVER, requireClientCertificate: true });
    const outcomeWith = async (own: TlsOptions): Promise<number | string> => {
      const a = await tlsStack({ ca: CA, ...own }, CLIENT);
      const outcomes = send(a.stack, messageRequest(), hopTo(b, DOMAIN));
      if (own.cert === tlsPair('client').cert) await answered(b);
      return statusOf(await outcomes.next());
    };
    assert.equal(await outcomeWith({}), 'transport');
    assert.equal(await outcomeWith(tlsPair('stranger')), 'transport');
    assert.equal(await outcomeWith(tlsPair('client')), 200);
    assert.equal(b.requests.all.length, 1);
  });

  it('shows the certificate of the name that is asked for (SNI)', async () => {
    const b = await tlsStack({ ...tlsPair('server'), hosts: { 'Other.example.net': tlsPair('other') } });
    assert.match(namesOf(await tlsPeer(b)), /DNS:sip\.example\.com/);
    assert.equal(namesOf(await tlsPeer(b, { servername: 'other.example.net' })), 'DNS:other.example.net');
  });

  it('speaks TLS 1.2 and 1.3 and nothing older', async () => {
    const b = await tlsStack(SERVER);
    const spoken = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> =>
      (await tlsPeer(b, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' })).getProtocol();
    assert.equal(await spoken('TLSv1.2'), 'TLSv1.2');
    assert.equal(await spoken('TLSv1.3'), 'TLSv1.3');
    await assert.rejects(spoken('TLSv1.1'));
  });

  it('takes new certificates without dropping a connection, and keeps the old when the new are no good', async () => {
    const b = await tlsStack(SERVER);
    const a = await tlsStack({ ca: CA }, CLIENT);
    const exchange = async (domain: string): Promise<number> => {
      const outcomes = send(a.stack, messageRequest(), hopTo(b, domain));
      const { flow } = await answered(b);
      assert.equal(statusOf(await outcomes.next()), 200);
      return flow.port;
    };
    const before = await exchange(DOMAIN);
    assert.throws(() => b.stack.reloadTls({ ...SERVER, key: tlsText('other.key') }), { code: 'PPG_E_OPTIONS' });
    assert.throws(() => b.stack.reloadTls({ ca: CA }), { code: 'PPG_E_OPTIONS' });
    assert.match(namesOf(await tlsPeer(b)), /sip\.example\.com/);

    b.stack.reloadTls({ ...tlsPair('other'), ca: CA });
    assert.equal(await exchange(DOMAIN), before);
    await exchange('other.example.net');
    assert.equal(namesOf(await tlsPeer(b, { servername: 'other.example.net' })), 'DNS:other.example.net');
    b.stack.reloadTls();
    assert.equal(namesOf(await tlsPeer(b, { servername: 'other.example.net' })), 'DNS:other.example.net');
  });

  it('sends by a connection that the peer made only when the peer has proved who it is (RFC 5923)', async () => {
    const b = await tlsStack(SERVER);
    for (const [own, domain, back] of [
      [tlsPair('client'), 'client.example.com', 200],
      [tlsPair('client'), DOMAIN, 'transport'],
      [tlsPair('stranger'), DOMAIN, 'transport'], // it has the name, and nobody vouches for it
      [{}, 'client.example.com', 'transport'],
    ] as const) {
      const a = await tlsStack({ ca: CA, ...own }, CLIENT);
      const there = send(a.stack, messageRequest(), hopTo(b, DOMAIN));
      const { flow } = await answered(b);
      await there.next();
      const hop: Hop = { protocol: 'tls', host: flow.host, port: flow.port, domain };
      const outcomes = send(b.stack, messageRequest(), hop);
      if (back === 200) await answered(a);
      assert.equal(statusOf(await outcomes.next()), back);
      // an answer to a flow needs no name
      const again = send(b.stack, messageRequest(), { ...hop, existing: true });
      await answered(a);
      assert.equal(statusOf(await again.next()), 200);
    }
  });

  it('uses an alias for the address that a proven peer listens on (RFC 5923)', async () => {
    const b = await tlsStack(SERVER);
    const a = await tlsStack({ ca: CA, ...tlsPair('client') });
    const there = send(a.stack, messageRequest(), hopTo(b, DOMAIN));
    const { request } = await answered(b);
    await there.next();
    assert.match(request.headers.get('Via') ?? '', /;alias/);
    const outcomes = send(b.stack, messageRequest(), hopTo(a, 'client.example.com'));
    await answered(a);
    assert.equal(statusOf(await outcomes.next()), 200);
    assert.deepEqual([a.stack.counters.connections, b.stack.counters.connections], [1, 1]);
    // another name is not what the peer has proved: a connection of its own, which fails for that name
    assert.equal(statusOf(await send(b.stack, messageRequest(), hopTo(a, DOMAIN)).next()), 'transport');
  });

  it('believes no alias of a peer without a certificate', async () => {
    const b = await tlsStack(SERVER);
    const peer = await tlsPeer(b);
    peer.write(requestText('SIP/2.0/TLS 127.0.0.1:5061;rport;alias;branch=z9hG4bK1'));
    await answered(b);
    const hop: Hop = { protocol: 'tls', host: '127.0.0.1', port: 1, domain: 'client.example.com' };
    assert.equal(statusOf(await send(b.stack, messageRequest(), hop).next()), 'transport');
  });

  it('counts handshakes among its connections and ends those that take too long', async () => {
    const b = await tlsStack(SERVER, { tcp: { maxConnections: 2, connectTime: 10_000 } });
    const slow = [connectTcp(b.at('tls').port, '127.0.0.1'), connectTcp(b.at('tls').port, '127.0.0.1')];
    const closed = slow.map((socket) => once(socket, 'close'));
    for (const socket of slow) socket.on('error', () => undefined).resume();
    while (b.stack.counters.connections < 2) await settle();
    // The eldest makes room for one that goes on.
    const peer = await tlsPeer(b);
    peer.write(requestText('SIP/2.0/TLS 127.0.0.1:5061;rport;branch=z9hG4bK1'));
    await answered(b);
    await closed[0];
    b.clock.tick(15_000);
    await closed[1];
    while (b.stack.counters.connections !== 1) await settle();
  });

  it('ends a handshake of its own that a server never finishes', async () => {
    const b = await tlsStack(SERVER);
    const mute = createServer((socket) => {
      socket.on('error', () => undefined);
      running.push(() => socket.destroy());
    });
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = mute.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    running.push(() => mute.close());
    const outcomes = send(b.stack, messageRequest(), { protocol: 'tls', host: '127.0.0.1', port });
    await settle();
    b.clock.tick(15_000);
    assert.equal(statusOf(await outcomes.next()), 'transport');
  });

  it('survives what is no TLS', async () => {
    const b = await tlsStack(SERVER);
    const socket = connectTcp(b.at('tls').port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(requestText('SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1'));
    socket.resume();
    await once(socket, 'close');
    while (b.stack.counters.connections > 0) await settle();
    await tlsPeer(b);
    assert.equal(b.requests.all.length, 0);
  });

  it('cannot be listened to without a certificate', async () => {
    const stack = createSipStack({ clock: new FakeClock(), listen: [TLS_POINT] });
    await assert.rejects(stack.start(), { code: 'PPG_E_SIP_TRANSPORT', message: /tls\.cert and tls\.key are missing/ });
    const files = { cert: tlsFile('server.pem'), key: tlsFile('server.key') };
    await tlsStack(files);
  });
});

import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import type { OutboundRequest, SipAnswer, SipLeg } from '../../../lib/sip/leg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { TlsOptions } from '../../../lib/stack/tls-options.ts';
import type { ListenPoint, Protocol, ServerTransaction } from '../../../lib/stack/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeDns, naptr, srv, type Zone } from '../../support/fake-dns.ts';
import { loopbackStack, type StackUnderTest, tcpListener } from '../../support/sip-loopback.ts';
import { tlsPair, tlsText } from '../../support/tls-fixtures.ts';

const CA = tlsText('ca.pem');
const point = (protocol: Protocol): ListenPoint => ({ protocol, host: '127.0.0.1', port: 0 });

const outbound = (change: Partial<OutboundRequest>): OutboundRequest => ({
  method: 'MESSAGE',
  uri: 'sip:b@example.com',
  headers: [
    { name: 'From', value: '<sip:push@example.com>;tag=1' },
    { name: 'To', value: '<sip:b@example.com>' },
    { name: 'Call-ID', value: '1@a' },
    { name: 'CSeq', value: '1 MESSAGE' },
  ],
  ...change,
});

describe('the direct leg finds its way', () => {
  const running: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    await Promise.all(running.splice(0).map((stop) => stop()));
  });

  async function startLeg(
    zone: Zone = {},
    tls: TlsOptions = { ca: CA },
  ): Promise<{ leg: SipLeg; dns: FakeDns; clock: FakeClock }> {
    const clock = new FakeClock();
    const dns = new FakeDns(zone);
    const stack = createSipStack({ clock, listen: [point('udp'), point('tcp')], tls });
    const leg = createDirectLeg({ stack, clock, dns, random: () => 0 });
    await leg.start();
    running.push(() => leg.stop());
    return { leg, dns, clock };
  }

  async function startServer(
    certificate = 'server',
    protocols: Protocol[] = ['udp', 'tcp', 'tls'],
  ): Promise<StackUnderTest> {
    const under = await loopbackStack({ listen: protocols.map(point), tls: tlsPair(certificate) });
    running.push(() => under.stack.stop());
    return under;
  }

  async function refusedPort(): Promise<number> {
    const gone = await tcpListener();
    await gone.close();
    return gone.port;
  }

  const answering = async (under: StackUnderTest, status = 200): Promise<ServerTransaction> => {
    const seen = await under.requests.next();
    seen.respond(respondTo(seen.request, status));
    return seen;
  };

  const outcome = (answer: SipAnswer): number | string =>
    answer.kind === 'response' ? answer.status : answer.kind === 'not-sent' ? `${answer.code}` : answer.kind;

  it('to a sips: next hop and to one with transport=tls', async () => {
    const [{ leg }, server] = [await startLeg(), await startServer()];
    const { port } = server.at('tls');
    for (const nextHop of [`sips:127.0.0.1:${port}`, `sip:127.0.0.1:${port};transport=tls`, `sips:localhost:${port}`]) {
      const zone = await startLeg({ addresses: { localhost: ['127.0.0.1'] } });
      const asked = (nextHop.includes('localhost') ? zone.leg : leg).request(outbound({ nextHop }));
      assert.equal((await answering(server)).flow.protocol, 'tls');
      assert.equal(outcome(await asked), 200);
    }
  });

  it('by TLS for a sips: request URI, wherever it goes (RFC 3261 section 8.1.2)', async () => {
    const [{ leg }, server] = [await startLeg(), await startServer()];
    const nextHop = `sip:127.0.0.1:${server.at('tls').port};transport=tcp`;
    const asked = leg.request(outbound({ uri: 'sips:b@example.com', nextHop }));
    assert.equal((await answering(server)).flow.protocol, 'tls');
    assert.equal(outcome(await asked), 200);
    const udp = outbound({ uri: 'sips:b@example.com', nextHop: 'sip:127.0.0.1;transport=udp' });
    assert.equal(outcome(await leg.request(udp)), 'PPG_E_LEG_CANNOT');
  });

  it('by TLS whatever the size, and never in the clear when TLS fails', async () => {
    const [{ leg, clock }, server] = [await startLeg(), await startServer()];
    const asked = leg.request(
      outbound({ nextHop: `sips:127.0.0.1:${server.at('tls').port}`, body: Buffer.alloc(200_000) }),
    );
    const { request, flow } = await answering(server);
    assert.deepEqual([request.body.length, flow.protocol], [200_000, 'tls']);
    assert.equal(outcome(await asked), 200);
    // its TCP port takes no TLS
    const plain = outbound({ nextHop: `sips:127.0.0.1:${server.at('tcp').port}`, body: Buffer.alloc(2000) });
    const waiting = leg.request(plain);
    await settle();
    clock.tick(15_000);
    assert.equal(outcome(await waiting), 'PPG_E_LEG_DOWN');
    assert.equal(server.requests.all.length, 1);
  });

  it('to no server that is not the domain', async () => {
    const zone = { addresses: { 'sip.example.com': ['127.0.0.1'], 'example.com': ['127.0.0.1'] } };
    const [{ leg }, server] = [await startLeg(zone), await startServer()];
    const { port } = server.at('tls');
    const asked = leg.request(outbound({ nextHop: `sips:sip.example.com:${port}` }));
    await answering(server);
    assert.equal(outcome(await asked), 200);
    assert.equal(outcome(await leg.request(outbound({ nextHop: `sips:example.com:${port}` }))), 'PPG_E_LEG_DOWN');
    assert.equal(server.requests.all.length, 1);
  });

  it('to a domain by NAPTR, SRV and address, and by TLS for what the domain itself must prove to be', async () => {
    const server = await startServer('domain');
    const { leg, dns } = await startLeg({
      naptr: { 'example.com': [naptr(10, 1, 'SIPS+D2T', '_sips._tcp.example.com')] },
      srv: { '_sips._tcp.example.com': [srv(0, 0, server.at('tls').port, 'host7.example.net')] },
      addresses: { 'host7.example.net': ['127.0.0.1'] },
    });
    const asked = leg.request(outbound({ uri: 'sip:b@example.com' }));
    assert.equal((await answering(server)).flow.protocol, 'tls');
    assert.equal(outcome(await asked), 200);
    assert.deepEqual(dns.asked, ['NAPTR example.com', 'SRV _sips._tcp.example.com', 'A4 host7.example.net']);
  });

  it('to the next server when one cannot be reached, and remembers which', async () => {
    const server = await startServer();
    const dead = await refusedPort();
    const { leg, clock } = await startLeg({
      srv: { '_sip._tcp.example.com': [srv(0, 0, dead, 'a.example'), srv(1, 0, server.at('tcp').port, 'b.example')] },
      addresses: { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] },
    });
    for (let i = 0; i < 2; i++) {
      const asked = leg.request(outbound({ nextHop: 'sip:example.com;transport=tcp' }));
      await answering(server);
      assert.equal(outcome(await asked), 200);
    }
    // after its rest the first is tried again, and nobody notices
    clock.tick(31_000);
    const asked = leg.request(outbound({ nextHop: 'sip:example.com;transport=tcp' }));
    await answering(server);
    assert.equal(outcome(await asked), 200);
  });

  it('to the next server on 503, in a new transaction, and keeps the 503 when there is no other', async () => {
    const [first, second] = [await startServer(), await startServer()];
    const { leg } = await startLeg({
      srv: {
        '_sip._udp.example.com': [
          srv(0, 0, first.at('udp').port, 'a.example'),
          srv(1, 0, second.at('udp').port, 'b.example'),
        ],
      },
      addresses: { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] },
    });
    const asked = leg.request(outbound({}));
    const branches = [await answering(first, 503), await answering(second, 200)].map(({ request }) =>
      request.headers.get('Via'),
    );
    assert.notEqual(branches[0], branches[1]);
    assert.equal(outcome(await asked), 200);
    // the one that said 503 rests, and comes last
    const again = leg.request(outbound({}));
    await answering(second, 503);
    await answering(first, 503);
    assert.equal(outcome(await again), 503);
    assert.equal(outcome(await send503(leg, first)), 503);
    assert.deepEqual([first.requests.all.length, second.requests.all.length], [3, 2]);
  });

  /** A large request, so that TCP and UDP of the one address are there to be tried. */
  async function send503(leg: SipLeg, under: StackUnderTest): Promise<SipAnswer> {
    const { port } = under.at('tcp');
    const asked = leg.request(outbound({ nextHop: `sip:127.0.0.1:${port}`, body: Buffer.alloc(2000) }));
    await answering(under, 503);
    return asked;
  }

  it('gives a large request to the TCP servers of a domain, and UDP only where there are none', async () => {
    const [byUdp, byTcp] = [await startServer('server', ['udp']), await startServer('server', ['tcp'])];
    const addresses = { 'a.example': ['127.0.0.1'] };
    const udp = [srv(0, 0, byUdp.at('udp').port, 'a.example')];
    const both = await startLeg({
      srv: { '_sip._udp.example.com': udp, '_sip._tcp.example.com': [srv(0, 0, byTcp.at('tcp').port, 'a.example')] },
      addresses,
    });
    const small = both.leg.request(outbound({}));
    assert.equal((await answering(byUdp)).flow.protocol, 'udp');
    assert.equal(outcome(await small), 200);
    const large = both.leg.request(outbound({ body: Buffer.alloc(2000) }));
    assert.equal((await answering(byTcp)).flow.protocol, 'tcp');
    assert.equal(outcome(await large), 200);
    const only = await startLeg({ srv: { '_sip._udp.example.com': udp }, addresses });
    const fallen = only.leg.request(outbound({ body: Buffer.alloc(2000) }));
    assert.equal((await answering(byUdp)).flow.protocol, 'udp');
    assert.equal(outcome(await fallen), 200);
  });

  it('refuses a strict router by name, and follows loose ones', async () => {
    const [{ leg }, server] = [await startLeg(), await startServer()];
    const route = (value: string): OutboundRequest['headers'] => [...outbound({}).headers, { name: 'Route', value }];
    const strict = await leg.request(outbound({ headers: route('<sip:old.example.com>') }));
    assert.ok(strict.kind === 'not-sent');
    assert.deepEqual([strict.code, strict.cause.includes('strict router')], ['PPG_E_LEG_CANNOT', true]);
    const { port } = server.at('tls');
    const asked = leg.request(outbound({ headers: route(`<sips:127.0.0.1:${port};lr>, <sip:b.example;lr>`) }));
    assert.equal((await answering(server)).flow.protocol, 'tls');
    assert.equal(outcome(await asked), 200);
  });

  it('says so when a domain has no server', async () => {
    const { leg } = await startLeg();
    const answer = await leg.request(outbound({ nextHop: 'sip:nowhere.example' }));
    assert.ok(answer.kind === 'not-sent');
    assert.deepEqual([answer.code, answer.cause.includes('nowhere.example')], ['PPG_E_LEG_DOWN', true]);
  });
});

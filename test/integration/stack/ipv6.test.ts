import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';
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

const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp', 'tls'];
const listen = PROTOCOLS.map((protocol): ListenPoint => ({ protocol, host: '::1', port: 0 }));
const tls = { ...tlsPair('server'), ca: tlsText('ca.pem') };

describe('the SIP stack over IPv6', () => {
  let a: StackUnderTest;
  let b: StackUnderTest;

  beforeEach(async () => {
    [a, b] = await Promise.all([loopbackStack({ listen, tls }), loopbackStack({ listen, tls })]);
  });

  afterEach(() => Promise.all([a.stack.stop(), b.stack.stop()]));

  for (const protocol of PROTOCOLS) {
    it(`carries a request and its answer over ${protocol}, with brackets in Via`, async () => {
      const outcomes = send(a.stack, messageRequest({}, Buffer.from('\0')), b.at(protocol));
      const transaction = await b.requests.next();
      const own = a.at(protocol).port;
      const via = transaction.request.headers.get('Via') ?? '';
      assert.ok(via.startsWith(`SIP/2.0/${protocol.toUpperCase()} [::1]:${own};`), via);
      assert.match(via, /;received=::1;rport=\d+/);
      assert.equal(transaction.flow.host, '::1');
      transaction.respond(respondTo(transaction.request, 200));
      assert.equal(statusOf(await outcomes.next()), 200);
    });
  }

  it('answers a peer at the port of its Via, and STUN with its address', async () => {
    const socket = createSocket('udp6');
    const datagrams = new Arrivals<Buffer>();
    socket.on('message', (octets) => datagrams.add(octets));
    socket.bind(0, '::1');
    await once(socket, 'listening');
    try {
      const { port } = socket.address();
      socket.send(requestText(`SIP/2.0/UDP [::1]:${port};branch=z9hG4bK1`), b.at('udp').port, '::1');
      const { request, respond } = await b.requests
        .next()
        .then((t) => ({ request: t.request, respond: t.respond.bind(t) }));
      respond(respondTo(request, 202));
      const answer = parseSip(await datagrams.next());
      assert.equal(answer.kind === 'response' && answer.status, 202);

      socket.send(Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex'), b.at('udp').port, '::1');
      const bound = await datagrams.next();
      assert.equal(bound.toString('hex', 0, 8), '010100182112a442');
      assert.equal(bound.readUInt16BE(26) ^ 0x2112, port);
      assert.equal(b.stack.counters.malformed, 0);
    } finally {
      socket.close();
    }
  });

  it('is a next hop of the direct leg, by URI and by name', async () => {
    const clock = new FakeClock();
    const stack = createSipStack({ clock, listen, tls });
    const leg = createDirectLeg({ stack, clock });
    await leg.start();
    try {
      assert.equal(leg.address, `[::1]:${stack.listening[0]?.port}`);
      for (const [protocol, uri] of [
        ['udp', `sip:[::1]:${b.at('udp').port}`],
        ['tcp', `sip:[::1]:${b.at('tcp').port};transport=tcp`],
        ['tls', `sips:[::1]:${b.at('tls').port}`],
      ] as const) {
        const asked = leg.request({
          method: 'MESSAGE',
          uri: 'sip:b@[2001:db8::1]',
          nextHop: uri,
          headers: messageRequest().headers.fields,
        });
        const transaction = await b.requests.next();
        assert.deepEqual([transaction.flow.protocol, transaction.request.uri], [protocol, 'sip:b@[2001:db8::1]']);
        transaction.respond(respondTo(transaction.request, 200));
        assert.equal((await asked).kind, 'response');
      }
    } finally {
      await leg.stop();
    }
  });

  it('says at once that a peer of the other family cannot be reached by UDP', async () => {
    const four = { protocol: 'udp', host: '127.0.0.1', port: 9 } as const;
    assert.equal(statusOf(await send(a.stack, messageRequest(), four).next()), 'transport');
  });
});

import assert from 'node:assert/strict';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createDirectLeg, type DirectLegOptions } from '../../../lib/sip/direct/direct-leg.ts';
import type { OutboundRequest, SipAnswer, SipHandler, SipLeg } from '../../../lib/sip/leg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { ListenPoint, SipStack } from '../../../lib/stack/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import {
  loopbackStack,
  requestText,
  type StackUnderTest,
  tcpListener,
  type UdpPeer,
  udpPeer,
} from '../../support/sip-loopback.ts';
import { tlsPair } from '../../support/tls-fixtures.ts';

const UDP: ListenPoint = { protocol: 'udp', host: '127.0.0.1', port: 0 };
const TCP: ListenPoint = { protocol: 'tcp', host: '127.0.0.1', port: 0 };

interface LegUnderTest {
  readonly leg: SipLeg;
  readonly stack: SipStack;
  readonly clock: FakeClock;
}

function makeLeg(options: Partial<DirectLegOptions> = {}, listen: ListenPoint[] = [UDP, TCP]): LegUnderTest {
  const clock = new FakeClock();
  const stack = createSipStack({ clock, listen });
  return { leg: createDirectLeg({ stack, clock, ...options }), stack, clock };
}

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

const plus = (name: string, value: string): OutboundRequest['headers'] => [...outbound({}).headers, { name, value }];

describe('the direct leg sends', () => {
  let under: LegUnderTest;
  let device: StackUnderTest;
  let peer: UdpPeer;

  beforeEach(async () => {
    under = makeLeg({ domain: 'home.example' });
    [device, peer] = await Promise.all([loopbackStack(), udpPeer(), under.leg.start()]);
  });

  afterEach(() => Promise.all([under.leg.stop(), device.stack.stop(), peer.close()]));

  const hop = (protocol: 'udp' | 'tcp'): string => `sip:127.0.0.1:${device.at(protocol).port};transport=${protocol}`;

  const exchange = async (
    request: OutboundRequest,
    status = 200,
  ): Promise<{ answer: SipAnswer; seen: Awaited<ReturnType<typeof device.requests.next>> }> => {
    const answering = under.leg.request(request);
    const seen = await device.requests.next();
    const headers = [{ name: 'Retry-After', value: '7' }];
    seen.respond(respondTo(seen.request, status, { headers, body: Buffer.from('\0body') }));
    return { answer: await answering, seen };
  };

  it('binary octets, the URI untouched, Via, Max-Forwards and Content-Length added', async () => {
    const body = Buffer.from([0, 255, 13, 10, 13, 10]);
    const { answer, seen } = await exchange(
      outbound({ nextHop: hop('udp'), body, headers: plus('Route', '<sip:p;lr>') }),
      486,
    );
    assert.equal(seen.request.uri, 'sip:b@example.com');
    assert.deepEqual(seen.request.body, body);
    assert.deepEqual(
      seen.request.headers.fields.map(({ name }) => name),
      ['Via', 'Max-Forwards', 'From', 'To', 'Call-ID', 'CSeq', 'Route', 'Content-Length'],
    );
    assert.equal(seen.request.headers.get('Max-Forwards'), '70');
    assert.ok(answer.kind === 'response');
    assert.deepEqual([answer.status, answer.reason, answer.local], [486, 'Busy Here', false]);
    assert.equal(answer.get('retry-after'), '7');
    assert.equal(answer.body.toString(), '\0body');
  });

  it('where the first Route says, else where the URI says, when there is no next hop', async () => {
    const routed = await exchange(outbound({ headers: plus('Route', `<${hop('udp')};lr>, <sip:else.invalid;lr>`) }));
    assert.equal(routed.seen.request.headers.get('Route'), `<${hop('udp')};lr>, <sip:else.invalid;lr>`);
    const direct = await exchange(outbound({ uri: `sip:b@127.0.0.1:${device.at('udp').port}` }));
    assert.equal(direct.seen.flow.protocol, 'udp');
  });

  it('by TCP when the next hop says so, whatever the size', async () => {
    const { seen } = await exchange(outbound({ nextHop: hop('tcp') }));
    assert.equal(seen.flow.protocol, 'tcp');
    const large = await exchange(outbound({ nextHop: hop('tcp'), body: Buffer.alloc(200_000) }));
    assert.equal(large.seen.request.body.length, 200_000);
  });

  it('by TCP when it has more than 1300 octets, and by UDP when TCP is refused (RFC 3261 section 18.1.1)', async () => {
    const { port } = device.at('udp');
    const small = await exchange(outbound({ nextHop: `sip:127.0.0.1:${port}`, body: Buffer.alloc(700) }));
    assert.equal(small.seen.flow.protocol, 'udp');
    const taken = await exchange(outbound({ nextHop: `sip:127.0.0.1:${port}`, body: Buffer.alloc(1300) }));
    assert.equal(taken.seen.flow.protocol, 'tcp');
    const { port: alone } = peer;
    const refused = under.leg.request(outbound({ nextHop: `sip:127.0.0.1:${alone}`, body: Buffer.alloc(1300) }));
    assert.match((await peer.datagrams.next()).toString('latin1'), /^MESSAGE /);
    await under.leg.stop();
    assert.equal((await refused).kind, 'unknown');
    await under.leg.start();
    const forced = await exchange(outbound({ nextHop: hop('udp'), body: Buffer.alloc(1300) }));
    assert.equal(forced.seen.flow.protocol, 'udp');
  });

  it('a tel: URI as a SIP URI of its domain (RFC 3261 section 19.1.6)', async () => {
    const { seen } = await exchange(outbound({ uri: 'tel:+1-555-01;isub=2', nextHop: hop('udp') }));
    assert.equal(seen.request.uri, 'sip:+155501;isub=2@home.example;user=phone');
  });

  it('and says what never left: refused, impossible, malformed', async () => {
    const unsent = async (change: Partial<OutboundRequest>): Promise<string> => {
      const answer = await under.leg.request(outbound(change));
      return answer.kind === 'not-sent' ? `${answer.code}` : answer.kind;
    };
    const gone = await tcpListener();
    await gone.close();
    assert.equal(await unsent({ nextHop: `sip:127.0.0.1:${gone.port};transport=tcp` }), 'PPG_E_LEG_DOWN');
    assert.equal(await unsent({ nextHop: 'sip:no-such-host.invalid' }), 'PPG_E_LEG_DOWN');
    assert.equal(await unsent({ nextHop: 'sips:127.0.0.1;transport=udp' }), 'PPG_E_LEG_CANNOT');
    assert.equal(await unsent({ nextHop: 'sip:127.0.0.1;transport=ws' }), 'PPG_E_LEG_CANNOT');
    assert.equal(await unsent({ nextHop: 'nonsense' }), 'PPG_E_LEG_CANNOT');
    assert.equal(await unsent({ nextHop: hop('udp'), body: Buffer.alloc(66_000) }), 'PPG_E_LEG_CANNOT');
    assert.equal(await unsent({ nextHop: hop('udp'), headers: plus('X', 'a\r\nb') }), 'PPG_E_SIP_HEADER');
    assert.equal(await unsent({ nextHop: hop('udp'), uri: 'sip:a b' }), 'PPG_E_SIP_HEADER');
    assert.equal(device.requests.all.length, 0);
  });

  it('a silent peer is a local 408, a connection lost under the request is unknown', async () => {
    const silent = under.leg.request(outbound({ nextHop: `sip:127.0.0.1:${peer.port}` }));
    await peer.datagrams.next();
    await settle();
    under.clock.tick(32_000);
    const answer = await silent;
    assert.ok(answer.kind === 'response');
    assert.deepEqual([answer.status, answer.local], [408, true]);

    const listener = await tcpListener();
    try {
      const lost = under.leg.request(outbound({ nextHop: `sip:127.0.0.1:${listener.port};transport=tcp` }));
      const { socket, received } = await listener.peers.next();
      await received.next();
      socket.destroy();
      assert.equal((await lost).kind, 'unknown');
    } finally {
      await listener.close();
    }
  });

  it('nothing before it is started and after it is stopped', async () => {
    const { leg } = makeLeg();
    let ready = 0;
    leg.onReady(() => ready++);
    const down = async (): Promise<string> => {
      const answer = await leg.request(outbound({ nextHop: hop('udp') }));
      return answer.kind === 'not-sent' ? `${answer.code}` : answer.kind;
    };
    assert.deepEqual([leg.ready, leg.address, await down()], [false, undefined, 'PPG_E_LEG_DOWN']);
    await leg.start();
    assert.deepEqual([leg.ready, ready], [true, 1]);
    await leg.stop();
    assert.deepEqual([leg.ready, leg.address, await down()], [false, undefined, 'PPG_E_LEG_DOWN']);
  });
});

describe('the direct leg receives', () => {
  const running: (() => Promise<unknown>)[] = [];
  let peer: UdpPeer;

  beforeEach(async () => {
    peer = await udpPeer();
    running.push(() => peer.close());
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((stop) => stop()));
  });

  async function start(handler?: SipHandler): Promise<LegUnderTest & { port: number }> {
    const under = makeLeg();
    if (handler !== undefined) under.leg.onRequest(handler);
    await under.leg.start();
    running.push(() => under.leg.stop());
    return { ...under, port: under.stack.listening[0]?.port ?? 0 };
  }

  let branch = 0;
  const ask = async (
    port: number,
    options: Parameters<typeof requestText>[1] = {},
  ): Promise<ReturnType<typeof parseSip>> => {
    peer.send(requestText(`SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK${branch++}`, options), port);
    return parseSip(await peer.datagrams.next());
  };

  const statusFor = async (port: number, options: Parameters<typeof requestText>[1] = {}): Promise<number> => {
    const message = await ask(port, options);
    return message.kind === 'response' ? message.status : 0;
  };

  it('requests in drachtio form, with their octets', async () => {
    const seen: unknown[] = [];
    const ended: number[] = [];
    const { port } = await start((req, res) => {
      seen.push([req.method, req.uri, req.body, [...(req.rawBody ?? [])], req.source_address, req.protocol]);
      assert.deepEqual(
        [req.source_port, req.get('call-id'), req.has('i'), req.has('x')],
        [peer.port, '1@a', true, false],
      );
      res.once?.('end', ({ status }) => ended.push(status));
      res.send(202, { headers: { 'X-A': 'b', To: 'mine', 'Content-Length': '99' }, body: 'é' });
      res.send(500);
    });
    const answer = await ask(port, { body: 'a\0\xff' });
    assert.deepEqual(seen, [['MESSAGE', 'sip:b@example.com', 'a\0\xff', [97, 0, 255], '127.0.0.1', 'udp']]);
    assert.ok(answer.kind === 'response');
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get('X-A'), 'b');
    assert.match(answer.headers.get('To') ?? '', /^<sip:b@example\.com>;tag=[0-9a-f]{24}$/);
    assert.equal(answer.headers.all('To').length, 1);
    assert.equal(answer.headers.get('Content-Length'), '2');
    assert.equal(answer.body.toString(), 'é');
    assert.deepEqual(ended, [202]);
  });

  it('and answers for handlers that pass on', async () => {
    const { port } = await start((_req, _res, next) => next());
    assert.equal(await statusFor(port), 404);
    assert.equal(await statusFor(port, { method: 'OPTIONS' }), 404);
    const invite = await ask(port, { method: 'INVITE' });
    assert.equal(invite.kind === 'response' && invite.status, 405);
    assert.match(invite.headers.get('Allow') ?? '', /\bMESSAGE\b.*\bSUBSCRIBE\b/);
    assert.equal(await statusFor(port, { method: 'BYE' }), 481);
    assert.equal(await statusFor(port, { method: 'FOO' }), 501);
  });

  it('and answers 481 within a dialog that is not here', async () => {
    const { port } = await start((_req, _res, next) => next());
    const octets = requestText('SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKin-dialog').toString();
    peer.send(Buffer.from(octets.replace('To: <sip:b@example.com>', 'To: <sip:b@example.com>;tag=9')), port);
    assert.match((await peer.datagrams.next()).toString(), /^SIP\/2\.0 481 /);
  });

  it('and answers 500 for handlers that fail, and when there is none', async () => {
    const throwing = await start(() => {
      throw new Error('x');
    });
    assert.equal(await statusFor(throwing.port), 500);
    const rejecting = await start(async () => {
      throw new Error('x');
    });
    assert.equal(await statusFor(rejecting.port), 500);
    const passing = await start((_req, _res, next) => next(new Error('x')));
    assert.equal(await statusFor(passing.port), 500);
    assert.equal(await statusFor((await start()).port), 500);
  });

  it('and answers 500 for a handler that never does', async () => {
    let asked = 0;
    const { port, clock } = await start(() => asked++);
    const answering = ask(port);
    while (asked === 0) await settle();
    clock.tick(25_000);
    const answer = await answering;
    assert.equal(answer.kind === 'response' && answer.status, 500);
  });

  it('and drops an ACK', async () => {
    let asked = 0;
    const { port } = await start((_req, res) => {
      asked++;
      res.send(200);
    });
    peer.send(requestText('SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKack', { method: 'ACK' }), port);
    assert.equal(await statusFor(port), 200);
    assert.equal(asked, 1);
  });
});

describe('the address of the direct leg', () => {
  const addressOf = async (options: Partial<DirectLegOptions>, listen?: ListenPoint[]): Promise<[string, number]> => {
    const { leg, stack } = makeLeg(options, listen);
    await leg.start();
    const result: [string, number] = [leg.address ?? '', stack.listening[0]?.port ?? 0];
    await leg.stop();
    return result;
  };

  it('is what is bound, or what is advertised', async () => {
    const [bound, port] = await addressOf({});
    assert.equal(bound, `127.0.0.1:${port}`);
    const [named, other] = await addressOf({ advertise: 'gw.example' });
    assert.equal(named, `gw.example:${other}`);
    assert.equal((await addressOf({ advertise: { host: '2001:db8::1', port: 5080 } }))[0], '[2001:db8::1]:5080');
    assert.equal((await addressOf({ advertise: 'gw.example:5081' }))[0], 'gw.example:5081');
  });

  it('is one of several, one for each port, which UDP and TCP share, and the advertised ones beside those that are bound', async () => {
    const { leg, stack } = makeLeg({ advertise: 'gw.example' }, [UDP, TCP, TCP]);
    await leg.start();
    const ports = new Set(stack.listening.map(({ port }) => port));
    assert.equal(ports.size, 2);
    assert.deepEqual(
      [...(leg.addresses ?? [])].sort(),
      [...ports].flatMap((port) => [`127.0.0.1:${port}`, `gw.example:${port}`]).sort(),
    );
    await leg.stop();
  });

  it('says by which transport it is reached where that is not UDP', async () => {
    const local = { host: '127.0.0.1', port: 0 };
    for (const [protocols, transport, preferred] of [
      [['tcp', 'udp'], undefined, 'udp'],
      [['tls', 'tcp'], 'tcp', 'tcp'],
      [['tls'], 'tls', 'tls'],
    ] as const) {
      const clock = new FakeClock();
      const listen = protocols.map((protocol) => ({ protocol, ...local }));
      const stack = createSipStack({ clock, listen, tls: tlsPair('server') });
      const leg = createDirectLeg({ stack, clock });
      await leg.start();
      const point = stack.listening.find(({ protocol }) => protocol === preferred);
      assert.deepEqual([leg.transport, leg.address], [transport, `127.0.0.1:${point?.port}`]);
      await leg.stop();
    }
  });

  it('never is a wildcard', async () => {
    const [text] = await addressOf({}, [{ protocol: 'udp', host: '0.0.0.0', port: 0 }]);
    assert.doesNotMatch(text, /^0\.0\.0\.0/);
  });
});

import assert from 'node:assert/strict';
import { Locator, type Target } from '../../../lib/stack/locator.ts';
import type { Hop, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeDns, naptr, srv, type Zone } from '../../support/fake-dns.ts';

/** The domain of RFC 3263 section 4.1 and 4.2, with addresses. */
const ZONE: Zone = {
  naptr: {
    'example.com': [
      naptr(50, 50, 'SIPS+D2T', '_sips._tcp.example.com'),
      naptr(90, 50, 'SIP+D2T', '_sip._tcp.example.com'),
      naptr(100, 50, 'SIP+D2U', '_sip._udp.example.com'),
    ],
    'flat.example': [
      naptr(10, 20, 'SIP+D2T', '_sip._tcp.example.com'),
      naptr(10, 10, 'SIP+D2U', '_sip._udp.example.com'),
      naptr(10, 5, 'E2U+sip', '_enum.example.com'),
      { ...naptr(10, 1, 'SIP+D2U', '_sip._udp.other.example'), flags: 'u' },
    ],
    'dangling.example': [naptr(10, 10, 'SIP+D2U', '_nothing.example')],
  },
  srv: {
    '_sip._tcp.example.com': [srv(0, 1, 5060, 'server1.example.com'), srv(0, 2, 5060, 'server2.example.com')],
    '_sip._udp.example.com': [srv(1, 0, 5062, 'server2.example.com'), srv(0, 0, 5061, 'server1.example.com')],
    '_sips._tcp.example.com': [srv(0, 0, 5071, 'server1.example.com')],
    '_sip._tcp.srv-only.example': [srv(0, 0, 5070, 'server1.example.com')],
    '_sip._udp.none.example': [srv(0, 0, 0, '')],
    '_sip._udp.half.example': [srv(0, 0, 5060, 'gone.example.com'), srv(1, 0, 5060, 'server2.example.com')],
  },
  addresses: {
    'server1.example.com': ['192.0.2.1', '2001:db8::1'],
    'server2.example.com': ['192.0.2.2'],
    'host.example': ['192.0.2.9', '192.0.2.10'],
    'none.example': ['192.0.2.11'],
    'dangling.example': ['192.0.2.12'],
  },
};

const ALL: readonly Protocol[] = ['udp', 'tcp', 'tls'];

interface UnderTest {
  readonly locator: Locator;
  readonly dns: FakeDns;
  readonly clock: FakeClock;
}

function makeLocator(protocols = ALL, dns = new FakeDns(ZONE), family: 0 | 4 | 6 = 0): UnderTest {
  const clock = new FakeClock();
  const locator = new Locator({ clock, dns, protocols: () => protocols, family: () => family, random: () => 0 });
  return { locator, dns, clock };
}

const target = (host: string, change: Partial<Target> = {}): Target => ({
  host,
  port: undefined,
  protocol: undefined,
  secure: false,
  ...change,
});

const text = ({ protocol, host, port }: Hop): string => `${protocol} ${host} ${port}`;

describe('finding the servers of a SIP URI (RFC 3263)', () => {
  const SERVER1 = ['192.0.2.1', '2001:db8::1'];
  const tls = SERVER1.map((host) => `tls ${host} 5071`);
  const tcp = [...SERVER1.map((host) => `tcp ${host} 5060`), 'tcp 192.0.2.2 5060'];
  const udp = [...SERVER1.map((host) => `udp ${host} 5061`), 'udp 192.0.2.2 5062'];

  const table: [what: string, target: Target, hops: string[], protocols?: readonly Protocol[]][] = [
    ['an IP literal is itself, by UDP', target('192.0.2.7'), ['udp 192.0.2.7 5060']],
    ['an IPv6 literal too', target('2001:db8::7'), ['udp 2001:db8::7 5060']],
    ['an IP literal of sips: is TLS on 5061', target('192.0.2.7', { secure: true }), ['tls 192.0.2.7 5061']],
    ['an IP literal takes transport and port', target('192.0.2.7', { protocol: 'tcp', port: 1 }), ['tcp 192.0.2.7 1']],
    ['an IP literal goes by TCP where UDP is not there', target('192.0.2.7'), ['tcp 192.0.2.7 5060'], ['tcp', 'tls']],
    ['NAPTR chooses the transport: the lowest order', target('example.com'), tls],
    ['NAPTR: of what can be done', target('example.com'), tcp, ['udp', 'tcp']],
    ['NAPTR: of what can be done, UDP alone', target('example.com'), udp, ['udp']],
    ['NAPTR: by preference within an order', target('flat.example'), [...udp, ...tcp]],
    ['NAPTR for sips: is SIPS+D2T alone', target('example.com', { secure: true }), tls],
    ['a transport in the URI leaves out NAPTR', target('example.com', { protocol: 'udp' }), udp],
    ['transport=tls is looked up as _sips._tcp', target('example.com', { protocol: 'tls' }), tls],
    ['sips: with transport=tcp is TLS', target('example.com', { protocol: 'tls', secure: true }), tls],
    ['SRV alone names the transport', target('srv-only.example'), SERVER1.map((host) => `tcp ${host} 5070`)],
    ['without SRV the addresses, by UDP', target('host.example'), ['udp 192.0.2.9 5060', 'udp 192.0.2.10 5060']],
    [
      'without SRV the addresses, by TLS for sips:',
      target('host.example', { secure: true }),
      ['tls 192.0.2.9 5061', 'tls 192.0.2.10 5061'],
    ],
    [
      'a port leaves out NAPTR and SRV',
      target('host.example', { port: 5077 }),
      ['udp 192.0.2.9 5077', 'udp 192.0.2.10 5077'],
    ],
    ['a SRV target of "." is no server', target('none.example'), ['udp 192.0.2.11 5060']],
    ['a server without address is left out', target('half.example'), ['udp 192.0.2.2 5060']],
    ['NAPTR that leads nowhere is passed over', target('dangling.example'), ['udp 192.0.2.12 5060']],
  ];

  for (const [what, wanted, hops, protocols] of table) {
    it(what, async () => {
      const { locator } = makeLocator(protocols);
      assert.deepEqual((await locator.locate(wanted)).map(text), hops);
    });
  }

  it('tells the domain, which is what a TLS server must prove to be', async () => {
    const { locator } = makeLocator();
    const hops = await locator.locate(target('example.com'));
    assert.deepEqual(new Set(hops.map(({ domain }) => domain)), new Set(['example.com']));
    assert.equal((await locator.locate(target('192.0.2.7')))[0]?.domain, undefined);
  });

  it('asks nothing for literals, and only what is needed for the rest', async () => {
    const { locator, dns } = makeLocator();
    locator.locate(target('192.0.2.7'));
    await locator.locate(target('host.example', { port: 5077 }));
    assert.deepEqual(dns.asked, ['A host.example']);
    await locator.locate(target('example.com', { protocol: 'udp' }));
    assert.ok(!dns.asked.some((question) => question.startsWith('NAPTR')));
  });

  it('asks for addresses of the family that is listened on', async () => {
    const { locator, dns } = makeLocator(ALL, new FakeDns(ZONE), 4);
    await locator.locate(target('host.example', { port: 1 }));
    assert.deepEqual(dns.asked, ['A4 host.example']);
  });

  it('remembers what it found for half a minute, or for as long as DNS allows', async () => {
    const addresses = { 'short.example': [{ address: '192.0.2.1', ttl: 2 }], 'host.example': ['192.0.2.9'] };
    const { locator, dns, clock } = makeLocator(ALL, new FakeDns({ addresses }));
    const ask = async (host: string): Promise<number> => {
      const before = dns.asked.length;
      await locator.locate(target(host, { port: 1 }));
      return dns.asked.length - before;
    };
    assert.deepEqual([await ask('host.example'), await ask('short.example')], [1, 1]);
    clock.tick(1_900);
    assert.deepEqual([await ask('host.example'), await ask('short.example')], [0, 0]);
    clock.tick(200);
    assert.deepEqual([await ask('host.example'), await ask('short.example')], [0, 1]);
    clock.tick(30_000);
    assert.deepEqual([await ask('host.example'), await ask('short.example')], [1, 1]);
    // known names are answered at once
    assert.ok(Array.isArray(locator.locate(target('host.example', { port: 1 }))));
  });

  it('looks up no service for WebSocket, which has none (RFC 7118 section 5)', async () => {
    const { locator, dns } = makeLocator([...ALL, 'ws']);
    const hops = await locator.locate(target('host.example', { protocol: 'ws' }));
    assert.deepEqual(
      hops.map(({ protocol, host }) => `${protocol} ${host}`),
      ['ws 192.0.2.9', 'ws 192.0.2.10'],
    );
    assert.deepEqual(dns.asked, ['A host.example']);
  });

  it('asks once for many at a time', async () => {
    const { locator, dns } = makeLocator();
    await Promise.all(Array.from({ length: 10 }, () => locator.locate(target('host.example', { port: 1 }))));
    assert.equal(dns.asked.length, 1);
  });

  it('refuses a name without address, and remembers that for a little while', async () => {
    const { locator, dns, clock } = makeLocator();
    const refused = { code: 'PPG_E_SIP_TRANSPORT', message: /nowhere\.example/ };
    const ask = async (): Promise<unknown> => locator.locate(target('nowhere.example'));
    await assert.rejects(ask, refused);
    const asked = dns.asked.length;
    await assert.rejects(ask, refused);
    assert.equal(dns.asked.length, asked);
    clock.tick(5_000);
    await assert.rejects(ask, refused);
    assert.ok(dns.asked.length > asked);
  });

  it('does not wait for a DNS that says nothing', async () => {
    const silent = new FakeDns(ZONE, ['mute.example']);
    const { locator, clock } = makeLocator(['udp'], silent);
    const asked = Promise.resolve(locator.locate(target('mute.example', { port: 1 })));
    const rejected = assert.rejects(asked, { code: 'PPG_E_SIP_TRANSPORT' });
    await settle();
    clock.tick(5_000);
    await rejected;
    assert.equal(clock.pending, 0);
  });

  it('goes on to addresses when only NAPTR and SRV say nothing', async () => {
    class HalfMute extends FakeDns {
      override resolveNaptr(): Promise<never> {
        return new Promise(() => undefined);
      }
    }
    const { locator, clock } = makeLocator(['udp'], new HalfMute(ZONE));
    const asked = Promise.resolve(locator.locate(target('host.example')));
    await settle();
    clock.tick(5_000);
    assert.equal((await asked).length, 2);
  });

  it('puts a destination that failed behind the others, twice as long each time, and never leaves it out', async () => {
    const { locator, clock } = makeLocator();
    const hosts = async (): Promise<string[]> =>
      (await locator.locate(target('host.example', { port: 1 }))).map(({ host }) => host);
    const [first] = await locator.locate(target('host.example', { port: 1 }));
    assert.ok(first);
    const swapped = ['192.0.2.10', '192.0.2.9'];
    locator.failed(first);
    locator.failed(first); // of the same time: one failure
    assert.deepEqual(await hosts(), swapped);
    clock.tick(29_999);
    assert.deepEqual(await hosts(), swapped);
    clock.tick(1);
    assert.deepEqual(await hosts(), ['192.0.2.9', '192.0.2.10']);
    locator.failed(first);
    clock.tick(59_999);
    assert.deepEqual(await hosts(), swapped);
    locator.answered(first);
    assert.deepEqual(await hosts(), ['192.0.2.9', '192.0.2.10']);
    for (const hop of await locator.locate(target('host.example', { port: 1 }))) locator.failed(hop);
    assert.equal((await hosts()).length, 2);
  });

  it('bounds what DNS can make of one domain', async () => {
    const many = Array.from({ length: 200 }, (_, i) => srv(i, 0, 5060, `s${i}.example`));
    const addresses = Object.fromEntries(
      many.map(({ name }) => [name, Array.from({ length: 50 }, (_, i) => `192.0.2.${i}`)]),
    );
    const dns = new FakeDns({ srv: { '_sip._udp.big.example': many }, addresses });
    const { locator } = makeLocator(['udp'], dns);
    assert.equal((await locator.locate(target('big.example'))).length, 16);
    assert.equal(dns.asked.filter((question) => question.startsWith('A ')).length, 16);
  });
});

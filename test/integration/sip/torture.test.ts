import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { SipResponse } from '../../../lib/codec/sip/message.ts';
import { parseSip } from '../../../lib/codec/sip/parse.ts';
import { createCore } from '../../../lib/embedded/core/core.ts';
import { createDirectLeg } from '../../../lib/sip/direct/direct-leg.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { SipStack } from '../../../lib/stack/types.ts';
import { createMemoryBindings } from '../../../lib/store/memory-bindings.ts';
import { type UdpPeer, udpPeer } from '../../support/sip-loopback.ts';
import { type TortureSource, tortureMessage, tortureNames } from '../../support/torture.ts';

/** An element on a stack of its own. */
interface Element {
  readonly stack: SipStack;
  readonly port: number;
  stop(): Promise<void>;
}

const stackOn = (): SipStack =>
  createSipStack({ clock: systemClock, listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] });

const portOf = (stack: SipStack): number => stack.listening[0]?.port ?? 0;

/** A user agent server: the gateway's leg, with a handler that takes MESSAGE, OPTIONS and REGISTER. */
async function gateway(): Promise<Element> {
  const stack = stackOn();
  const leg = createDirectLeg({ stack, clock: systemClock });
  leg.onRequest((req, res, next) => {
    if (['MESSAGE', 'OPTIONS', 'REGISTER'].includes(req.method)) res.send(200);
    else next();
  });
  await leg.start();
  return { stack, port: portOf(stack), stop: () => leg.stop() };
}

/** A registrar and proxy of example.com where nobody is registered. */
async function core(): Promise<Element> {
  const stack = stackOn();
  const running = createCore({
    clock: systemClock,
    log: silentLogger,
    stack,
    domain: 'example.com',
    applicationServers: [],
    bindings: createMemoryBindings(new Map()),
  });
  await running.start();
  return { stack, port: portOf(stack), stop: () => running.stop() };
}

/** What an element answers; undefined: nothing at all. */
type Answers = Readonly<Record<string, number | undefined>>;

/**
 * The gateway has no calls, so that a good INVITE gets 405; that it is refused for nothing else is what counts. Silence
 * is for responses to nothing, and for a Via that cannot be read: nobody knows where its answer belongs.
 */
const AT_GATEWAY: Answers = {
  wsinv: 405,
  intmeth: 501,
  esc01: 405,
  escnull: 200,
  esc02: 501,
  lwsdisp: 200,
  longreq: 405,
  dblreq: 200,
  semiuri: 200,
  transports: 200,
  mpart01: 200,
  unreason: undefined,
  noreason: undefined,
  badinv01: undefined,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: undefined,
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 400,
  trws: 400,
  escruri: 400,
  baddate: 405,
  regbadct: 200, // the Contact is for the registrar to read
  badaspec: 400,
  baddn: 400,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: undefined,
  badbranch: 200,
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: 200, // likewise
  bext01: 420,
  invut: 405,
  regaut01: 200,
  multi01: 400,
  mcl01: 400,
  bcast: undefined,
  zeromf: 200, // the end of the way may take it; a proxy may not pass it on
  cparam01: 200,
  cparam02: 200,
  regescrt: 200,
  sdp01: 405,
  inv2543: 405,
};

const AT_GATEWAY_IPV6: Answers = {
  'ipv6-good': 200,
  'ipv6-bad': 400,
  'port-ambiguous': 200,
  'port-unambiguous': 200,
  'via-received-param-with-delim': 481,
  'via-received-param-no-delim': 481,
  'ipv6-in-sdp': 405,
  'mult-ip-in-header': 481,
  'mult-ip-in-sdp': 405,
  'ipv4-mapped-ipv6': 405,
  'ipv6-bug-abnf-3-colons': 400,
};

/** Where a registrar or proxy has something of its own to say. */
const AT_CORE: Answers = {
  escnull: 200,
  lwsdisp: 480,
  dblreq: 200,
  semiuri: 480,
  regbadct: 400,
  escruri: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: 400,
  bext01: 420,
  regaut01: 200,
  zeromf: 483,
  cparam01: 200,
  cparam02: 200,
  regescrt: 403, // a contact that is the registrar itself
  scalar02: 400,
  clerr: 400,
  badvers: 505,
};

/**
 * The message with `;rport` in its first Via, so that the answer comes back here, and with a branch and a Call-ID of its
 * own: within the RFCs several share them, and the second would be a retransmission of the first, or merged with it.
 */
function askingBack(octets: Buffer, serial: number): Buffer {
  const text = octets
    .toString('latin1')
    .replace(/branch=z9hG4bK[^;\r]+/, `$&-${serial}`)
    .replace(/^call-id: [^\r]*/im, `$&-${serial}`);
  if (text.includes('rport')) return Buffer.from(text, 'latin1');
  const via = /^(?:via|v)[ \t]*:[^\r]*/im.exec(text);
  assert.ok(via !== null);
  const at = via.index + via[0].search(/;branch=|$/);
  return Buffer.from(`${text.slice(0, at)};rport${text.slice(at)}`, 'latin1');
}

const PROBE = (serial: number): Buffer =>
  Buffer.from(
    [
      'OPTIONS sip:127.0.0.1 SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKprobe${serial}`,
      'From: <sip:probe@example.org>;tag=1',
      'To: <sip:127.0.0.1>',
      `Call-ID: probe-${serial}`,
      'CSeq: 1 OPTIONS',
      'Max-Forwards: 70',
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );

for (const [what, start, source, table] of [
  ['the gateway', gateway, 'rfc4475', AT_GATEWAY],
  ['the gateway', gateway, 'rfc5118', AT_GATEWAY_IPV6],
  ['the embedded core', core, 'rfc4475', AT_CORE],
] as [string, () => Promise<Element>, TortureSource, Answers][]) {
  describe(`torture messages of ${source} at ${what}`, () => {
    let element: Element;
    let peer: UdpPeer;
    let serial = 0;
    const seen = new Set<string>();

    before(async () => {
      [element, peer] = await Promise.all([start(), udpPeer()]);
    });

    after(() => Promise.all([element.stop(), peer.close()]));

    /** What came back for the octets before the answer to a probe behind them. */
    async function answersTo(octets: Buffer): Promise<SipResponse[]> {
      const probe = `probe-${++serial}`;
      peer.send(octets, element.port);
      peer.send(PROBE(serial), element.port);
      const answers: SipResponse[] = [];
      for (;;) {
        const datagram = await peer.datagrams.next();
        const text = datagram.toString('latin1');
        if (seen.has(text)) continue; // repeated, since nobody acknowledges the refusal of an INVITE
        seen.add(text);
        const message = parseSip(datagram);
        assert.ok(message.kind === 'response');
        if (message.headers.get('Call-ID') === probe) return answers;
        if (message.status >= 200) answers.push(message);
      }
    }

    if (what === 'the gateway')
      it('are all tried', () => assert.deepEqual(Object.keys(table).sort(), tortureNames(source)));

    for (const [name, status] of Object.entries(table)) {
      it(`${name}: ${status ?? 'no answer'}`, async () => {
        const answers = await answersTo(askingBack(tortureMessage(source, name), serial));
        assert.deepEqual(
          answers.map((answer) => answer.status),
          status === undefined ? [] : [status],
        );
        if (name === 'bext01')
          assert.match(
            answers[0]?.headers.all('Unsupported').join() ?? '',
            /nothingSupportsThisEither|norDoAnyProxies/,
          );
      });
    }
  });
}

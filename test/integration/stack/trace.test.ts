import assert from 'node:assert/strict';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createSipStack } from '../../../lib/stack/stack.ts';
import type { SipTrace } from '../../../lib/stack/trace.ts';
import type { ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  Arrivals,
  loopbackStack,
  messageRequest,
  type Outcome,
  send,
  statusOf,
  tcpPeer,
  udpPeer,
} from '../../support/sip-loopback.ts';
import { tlsPair, tlsText } from '../../support/tls-fixtures.ts';

const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp', 'tls'];
const listen = PROTOCOLS.map((protocol): ListenPoint => ({ protocol, host: '127.0.0.1', port: 0 }));
const tls = { ...tlsPair('server'), ca: tlsText('ca.pem') };

const lines = (traces: readonly SipTrace[]): string[] =>
  traces.map(({ direction, protocol, octets, callId }) => {
    const start = octets
      .toString('latin1')
      .split(' ', 2)
      .join(' ')
      .replace(/ sip:.*/, '');
    return `${direction} ${protocol} ${start} ${callId}`;
  });

describe('the trace of a SIP stack', () => {
  it('has every message, both ways, over every transport, until nobody listens', async () => {
    const b = await loopbackStack({ listen, tls });
    const traces = new Arrivals<SipTrace>();
    const stack = createSipStack({ clock: new FakeClock(), listen, tls, trace: (trace) => traces.add(trace) });
    const later: SipTrace[] = [];
    const off = stack.onTrace((trace) => later.push(trace));
    await stack.start();
    try {
      for (const protocol of PROTOCOLS) {
        const outcomes: Arrivals<Outcome> = send(stack, messageRequest(), b.at(protocol));
        const transaction = await b.requests.next();
        transaction.respond(respondTo(transaction.request, 200));
        assert.equal(statusOf(await outcomes.next()), 200);
        off();
      }
      assert.deepEqual(
        lines(traces.all),
        PROTOCOLS.flatMap((protocol) => [`out ${protocol} MESSAGE 1@a`, `in ${protocol} SIP/2.0 200 1@a`]),
      );
      const [out, back] = traces.all;
      const udp = stack.listening[0];
      assert.deepEqual([out?.local, out?.remote], [`127.0.0.1:${udp?.port}`, `127.0.0.1:${b.at('udp').port}`]);
      assert.deepEqual([back?.local, back?.remote], [out?.local, out?.remote]);
      assert.deepEqual(later, traces.all.slice(0, 2));
    } finally {
      await Promise.all([stack.stop(), b.stack.stop()]);
    }
  });

  it('has what is malformed, and no keep-alives', async () => {
    const traces = new Arrivals<SipTrace>();
    const b = await loopbackStack({ trace: (trace) => traces.add(trace) });
    const [peer, stream] = [await udpPeer(), await tcpPeer(b.at('tcp').port)];
    try {
      stream.socket.write('\r\n\r\n');
      assert.equal(await stream.received.next(), '\r\n');
      peer.send(Buffer.from('\r\n\r\n'), b.at('udp').port);
      peer.send(Buffer.from('nonsense\r\n\r\n'), b.at('udp').port);
      assert.equal((await traces.next()).octets.toString(), 'nonsense\r\n\r\n');
      stream.socket.write('rubbish\r\n\r\n');
      const trace = await traces.next();
      assert.deepEqual([trace.protocol, trace.octets.toString()], ['tcp', 'rubbish\r\n\r\n']);
    } finally {
      stream.socket.destroy();
      await Promise.all([peer.close(), b.stack.stop()]);
    }
  });
});

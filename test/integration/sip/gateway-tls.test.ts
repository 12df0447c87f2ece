import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { respondTo } from '../../../lib/codec/sip/respond-to.ts';
import { createPpg, type Ppg, type PpgOptions } from '../../../lib/ppg.ts';
import type { SipTrace } from '../../../lib/stack/trace.ts';
import type { ListenPoint, Protocol } from '../../../lib/stack/types.ts';
import { loopbackStack, type StackUnderTest } from '../../support/sip-loopback.ts';
import { tlsFile, tlsPair, tlsText } from '../../support/tls-fixtures.ts';

const point = (protocol: Protocol): ListenPoint => ({ protocol, host: '127.0.0.1', port: 0 });
const CA = tlsText('ca.pem');

describe('a gateway with TLS', () => {
  const running: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    await Promise.all(running.splice(0).map((stop) => stop()));
  });

  async function startGateway(sip: PpgOptions['sip'], more: Partial<PpgOptions> = {}): Promise<Ppg> {
    const ppg = createPpg({
      domain: 'example.com',
      store: 'memory',
      sip: { leg: 'direct', direct: { listen: [point('udp'), point('tls')] }, ...sip },
      ...more,
    });
    await ppg.start();
    running.push(() => ppg.stop());
    return ppg;
  }

  it('delivers a push to a sips: next hop, each side known to the other, and traces it', async () => {
    const core: StackUnderTest = await loopbackStack({
      listen: [point('tls')],
      tls: { ...tlsPair('server'), ca: CA, requireClientCertificate: true },
    });
    running.push(() => core.stack.stop());
    const traces: SipTrace[] = [];
    const ppg = await startGateway(
      { nextHop: `sips:127.0.0.1:${core.at('tls').port}`, tls: { ...tlsPair('client'), ca: CA } },
      { trace: (trace) => traces.push(trace) },
    );
    const done = new Promise<string>((resolve) =>
      ppg.on('state', ({ state }) => state === 'delivered' && resolve(state)),
    );
    await ppg.submit({ to: 'sip:b@example.com', type: 'text/plain', body: 'hello', deliveryMethod: 'confirmed' });
    const transaction = await core.requests.next();
    assert.deepEqual(transaction.flow.verified, ['client.example.com']);
    assert.equal(transaction.request.uri, 'sip:b@example.com');
    transaction.respond(respondTo(transaction.request, 200));
    assert.equal(await done, 'delivered');
    assert.deepEqual(
      traces.map(({ direction, protocol }) => `${direction} ${protocol}`),
      ['out tls', 'in tls'],
    );
    assert.equal(traces[0]?.callId, transaction.request.headers.get('Call-ID'));
  });

  it('listens by TLS, and reads its certificate again', async () => {
    const ppg = await startGateway({ tls: { cert: tlsFile('server.pem'), key: tlsFile('server.key') } });
    const port = ppg.directListening.find(({ protocol }) => protocol === 'tls')?.port ?? 0;
    ppg.reloadTls();
    const socket = connect({ host: '127.0.0.1', port, ca: CA, servername: 'sip.example.com' });
    await once(socket, 'secureConnect');
    socket.destroy();
  });

  it('is not made with what cannot be used', () => {
    const make = (tls: NonNullable<PpgOptions['sip']>['tls']): unknown =>
      createPpg({ domain: 'example.com', store: 'memory', sip: { direct: { listen: [point('tls')] }, tls } });
    assert.throws(() => make({ cert: tlsFile('server.pem') }), { code: 'PPG_E_OPTIONS', message: /tls\.key/ });
    assert.throws(() => make({ ca: '' }), { code: 'PPG_E_OPTIONS', message: /sip\.tls\.ca: must be PEM/ });
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { respondTo } from '../../lib/codec/sip/respond-to.ts';
import { loopbackStack, type StackUnderTest } from '../support/sip-loopback.ts';
import { basic } from '../support/tenants.ts';
import { tlsFile, tlsPair, tlsText } from '../support/tls-fixtures.ts';
import { Scene, SUBMISSION_TYPE, submission } from './scene.ts';

const CA = tlsText('ca.pem');
const LOCAL = '127.0.0.1';

describe('REQ20: PAP and SIP over TLS', () => {
  let scene: Scene;
  let core: StackUnderTest;

  before(async () => {
    core = await loopbackStack({
      listen: [{ protocol: 'tls', host: LOCAL, port: 0 }],
      tls: { ...tlsPair('server'), ca: CA, requireClientCertificate: true },
    });
    scene = await Scene.of({
      config: { http: { host: LOCAL, port: 0, tls: { cert: tlsFile('server.pem'), key: tlsFile('server.key') } } },
      sip: {
        nextHop: `sips:${LOCAL}:${core.at('tls').port}`,
        tls: {
          cert: tlsFile('client.pem'),
          key: tlsFile('client.key'),
          ca: tlsFile('ca.pem'),
          requireClientCertificate: false,
          verifyServer: true,
          port: 0,
        },
      },
    });
  });
  after(async () => {
    await scene.close();
    await core.stack.stop();
  });

  /** What a peer that speaks in clear gets before it is shut out. */
  const inClear = async (port: number, octets: Buffer | string): Promise<string> => {
    const socket = connect(port, LOCAL);
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(octets);
    await once(socket, 'close');
    return received;
  };

  const overTls = (body: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: LOCAL,
          port: scene.node.ports.http,
          path: '/pap',
          method: 'POST',
          ca: CA,
          servername: 'sip.example.com',
          agent: false,
          headers: { 'Content-Type': SUBMISSION_TYPE, ...basic('shop') },
        },
        (answer: IncomingMessage) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          answer.on('end', () => resolve(text));
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  it('a push comes by HTTPS and leaves by SIP over TLS, both sides shown', async () => {
    assert.match(await overTls(submission({ pushId: 'tls' })), /code="1001"/);
    const transaction = await core.requests.next();
    assert.equal(transaction.flow.protocol, 'tls');
    assert.deepEqual(transaction.flow.verified, ['client.example.com']);
    assert.equal(transaction.request.body.toString(), 'hello');
    transaction.respond(respondTo(transaction.request, 200));
  });

  it('PAP in clear gets no answer from the HTTPS port, and nothing is accepted', async () => {
    const body = submission({ pushId: 'clear' });
    const head = `POST /pap HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('shop')['Authorization']}\r\nContent-Type: ${SUBMISSION_TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;
    assert.doesNotMatch(await inClear(scene.node.ports.http, Buffer.concat([Buffer.from(head), body])), /HTTP|pap/);
    assert.equal(await scene.node.ppg.status('clear', 'shop'), undefined);
  });

  it('SIP in clear gets no answer from the TLS port', async () => {
    const options =
      'OPTIONS sip:push@ims.test SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n';
    assert.doesNotMatch(await inClear(scene.node.ports.directTls ?? 0, options), /SIP\/2\.0/);
  });

  for (const part of ['http', 'directTls'] as const) {
    it(`${part === 'http' ? 'HTTPS' : 'SIP over TLS'}: 1.2 and 1.3, nothing older`, async () => {
      const port = scene.node.ports[part] ?? 0;
      const shake = (minVersion: 'TLSv1' | 'TLSv1.2' | 'TLSv1.3', maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
        new Promise<string | null>((resolve, reject) => {
          const ciphers = maxVersion === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {};
          const socket = connectTls({
            host: LOCAL,
            port,
            rejectUnauthorized: false,
            minVersion,
            maxVersion,
            ...ciphers,
          });
          socket.once('secureConnect', () => {
            resolve(socket.getProtocol());
            socket.destroy();
          });
          socket.once('error', reject);
        });
      assert.equal(await shake('TLSv1.2', 'TLSv1.2'), 'TLSv1.2');
      assert.equal(await shake('TLSv1.3', 'TLSv1.3'), 'TLSv1.3');
      await assert.rejects(shake('TLSv1', 'TLSv1.1'));
    });
  }
});

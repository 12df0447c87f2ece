import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { silentLogger } from '../../../lib/base/log.ts';
import { createHttpServer, type HttpLimits, type HttpServer } from '../../../lib/cli/http-server.ts';
import { createPpg, type Ppg } from '../../../lib/ppg.ts';
import type { TlsOptions } from '../../../lib/stack/tls-options.ts';
import { temporaryDirectory } from '../../support/cli.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { pushBody } from '../../support/tenants.ts';

const file = (name: string): string => new URL(`../../fixtures/tls/${name}`, import.meta.url).pathname;
const pem = (name: string): string => readFileSync(file(name), 'utf8');

describe('the HTTP side of serve', () => {
  const clock = new FakeClock();
  let http: HttpServer | undefined;

  const serve = async (
    tls: TlsOptions | undefined,
    listener: RequestListener = (_req, res) => res.end('ok'),
    limits: Partial<HttpLimits> = {},
  ): Promise<number> => {
    http = createHttpServer({ tls, clock, log: silentLogger, limits }, listener);
    http.server.listen(0, '127.0.0.1');
    await once(http.server, 'listening');
    return (http.server.address() as AddressInfo).port;
  };
  afterEach(async () => {
    http?.unwatch();
    http?.server.closeAllConnections();
    await new Promise((resolve) => http?.server.close(resolve));
    assert.equal(clock.pending, 0);
  });

  const shake = (port: number, options: object = {}): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port, ca: pem('ca.pem'), servername: 'localhost', ...options });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
    });
  const nameOf = async (port: number): Promise<string | undefined> => {
    const socket = await shake(port, { rejectUnauthorized: false });
    const { subjectaltname }: PeerCertificate = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };

  it('speaks TLS 1.2 and 1.3 and nothing older', async () => {
    const port = await serve({ cert: file('server.pem'), key: file('server.key') });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await shake(port, { minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      socket.destroy();
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await assert.rejects(shake(port, old), /protocol version|unsupported|alert/i);
  });

  it('refuses certificates that cannot be used, by option', () => {
    const make = (tls: TlsOptions) => () => createHttpServer({ tls, clock, log: silentLogger }, () => undefined);
    assert.throws(make({ cert: '/nowhere.pem', key: file('server.key') }), {
      code: 'PPG_E_OPTIONS',
      message: /tls\.cert/,
    });
    assert.throws(make({ cert: file('server.pem'), key: file('other.key') }), { code: 'PPG_E_OPTIONS' });
  });

  it('takes a renewed certificate without a restart, and keeps the old one while the new cannot be used', async () => {
    const directory = temporaryDirectory();
    const [cert, key] = [directory.file('cert.pem'), directory.file('key.pem')];
    const put = (name: string, age: number): void => {
      copyFileSync(file(`${name}.pem`), cert);
      copyFileSync(file(`${name}.key`), key);
      for (const path of [cert, key]) utimesSync(path, age, age);
    };
    put('server', 1);
    const port = await serve({ cert, key });
    assert.match((await nameOf(port)) ?? '', /sip\.example\.com/);
    writeFileSync(cert, 'half a cert');
    clock.tick(60_000);
    assert.throws(() => http?.reload(), { code: 'PPG_E_OPTIONS' });
    assert.match((await nameOf(port)) ?? '', /sip\.example\.com/);
    put('other', 2);
    clock.tick(60_000);
    assert.match((await nameOf(port)) ?? '', /other\.example\.net/);
    directory.remove();
  });

  describe('with client certificates', () => {
    let ppg: Ppg;
    const start = async (): Promise<number> => {
      const initiators = [
        { name: 'by-name', certificate: { san: 'DNS:client.example.com' } },
        { name: 'by-print', certificate: { fingerprint: 'AB'.repeat(32) } },
      ];
      ppg = createPpg({ domain: 'ims.test', store: 'memory', initiators });
      await ppg.start();
      const pap = ppg.pap();
      const tls = { cert: file('server.pem'), key: file('server.key'), ca: file('ca.pem') };
      return serve(tls, (req, res) => pap(req, res, () => res.end()));
    };
    afterEach(() => ppg.stop());

    const post = (port: number, client: object): Promise<[number | undefined, string]> =>
      new Promise((resolve, reject) => {
        const headers = { 'Content-Type': 'multipart/related; boundary=B; type="application/xml"' };
        const to = { host: '127.0.0.1', port, method: 'POST', agent: false, ca: pem('ca.pem'), headers, ...client };
        const outgoing = request(to, (incoming) => {
          let text = '';
          incoming.on('data', (chunk) => (text += String(chunk)));
          incoming.on('end', () => resolve([incoming.statusCode, text]));
        });
        outgoing.on('error', reject);
        outgoing.end(pushBody({ pushId: 'certified' }));
      });

    it('an account is known by its certificate, and strangers are not', async () => {
      const port = await start();
      const [status, text] = await post(port, { cert: pem('client.pem'), key: pem('client.key') });
      assert.equal(status, 202);
      assert.match(text, /code="1001"/);
      assert.ok(await ppg.status('certified', 'by-name'));
      assert.equal((await post(port, {}))[0], 401);
      assert.equal((await post(port, { cert: pem('stranger.pem'), key: pem('stranger.key') }))[0], 401);
      assert.equal((await post(port, { cert: pem('other.pem'), key: pem('other.key') }))[0], 401);
    });
  });

  it('does not wait for a client that is slow with its headers', async () => {
    const port = await serve(undefined, undefined, { headersWithin: 50, requestWithin: 100, checkEvery: 20 });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 408 /);
    if (!socket.closed) await once(socket, 'close');
  });

  it('does not wait for a client that is slow with its body', async () => {
    const port = await serve(undefined, (req) => req.resume(), {
      headersWithin: 50,
      requestWithin: 100,
      checkEvery: 20,
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
  });

  it('reads so many octets of headers and no more', async () => {
    const port = await serve(undefined);
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 431 /);
    socket.destroy();
  });

  it('holds no more connections than it says', async () => {
    const port = await serve(undefined, undefined, { maxConnections: 1 });
    const first = connect(port, '127.0.0.1');
    await once(first, 'connect');
    const second = connect(port, '127.0.0.1');
    second.on('error', () => undefined);
    await once(second, 'close');
    first.destroy();
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { silentLogger } from '../../../lib/base/log.ts';
import { createNotificationPost, type NotificationPost } from '../../../lib/engine/notify-http.ts';
import { NotifyIdentities, type NotifyIdentityOptions } from '../../../lib/engine/notify-identity.ts';
import type { Notification } from '../../../lib/model/delivery.ts';
import { address } from '../../support/model.ts';

const file = (name: string): string => new URL(`../../fixtures/tls/${name}`, import.meta.url).pathname;

describe('how the gateway shows itself to notify URLs', () => {
  const servers: Server[] = [];
  let post: NotificationPost | undefined;

  const listen = async (server: Server, scheme: string): Promise<string> => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `${scheme}://localhost:${(server.address() as AddressInfo).port}/notify`;
  };
  const identities = (notify?: NotifyIdentityOptions, name = 'one'): NotifyIdentities =>
    new NotifyIdentities([{ name, notify }]);
  const send = (notifyUrl: string, known: NotifyIdentities): ReturnType<NotificationPost['post']> => {
    post = createNotificationPost({
      allowPrivate: true,
      timeout: 5000,
      perTarget: 4,
      log: silentLogger,
      identity: 'sip:push@ims.test',
      identities: known,
    });
    return post.post(notificationTo(notifyUrl));
  };
  const notificationTo = (notifyUrl: string): Notification => ({
    push: 'k1',
    index: 0,
    initiator: 'one',
    pushId: 'p1',
    notifyUrl,
    papVersion: '2.0',
    address: address('alice'),
    state: 'delivered',
    code: 1000,
    desc: 'OK',
    deliveredBy: 'confirmed',
    receivedTime: 0,
    eventTime: 0,
    tries: 0,
  });

  afterEach(async () => {
    await post?.close();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  /** Answers 202 and remembers the Authorization headers. */
  const sink = async (): Promise<{ url: string; seen: (string | undefined)[] }> => {
    const seen: (string | undefined)[] = [];
    const server = createServer((req, res) => {
      seen.push(req.headers.authorization);
      req.resume();
      res.writeHead(202).end();
    });
    return { url: await listen(server, 'http'), seen };
  };

  it('by password or token, to the initiator it belongs to and to nobody else', async () => {
    const { url, seen } = await sink();
    assert.equal((await send(url, identities({ basic: { user: 'ppg', password: 'pä:ss' } }))).ok, true);
    assert.equal((await send(url, identities({ bearer: 'abc.def' }))).ok, true);
    assert.equal((await send(url, identities({ bearer: 'abc.def' }, 'other'))).ok, true);
    assert.deepEqual(seen, [`Basic ${Buffer.from('ppg:pä:ss').toString('base64')}`, 'Bearer abc.def', undefined]);
  });

  it('not where a URL leads that was given before the account had an identity', async () => {
    const { url, seen } = await sink();
    const account = { name: 'one', allow: { notifyTargets: ['pi.test', new URL(url).host] } };
    const known = new NotifyIdentities([account]);
    assert.equal((await send(url, known)).ok, true);
    const notify = { bearer: 'abc.def' };
    known.prepare([{ ...account, notify }])();
    assert.equal((await send(url, known)).ok, true);
    known.prepare([{ ...account, notify, allow: { notifyTargets: ['pi.test'] } }])();
    const { ok, hopeless } = await send(url, known);
    assert.deepEqual([ok, hopeless, seen], [false, true, [undefined, 'Bearer abc.def']]);
  });

  it('never by following a redirect', async () => {
    const { url, seen } = await sink();
    for (const status of [301, 302, 303, 307, 308]) {
      const from = createServer((req, res) => {
        req.resume();
        res.writeHead(status, { Location: url }).end();
      });
      const result = await send(await listen(from, 'http'), identities({ bearer: 'abc' }));
      assert.deepEqual([result.ok, result.cause], [false, `http ${status}`]);
      await post?.close();
    }
    assert.deepEqual(seen, []);
  });

  describe('over TLS', () => {
    const pem = (name: string): string => readFileSync(file(name), 'utf8');
    const secure = async (): Promise<{ url: string; names: string[] }> => {
      const names: string[] = [];
      const listener = (req: IncomingMessage, res: ServerResponse): void => {
        names.push((req.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '');
        req.resume();
        res.writeHead(202).end();
      };
      const server = createTlsServer(
        {
          cert: pem('server.pem'),
          key: pem('server.key'),
          ca: pem('ca.pem'),
          requestCert: true,
          rejectUnauthorized: true,
        },
        listener,
      );
      return { url: await listen(server, 'https'), names };
    };

    it('by certificate', async () => {
      const { url, names } = await secure();
      const tls = { cert: file('client.pem'), key: file('client.key'), ca: file('ca.pem') };
      assert.deepEqual(await send(url, identities({ tls })), { ok: true, cause: 'http 202' });
      assert.match(names.join(), /client\.example\.com/);
    });

    it('not without one, and not to a server that it need not believe', async () => {
      const { url, names } = await secure();
      assert.equal((await send(url, identities({ tls: { ca: file('ca.pem') } }))).ok, false);
      assert.equal((await send(url, identities())).ok, false);
      assert.deepEqual(names, []);
    });

    it('changes with the account', async () => {
      const { url, names } = await secure();
      const known = identities();
      assert.equal((await send(url, known)).ok, false);
      const tls = { cert: file('client.pem'), key: file('client.key'), ca: file('ca.pem') };
      known.prepare([{ name: 'one', notify: { tls } }])();
      const before = known.of('one');
      assert.equal((await post?.post(notificationTo(url)))?.ok, true);
      known.prepare([{ name: 'one', notify: { tls } }])();
      assert.equal(known.of('one'), before);
      known.prepare([{ name: 'one' }])();
      assert.equal((await post?.post(notificationTo(url)))?.ok, false);
      assert.equal(names.length, 1);
    });

    it('refuses certificates that cannot be used', () => {
      assert.throws(() => identities({ tls: { cert: file('client.pem') } }), { code: 'PPG_E_OPTIONS' });
    });
  });
});

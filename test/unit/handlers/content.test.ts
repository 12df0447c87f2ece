import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import express5 from 'express';
import { type ContentLimits, contentRouter } from '../../../handlers/content.ts';
import { silentLogger } from '../../../lib/base/log.ts';
import type { EngineEvents } from '../../../lib/model/engine-events.ts';
import type { Content, RecipientRef } from '../../../lib/model/push.ts';
import { signedToken, tokenSecret } from '../../../lib/security/token-secret.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCEPTED_AT } from '../../support/fake-push.ts';

const express4 = createRequire(import.meta.url)('express4') as typeof express5;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const BODY = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));

class Scene {
  readonly clock = new FakeClock(ACCEPTED_AT);
  readonly secret = tokenSecret('a secret of thirty-two octets, or more');
  readonly proofs: string[] = [];
  readonly downloads: EngineEvents['download'][] = [];
  content: Content | undefined = {
    type: 'application/x; name="grüße"',
    headers: [
      { name: 'Content-Language', value: 'fi' },
      { name: 'Set-Cookie', value: 'a=b' },
      { name: 'Cache-Control', value: 'public' },
    ],
    body: BODY,
  };
  asked: RecipientRef[] = [];
  failing = false;
  readonly server: Server;

  constructor(limits: Partial<ContentLimits> = {}, wrap?: (router: ReturnType<typeof contentRouter>) => Server) {
    const router = contentRouter({
      secret: this.secret,
      content: async (ref) => {
        this.asked.push(ref);
        if (this.failing) throw new Error('no disk');
        return this.content;
      },
      prove: async (ref, proof) =>
        this.proofs.push(`${ref.push}/${ref.index} ${proof.kind} ${proof.device} ${proof.source}`),
      clock: this.clock,
      log: silentLogger,
      onDownload: (download) => this.downloads.push(download),
      limits,
    });
    this.server =
      wrap?.(router) ??
      createServer((req, res) => router(req, res, () => void res.writeHead(299, { 'X-Next': 'yes' }).end()));
  }

  token(more: { purpose?: string; expires?: number; push?: string; device?: string } = {}): string {
    const { purpose = 'content', expires = ACCEPTED_AT + 60_000, push = '01abc', device = 'urn:uuid:1' } = more;
    return signedToken(this.secret, purpose, { push, index: 1, device }, expires);
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        { host: '127.0.0.1', port: this.port, path, headers, method, agent: false },
        (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('end', () =>
            resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
          );
          res.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async told(count: number): Promise<void> {
    while (this.downloads.length < count) await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('contents for devices', () => {
  let scene: Scene;
  const use = async (...given: ConstructorParameters<typeof Scene>): Promise<Scene> => {
    scene = await new Scene(...given).listen();
    return scene;
  };
  afterEach(() => scene.close());

  it('a GET gives the octets with type and entity headers, guarded, and proves that the device has it', async () => {
    const { status, headers, body } = await (await use()).ask(`/${scene.token()}`);
    assert.equal(status, 200);
    assert.ok(body.equals(BODY));
    assert.equal(Buffer.from(headers['content-type'] ?? '', 'latin1').toString(), 'application/x; name="grüße"');
    assert.equal(headers['content-language'], 'fi');
    assert.equal(headers['set-cookie'], undefined, 'what is no entity header stays in the reference');
    assert.equal(headers['cache-control'], 'private, no-store, no-transform');
    assert.match(String(headers['content-security-policy']), /sandbox/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers.etag), /^"[\w-]{27}"$/);
    await scene.told(1);
    assert.deepEqual(scene.proofs, ['01abc/1 delivered urn:uuid:1 fetch']);
    assert.deepEqual(scene.asked, [{ push: '01abc', index: 1 }]);
    assert.deepEqual(scene.downloads, [
      { at: ACCEPTED_AT, status: 200, result: 'complete', bytes: 1000, push: '01abc' },
    ]);
  });

  it('a reference that was forked proves that somebody has it', async () => {
    await (await use()).ask(`/${scene.token({ device: 'aor' })}`);
    await scene.told(1);
    assert.deepEqual(scene.proofs, ['01abc/1 delivered undefined fetch']);
  });

  it('HEAD and a part prove nothing; parts that make up the whole do', async () => {
    await use();
    const path = `/${scene.token()}`;
    const head = await scene.ask(path, {}, 'HEAD');
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '1000', 0]);
    const part = await scene.ask(path, { Range: 'bytes=100-199' });
    assert.deepEqual([part.status, part.headers['content-range']], [206, 'bytes 100-199/1000']);
    assert.ok(part.body.equals(BODY.subarray(100, 200)));
    assert.ok((await scene.ask(path, { Range: 'bytes=-50' })).body.equals(BODY.subarray(950)));
    await scene.told(3);
    assert.deepEqual(scene.proofs, []);
    await scene.ask(path, { Range: 'bytes=150-' });
    await scene.told(4);
    assert.deepEqual(scene.proofs, []);
    await scene.ask(path, { Range: 'bytes=0-99' });
    await scene.told(5);
    assert.deepEqual(scene.proofs, ['01abc/1 delivered urn:uuid:1 fetch']);
  });

  it('ranges that make no sense: several are the whole, one behind the end is 416, of another content is the whole', async () => {
    await use();
    const path = `/${scene.token()}`;
    for (const range of [
      'bytes=0-1,1-2',
      'bytes=5-1',
      'octets=1-2',
      `bytes=${'0-0,'.repeat(5000)}0-0`.slice(0, 9000),
      'x',
    ]) {
      const { status, body } = await scene.ask(path, { Range: range });
      assert.deepEqual([status, body.length], [200, 1000], range.slice(0, 20));
    }
    for (const range of ['bytes=1000-', 'bytes=-0', 'bytes=5000-6000']) {
      const { status, headers } = await scene.ask(path, { Range: range });
      assert.deepEqual([status, headers['content-range']], [416, 'bytes */1000'], range);
    }
    assert.equal((await scene.ask(path, { Range: 'bytes=1-2', 'If-Range': '"old"' })).status, 200);
  });

  it('who has it already by its ETag is told so', async () => {
    await use();
    const { headers } = await scene.ask(`/${scene.token()}`, {}, 'HEAD');
    const etag = String(headers.etag);
    for (const value of [etag, `W/${etag}`, `"a", ${etag}`, '*']) {
      const answer = await scene.ask(`/${scene.token()}`, { 'If-None-Match': value });
      assert.deepEqual([answer.status, answer.body.length], [304, 0], value);
    }
    assert.equal((await scene.ask(`/${scene.token()}`, { 'If-None-Match': '"x"' })).status, 200);
    assert.equal((await scene.ask(`/${scene.token()}`, { Range: 'bytes=0-1', 'If-Range': etag })).status, 206);
  });

  it('who goes on with a content of another ETag is told that it is another (RFC 9110 section 13.1.1)', async () => {
    await use();
    const path = `/${scene.token()}`;
    const { headers } = await scene.ask(path, {}, 'HEAD');
    const etag = String(headers.etag);
    for (const value of ['"x"', `W/${etag}`, '"a", "b"']) {
      const answer = await scene.ask(path, { Range: 'bytes=0-1', 'If-Match': value });
      assert.equal(answer.status, 412, value);
      assert.ok(answer.body.length < 50);
    }
    for (const value of [etag, `"a", ${etag}`, '*'])
      assert.equal((await scene.ask(path, { Range: 'bytes=0-1', 'If-Match': value })).status, 206, value);
  });

  it('names that are not ours, of another purpose or too old find nothing, all alike; one that is used up is gone', async () => {
    await use();
    const good = scene.token();
    const names = [
      'x',
      `${good}x`,
      good.slice(0, -1),
      scene.token({ purpose: 'imdn' }),
      scene.token({ expires: ACCEPTED_AT - 2000 }),
    ];
    for (const name of names) {
      const { status, body, headers } = await scene.ask(`/${name}`);
      assert.deepEqual([status, body.toString()], [404, 'There is nothing here.\n'], name);
      assert.equal(headers['cache-control'], 'private, no-store, no-transform');
    }
    assert.deepEqual(scene.asked, []);
    scene.content = undefined;
    const { status, body } = await scene.ask(`/${good}`);
    assert.deepEqual([status, body.toString()], [410, 'There is nothing here.\n']);
    assert.deepEqual(scene.proofs, []);
  });

  it('guesses of an address are few a minute, also before a right one', async () => {
    await use({ misses: 3 });
    for (const status of [404, 404, 404, 429]) assert.equal((await scene.ask('/guess')).status, status);
    const { status, headers } = await scene.ask(`/${scene.token()}`);
    assert.deepEqual([status, headers['retry-after']], [429, '60']);
    scene.clock.tick(60_000);
    assert.equal((await scene.ask(`/${scene.token({ expires: ACCEPTED_AT + 120_000 })}`)).status, 200);
  });

  it('one name is asked for a number of times in an hour', async () => {
    await use({ triesPerHour: 2 });
    const path = `/${scene.token({ expires: ACCEPTED_AT + 7_200_000 })}`;
    assert.equal((await scene.ask(path, { Range: 'bytes=0-0' })).status, 206);
    assert.equal((await scene.ask(path, {}, 'HEAD')).status, 200);
    assert.equal((await scene.ask(path)).status, 429);
    assert.equal((await scene.ask(`/${scene.token({ push: '01other' })}`)).status, 200, 'others are not held up');
    scene.clock.tick(3_600_000);
    assert.equal((await scene.ask(path)).status, 200);
  });

  it('a reader that takes nothing is cut off, counts as broken off, and gives its place to others', async () => {
    await use({ downloads: 1 });
    scene.content = { type: 'a/b', headers: [], body: Buffer.alloc(16 * 1024 * 1024) };
    const socket = connect(scene.port, '127.0.0.1');
    socket.pause();
    socket.write(`GET /${scene.token()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    while (scene.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await scene.ask(`/${scene.token({ push: '01other' })}`)).status, 503);
    // The slices that the kernel took may still be coming back.
    while (!scene.downloads.some(({ result }) => result === 'broken-off')) {
      scene.clock.tick(30_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.destroy();
    assert.deepEqual(scene.proofs, []);
    scene.content = { type: 'a/b', headers: [], body: BODY };
    assert.equal(
      (await scene.ask(`/${scene.token({ push: '01other', expires: scene.clock.now() + 1000 })}`)).status,
      200,
    );
  });

  it('one name takes a few of the places, and no more', async () => {
    await use({ downloads: 64, downloadsEach: 2 });
    scene.content = { type: 'a/b', headers: [], body: Buffer.alloc(16 * 1024 * 1024) };
    const sockets = [1, 2].map(() => connect(scene.port, '127.0.0.1').pause());
    for (const socket of sockets) socket.write(`GET /${scene.token()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    while (scene.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await scene.ask(`/${scene.token()}`)).status, 503);
    assert.equal((await scene.ask(`/${scene.token({ push: '01other' })}`)).status, 200);
    for (const socket of sockets) socket.destroy();
    while (scene.downloads.filter(({ result }) => result === 'broken-off').length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await scene.ask(`/${scene.token()}`)).status, 200);
  });

  it('a device that goes away in the middle proves nothing', async () => {
    await use();
    scene.content = { type: 'a/b', headers: [], body: Buffer.alloc(16 * 1024 * 1024) };
    const socket = connect(scene.port, '127.0.0.1');
    socket.write(`GET /${scene.token()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await scene.told(1);
    assert.equal(scene.downloads[0]?.result, 'broken-off');
    assert.deepEqual(scene.proofs, []);
  });

  it('empty content is fetched like any other', async () => {
    await use();
    scene.content = { type: 'a/b', headers: [], body: Buffer.alloc(0) };
    const { status, headers } = await scene.ask(`/${scene.token()}`);
    assert.deepEqual([status, headers['content-length']], [200, '0']);
    await scene.told(1);
    assert.equal(scene.proofs.length, 1);
  });

  it('other methods are refused, other paths are left to the app, and a store that fails is 503', async () => {
    await use();
    const { status, headers } = await scene.ask(`/${scene.token()}`, {}, 'DELETE');
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
    for (const path of ['/', '/a/b', '/?x=/']) assert.equal((await scene.ask(path)).headers['x-next'], 'yes', path);
    scene.failing = true;
    assert.equal((await scene.ask(`/${scene.token()}`)).status, 503);
  });

  for (const [name, express] of [
    ['Express 4', express4],
    ['Express 5', express5],
  ] as const) {
    it(`${name}: mounted behind body parsers, ETags and all`, async () => {
      await use({}, (router) => {
        const app = express();
        app.use(express.json(), express.text({ type: '*/*' }));
        app.use('/content', router);
        app.use((_req, res) => void res.status(299).end());
        return createServer(app);
      });
      const { status, body } = await scene.ask(`/content/${scene.token()}?a=b`);
      assert.equal(status, 200);
      assert.ok(body.equals(BODY));
      assert.equal((await scene.ask('/content')).status, 299);
    });
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Scene, until } from '../../conformance/scene.ts';
import { freePorts } from '../../support/ports.ts';

const LOCAL = '127.0.0.1';
/** More than sockets hold, so that who reads nothing does not have it all. */
const LARGE = Buffer.alloc(10 * 1024 * 1024);
const SMALL = Buffer.alloc(1000);

const contentFor = (what: string): Buffer => (/nothing|first octets/.test(what) ? LARGE : SMALL);

/** What a device, or somebody else, does with a URL instead of fetching its content, and what it gets for that. */
const ABUSES: Readonly<Record<string, (url: string, sockets: Socket[]) => Promise<number>>> = {
  'has its URL guessed': async (url) => (await fetch(`${url.slice(0, -4)}AAAA`)).status,
  'takes the same part again and again': async (url) => {
    let status = 0;
    for (let n = 0; n < 10; n++) {
      const answer = await fetch(url, { headers: { Range: 'bytes=0-99' } });
      assert.equal((await answer.arrayBuffer()).byteLength, 100);
      status = answer.status;
    }
    return status;
  },
  'leaves out one octet': async (url) => {
    await (await fetch(url, { headers: { Range: 'bytes=0-99' } })).arrayBuffer();
    const answer = await fetch(url, { headers: { Range: 'bytes=101-' } });
    await answer.arrayBuffer();
    return answer.status;
  },
  'asks behind the end': async (url) => (await fetch(url, { headers: { Range: `bytes=${SMALL.length}-` } })).status,
  'asks for the headers alone': async (url) => (await fetch(url, { method: 'HEAD' })).status,
  'reads nothing': async (url, sockets) => {
    const socket = ask(url, sockets);
    await once(socket, 'readable');
    return Number(/^HTTP\/1\.1 (\d+)/.exec(String(socket.read(16)))?.[1]);
  },
  'goes away at the first octets': async (url, sockets) => {
    const socket = ask(url, sockets);
    const [octets] = (await once(socket, 'data')) as [Buffer];
    socket.resetAndDestroy();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(octets.toString('latin1'))?.[1]);
  },
};

function ask(url: string, sockets: Socket[]): Socket {
  const { port, pathname } = new URL(url);
  const socket = connect(Number(port), LOCAL);
  socket.on('error', () => undefined);
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${LOCAL}\r\n\r\n`);
  sockets.push(socket);
  return socket;
}

const ANSWERS: Readonly<Record<string, number>> = {
  'has its URL guessed': 404,
  'takes the same part again and again': 206,
  'leaves out one octet': 206,
  'asks behind the end': 416,
  'asks for the headers alone': 200,
  'reads nothing': 200,
  'goes away at the first octets': 200,
};

describe('a push by reference to a device that', function () {
  this.timeout(60_000);
  let scene: Scene;
  const sockets: Socket[] = [];

  /** A device that has a reference, and what its push came to. */
  async function referred(user: string, body: Buffer): Promise<string> {
    const phone = await scene.phone(user, { fetches: false });
    const wishes = { pushId: user, to: [`sip:${user}@ims.test`], attributes: scene.notify, body };
    assert.equal(await scene.code('shop', { ...wishes, qos: 'delivery-method="confirmed"', type: 'a/b' }), 1001);
    return (await until(() => phone.pushes[0])).reference?.url ?? '';
  }

  async function sceneWith(confirmWait: number): Promise<void> {
    const [port = 0] = await freePorts(1);
    scene = await Scene.of({
      config: {
        http: { host: LOCAL, port },
        content: { url: `http://${LOCAL}:${port}/content`, allowHttp: true },
        limits: { confirmWait, maxBodyBytes: 2 * LARGE.length },
      },
      sip: { leg: 'drachtio' },
    });
  }

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await scene.close();
  });

  it('only abuses its URL ends as timeout 4000, whatever it does, and the URL with it', async () => {
    await sceneWith(2_000);
    await Promise.all(
      Object.entries(ABUSES).map(async ([what, abuse], n) => {
        const url = await referred(`u${n}`, contentFor(what));
        assert.equal(await abuse(url, sockets), ANSWERS[what], what);
        const { state, code } = await until(() => scene.notified(`u${n}`)[0]);
        assert.deepEqual([state, code], ['timeout', 4000], what);
        const { status } = await fetch(url);
        assert.ok(status === 410 || status === 404, `${what}: ${status}`);
      }),
    );
  });

  it('fetches after all that is delivered', async () => {
    await sceneWith(60_000);
    await Promise.all(
      Object.entries(ABUSES).map(async ([what, abuse], n) => {
        const url = await referred(`u${n}`, contentFor(what));
        await abuse(url, sockets);
        assert.deepEqual(scene.notified(`u${n}`), [], what);
        const answer = await fetch(url);
        assert.equal(answer.status, 200, what);
        assert.ok(Buffer.from(await answer.arrayBuffer()).equals(contentFor(what)));
        const { state, code } = await until(() => scene.notified(`u${n}`)[0]);
        assert.deepEqual([state, code], ['delivered', 1000], what);
      }),
    );
  });
});

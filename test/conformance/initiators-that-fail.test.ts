import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { freePorts } from '../support/ports.ts';
import { DOMAIN, Scene, until } from './scene.ts';

/** Of this test's gateway, milliseconds: short, so that what gives up does so within the test. */
const POLICY = { first: 50, longest: 100, timeout: 300, giveUpAfter: 1000, perTarget: 2 };
/** Of either initiator in each test: more than go to one target at a time. */
const PUSHES = 2 * POLICY.perTarget + 1;

describe('result notification to initiators that fail', () => {
  let scene: Scene;
  const opened: (Server | ReturnType<typeof createTcpServer>)[] = [];
  const sockets = new Set<Socket>();

  before(async () => {
    scene = await Scene.of({ config: { notify: { allowPrivate: true, ...POLICY } } });
    await scene.phone('alice');
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await scene.close();
    for (const server of opened) server.close();
  });

  const listen = async (server: (typeof opened)[number], port = 0): Promise<string> => {
    opened.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/notify`;
  };
  const http = (listener: RequestListener): Promise<string> => listen(createServer(listener));
  const raw = (listener: (socket: Socket) => void): Promise<string> => listen(createTcpServer(listener));

  let round = 0;
  /** Pushes of the initiator whose URL is bad and of one whose is good, in turns: all are delivered, the good one is told. */
  const flowsOn = async (bad: string): Promise<string[]> => {
    const name = `n${round++}`;
    const theirs: string[] = [];
    for (let n = 0; n < PUSHES; n++) {
      theirs.push(`${name} bad ${n}`);
      const attributes = `ppg-notify-requested-to="${bad}"`;
      assert.equal(await scene.code('shop', { pushId: `${name} bad ${n}`, attributes }), 1001);
      assert.equal(await scene.code('bank', { pushId: `${name} good ${n}`, attributes: scene.notify }), 1001);
    }
    for (let n = 0; n < PUSHES; n++) await until(() => scene.notified(`${name} good ${n}`)[0]);
    for (const pushId of theirs) {
      const push = await scene.node.ppg.status(pushId, 'shop');
      assert.equal(push?.recipients[0]?.state, 'delivered');
    }
    return theirs;
  };
  /** Waits until every one of them has been given up. */
  const givenUp = async (pushIds: readonly string[]): Promise<void> => {
    for (;;) {
      const dead = (await scene.node.ppg.deadNotifications()).map(({ pushId }) => pushId);
      if (pushIds.every((pushId) => dead.includes(pushId))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  for (const [what, start] of [
    ['answers 500', () => http((_req, res) => res.writeHead(500).end())],
    ['hangs', () => http(() => undefined)],
    [
      'takes no connection',
      async () => {
        const [port = 0] = await freePorts(1);
        return `http://127.0.0.1:${port}/notify`;
      },
    ],
    ['closes without an answer', () => raw((socket) => socket.once('data', () => socket.destroy()))],
    ['answers what is no HTTP', () => raw((socket) => socket.once('data', () => socket.write('\0\x01 hello\r\n\r\n')))],
    ['answers its header an octet at a time', () => raw((socket) => drip(socket, 'HTTP/1.1 202 OK\r\nX: '))],
    [
      'answers a body that never ends, an octet at a time',
      () =>
        raw((socket) =>
          drip(socket, 'HTTP/1.1 202 OK\r\nContent-Type: application/xml\r\nContent-Length: 60000\r\n\r\n'),
        ),
    ],
    [
      'answers a body of another type that never ends',
      () =>
        raw((socket) => drip(socket, 'HTTP/1.1 500 No\r\nContent-Type: text/html\r\nContent-Length: 60000\r\n\r\n')),
    ],
    [
      'answers more than anybody reads',
      () =>
        http((_req, res) => {
          res.writeHead(202, { 'Content-Type': 'application/xml' });
          res.end(Buffer.alloc(1024 * 1024, ' '));
        }),
    ],
    [
      'says in PAP that it failed',
      () =>
        http((_req, res) => {
          res.writeHead(202, { 'Content-Type': 'application/xml' });
          res.end(
            '<pap><resultnotification-response push-id="x" code="3000"><address address-value="x"/></resultnotification-response></pap>',
          );
        }),
    ],
  ] as const) {
    it(`one that ${what} holds up nobody, and is given up in the end`, async () => {
      await givenUp(await flowsOn(await start()));
    });
  }

  it('one that redirects into the network of the gateway is not followed', async () => {
    const visits: string[] = [];
    const inner = await http((req, res) => {
      visits.push(req.url ?? '');
      res.writeHead(202).end();
    });
    await givenUp(await flowsOn(await http((_req, res) => res.writeHead(307, { Location: inner }).end())));
    assert.deepEqual(visits, []);
  });

  it('one that is back before it is given up is told', async () => {
    const tried = new Set<string>();
    const told = new Set<string>();
    const url = await http(async (req, res) => {
      const pushId = await pushIdOf(req);
      if (tried.has(pushId)) told.add(pushId);
      tried.add(pushId);
      res.writeHead(told.has(pushId) ? 202 : 503).end();
    });
    const theirs = await flowsOn(url);
    await until(() => theirs.every((pushId) => told.has(pushId)));
  });

  it('one that was away for longer is told when an operator says so', async () => {
    const [port = 0] = await freePorts(1);
    const theirs = await flowsOn(`http://127.0.0.1:${port}/notify`);
    await givenUp(theirs);
    const told = new Set<string>();
    const back = createServer(async (req, res) => {
      told.add(await pushIdOf(req));
      res.writeHead(202).end();
    });
    await listen(back, port);
    assert.ok((await scene.node.ppg.replayNotifications({ initiator: 'shop' })) >= theirs.length);
    await until(() => theirs.every((pushId) => told.has(pushId)));
  });

  it('no URL into the network of the gateway is taken, where that is not allowed', async () => {
    const guarded = await Scene.of({ config: { notify: {} } });
    try {
      for (const host of ['127.0.0.1', '[::1]', '10.0.0.1', '169.254.169.254', '[::ffff:10.0.0.1]', '2130706433']) {
        const attributes = `ppg-notify-requested-to="http://${host}/"`;
        assert.equal(await guarded.code('shop', { pushId: host, to: [`sip:x@${DOMAIN}`], attributes }), 2000, host);
      }
    } finally {
      await guarded.close();
    }
  });
});

/** Of the result notification that a request carries. */
async function pushIdOf(request: IncomingMessage): Promise<string> {
  return /push-id="([^"]+)"/.exec(await text(request))?.[1] ?? '';
}

/** Writes the beginning, and then an octet every 20 ms for as long as anybody listens. */
function drip(socket: Socket, beginning: string): void {
  socket.once('data', () => {
    socket.write(beginning);
    const timer = setInterval(() => socket.write('x'), 20);
    socket.once('close', () => clearInterval(timer));
  });
}

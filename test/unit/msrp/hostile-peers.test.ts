import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { MsrpEndpoint, MsrpEndpointOptions } from '../../../lib/msrp/endpoint.ts';
import type { MsrpSession } from '../../../lib/msrp/session.ts';
import { msrpEndpoint, outgoing, taking } from '../../support/msrp.ts';

const MIB = 1024 * 1024;
/** What a peer that was refused may still have under way. */
const UNWANTED = 4 * MIB;
/** What the buffers between two sockets add to what was read when the connection was closed. */
const SLACK = MIB;

const PEER = 'msrp://127.0.0.1:9/peer;tcp';

describe('an MSRP peer that', function () {
  this.timeout(60_000);
  let endpoint: MsrpEndpoint;
  const sockets: Socket[] = [];

  const start = async (limits: MsrpEndpointOptions['limits'] = {}): Promise<void> => {
    endpoint = await msrpEndpoint({ limits });
  };

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await endpoint.stop();
  });

  async function peer(): Promise<Socket> {
    const socket = connect(endpoint.port() ?? 0, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    return socket.on('error', () => undefined);
  }

  const head = (session: MsrpSession, id: string, range: string): string =>
    `MSRP ${id} SEND\r\nTo-Path: ${session.path}\r\nFrom-Path: ${PEER}\r\nMessage-ID: message\r\n` +
    `Byte-Range: ${range}\r\nContent-Type: text/plain\r\n\r\n`;

  /** Writes what `next` makes for as long as the connection takes it; resolves once it is closed. */
  async function write(socket: Socket, next: () => string | Buffer): Promise<void> {
    let wake = (): void => undefined;
    socket.on('drain', () => wake()).on('close', () => wake());
    socket.resume();
    while (!socket.destroyed) {
      if (!socket.write(next())) await new Promise<void>((resolve) => (wake = resolve));
    }
    while (!socket.closed) await new Promise<void>((resolve) => (wake = resolve));
  }

  it('never ends its chunk, where nothing is taken, is cut off', async () => {
    await start();
    const socket = await peer();
    socket.write(head(endpoint.open(), 'aaaa', '1-*/*'));
    await write(socket, () => Buffer.alloc(65_536));
    const { bytesReceived } = endpoint.counters;
    assert.ok(bytesReceived > UNWANTED && bytesReceived < UNWANTED + SLACK, `${bytesReceived} octets were read`);
  });

  it('sends chunk after chunk, where nothing is taken, is cut off', async () => {
    await start();
    const session = endpoint.open();
    const socket = await peer();
    let count = 0;
    await write(socket, () => {
      const id = `c${String(count++).padStart(7, '0')}`;
      return `${head(session, id, '1-*/*')}${'x'.repeat(2000)}\r\n-------${id}+\r\n`;
    });
    assert.ok(endpoint.counters.bytesReceived < 2 * UNWANTED, `${endpoint.counters.bytesReceived} octets were read`);
  });

  it('never ends its chunk, where messages have a bound, gets 413 and is cut off', async () => {
    await start();
    const { taker, messages } = taking({ maxSize: MIB });
    const socket = await peer();
    let answers = '';
    socket.on('data', (octets) => (answers += octets.toString('latin1')));
    socket.write(head(endpoint.open(false, taker), 'aaaa', '1-*/*'));
    await write(socket, () => Buffer.alloc(65_536));
    const { bytesReceived } = endpoint.counters;
    assert.ok(bytesReceived < MIB + UNWANTED + SLACK, `${bytesReceived} octets were read`);
    assert.match(answers, /^MSRP aaaa 413 /);
    assert.equal(messages.length, 0);
  });

  it('sends parts of a message that has no end gets 413 beyond the bound', async () => {
    await start();
    const { taker } = taking({ maxSize: MIB });
    const session = endpoint.open(false, taker);
    const socket = await peer();
    let answers = '';
    const refused = new Promise<void>((resolve) => {
      socket.on('data', (octets) => {
        answers += octets.toString('latin1');
        if (answers.includes(' 413 ')) resolve();
      });
    });
    for (let at = 0; at < 40; at++) {
      const [id, first] = [`part${String(at).padStart(4, '0')}`, at * 32_768 + 1];
      socket.write(`${head(session, id, `${first}-*/*`)}${'x'.repeat(32_768)}\r\n-------${id}+\r\n`);
    }
    await refused;
    assert.equal(answers.match(/ 200 OK/g)?.length, 32);
  });

  it('reads nothing holds back its own message only, and costs no copy of it', async () => {
    await start({ transactionTime: 600_000 });
    const PEERS = 100;
    const body = Buffer.alloc(10 * MIB, 7);
    const before = process.memoryUsage();
    const sends: Promise<unknown>[] = [];
    const sessions: MsrpSession[] = [];
    for (let at = 0; at < PEERS; at++) {
      const session = endpoint.open();
      sessions.push(session);
      const path = [{ secure: false, host: '127.0.0.1', port: 9, session: `peer${at}`, transport: 'tcp' }];
      session.connect({ path, role: 'passive', fingerprints: [] });
      const socket = (await peer()).pause();
      const from = `msrp://127.0.0.1:9/peer${at};tcp`;
      socket.write(
        `MSRP bind SEND\r\nTo-Path: ${session.path}\r\nFrom-Path: ${from}\r\nMessage-ID: bind\r\nByte-Range: 1-0/0\r\n-------bind$\r\n`,
      );
      sends.push(session.send(outgoing(body)));
    }
    // Everybody who can be written to has been, once a message that comes after them has made its way.
    const { taker, messages } = taking();
    const [sender, receiver] = [endpoint.open(), endpoint.open(false, taker)];
    const side = (session: MsrpSession): { path: [MsrpSession['uri']]; fingerprints: [] } => ({
      path: [session.uri],
      fingerprints: [],
    });
    receiver.connect({ ...side(sender), role: 'passive' });
    sender.connect({ ...side(receiver), role: 'active' });
    assert.deepEqual(await sender.send(outgoing(body)), { kind: 'sent', reported: true });
    assert.equal(messages[0]?.body.length, body.length);
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    // The message that was taken is there once for its receiver, twice while it is put together.
    assert.ok(grown < 3 * body.length, `${grown} octets`);
    const each = (endpoint.counters.bytesSent - body.length) / PEERS;
    // 32 chunks without an answer, and their heads.
    assert.ok(each < 33 * (8_192 + 400), `${Math.round(each)} octets to each`);
    for (const session of sessions) session.close();
    await Promise.all(sends);
  });
});

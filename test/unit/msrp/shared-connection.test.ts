import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { MsrpEndpoint } from '../../../lib/msrp/endpoint.ts';
import type { MsrpSession } from '../../../lib/msrp/session.ts';
import { msrpEndpoint, outgoing } from '../../support/msrp.ts';

const MIB = 1024 * 1024;

/** Behind a relay (RFC 4976) many devices share one connection to the gateway: none may take it from the others. */
describe('a connection that sessions share', function () {
  this.timeout(60_000);
  let endpoint: MsrpEndpoint;
  let relay: Server;
  let socket: Socket;
  let good: MsrpSession;
  let bad: MsrpSession;
  /** What the gateway wrote, and who waits for it. */
  let written = '';
  let onWritten = (): void => undefined;

  beforeEach(async () => {
    written = '';
    endpoint = await msrpEndpoint();
    relay = createServer();
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const address = relay.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const came = once(relay, 'connection');
    [good, bad] = [endpoint.open(), endpoint.open()];
    for (const [session, name] of [
      [good, 'good'],
      [bad, 'bad'],
    ] as const) {
      const uri = { secure: false, host: '127.0.0.1', port, session: name, transport: 'tcp' };
      session.connect({ path: [uri], role: 'active', fingerprints: [] });
    }
    [socket] = (await came) as [Socket];
    socket
      .on('error', () => undefined)
      .on('data', (octets: Buffer) => {
        written += octets.toString('latin1');
        onWritten();
      });
  });

  afterEach(async () => {
    socket.destroy();
    await endpoint.stop();
    await new Promise((resolve) => relay.close(resolve));
  });

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (onWritten = resolve));
  }

  /** Whether the other session still delivers. */
  async function delivers(): Promise<void> {
    const sent = good.send(outgoing(Buffer.from('hello'), { messageId: 'of-good' }));
    await until(() => written.includes('Message-ID: of-good'));
    socket.write(
      'MSRP report REPORT\r\n' +
        `To-Path: ${good.path}\r\nFrom-Path: msrp://127.0.0.1/good;tcp\r\nMessage-ID: of-good\r\n` +
        'Byte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n-------report$\r\n',
    );
    assert.deepEqual(await sent, { kind: 'sent', reported: true });
  }

  const paths = (): string => `To-Path: ${bad.path}\r\nFrom-Path: msrp://127.0.0.1/bad;tcp\r\n`;

  for (const [what, text] of Object.entries<() => string>({
    'a To-Path that cannot be read': () => 'MSRP aaaa SEND\r\nTo-Path: nonsense\r\nFrom-Path: msrp://a/b;tcp\r\n',
    'a header that cannot be read': () => `MSRP aaaa SEND\r\n${paths()}X-A: b\0c\r\n`,
    'a line without a name': () => `MSRP aaaa SEND\r\n${paths()}nonsense\r\n`,
    'too many headers': () => `MSRP aaaa SEND\r\n${paths()}${'X-A: b\r\n'.repeat(200)}`,
  })) {
    it(`outlives a request with ${what}, which gets 400`, async () => {
      socket.write(`${text()}-------aaaa$\r\n`);
      await until(() => /^MSRP aaaa 400 /m.test(written));
      await delivers();
    });
  }

  it('outlives a request that nobody can be answered', async () => {
    socket.write(`MSRP aaaa SEND\r\nTo-Path: ${bad.path}\r\n-------aaaa$\r\n`);
    await delivers();
    assert.doesNotMatch(written, /^MSRP aaaa/m);
  });

  it('outlives a report whose Byte-Range cannot be read: the message that it is about has failed', async () => {
    const sent = bad.send(outgoing(Buffer.from('hello'), { messageId: 'of-bad' }));
    await until(() => written.includes('Message-ID: of-bad'));
    socket.write(
      `MSRP aaaa REPORT\r\n${paths()}Message-ID: of-bad\r\nByte-Range: all\r\nStatus: 000 200 OK\r\n-------aaaa$\r\n`,
    );
    assert.equal((await sent).kind, 'violation');
    await delivers();
  });

  it('outlives a response with a header that cannot be read', async () => {
    const sent = bad.send(outgoing(Buffer.from('hello'), { messageId: 'of-bad', successReport: false }));
    await until(() => written.includes('Message-ID: of-bad'));
    const [, transaction = ''] = /^MSRP (\S+) SEND/m.exec(written) ?? [];
    socket.write(`MSRP ${transaction} 200 OK\r\nnonsense\r\n-------${transaction}$\r\n`);
    assert.deepEqual(await sent, { kind: 'sent', reported: false });
    await delivers();
  });

  it('outlives a peer that sends what nobody takes: its session alone is ended', async () => {
    const ended = new Promise<string>((resolve) => bad.onEnd(resolve));
    const content = Buffer.alloc(MIB, 'x');
    for (let at = 0; at < 5; at++) {
      socket.write(`MSRP aaa${at} SEND\r\n${paths()}Message-ID: m${at}\r\nContent-Type: a/b\r\n\r\n`);
      socket.write(content);
      socket.write(`\r\n-------aaa${at}$\r\n`);
    }
    assert.match(await ended, /refused/);
    await delivers();
  });

  it('outlives all that was refused in its life, where each had little', async () => {
    const content = 'x'.repeat(60_000);
    for (let at = 0; at < 80; at++) {
      const device = endpoint.open();
      device.connect({ path: [{ ...device.uri, port: 9 }], role: 'passive', fingerprints: [] });
      socket.write(
        `MSRP aaaa SEND\r\nTo-Path: ${device.path}\r\nFrom-Path: msrp://127.0.0.1:9/${device.id};tcp\r\n` +
          `Message-ID: m${at}\r\nContent-Type: a/b\r\n\r\n${content}\r\n-------aaaa$\r\n`,
      );
      await until(() => (written.match(/^MSRP aaaa 403 /gm)?.length ?? 0) === at + 1);
      device.close();
    }
    await delivers();
  });

  it('outlives a report in a thousand pieces, which is no report of a device', async () => {
    const body = Buffer.alloc(4000);
    const sent = bad.send(outgoing(body, { messageId: 'of-bad' }));
    await until(() => written.includes('Message-ID: of-bad'));
    for (let at = 1; at < 2000; at += 2)
      socket.write(
        `MSRP aaaa REPORT\r\n${paths()}Message-ID: of-bad\r\nByte-Range: ${at}-${at}/4000\r\nStatus: 000 200 OK\r\n-------aaaa$\r\n`,
      );
    assert.equal((await sent).kind, 'violation');
    await delivers();
  });
});

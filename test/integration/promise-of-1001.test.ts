import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { createPpg, type Ppg } from '../../lib/ppg.ts';
import { hashPassword } from '../../lib/security/password.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import type { SipStack } from '../../lib/stack/types.ts';
import { CommitGate } from '../../lib/store/sqlite/gate.ts';
import { createSqliteStore } from '../../lib/store/sqlite/sqlite-store.ts';
import { messageRequest } from '../support/sip-loopback.ts';
import { builtWorker } from '../support/store-worker.ts';

const DOMAIN = 'ims.test';
const B = 'b0undary';

/** A whole HTTP request, so that the test sees every byte that comes back. */
function submission(pushId: string): string {
  const body = [
    `--${B}`,
    'Content-Type: application/xml',
    '',
    `<?xml version="1.0"?><pap><push-message push-id="${pushId}"><address address-value="sip:alice@${DOMAIN}"/></push-message></pap>`,
    `--${B}`,
    'Content-Type: text/plain',
    '',
    'hello',
    `--${B}--`,
    '',
  ].join('\r\n');
  const authorization = Buffer.from('mmsc:secret').toString('base64');
  return [
    'POST /pap HTTP/1.1',
    'Host: ppg.test',
    `Authorization: Basic ${authorization}`,
    `Content-Type: multipart/related; type="application/xml"; boundary=${B}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

/** Turns of the event loop with real I/O in between: long enough for anything that was going to be sent. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A peer that sends OPTIONS to the gateway's identity and counts what comes of it. */
class Prober {
  readonly stack: SipStack = createSipStack({
    clock: systemClock,
    log: silentLogger,
    listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
    timers: { t1: 5000 }, // longer than any machine keeps this process waiting
  });

  ask(port: number): Promise<number> {
    const request = messageRequest({ To: `<sip:push@${DOMAIN}>`, CSeq: '1 OPTIONS', 'Call-ID': `${Math.random()}` });
    return new Promise((resolve, reject) => {
      this.stack.request(
        { ...request, method: 'OPTIONS', uri: `sip:push@${DOMAIN}` },
        { protocol: 'udp', host: '127.0.0.1', port },
        { onResponse: ({ status }) => resolve(status), onFailure: (_failure, cause) => reject(cause) },
      );
    });
  }
}

describe('the promise of 1001', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'ppg-promise-'));
  const gate = new CommitGate();
  const prober = new Prober();
  let ppg: Ppg;
  let http: Server;
  let httpPort = 0;
  let sipPort = 0;

  before(async () => {
    const store = createSqliteStore({ file: join(folder, 'ppg.db'), gate, workerUrl: builtWorker() });
    ppg = createPpg({
      domain: DOMAIN,
      store,
      initiators: [{ name: 'mmsc', passwordHash: await hashPassword('secret') }],
      sip: { direct: { listen: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }] }, registrations: 'none' },
    });
    await ppg.start();
    sipPort = ppg.directListening[0]?.port ?? 0;
    const pap = ppg.pap();
    http = createServer((request, response) => {
      request.url = '/';
      pap(request, response, () => response.writeHead(404).end());
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    httpPort = (http.address() as { port: number }).port;
    await prober.stack.start();
  });

  after(async () => {
    http.closeAllConnections();
    http.close();
    await ppg.stop();
    await prober.stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('no byte of the answer leaves before the commit', async () => {
    const socket = connect(httpPort, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    await once(socket, 'connect');

    const release = gate.hold();
    socket.write(submission('held@pi.test'));
    while (!gate.waiting) await turns(1);
    await turns(100);
    assert.equal(received, '');

    release();
    while (!received.includes('</pap>')) await once(socket, 'data');
    assert.match(received, /^HTTP\/1\.1 202 /);
    assert.match(received, /code="1001"/);
    socket.destroy();
  });

  it('SIP is answered while a commit is held', async () => {
    const socket = connect(httpPort, '127.0.0.1');
    await once(socket, 'connect');
    const release = gate.hold();
    try {
      socket.write(submission('held-2@pi.test'));
      while (!gate.waiting) await turns(1);
      for (let i = 0; i < 20; i++) assert.equal(await prober.ask(sipPort), 200);
      assert.equal(gate.waiting, true);
    } finally {
      release();
      socket.destroy();
    }
  });

  it('commits of 50 ms under load hold up no SIP answer', async () => {
    gate.delay(50);
    const sockets = Array.from({ length: 8 }, () => connect(httpPort, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    let answers = 0;
    for (const [n, socket] of sockets.entries()) {
      let left = 10;
      socket.on('data', (chunk: Buffer) => {
        if (!chunk.toString().includes('</pap>')) return;
        answers++;
        if (--left > 0) socket.write(submission(`slow-${n}-${left}@pi.test`));
      });
      socket.write(submission(`slow-${n}@pi.test`));
    }
    let during = 0;
    while (answers < 80) {
      const { commits, waiting } = gate;
      assert.equal(await prober.ask(sipPort), 200);
      if (waiting && gate.waiting && gate.commits === commits) during++;
      await turns(2);
    }
    gate.delay(0);
    for (const socket of sockets) socket.destroy();
    assert.ok(during > 0, 'none was asked and answered within one commit');
    assert.equal(prober.stack.counters.retransmissionsSent, 0);
  });

  it('a commit that fails answers 3000, and nothing was accepted', async () => {
    const socket = connect(httpPort, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    await once(socket, 'connect');
    gate.fail(1000); // the batch, the push alone, and whatever else is stored meanwhile
    socket.write(submission('failed@pi.test'));
    while (!received.includes('</pap>')) await once(socket, 'data');
    gate.fail(0);
    socket.destroy();
    assert.match(received, /code="3000"/);
    assert.equal(await ppg.status('failed@pi.test', 'mmsc'), undefined);
  });
});

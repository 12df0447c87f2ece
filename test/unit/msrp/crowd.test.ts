import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { MsrpEndpoint } from '../../../lib/msrp/endpoint.ts';
import { join, msrpEndpoint, outgoing, taking } from '../../support/msrp.ts';
import { tlsPair } from '../../support/tls-fixtures.ts';

const ROOM = 4;
const BODY = Buffer.from('push');

describe('an MSRP endpoint whose places are all taken', function () {
  this.timeout(60_000);
  let gateway: MsrpEndpoint;
  let device: MsrpEndpoint;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    const limits = { maxConnections: ROOM, connectionIdle: 600_000, connectTime: 600_000 };
    gateway = await msrpEndpoint({ limits, tls: { ...tlsPair('server'), port: 0 } });
    device = await msrpEndpoint({ tls: { ...tlsPair('client'), port: 0 } });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all([device.stop(), gateway.stop()]);
  });

  /** Connects and says nothing. */
  async function silent(secure = false): Promise<Socket> {
    const socket = connect(gateway.port(secure) ?? 0, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** A push into a session that the device connects. */
  function pushed(secure = false): { sent: Promise<unknown>; again: () => Promise<unknown> } {
    const { taker } = taking();
    const [ours, theirs] = [gateway.open(secure), device.open(secure, taker)];
    join(theirs, ours, { active: device.fingerprint, passive: gateway.fingerprint }, true);
    return {
      sent: ours.send(outgoing(BODY)),
      again: () => ours.send(outgoing(BODY, { messageId: 'message-2' })),
    };
  }

  for (const secure of [false, true]) {
    it(`by peers who say nothing, ${secure ? 'not even a handshake, ' : ''}takes a device all the same`, async () => {
      const first = await silent(secure);
      const gone = once(first, 'close');
      for (let at = 1; at < ROOM; at++) await silent(secure);
      assert.deepEqual(await pushed(secure).sent, { kind: 'sent', reported: true });
      await gone;
    });
  }

  it('keeps a session in use, however many come', async () => {
    const { sent, again } = pushed();
    assert.deepEqual(await sent, { kind: 'sent', reported: true });
    for (let at = 0; at < 2 * ROOM; at++) await silent();
    assert.deepEqual(await again(), { kind: 'sent', reported: true });
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '../../../lib/base/log.ts';
import { readPap } from '../../../lib/codec/pap/read.ts';
import { createNotificationPost } from '../../../lib/engine/notify-http.ts';
import type { Notification } from '../../../lib/model/delivery.ts';
import { assertCodes } from '../../support/pap-codes.ts';

const ADDRESS = 'WAPPUSH=u1/TYPE=USER@ppg.test';

/** The document that a Push Initiator gets for a notification. */
async function documentFor(changes: Partial<Notification>): Promise<string> {
  const chunks: Buffer[] = [];
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.writeHead(202).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options = { allowPrivate: true, timeout: 5000, perTarget: 1, log: silentLogger };
  const notifications = createNotificationPost({ ...options, identity: 'sip:push@ims.test' });
  const { ok } = await notifications.post({
    push: 'k1',
    index: 0,
    initiator: 'pi',
    pushId: 'p1',
    notifyUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/result`,
    papVersion: '2.0',
    address: { aor: 'sip:u1@ims.test', text: ADDRESS },
    state: 'delivered',
    code: 1000,
    desc: 'OK',
    deliveredBy: 'confirmed',
    receivedTime: Date.UTC(2026, 8, 21, 14),
    eventTime: Date.UTC(2026, 8, 21, 15),
    tries: 0,
    ...changes,
  });
  assert.ok(ok);
  await notifications.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return Buffer.concat(chunks).toString();
}

describe('the document of a result notification', () => {
  it('names push, gateway, recipient, both times and the outcome, and echoes what was used', async () => {
    const written = await documentFor({
      qos: {
        priority: 'high',
        deliveryMethod: 'preferconfirmed',
        network: 'IMS',
        networkRequired: true,
        bearerRequired: false,
      },
    });
    assert.deepEqual(readPap(Buffer.from(written), { strict: true }), {
      message: 'resultnotification-message',
      papVersion: '2.0',
      supportedVersions: ['2.*', '1.*'],
      pushId: 'p1',
      senderAddress: 'sip:push@ims.test',
      receivedTime: Date.UTC(2026, 8, 21, 14),
      eventTime: Date.UTC(2026, 8, 21, 15),
      state: 'delivered',
      code: 1000,
      desc: 'OK',
      address: ADDRESS,
      qos: {
        priority: 'high',
        deliveryMethod: 'confirmed',
        network: 'IMS',
        networkRequired: true,
        bearerRequired: false,
      },
    });
  });

  it('echoes no quality of service that was not asked for, and is of the version of the submission', async () => {
    const message = readPap(Buffer.from(await documentFor({ papVersion: '1.0' })));
    assert.ok(message.message === 'resultnotification-message');
    assert.deepEqual([message.qos, message.papVersion], [undefined, '1.0']);
  });

  for (const [state, code, papVersion, written] of [
    ['cancelled', 1000, '2.0', 1000],
    ['undeliverable', 2008, '2.0', 2008],
    ['undeliverable', 2008, '1.0', 4000],
    ['aborted', 5237, '2.0', 5237],
    ['undeliverable', 3000, '2.0', 4000],
  ] as const) {
    it(`${state} with ${code} in ${papVersion} tells ${written}`, async () => {
      const message = readPap(Buffer.from(await documentFor({ state, code, papVersion })));
      assertCodes(message);
      assert.ok(message.message === 'resultnotification-message');
      assert.deepEqual([message.state, message.code], [state, written]);
    });
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MMS_TYPE, mmsDeliveryReport, mmsNotification, readMms } from '../support/contents/mms.ts';
import { Scene, until } from './scene.ts';

const ALICE = '+358401234567';
const BOB = '+358405202000';
const address = (number: string): string => `WAPPUSH=${number}/TYPE=PLMN@ppg.ims.test`;

const PICTURE = Buffer.from('an MMS message with a picture \0\xff', 'latin1');

describe('use case A: a picture message', function () {
  this.timeout(30_000);

  for (const leg of ['direct', 'drachtio'] as const) {
    describe(`over the ${leg} leg`, () => {
      let scene: Scene;
      let centre: Server;
      before(async () => {
        scene = await Scene.of({ sip: { leg }, config: { msrp: { enabled: true, port: 0 } } });
        centre = createServer((req, res) => void res.writeHead(req.url === '/m/8d21' ? 200 : 404).end(PICTURE));
        centre.listen(0, '127.0.0.1');
        await once(centre, 'listening');
      });
      after(async () => {
        centre.closeAllConnections();
        centre.close();
        await scene.close();
      });

      const push = (pushId: string, to: string, application: string, body: Buffer): Promise<number> =>
        scene.code('shop', {
          pushId,
          to: [address(to)],
          headers: [`X-Wap-Application-Id: ${application}`],
          qos: 'delivery-method="confirmed"',
          attributes: scene.notify,
          type: MMS_TYPE,
          body,
        });

      it('B is notified and fetches it, and A is told of that', async () => {
        const alice = await scene.phone(ALICE, { applications: ['mms.ua', 'wml.ua'], msrp: {} });
        const bob = await scene.phone(BOB, { applications: ['mms.ua'], msrp: {} });
        const tablet = await scene.phone(BOB, { applications: ['wml.ua'], msrp: {} });

        // The MMS centre has a message of A for B.
        const contentLocation = `http://127.0.0.1:${(centre.address() as AddressInfo).port}/m/8d21`;
        const notification = mmsNotification({
          from: `${ALICE}/TYPE=PLMN`,
          contentLocation,
          messageSize: PICTURE.length,
        });
        assert.ok(notification.includes(0));
        assert.equal(await push('notification', BOB, '4', notification), 1001);

        // B's client reads what it got, and fetches.
        const got = await until(() => bob.pushes[0]);
        assert.equal(got.contentType, MMS_TYPE);
        assert.deepEqual(got.body, notification);
        const { type, fields } = readMms(got.body);
        assert.equal(type, 'm-notification-ind');
        assert.deepEqual(fields, {
          transactionId: 'T-8d21',
          version: 1,
          from: `${ALICE}/TYPE=PLMN`,
          class: 'personal',
          messageSize: PICTURE.length,
          expiresIn: 172_800,
          contentLocation,
        });
        const message = await fetch(String(fields['contentLocation']));
        assert.deepEqual(Buffer.from(await message.arrayBuffer()), PICTURE);
        const { state, code, qos } = await until(() => scene.notified('notification')[0]);
        assert.deepEqual([state, code, qos?.deliveryMethod], ['delivered', 1000, 'confirmed']);

        // The centre reports to A.
        const at = 1_795_350_000;
        const report = mmsDeliveryReport({ messageId: 'm8d21', to: `${BOB}/TYPE=PLMN`, at, status: 'retrieved' });
        assert.equal(await push('report', ALICE, 'x-wap-application:mms.ua', report), 1001);
        const told = await until(() => alice.pushes[0]);
        assert.deepEqual(readMms(told.body), {
          type: 'm-delivery-ind',
          fields: { version: 1, messageId: 'm8d21', to: `${BOB}/TYPE=PLMN`, date: at, status: 'retrieved' },
        });
        assert.equal((await until(() => scene.notified('report')[0])).state, 'delivered');
        assert.deepEqual(
          [alice, bob, tablet].map((phone) => phone.pushes.length),
          [1, 1, 0],
        );
      });

      it('the message asks the core for clients of MMS and no others', async () => {
        const carol = await scene.phone('+358409999999', { applications: ['mms.ua'] });
        await scene.code('shop', {
          pushId: 'text',
          to: [address('+358409999999')],
          headers: ['X-Wap-Application-Id: 4'],
        });
        const { headers } = await until(() => carol.pushes[0]);
        assert.ok(
          headers
            .all('Accept-Contact')
            .some((value) => value.includes('+g.oma.pusheventapp="mms.ua";require;explicit')),
        );
      });
    });
  }
});

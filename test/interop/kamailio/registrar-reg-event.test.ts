import assert from 'node:assert/strict';
import type { PushContent } from '../../../lib/cli/pap-client.ts';
import { describeWith, KAMAILIO_REGISTRAR } from '../../support/debian.ts';
import { type Gateway, LEGS } from '../gateway.ts';
import { Registrar } from './registrar.ts';

const text = (body: string): PushContent => ({
  type: 'text/plain',
  headers: { 'X-Wap-Application-Id': 'x-oma-application:mms.ua' },
  body: Buffer.from(body),
});
const WAY = { protocol: 'udp', host: '127.0.0.1' } as const;

for (const leg of LEGS) {
  // pua_reginfo says version="0" in each document (RFC 3680 section 5.1 counts them), and none of the features of a contact
  describeWith(KAMAILIO_REGISTRAR, `Kamailio that tells by the reg event alone, over the ${leg} leg`, function () {
    this.timeout(30_000);
    let registrar: Registrar;
    let gateway: Gateway;
    before(async () => {
      registrar = await Registrar.start();
      gateway = await registrar.gateway(leg, WAY, { registrations: 'reg-event' });
      await registrar.tell('none');
    });
    after(async () => {
      await registrar?.stop();
    });

    it('who is there gets the push', async () => {
      const device = await registrar.device(WAY, 'here');
      assert.equal((await gateway.notified(await gateway.push('here', text('now')))).code, 1000);
      assert.deepEqual(device.texts, ['now']);
    });

    it('who comes later gets what waits, and every change that follows is told', async () => {
      const pushId = await gateway.push('later', text('at last'));
      await gateway.state(pushId, 'pending');
      const phone = await registrar.device(WAY, 'later');
      assert.equal((await gateway.notified(pushId)).code, 1000);
      await gateway.knows('later', 1);
      const tablet = await registrar.device(WAY, 'later');
      await gateway.knows('later', 2);
      assert.equal((await gateway.notified(await gateway.push('later', text('both')))).code, 1000);
      assert.deepEqual([phone.texts, tablet.texts], [['at last', 'both'], ['both']]);
      await tablet.phone.deregister();
      await gateway.knows('later', 1);
      await phone.phone.deregister();
      await gateway.left('later');
    });

    it('a registration that runs out is told', async () => {
      const device = await registrar.device(WAY, 'brief', { expires: 1 });
      assert.equal((await gateway.notified(await gateway.push('brief', text('x')))).code, 1000);
      await device.phone.vanish();
      await gateway.left('brief');
    });
  });
}

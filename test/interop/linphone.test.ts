import assert from 'node:assert/strict';
import { describeWith, LINPHONEC } from '../support/debian.ts';
import { DOMAIN, Gateway, LEGS } from './gateway.ts';
import { Linphone } from './linphone.ts';

const INSTANCE = 'urn:uuid:7c2e5a1e-0d37-4f0a-8d9c-0f3a4f0b7d11';
const application = { 'X-Wap-Application-Id': 'x-wap-application:mms.ua' };

for (const leg of LEGS) {
  describeWith(LINPHONEC, `linphonec as the device, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let gateway: Gateway;
    let phone: Linphone;

    before(async () => {
      gateway = await Gateway.start({ leg });
      const { core } = gateway;
      phone = await Linphone.start({ core, domain: DOMAIN, user: 'carol', instance: INSTANCE, applications: 'mms.ua' });
      await gateway.registered('carol');
    });
    after(async () => {
      await phone?.end();
      await gateway?.stop();
    });

    it('shows text to its user, which is delivered', async () => {
      const body = Buffer.from('hello linphone');
      const pushId = await gateway.push('carol', { type: 'text/plain', headers: application, body });
      const { state, code } = await gateway.notified(pushId);
      assert.deepEqual([state, code], ['delivered', 1000]);
      await phone.shows('hello linphone');
      assert.equal(phone.requests('OPTIONS'), 1);
    });

    it('refuses another type without saying which it takes; the next of that type is not sent to it', async () => {
      const content = { type: 'text/vnd.wap.si', headers: application, body: Buffer.from('<si/>') };
      const first = await gateway.notified(await gateway.push('carol', content));
      assert.deepEqual([first.state, first.code], ['aborted', 5238]);
      const messages = phone.requests('MESSAGE');
      const second = await gateway.notified(await gateway.push('carol', content));
      assert.deepEqual([second.state, second.code], ['undeliverable', 2005]);
      assert.equal(phone.requests('MESSAGE'), messages);
    });
  });
}

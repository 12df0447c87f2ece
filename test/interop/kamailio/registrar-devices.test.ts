import assert from 'node:assert/strict';
import type { PushContent } from '../../../lib/cli/pap-client.ts';
import { BARESIP, describeWith, KAMAILIO_REGISTRAR, LINPHONEC } from '../../support/debian.ts';
import { Baresip } from '../baresip.ts';
import { DOMAIN, type Gateway, LEGS } from '../gateway.ts';
import { Linphone } from '../linphone.ts';
import { Registrar } from './registrar.ts';

const content = (body: string, type = 'text/plain', application = 'mms.ua'): PushContent => ({
  type,
  headers: { 'X-Wap-Application-Id': `x-oma-application:${application}` },
  body: Buffer.from(body),
});
const INSTANCE = 'urn:uuid:7c2e5a1e-0d37-4f0a-8d9c-0f3a4f0b7d12';
const FROM = `sip:push@${DOMAIN}`;

for (const leg of LEGS) {
  const title = `baresip and linphonec as two devices of a user at Kamailio, over the ${leg} leg`;
  describeWith([KAMAILIO_REGISTRAR, BARESIP, LINPHONEC], title, function () {
    this.timeout(60_000);
    let registrar: Registrar;
    let gateway: Gateway;
    let baresip: Baresip;
    let linphone: Linphone;

    before(async () => {
      registrar = await Registrar.start();
      gateway = await registrar.gateway(leg, { protocol: 'udp', host: '127.0.0.1' });
      const account = { core: registrar.kamailio.address, domain: DOMAIN, user: 'dora' };
      baresip = new Baresip({ ...account, transport: 'udp' });
      linphone = await Linphone.start({ ...account, instance: INSTANCE, applications: 'mms.ua' });
      await baresip.registered();
      await gateway.knows('dora', 2);
    });
    after(async () => {
      await baresip?.end();
      await linphone?.end();
      await registrar?.stop();
    });

    it('a push for an application reaches the one that named it', async () => {
      assert.equal((await gateway.notified(await gateway.push('dora', content('for mms.ua')))).code, 1000);
      await linphone.shows('for mms.ua');
      assert.equal(baresip.trace('text/plain'), '');
    });

    it('a push for another reaches the one that named none, by its instance', async () => {
      const pushId = await gateway.push('dora', content('for wml.ua', 'text/plain', 'wml.ua'));
      assert.equal((await gateway.notified(pushId)).code, 1000);
      await baresip.shows(FROM, 'for wml.ua');
      assert.equal(linphone.requests('MESSAGE'), 1);
    });

    it('what the one refuses ends as refused', async () => {
      const pushId = await gateway.push('dora', content('<si/>', 'text/vnd.wap.si'));
      assert.deepEqual((await gateway.notified(pushId)).code, 5238);
      assert.equal(linphone.requests('MESSAGE'), 2);
    });
  });
}

import assert from 'node:assert/strict';
import { describeWith, SIPP } from '../support/debian.ts';
import { DOMAIN, Gateway, LEGS } from './gateway.ts';
import { register, SippDevice } from './sipp.ts';

const INSTANCE = 'urn:uuid:6f1c2b0e-5d7a-4c39-9a55-0c0f5f0b7d02';

for (const leg of LEGS) {
  describeWith(SIPP, `sipp as a device that tells what it can, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let gateway: Gateway;
    before(async () => {
      gateway = await Gateway.start({ leg });
    });
    after(async () => {
      await gateway?.stop();
    });

    const ASKED = [
      { why: 'its types', header: 'Accept: text/plain, image/*', code: 2005 },
      { why: 'another application', header: 'Contact: <sip:x@127.0.0.1>;+g.oma.pusheventapp="ulp.ua"', code: 2006 },
    ] as const;
    for (const { why, header, code } of ASKED) {
      it(`${why}: undeliverable ${code}, and no MESSAGE is sent`, async () => {
        const { core, directory } = gateway;
        const user = `told${code}`;
        const sipp = await SippDevice.start({
          core,
          directory,
          transport: 'udp',
          name: user,
          scenario: 'told',
          header,
        });
        try {
          const contact = { domain: DOMAIN, user, contact: sipp.contact, instance: INSTANCE };
          // an empty list of applications: the contact says nothing of them
          await register({ core, directory, transport: 'udp', ...contact, applications: '' });
          await gateway.registered(user);
          const pushId = await gateway.push(user, { type: 'text/html', headers: {}, body: Buffer.from('<p>') });
          const notification = await gateway.notified(pushId);
          assert.deepEqual([notification.state, notification.code], ['undeliverable', code]);
          await sipp.finished();
          assert.equal(sipp.messages('OPTIONS').length, 1);
          assert.deepEqual(sipp.messages(), []);
        } finally {
          await sipp.end();
        }
      });
    }
  });
}

import assert from 'node:assert/strict';
import { BARESIP, describeWith } from '../support/debian.ts';
import { Baresip } from './baresip.ts';
import { DOMAIN, Gateway, LEGS } from './gateway.ts';

const application = { 'X-Wap-Application-Id': 'x-wap-application:mms.ua' };

const text = (words: string) => ({ type: 'text/plain', headers: application, body: Buffer.from(words) });

for (const leg of LEGS) {
  describeWith(BARESIP, `baresip as the device, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let gateway: Gateway;

    before(async () => {
      gateway = await Gateway.start({ leg });
    });
    after(async () => {
      await gateway?.stop();
    });

    for (const transport of ['udp', 'tcp'] as const) {
      describe(transport, () => {
        const user = `bob-${transport}`;
        let phone: Baresip;

        before(async () => {
          phone = new Baresip({ core: gateway.core, domain: DOMAIN, user, transport });
          await phone.registered();
          await gateway.registered(user);
        });
        after(async () => {
          await phone?.end();
        });

        it('shows text to its user, which is delivered', async () => {
          const text = `Grüße over ${leg} and ${transport}`;
          const type = 'text/plain;charset=utf-8';
          const pushId = await gateway.push(user, { type, headers: application, body: Buffer.from(text) });
          const { state, code, qos } = await gateway.notified(pushId);
          assert.deepEqual([state, code, qos?.deliveryMethod], ['delivered', 1000, 'confirmed']);
          assert.deepEqual(await gateway.status(pushId), { state, code });
          await phone.shows(`sip:push@${DOMAIN}`, text);
          assert.equal((await gateway.recipient(pushId)).attempts[0]?.leg, leg);
        });

        it('refuses what it cannot show: aborted with 5238', async () => {
          const body = Buffer.from('<si><indication href="http://www.example.com/">news</indication></si>');
          const pushId = await gateway.push(user, { type: 'text/vnd.wap.si', headers: application, body });
          const { state, code } = await gateway.notified(pushId);
          assert.deepEqual([state, code], ['aborted', 5238]);
          assert.deepEqual(await gateway.status(pushId), { state, code });
          assert.equal((await gateway.recipient(pushId)).attempts[0]?.cause, 'sip 415 Unsupported Media Type');
        });

        it('is asked by its instance and not for an application, as it names none', async () => {
          const type = 'text/plain';
          const pushId = await gateway.push(user, { type, headers: application, body: Buffer.from('who?') });
          assert.equal((await gateway.notified(pushId)).code, 1000);
          await phone.shows(`sip:push@${DOMAIN}`, 'who?');
          const message = phone.trace(type);
          assert.match(message, /^Accept-Contact: \*;\+sip\.instance="<urn:uuid:[-0-9a-f]{36}>";require;explicit\r$/m);
          assert.doesNotMatch(message, /pusheventapp/);
          assert.match(message, /^Request-Disposition: no-fork\r$/m);
          assert.match(message, /^X-Wap-Application-Id: x-wap-application:mms\.ua\r$/m);
        });
      });
    }
  });
}

describeWith(BARESIP, 'baresip that comes and goes', function () {
  this.timeout(60_000);
  let gateway: Gateway;
  const phones: Baresip[] = [];

  before(async () => {
    gateway = await Gateway.start({ leg: 'drachtio', users: { carol: 'sesame', dave: 'swordfish' } });
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.end();
  });
  after(async () => {
    await gateway?.stop();
  });

  function baresip(user: string, password: string): Baresip {
    const phone = new Baresip({ core: gateway.core, domain: DOMAIN, user, password, transport: 'udp' });
    phones.push(phone);
    return phone;
  }

  it('registers at a core that asks for its password, and gets a push', async () => {
    const phone = baresip('carol', 'sesame');
    await phone.registered();
    await gateway.registered('carol');
    const pushId = await gateway.push('carol', text('authenticated'));
    assert.equal((await gateway.notified(pushId)).code, 1000);
    await phone.shows(`sip:push@${DOMAIN}`, 'authenticated');
  });

  it('a push to one who has left waits, and comes the moment he is back', async () => {
    const phone = baresip('dave', 'swordfish');
    await phone.registered();
    await gateway.registered('dave');
    await phone.end(); // de-registers
    await gateway.left('dave');
    const pushId = await gateway.push('dave', text('you were away'));
    const { cause } = await gateway.state(pushId, 'pending');
    assert.equal(cause, 'the user is not registered');
    assert.deepEqual(await gateway.status(pushId), { state: 'pending', code: 4001 });
    const back = baresip('dave', 'swordfish');
    await back.shows(`sip:push@${DOMAIN}`, 'you were away');
    assert.equal((await gateway.notified(pushId)).code, 1000);
  });
});

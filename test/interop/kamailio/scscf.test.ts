import assert from 'node:assert/strict';
import { createPhone, nextPush, type Phone, type TestPhoneOptions } from '../../../lib/testing.ts';
import { describeWith, KAMAILIO_IMS } from '../../support/debian.ts';
import { ASSIGNMENT } from '../diameter-hss.ts';
import { DOMAIN, Gateway, LEGS } from '../gateway.ts';
import { freePort } from '../ports.ts';
import { Scscf, type Tells } from './scscf.ts';

const content = (body: string | Buffer, application = 'mms.ua', type = 'text/plain') => ({
  type,
  headers: { 'X-Wap-Application-Id': `x-wap-application:${application}` },
  body: Buffer.from(body),
});

describeWith(KAMAILIO_IMS, 'Kamailio as the S-CSCF that tells of registrations by third-party REGISTER', function () {
  this.timeout(60_000);
  let scscf: Scscf;
  const phones: Phone[] = [];

  before(async () => {
    scscf = await Scscf.start();
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.stop()));
    assert.ok(scscf.kamailio.running, 'the S-CSCF is still there');
  });
  after(async () => {
    await scscf?.stop();
  });

  function phoneOf(user: string, options: Partial<TestPhoneOptions> = {}): Phone {
    const phone = createPhone({ server: scscf.at, user: `${user}@${DOMAIN}`, applications: ['mms.ua'], ...options });
    phones.push(phone);
    return phone;
  }

  async function registered(user: string, options: Partial<TestPhoneOptions> = {}): Promise<Phone> {
    const phone = phoneOf(user, options);
    await phone.start();
    return phone;
  }

  it('tells the home subscriber server who comes and who leaves', async () => {
    const { assignments } = scscf.hss;
    assignments.length = 0;
    scscf.subscribe('zoe', { server: 'sip:127.0.0.1:9', tells: 'nothing' });
    const phone = await registered('zoe');
    await phone.register();
    await phone.deregister();
    const { registration, reRegistration, userDeregistration } = ASSIGNMENT;
    assert.deepEqual(
      assignments,
      [registration, reRegistration, userDeregistration].map((type) => ({ identity: `sip:zoe@${DOMAIN}`, type })),
    );
  });

  for (const leg of LEGS) {
    describe(`over the ${leg} leg`, () => {
      let gateway: Gateway;

      before(async () => {
        gateway = await Gateway.start({ leg, nextHop: scscf.kamailio.uri });
      });
      after(async () => {
        await gateway?.stop();
      });

      /** A user of this leg whom the S-CSCF knows. */
      function subscriber(name: string, tells: Tells = 'request'): string {
        const user = `${name}-${leg}`;
        scscf.subscribe(user, { server: gateway.uri, tells });
        return user;
      }

      it('the REGISTER in its body teaches device and application', async () => {
        const user = subscriber('alice');
        const phone = await registered(user);
        await gateway.knows(user, 1);
        const arrival = nextPush(phone);
        const pushId = await gateway.push(user, content('hello'));
        const { headers, body } = await arrival;
        assert.equal(body.toString(), 'hello');
        assert.deepEqual(headers.all('Accept-Contact'), [
          `*;+sip.instance="<${phone.instance}>";require;explicit`,
          '*;+g.oma.pusheventapp="mms.ua";require;explicit',
        ]);
        assert.equal(headers.get('P-Asserted-Identity'), `<sip:push@${DOMAIN}>`);
        const { state, code } = await gateway.notified(pushId);
        assert.deepEqual([state, code], ['delivered', 1000]);
      });

      it('a push for an application that the device has not is not sent', async () => {
        const user = subscriber('amy');
        const phone = await registered(user);
        await gateway.knows(user, 1);
        const pushId = await gateway.push(user, content('who?', 'ulp.ua'));
        const { state, code } = await gateway.notified(pushId);
        assert.deepEqual([state, code, phone.counters.pushes], ['undeliverable', 2006, 0]);
      });

      it('who has left is waited for, and gets the push with the next registration', async () => {
        const user = subscriber('bob');
        const phone = await registered(user);
        await gateway.registered(user);
        await phone.deregister();
        await gateway.left(user);
        const pushId = await gateway.push(user, content('you were away'));
        const { cause } = await gateway.state(pushId, 'pending');
        assert.equal(cause, 'the user is not registered');
        const arrival = nextPush(phone);
        await phone.register();
        assert.equal((await arrival).body.toString(), 'you were away');
        assert.equal((await gateway.notified(pushId)).code, 1000);
        assert.equal((await gateway.recipient(pushId)).attempts.length, 1);
      });

      it('a re-registration with other features replaces what was known', async () => {
        const user = subscriber('carol');
        const port = await freePort();
        const listen = { host: '127.0.0.1', port };
        const before = await registered(user, { listen });
        await gateway.knows(user, 1);
        await before.vanish();
        const { instance = '' } = before;
        const phone = await registered(user, { listen, instance, applications: ['wml.ua'] });
        await gateway.told(user, 2);
        const late = await gateway.push(user, content('for mms', 'mms.ua'));
        assert.deepEqual([(await gateway.notified(late)).code, phone.counters.pushes], [2006, 0]);
        const arrival = nextPush(phone);
        const pushId = await gateway.push(user, content('for wml', 'wml.ua'));
        assert.equal((await arrival).body.toString(), 'for wml');
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      it('of two devices the one with the application gets the push, and both one for the user', async () => {
        const user = subscriber('dave');
        const one = await registered(user, { applications: ['mms.ua', 'wml.ua'], transport: 'tcp' });
        const other = await registered(user, { applications: ['wml.ua', 'ulp.ua'] });
        await gateway.knows(user, 2);
        const arrival = nextPush(other);
        const pushId = await gateway.push(user, content('to one of them', 'ulp.ua'));
        assert.equal((await arrival).body.toString(), 'to one of them');
        assert.equal((await gateway.notified(pushId)).code, 1000);
        assert.deepEqual([one.counters.pushes, other.counters.pushes], [0, 1]);
        const arrivals = [nextPush(one), nextPush(other)];
        await gateway.push(user, content('to both', 'wml.ua'));
        for (const { body } of await Promise.all(arrivals)) assert.equal(body.toString(), 'to both');
      });

      it('of two devices one leaves, and the other goes on getting pushes', async () => {
        const user = subscriber('erin');
        const one = await registered(user);
        const other = await registered(user);
        await gateway.knows(user, 2);
        await one.deregister();
        await gateway.knows(user, 1);
        const arrival = nextPush(other);
        const pushId = await gateway.push(user, content('still here'));
        assert.equal((await arrival).body.toString(), 'still here');
        assert.equal((await gateway.notified(pushId)).code, 1000);
        assert.equal(one.counters.pushes, 0);
      });

      it('a registration that ran out makes the user unknown: the S-CSCF answers 480, and he is waited for', async () => {
        const user = subscriber('gina');
        const phone = await registered(user, { expires: 1 });
        await gateway.knows(user, 1);
        await phone.vanish();
        await scscf.forgot(user);
        const pushId = await gateway.push(user, content('too late'));
        const { cause } = await gateway.state(pushId, 'pending');
        assert.equal(cause, 'sip 480 Temporarily Unavailable');
        const back = phoneOf(user);
        const arrival = nextPush(back);
        await back.start();
        assert.equal((await arrival).body.toString(), 'too late');
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      it('the other identities of the subscriber are registered along with the first', async () => {
        const user = `henry-${leg}`;
        scscf.subscribe(user, { server: gateway.uri, tells: 'request' }, [`sip:work-${leg}@${DOMAIN}`]);
        const phone = await registered(user);
        await gateway.knows(`work-${leg}`, 1);
        const arrival = nextPush(phone);
        const pushId = await gateway.push(`work-${leg}`, content('at work'));
        const { headers } = await arrival;
        assert.equal(headers.get('To'), `<sip:work-${leg}@${DOMAIN}>`);
        assert.match(headers.get('Accept-Contact') ?? '', /sip\.instance/);
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      for (const tells of ['response', 'service information', 'nothing'] as const) {
        it(`with ${tells} in the body the user is there, and the push is forked to him`, async () => {
          const user = subscriber(`frank-${tells.replace(' ', '-')}`, tells);
          const phone = await registered(user);
          await gateway.registered(user);
          const arrival = nextPush(phone);
          const pushId = await gateway.push(user, content('whoever you are'));
          const { headers } = await arrival;
          assert.equal(headers.get('Request-Disposition'), 'fork, parallel');
          assert.equal((await gateway.notified(pushId)).code, 1000);
        });
      }

      it('the way that the S-CSCF told of itself is taken, also when nobody is at the next hop', async () => {
        const nowhere = await freePort();
        const learned = await Gateway.start({ leg, nextHop: `sip:127.0.0.1:${nowhere}`, route: 'learned' });
        try {
          const user = `iris-${leg}`;
          scscf.subscribe(user, { server: learned.uri, tells: 'request' });
          const phone = await registered(user);
          await learned.knows(user, 1);
          const arrival = nextPush(phone);
          const pushId = await learned.push(user, content('by the way'));
          assert.equal((await arrival).headers.get('Route'), undefined);
          assert.equal((await learned.notified(pushId)).code, 1000);
        } finally {
          await learned.stop();
        }
      });
    });
  }

  it('binary content comes as it was sent, and more of it than a datagram takes', async () => {
    const gateway = await Gateway.start({ leg: 'direct', nextHop: scscf.kamailio.uri });
    try {
      scscf.subscribe('judy', { server: gateway.uri, tells: 'request' });
      const phone = await registered('judy', { transport: 'tcp' });
      await gateway.knows('judy', 1);
      for (const size of [256, 8000]) {
        const arrival = nextPush(phone);
        const body = Buffer.from(Array.from({ length: size }, (_, at) => at % 256));
        const pushId = await gateway.push('judy', content(body, 'mms.ua', 'application/vnd.wap.mms-message'));
        assert.ok((await arrival).body.equals(body));
        assert.equal((await gateway.notified(pushId)).code, 1000);
      }
    } finally {
      await gateway.stop();
    }
  });
});

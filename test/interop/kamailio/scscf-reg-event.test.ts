import assert from 'node:assert/strict';
import { createPhone, nextPush, type Phone, type TestPhoneOptions } from '../../../lib/testing.ts';
import { describeWith, KAMAILIO_IMS } from '../../support/debian.ts';
import { DOMAIN, Gateway, LEGS } from '../gateway.ts';
import { Scscf, type Tells } from './scscf.ts';

const content = (body: string, application = 'mms.ua') => ({
  type: 'text/plain',
  headers: { 'X-Wap-Application-Id': `x-wap-application:${application}` },
  body: Buffer.from(body),
});

const byInstance = (phone: Phone): string => `*;+sip.instance="<${phone.instance}>";require;explicit`;
const BY_APPLICATION = '*;+g.oma.pusheventapp="mms.ua";require;explicit';

describeWith(KAMAILIO_IMS, 'Kamailio as the S-CSCF whose reg event is subscribed to', function () {
  this.timeout(60_000);
  let scscf: Scscf;
  let distrustful: Scscf;
  const phones: Phone[] = [];

  before(async () => {
    [scscf, distrustful] = await Promise.all([Scscf.start(), Scscf.start({ trusts: false })]);
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.stop()));
    assert.ok(scscf.kamailio.running && distrustful.kamailio.running, 'the S-CSCF is still there');
  });
  after(async () => {
    await Promise.all([scscf?.stop(), distrustful?.stop()]);
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

  /** Nobody: the filter criteria lead to a port where nothing is. */
  const NO_SERVER = 'sip:127.0.0.1:9';

  for (const leg of LEGS) {
    describe(`reg-event, over the ${leg} leg`, () => {
      let gateway: Gateway;

      before(async () => {
        gateway = await Gateway.start({ leg, nextHop: scscf.kamailio.uri, registrations: 'reg-event' });
      });
      after(async () => {
        await gateway?.stop();
      });

      function subscriber(name: string, server = NO_SERVER, others: readonly string[] = []): string {
        const user = `${name}-${leg}`;
        scscf.subscribe(user, { server, tells: 'nothing' }, others);
        return user;
      }

      it('a push for somebody unknown waits for the NOTIFY, and reaches the device by its instance', async () => {
        const user = subscriber('alice');
        const phone = await registered(user);
        const arrival = nextPush(phone);
        const pushId = await gateway.push(user, content('who are you?'));
        const { headers } = await arrival;
        assert.deepEqual(headers.all('Accept-Contact'), [byInstance(phone)], 'this core tells nothing of applications');
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      it('one NOTIFY tells of every identity of the subscriber', async () => {
        const work = `sip:work-${leg}@${DOMAIN}`;
        const user = subscriber('bob', NO_SERVER, [work]);
        const phone = await registered(user);
        for (const name of [user, `work-${leg}`]) {
          const arrival = nextPush(phone);
          await gateway.push(name, content('hello'));
          assert.deepEqual((await arrival).headers.all('Accept-Contact'), [byInstance(phone)]);
        }
      });

      it('a user of whom the core says that he has left is waited for, until a REGISTER says otherwise', async () => {
        const user = subscriber('carol', gateway.uri);
        const pushId = await gateway.push(user, content('where are you?'));
        const { cause } = await gateway.state(pushId, 'pending');
        assert.equal(cause, 'the user is not registered');
        const phone = phoneOf(user);
        const arrival = nextPush(phone);
        await phone.start();
        assert.deepEqual((await arrival).headers.all('Accept-Contact'), [byInstance(phone)]);
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      it('of two devices the one that left is told of by NOTIFY', async () => {
        const user = subscriber('dave');
        const one = await registered(user);
        const other = await registered(user);
        await gateway.push(user, content('to both'));
        await gateway.knows(user, 2);
        await one.deregister();
        await gateway.knows(user, 1);
        const arrival = nextPush(other);
        const pushId = await gateway.push(user, content('still here'));
        assert.deepEqual((await arrival).headers.all('Accept-Contact'), [byInstance(other)]);
        assert.equal((await gateway.notified(pushId)).code, 1000);
      });

      it('who loses the subscription is gone: the home network takes the registration away', async () => {
        const user = subscriber('erin');
        await registered(user);
        const first = await gateway.push(user, content('one'));
        assert.equal((await gateway.notified(first)).code, 1000);
        scscf.hss.terminate(`${user}@${DOMAIN}`, [`sip:${user}@${DOMAIN}`]);
        await gateway.left(user);
        const pushId = await gateway.push(user, content('two'));
        assert.equal((await gateway.state(pushId, 'pending')).cause, 'the user is not registered');
      });
    });

    describe(`both, over the ${leg} leg`, () => {
      let gateway: Gateway;

      before(async () => {
        gateway = await Gateway.start({ leg, nextHop: scscf.kamailio.uri, registrations: 'both' });
      });
      after(async () => {
        await gateway?.stop();
      });

      function subscriber(name: string, tells: Tells): string {
        const user = `${name}-both-${leg}`;
        scscf.subscribe(user, { server: gateway.uri, tells });
        return user;
      }

      it('features come from the REGISTER, and a NOTIFY without them takes none away', async () => {
        const user = subscriber('alice', 'request');
        const pushId = await gateway.push(user, content('early'));
        await gateway.state(pushId, 'pending');
        const phone = await registered(user);
        assert.equal((await gateway.notified(pushId)).code, 1000);
        const other = await registered(user, { applications: ['wml.ua'] });
        await gateway.knows(user, 2);
        const third = await registered(user, { applications: ['wml.ua'] });
        await gateway.knows(user, 3);
        await third.deregister(); // a NOTIFY tells so, of the others' instances alone
        await gateway.knows(user, 2);
        const arrival = nextPush(phone);
        const again = await gateway.push(user, content('by application'));
        assert.deepEqual((await arrival).headers.all('Accept-Contact'), [byInstance(phone), BY_APPLICATION]);
        assert.equal((await gateway.notified(again)).code, 1000);
        assert.equal(other.counters.pushes, 0);
      });

      for (const tells of ['response', 'nothing'] as const) {
        it(`with ${tells} in the body the devices come from the reg event, the second one too`, async () => {
          const user = subscriber(`bob-${tells}`, tells);
          const one = await registered(user);
          await gateway.knows(user, 1);
          const other = await registered(user);
          await gateway.knows(user, 2);
          const arrivals = [nextPush(one), nextPush(other)];
          await gateway.push(user, content('to both'));
          const asked = (await Promise.all(arrivals)).map(({ headers }) => headers.all('Accept-Contact'));
          assert.deepEqual(asked, [[byInstance(one)], [byInstance(other)]]);
        });
      }
    });
  }

  it('an S-CSCF that does not let the gateway subscribe gets the push all the same, to be forked', async () => {
    const options = { leg: 'direct', nextHop: distrustful.kamailio.uri, registrations: 'reg-event' } as const;
    const gateway = await Gateway.start(options);
    try {
      distrustful.subscribe('judy', { server: NO_SERVER, tells: 'nothing' });
      const phone = await registered('judy', { server: distrustful.at });
      const arrival = nextPush(phone);
      const pushId = await gateway.push('judy', content('in the dark'));
      assert.equal((await arrival).headers.get('Request-Disposition'), 'fork, parallel');
      assert.equal((await gateway.notified(pushId)).code, 1000);
    } finally {
      await gateway.stop();
    }
  });
});

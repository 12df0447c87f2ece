import assert from 'node:assert/strict';
import type { PushContent } from '../../../lib/cli/pap-client.ts';
import { describeWith, KAMAILIO_REGISTRAR, SIPP } from '../../support/debian.ts';
import { DOMAIN, type Gateway, LEGS } from '../gateway.ts';
import { register, SippDevice } from '../sipp.ts';
import { type Device, Registrar } from './registrar.ts';

const text = (body: string, application = 'mms.ua', type = 'text/plain'): PushContent => ({
  type,
  headers: { 'X-Wap-Application-Id': `x-oma-application:${application}` },
  body: Buffer.from(body),
});

/** Milliseconds. A registration for a second takes up to two until Kamailio has seen that it ended. */
const WITHIN = 30_000;

for (const leg of LEGS) {
  for (const protocol of ['udp', 'tcp'] as const) {
    describeWith(KAMAILIO_REGISTRAR, `Kamailio as a registrar, over the ${leg} leg and ${protocol}`, function () {
      this.timeout(WITHIN);
      const way = { protocol, host: '127.0.0.1' } as const;
      let registrar: Registrar;
      let gateway: Gateway;

      before(async () => {
        registrar = await Registrar.start();
        gateway = await registrar.gateway(leg, way, { registrations: leg === 'direct' ? 'both' : 'register' });
      });
      after(async () => {
        await registrar?.stop();
      });

      /** Submits and answers how it ended. */
      async function endOf(recipient: string, content: PushContent): Promise<[string, number]> {
        const { state, code } = await gateway.notified(await gateway.pushTo(recipient, content));
        return [state, code];
      }

      /** Submits and answers its push-id once it waits for its user. */
      async function waits(user: string, content: PushContent): Promise<string> {
        const pushId = await gateway.push(user, content);
        await gateway.state(pushId, 'pending');
        return pushId;
      }

      it('who registers gets a confirmed push', async () => {
        const device = await registrar.device(way, 'reg');
        await gateway.registered('reg');
        assert.deepEqual(await endOf(`reg@${DOMAIN}`, text('hello')), ['delivered', 1000]);
        assert.deepEqual(device.texts, ['hello']);
      });

      it('who leaves is sent nothing, and what waits comes when he is back', async () => {
        const device = await registrar.device(way, 'away');
        await gateway.registered('away');
        await device.phone.deregister();
        await gateway.left('away');
        const pushId = await gateway.push('away', text('later'));
        await device.phone.register();
        assert.equal((await gateway.notified(pushId)).code, 1000);
        // one try: none was made while the user was known to be away
        assert.deepEqual([device.texts, (await gateway.recipient(pushId)).attempts.length], [['later'], 1]);
      });

      it('whose registration runs out is sent nothing until he registers again', async () => {
        const first = await registrar.device(way, 'lost', { expires: 1 });
        await gateway.registered('lost');
        await first.phone.vanish();
        await gateway.left('lost');
        const pushId = await gateway.push('lost', text('found'));
        const second = await registrar.device(way, 'lost', { instance: first.phone.instance ?? '' });
        assert.equal((await gateway.notified(pushId)).code, 1000);
        assert.deepEqual([second.texts, (await gateway.recipient(pushId)).attempts.length], [['found'], 1]);
      });

      it('who was never seen is waited for, and what waits leaves in order when he comes', async () => {
        const pushes = [await waits('new', text('one')), await waits('new', text('two'))];
        const { cause } = await gateway.state(pushes[0] ?? '', 'pending');
        assert.equal(cause, 'sip 480 Temporarily Unavailable');
        const device = await registrar.device(way, 'new');
        for (const pushId of pushes) assert.equal((await gateway.notified(pushId)).code, 1000);
        assert.deepEqual(device.texts, ['one', 'two']);
      });

      it('who registers with another application gets what is for that one', async () => {
        const before = await registrar.device(way, 'change', { applications: ['mms.ua'] });
        await gateway.registered('change');
        assert.deepEqual(await endOf(`change@${DOMAIN}`, text('no', 'ulp.ua')), ['undeliverable', 2006]);
        await before.phone.vanish();
        const { instance = '' } = before.phone;
        const listen = { host: way.host, port: before.port };
        const after = await registrar.device(way, 'change', { applications: ['ulp.ua'], instance, listen });
        await gateway.registered('change', 2);
        assert.deepEqual(await endOf(`change@${DOMAIN}`, text('yes', 'ulp.ua')), ['delivered', 1000]);
        assert.deepEqual(await endOf(`change@${DOMAIN}`, text('no', 'mms.ua')), ['undeliverable', 2006]);
        assert.deepEqual([before.texts, after.texts], [[], ['yes']]);
      });

      describe('a user with two devices of two applications each', () => {
        let phone: Device;
        let tablet: Device;
        before(async () => {
          phone = await registrar.device(way, 'two', { applications: ['mms.ua', 'ulp.ua'] });
          tablet = await registrar.device(way, 'two', { applications: ['mms.ua', 'syncml.dm'] });
          await gateway.knows('two', 2);
        });

        const user = `two@${DOMAIN}`;
        const on = (device: Device): string => `sip:${user};gr=${device.phone.instance}`;
        async function arrivals(recipient: string, application: string): Promise<unknown[]> {
          const before = [phone, tablet].map(({ pushes }) => pushes.length);
          const end = await endOf(recipient, text('x', application));
          return [...end, ...[phone, tablet].map(({ pushes }, at) => pushes.length - (before[at] ?? 0))];
        }

        it('user: both', async () => assert.deepEqual(await arrivals(user, 'mms.ua'), ['delivered', 1000, 1, 1]));

        it('user and application: the one that runs it', async () => {
          assert.deepEqual(await arrivals(user, 'ulp.ua'), ['delivered', 1000, 1, 0]);
          assert.deepEqual(await arrivals(user, 'syncml.dm'), ['delivered', 1000, 0, 1]);
        });

        it('user, device and application: that one', async () => {
          assert.deepEqual(await arrivals(on(phone), 'mms.ua'), ['delivered', 1000, 1, 0]);
          assert.deepEqual(await arrivals(on(tablet), 'mms.ua'), ['delivered', 1000, 0, 1]);
          assert.deepEqual(await arrivals(on(tablet), 'syncml.dm'), ['delivered', 1000, 0, 1]);
        });

        it('by the GRUU that the registrar gave: that one', async () => {
          assert.match(phone.phone.gruu ?? '', /^sip:two@ims\.localhost;gr=urn:uuid:/);
          assert.deepEqual(await arrivals(phone.phone.gruu ?? '', 'mms.ua'), ['delivered', 1000, 1, 0]);
        });

        it('an application that the device does not run: 2006, and nothing is sent', async () =>
          assert.deepEqual(await arrivals(on(tablet), 'ulp.ua'), ['undeliverable', 2006, 0, 0]));

        it('when one leaves, the other is still there', async () => {
          await tablet.phone.deregister();
          await gateway.knows('two', 1);
          assert.deepEqual(await arrivals(user, 'mms.ua'), ['delivered', 1000, 1, 0]);
          assert.deepEqual(await arrivals(user, 'syncml.dm'), ['undeliverable', 2006, 0, 0]);
        });
      });

      it('a device that tells by OPTIONS that it takes other types: 2005, and no MESSAGE', async () => {
        const device = await registrar.device(way, 'types', { accept: ['text/plain'] });
        await gateway.registered('types');
        assert.deepEqual(await endOf(`types@${DOMAIN}`, text('<p>', 'mms.ua', 'text/html')), ['undeliverable', 2005]);
        assert.deepEqual([device.phone.counters.options, device.phone.counters.pushes], [1, 0]);
      });
    });
  }

  describeWith([KAMAILIO_REGISTRAR, SIPP], `sipp at Kamailio as a registrar, over the ${leg} leg`, function () {
    this.timeout(WITHIN);
    it('a device that tells by OPTIONS that it runs another application: 2006, and no MESSAGE', async () => {
      const registrar = await Registrar.start();
      try {
        const gateway = await registrar.gateway(leg, { protocol: 'udp', host: '127.0.0.1' });
        const { directory } = gateway;
        const core = registrar.kamailio.address;
        const common = { core, directory, transport: 'udp' } as const;
        const header = 'Contact: <sip:x@127.0.0.1>;+g.oma.pusheventapp="ulp.ua"';
        const sipp = await SippDevice.start({ ...common, name: 'app', scenario: 'told', header });
        try {
          const instance = 'urn:uuid:6f1c2b0e-5d7a-4c39-9a55-0c0f5f0b7d02';
          await register({
            ...common,
            domain: DOMAIN,
            user: 'app',
            contact: sipp.contact,
            instance,
            applications: '',
          });
          await gateway.registered('app');
          const { state, code } = await gateway.notified(await gateway.push('app', text('x')));
          assert.deepEqual([state, code], ['undeliverable', 2006]);
          await sipp.finished();
          assert.deepEqual([sipp.messages('OPTIONS').length, sipp.messages().length], [1, 0]);
        } finally {
          await sipp.end();
        }
      } finally {
        await registrar.stop();
      }
    });
  });
}

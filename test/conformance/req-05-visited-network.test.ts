import assert from 'node:assert/strict';
import type { PushContent } from '../../lib/cli/pap-client.ts';
import { DOMAIN, type Gateway, LEGS } from '../interop/gateway.ts';
import type { Kamailio } from '../interop/kamailio/kamailio.ts';
import { type Device, Registrar } from '../interop/kamailio/registrar.ts';
import { register, SippDevice } from '../interop/sipp.ts';
import { describeWith, KAMAILIO_REGISTRAR, SIPP } from '../support/debian.ts';

const WAY = { protocol: 'udp', host: '127.0.0.1' } as const;
const INSTANCE = 'urn:uuid:6f1c2b0e-5d7a-4c39-9a55-0c0f5f0b7d05';
/** The pause of sipp's scenario, milliseconds. */
const SLOW = 20_000;

const text = (body: string): PushContent => ({ type: 'text/plain', headers: {}, body: Buffer.from(body) });

/** A device at the end of the world. */
interface Slow {
  readonly leg: string;
  readonly gateway: Gateway;
  readonly device: SippDevice;
  readonly pushId: string;
  readonly since: number;
}

describeWith([KAMAILIO_REGISTRAR, SIPP], 'REQ5: a user registered through another network', function () {
  this.timeout(60_000);
  let home: Registrar;
  let visited: Kamailio;
  let gateway: Gateway;
  let phone: Device;
  const slow: Slow[] = [];

  // By each leg a push is on its way to a slow device while the other tests run.
  before(async () => {
    home = await Registrar.start();
    visited = await home.visited();
    for (const leg of LEGS) {
      // the core tells the newest gateway of those who register
      gateway = await home.gateway(leg, WAY, { ask: 'never' });
      const common = { core: visited.address, directory: gateway.directory, transport: 'udp' } as const;
      const user = `slow-${leg}`;
      const device = await SippDevice.start({ ...common, name: 'slow', scenario: 'slow' });
      const contact = { domain: DOMAIN, user, contact: device.contact, instance: INSTANCE, applications: 'wml.ua' };
      await register({ ...common, ...contact });
      await gateway.registered(user);
      const since = Date.now();
      slow.push({ leg, gateway, device, pushId: await gateway.push(user, text('far away')), since });
    }
    const server = { host: '127.0.0.1', port: visited.port };
    phone = await home.device(WAY, 'alice', { server, applications: ['wml.ua'] });
    await gateway.registered('alice');
  });
  after(async () => {
    for (const { device } of slow) await device.end();
    await home?.stop();
  });

  it('is reached by the Path that the visited network left, which only the home network has to know', async () => {
    const pushId = await gateway.push('alice', text('hello abroad'));
    assert.equal((await gateway.notified(pushId)).code, 1000);
    assert.deepEqual(phone.texts, ['hello abroad']);
    const vias = phone.pushes[0]?.headers.all('Via').flatMap((via) => via.split(',')) ?? [];
    const hops = vias.map((via) => / ([^ ;]+)/.exec(via.trim())?.[1]);
    assert.deepEqual(hops, [visited.address, home.kamailio.address, gateway.uri.slice('sip:'.length)]);
  });

  it('is reached on the one device that is named, as at home', async () => {
    const pushId = await gateway.pushTo(phone.phone.gruu ?? '', text('you there'));
    assert.equal((await gateway.notified(pushId)).code, 1000);
    assert.deepEqual(phone.texts.at(-1), 'you there');
  });

  it('is waited for when he leaves, and gets what waits when he is back', async () => {
    await phone.phone.deregister();
    await gateway.left('alice');
    const pushId = await gateway.push('alice', text('welcome back'));
    await phone.phone.register();
    assert.equal((await gateway.notified(pushId)).code, 1000);
    assert.deepEqual(phone.texts.at(-1), 'welcome back');
  });

  for (const leg of LEGS) {
    it(`answers after 20 seconds, which is still the answer, over the ${leg} leg`, async () => {
      const { gateway, device, pushId, since } = slow.find((one) => one.leg === leg) ?? assert.fail();
      const { state, code } = await gateway.notified(pushId);
      assert.deepEqual([state, code], ['delivered', 1000]);
      assert.ok(Date.now() - since >= SLOW);
      await device.finished();
      const { attempts } = await gateway.recipient(pushId);
      assert.deepEqual([attempts.length, attempts[0]?.cause], [1, 'sip 200 OK']);
      // whatever was repeated on the way is the same request
      assert.equal(new Set(device.messages().map((message) => message.all('CSeq')[0])).size, 1);
    });
  }
});

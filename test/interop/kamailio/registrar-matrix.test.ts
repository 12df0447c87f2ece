import assert from 'node:assert/strict';
import type { PushContent } from '../../../lib/cli/pap-client.ts';
import { bracketed } from '../../../lib/codec/sip/host.ts';
import { describeWith, KAMAILIO_REGISTRAR } from '../../support/debian.ts';
import { type Gateway, LEGS } from '../gateway.ts';
import { Registrar, type Way } from './registrar.ts';

const text = (body: string): PushContent => ({
  type: 'text/plain',
  headers: { 'X-Wap-Application-Id': 'x-oma-application:mms.ua' },
  body: Buffer.from(body),
});

const HOSTS = ['127.0.0.1', '::1'] as const;
const PROTOCOLS = ['udp', 'tcp', 'tls'] as const;
const CELLS = LEGS.flatMap((leg) =>
  PROTOCOLS.flatMap((protocol) => HOSTS.map((host) => ({ leg, way: { protocol, host } satisfies Way }))),
);

describeWith(KAMAILIO_REGISTRAR, 'REQ6: one and the same run at Kamailio over each transport', function () {
  this.timeout(30_000);
  let registrar: Registrar;
  before(async () => {
    registrar = await Registrar.start();
  });
  after(async () => {
    await registrar?.stop();
  });

  for (const { leg, way } of CELLS) {
    describe(`${way.protocol} over ${way.host.includes(':') ? 'IPv6' : 'IPv4'}, by the ${leg} leg`, () => {
      let gateway: Gateway;
      before(async () => {
        gateway = await registrar.gateway(leg, way);
      });
      after(() => registrar.clear());

      it('a registration is told, a push is delivered, and what waits comes with the next registration', async () => {
        const device = await registrar.device(way, 'alice');
        await gateway.registered('alice');
        const first = await gateway.push('alice', text('one'));
        assert.equal((await gateway.notified(first)).code, 1000);
        assert.equal((await gateway.recipient(first)).attempts[0]?.leg, leg);
        await device.phone.deregister();
        await gateway.left('alice');
        const second = await gateway.push('alice', text('two'));
        await device.phone.register();
        assert.equal((await gateway.notified(second)).code, 1000);
        assert.deepEqual(device.texts, ['one', 'two']);
        // from the core to the device, and from the gateway to the core
        const hops = device.pushes[0]?.headers.all('Via') ?? [];
        const hop = `SIP/2.0/${way.protocol.toUpperCase()} ${bracketed(way.host)}:`;
        assert.deepEqual([hops.length, hops.every((via) => via.startsWith(hop))], [2, true], hops.join());
      });

      it("a device's refusal ends a push", async () => {
        const device = await registrar.device(way, 'bob', { answers: '415' });
        await gateway.registered('bob');
        const { state, code } = await gateway.notified(await gateway.push('bob', text('no')));
        assert.deepEqual([state, code, device.texts], ['aborted', 5238, ['no']]);
      });
    });
  }
});

import assert from 'node:assert/strict';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLogger } from '../../lib/base/log.ts';
import { bothTransports } from '../../lib/cli/embedded.ts';
import { type Core, createCore } from '../../lib/embedded/core/core.ts';
import { createSipStack } from '../../lib/stack/stack.ts';
import { createMemoryBindings } from '../../lib/store/memory-bindings.ts';
import { describeWith, SIPP } from '../support/debian.ts';
import { DOMAIN, Gateway, LEGS } from './gateway.ts';
import { freePort } from './ports.ts';
import { register, SippDevice, type SippDeviceOptions } from './sipp.ts';

const HOST = '127.0.0.1';
/** Milliseconds after which the core gives up on a device; 30 s outside tests. */
const ANSWER_TIMEOUT = 800;
const CONFIRM_WAIT = 3000;

const content = {
  type: 'text/plain',
  headers: { 'X-Wap-Application-Id': 'x-wap-application:mms.ua' },
  body: Buffer.from('Is anybody there?'),
};

for (const leg of LEGS) {
  describeWith(SIPP, `sipp as a device that does not answer, over the ${leg} leg`, function () {
    this.timeout(60_000);
    let gateway: Gateway;
    let core: Core;
    /** `host:port` of the core. */
    let address: string;
    const open: SippDevice[] = [];

    before(async () => {
      // a core of the test's own: that of a node waits 30 s for a device
      const port = await freePort();
      const stack = createSipStack({ clock: systemClock, log: silentLogger, listen: bothTransports(HOST, port) });
      core = createCore({
        ...{ clock: systemClock, log: silentLogger, stack, domain: DOMAIN, applicationServers: [] },
        bindings: createMemoryBindings(),
        answerTimeout: ANSWER_TIMEOUT,
      });
      await core.start();
      address = `${HOST}:${port}`;
      gateway = await Gateway.start({
        leg,
        nextHop: `sip:${address}`,
        registrations: 'none',
        retry: { first: 200, longest: 400 },
        limits: { confirmWait: CONFIRM_WAIT },
      });
    });
    afterEach(async () => {
      for (const device of open.splice(0)) await device.end();
    });
    after(async () => {
      await gateway?.stop();
      await core?.stop();
    });

    async function device(user: string, options: Pick<SippDeviceOptions, 'transport' | 'scenario'>) {
      const { directory } = gateway;
      const sipp = await SippDevice.start({ core: address, directory, name: user, ...options });
      open.push(sipp);
      const instance = 'urn:uuid:6f1c2b0e-5d7a-4c39-9a55-0c0f5f0b7d02';
      await register({
        ...{ core: address, directory, transport: options.transport, domain: DOMAIN, user },
        ...{ contact: sipp.contact, instance, applications: 'mms.ua' },
      });
      return sipp;
    }

    for (const transport of ['udp', 'tcp'] as const) {
      it(`${transport}: the push is tried again, each time as what it was, and ends as timeout`, async () => {
        const user = `silent-${transport}`;
        const sipp = await device(user, { transport, scenario: 'silent' });
        const pushId = await gateway.push(user, content);
        const { cause } = await gateway.state(pushId, 'pending');
        assert.match(cause, /^sip 408/);
        assert.deepEqual(await gateway.status(pushId), { state: 'pending', code: 4001 });
        assert.equal((await gateway.recipient(pushId)).attempted, 'unknown', 'the device may have it');

        const { state, code } = await gateway.notified(pushId);
        assert.deepEqual([state, code], ['timeout', 4000]);
        const { attempts } = await gateway.recipient(pushId);
        assert.deepEqual(new Set(attempts.map(({ result }) => result)), new Set(['unknown']));
        await sipp.end();
        const messages = sipp.messages();
        // a retransmission has the CSeq of its request, and an attempt a higher one than the attempt before
        const numbers = [...new Set(messages.map((message) => Number.parseInt(message.all('CSeq')[0] ?? '', 10)))];
        assert.ok(attempts.length >= 2);
        assert.equal(numbers.length, attempts.length);
        assert.deepEqual(
          numbers,
          numbers.toSorted((one, other) => one - other),
        );
        assert.equal(new Set(messages.flatMap((message) => message.all('Call-ID'))).size, 1);
      });
    }

    it('a device that takes the second request has it delivered', async () => {
      const sipp = await device('late', { transport: 'tcp', scenario: 'late' });
      const pushId = await gateway.push('late', content);
      const { state, code } = await gateway.notified(pushId);
      assert.deepEqual([state, code], ['delivered', 1000]);
      await sipp.finished();
      const { attempts } = await gateway.recipient(pushId);
      assert.deepEqual(
        attempts.map(({ result }) => result),
        ['unknown', 'delivered'],
      );
    });
  });
}
